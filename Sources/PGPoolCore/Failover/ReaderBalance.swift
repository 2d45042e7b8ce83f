/// How the cluster's connections to readers are spread, and which are given up when readers come and
/// go, so that a new reader gets its part of the load without waiting for connections to grow old.
package enum ReaderBalance {
    /// A reader as the pools see it.
    package struct Reader: Hashable, Sendable {
        package var host: HostID
        package var idle: Int
        package var leased: Int
        /// It is still a reader of the cluster.
        package var isMember: Bool

        package init(host: HostID, idle: Int, leased: Int, isMember: Bool = true) {
            self.host = host
            self.idle = idle
            self.leased = leased
            self.isMember = isMember
        }
    }

    /// Connections of a reader to give up now.
    package struct Retirement: Hashable, Sendable {
        package var host: HostID
        /// Idle ones, closed at once.
        package var idle: Int
        /// Leased ones, closed as they come back.
        package var leased: Int
    }

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

    /// What to give up in this step.
    ///
    /// A host that is a reader no more gives up everything at once: what it serves may be wrong. The
    /// others give up what exceeds an equal part, at most `maxPerStep` together, the most loaded
    /// first: their callers reconnect elsewhere, a few at a time. A difference of one stays, so
    /// nothing moves for ever.
    package static func step(_ readers: [Reader], maxPerStep: Int) -> [Retirement] {
        var plan: [Retirement] = readers.filter { !$0.isMember && $0.idle + $0.leased > 0 }
            .map { Retirement(host: $0.host, idle: $0.idle, leased: $0.leased) }
        let members = readers.filter(\.isMember).sorted { $0.host < $1.host }
        guard members.count > 1 else { return plan }
        let total = members.reduce(0) { $0 + $1.idle + $1.leased }
        let part = (total + members.count - 1) / members.count
        var budget = max(0, maxPerStep)
        let byLoad = members.enumerated().sorted { left, right in
            let loads = (
                left.element.idle + left.element.leased, right.element.idle + right.element.leased
            )
            return loads.0 == loads.1 ? left.offset < right.offset : loads.0 > loads.1
        }
        for (_, reader) in byLoad where budget > 0 {
            let surplus = min(budget, reader.idle + reader.leased - part)
            guard surplus > 0 else { continue }
            let idle = min(surplus, reader.idle)
            plan.append(Retirement(host: reader.host, idle: idle, leased: surplus - idle))
            budget -= surplus
        }
        return plan
    }
}
