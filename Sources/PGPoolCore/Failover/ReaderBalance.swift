/// How the cluster's connections to readers are spread. When readers come and go the parts change at
/// once, so a new reader gets its load without waiting for connections to grow old.
package enum ReaderBalance {
    /// Each reader's part of the connections: equal, what is left over to the first ones, and one at
    /// least as long as there are as many connections as readers.
    package static func shares(of total: Int, among hosts: [HostID]) -> [(host: HostID, limit: Int)]
    {
        guard !hosts.isEmpty else { return [] }
        let total = max(0, total)
        let (each, rest) = total.quotientAndRemainder(dividingBy: hosts.count)
        return hosts.sorted().enumerated().map { index, host in
            (host, each + (index < rest ? 1 : 0))
        }
    }
}
