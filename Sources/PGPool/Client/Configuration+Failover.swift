extension ConnectionPool.Configuration {
    /// Looks up the addresses of a host; in place of the system's resolver.
    public typealias Resolver = @Sendable (_ host: String) async throws -> [String]

    /// How a pool watches over the host that its connections lead to.
    ///
    /// A pool whose first connection leads to a writer holds its callers, within their own deadlines,
    /// when that host goes away, hangs or becomes a reader, and lets them in again, more and more of
    /// them, when one of its hosts is a writer. The questions are asked on connections beside
    /// `maxConnections`: one that pings while the pool has connections, and one for each host while a
    /// writer is sought.
    public struct Failover: Sendable {
        /// Whether the host is watched over at all. Default: true.
        public var isEnabled = true
        /// The pause between two pings of the host, and the longest that one may take.
        /// Default: 500 ms.
        public var pingInterval = Duration.milliseconds(500)
        /// So many pings in a row without an answer make a host that hangs: what runs on it fails at
        /// once. With the defaults that is after 2 s at most. Default: 3.
        public var pingMisses = 3
        /// How long leases of a host that is the writer no more may go on, if it does not hang and
        /// nobody has taken its place. Default: 1 s.
        public var leaseGrace = Duration.seconds(1)
        /// The longest that a host may take to say whether it is the writer, connecting included.
        /// Default: 1 s.
        public var probeTimeout = Duration.seconds(1)
        /// The time between two questions to a host while a writer is sought. It grows to three times
        /// as much for a host that is slow to answer, and to 25 times when the search takes long.
        /// Default: 10 ms.
        public var probeInterval = Duration.milliseconds(10)
        /// How many callers are let in when a writer was found; every 50 ms twice as many. No more
        /// connections are opened to it at once, nor than `opening.maxConcurrent` says. Default: 4.
        public var rampStart = 4

        /// Whether callers wait while the host does not answer. Readers have others in their place.
        var holdsCallers = true

        /// The defaults.
        public init() {}

        var problems: [String] {
            var problems: [String] = []
            func check(_ isRight: Bool, _ problem: String) {
                if !isRight { problems.append("failover." + problem) }
            }
            let hour = Duration.seconds(3_600)
            check(
                pingInterval >= .milliseconds(10) && pingInterval <= hour,
                "pingInterval: 10 ms to 1 h"
            )
            check((1...1_000).contains(pingMisses), "pingMisses: 1 to 1,000")
            check(leaseGrace >= .zero && leaseGrace <= hour, "leaseGrace: 0 to 1 h")
            check(
                probeTimeout >= .milliseconds(10) && probeTimeout <= hour,
                "probeTimeout: 10 ms to 1 h"
            )
            check(
                probeInterval >= .milliseconds(1) && probeInterval <= hour,
                "probeInterval: 1 ms to 1 h"
            )
            check((1...100_000).contains(rampStart), "rampStart: 1 to 100,000")
            return problems
        }
    }
}
