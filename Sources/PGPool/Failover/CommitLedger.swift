internal import PGPoolCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The tokens of a pool's verified commits: their texts, and when their table is next looked after.
final class CommitLedger: Sendable {
    let configuration: ConnectionPool.Configuration.CommitLedger
    let sql: LedgerSQL
    private let upkeepAt: Atomic<Int64>

    init(_ configuration: ConnectionPool.Configuration.CommitLedger) {
        self.configuration = configuration
        sql = LedgerSQL(schema: configuration.schema, table: configuration.table)
        upkeepAt = Atomic(Self.nextUpkeep(configuration))
    }

    /// A new token; each attempt has one of its own.
    func makeToken() -> CommitToken {
        CommitToken(
            UUIDv7(
                milliseconds: Self.wallClock,
                random: (.random(in: .min ... .max), .random(in: .min ... .max))
            )
        )
    }

    func insert(_ token: CommitToken) -> TokenInsert {
        TokenInsert(token: token, sql: sql.insert)
    }

    /// Milliseconds since 1970: tokens are dated with it, and nothing else.
    static var wallClock: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Whether it is time to look after the partitions; true for one caller each time.
    func isUpkeepDue() -> Bool {
        guard configuration.maintains else { return false }
        let due = upkeepAt.load(ordering: .relaxed)
        guard Instant.now.nanoseconds >= due else { return false }
        return upkeepAt.compareExchange(
            expected: due,
            desired: Self.nextUpkeep(configuration),
            ordering: .relaxed
        ).exchanged
    }

    /// Some time in the next quarter of a partition, so that not all pools come at once.
    private static func nextUpkeep(
        _ configuration: ConnectionPool.Configuration.CommitLedger
    ) -> Int64 {
        let quarter = max(4, configuration.partitionLength.wholeNanoseconds / 4)
        return Instant.now.nanoseconds + Int64.random(in: quarter / 2...quarter)
    }
}
