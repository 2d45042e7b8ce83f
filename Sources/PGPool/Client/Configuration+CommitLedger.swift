internal import PGPoolCore

/// How sure a transaction is of its COMMIT.
public enum TransactionCommit: Hashable, Sendable {
    /// As the server answers. Where the answer is lost, the error says `outcomeUnknown`.
    case plain
    /// Where the answer is lost, the pool finds out what became of the transaction: it returns as if
    /// nothing had happened, or repeats the transaction that was rolled back. Needs the table that
    /// ``ConnectionPool/prepareCommitLedger(grantingTo:fileID:line:)`` makes; costs no further round trip.
    case verified
}

extension ConnectionPool.Configuration {
    /// Where the tokens of verified commits are kept, and for how long.
    public struct CommitLedger: Hashable, Sendable {
        /// The table's schema. Default: `pgpool`.
        public var schema = "pgpool"
        /// The table. Its partitions bear its name and a number. Default: `commit_token`.
        public var table = "commit_token"
        /// How long tokens are kept, at least 24 h and at most 10 years: far above the longest
        /// transaction, and twice as long as ``ConnectionPool/resolve(_:timeout:fileID:line:)`` is to be able to
        /// tell. All pools on a table should say the same. Default: 48 h.
        public var retention = Duration.seconds(48 * 3_600)
        /// How much time one partition spans; it is dropped as a whole. 1 h to 366 days.
        /// Default: 24 h.
        public var partitionLength = Duration.seconds(24 * 3_600)
        /// How many partitions are made for the time to come. Where no role of the service may alter
        /// the table, it is usable for so long after each preparation. 1 to 1,000. Default: 30.
        public var partitionsAhead = 30
        /// Whether the pool makes and drops partitions by itself at times, a while after a verified
        /// commit, if its role may. Default: true.
        public var maintains = true

        /// The defaults.
        public init() {}

        var problems: [String] {
            var problems: [String] = []
            for (name, value) in [("schema", schema), ("table", table)]
            where value.isEmpty || value.utf8.count > 45 || value.utf8.contains(0) {
                // 63 bytes is what the server keeps, and a partition's number needs its share.
                problems.append("commitLedger.\(name): 1 to 45 bytes")
            }
            let hours = { (count: Int) in Duration.seconds(count * 3_600) }
            if !(hours(24)...hours(87_600)).contains(retention) {
                problems.append("commitLedger.retention: 24 h to 10 years")
            }
            if !(hours(1)...hours(8_784)).contains(partitionLength) {
                problems.append("commitLedger.partitionLength: 1 h to 366 days")
            }
            if !(1...1_000).contains(partitionsAhead) {
                problems.append("commitLedger.partitionsAhead: 1 to 1,000")
            }
            return problems
        }
    }
}
