import PGPoolCore
import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

#if canImport(Glibc)
    import Glibc
#endif

/// Verified commits in peace: what they need, what they refuse, what they cost.
@Suite("The ledger of commits", .serialized, .timeLimit(.minutes(3)))
struct CommitLedgerIntegrationTests {
    /// A pool of an ordinary role without the right to make anything, in a schema of its own.
    func withLedger<Result>(
        _ schema: String,
        roleMayCreate: Bool = false,
        _ body: (ConnectionPool, ConnectionPool, LocalCluster) async throws -> Result
    ) async throws -> Result {
        let cluster = try await Standby.cluster.value
        try await cluster.execute("DROP SCHEMA IF EXISTS \(schema) CASCADE")
        try await cluster.execute(
            """
            DO $$ BEGIN CREATE ROLE teller LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
            DROP TABLE IF EXISTS told_\(schema); CREATE TABLE told_\(schema) (n int);
            GRANT ALL ON told_\(schema) TO teller
            """
        )
        let configure: (inout ConnectionPool.Configuration) -> Void = {
            $0.commitLedger.schema = schema
        }
        return try await withPool(on: cluster, configure: configure) { owner in
            try await withPool(
                on: cluster,
                configure: {
                    configure(&$0)
                    $0.user = "teller"
                }
            ) { pool in
                try await body(pool, owner, cluster)
            }
        }
    }

    private func insert(
        _ n: Int,
        _ schema: String,
        _ pool: ConnectionPool,
        deadline: Duration? = nil
    ) async throws {
        try await pool.withTransaction(commit: .verified, deadline: deadline) {
            try await $0.query("INSERT INTO told_\(unescaped: schema) VALUES (\(Int32(n)))")
        }
    }

    @Test("One call makes the table, any number of times; without it the error names it")
    func setUp() async throws {
        try await withLedger("ledger_setup") { pool, owner, cluster in
            let missing = try await poolError { try await insert(1, "ledger_setup", pool) }
            #expect(missing.code == .commitLedgerUnusable)
            #expect(missing.message.contains("prepareCommitLedger"))
            #expect(missing.failureClass == .deterministic)
            // A role without rights cannot make it, and half of it is not left behind.
            await #expect(throws: PostgresError.self) { try await pool.prepareCommitLedger() }

            try await withThrowingTaskGroup { group in
                for _ in 0..<4 { group.addTask { try await owner.prepareCommitLedger() } }
                try await group.waitForAll()
            }
            let forbidden = try await poolError { try await insert(1, "ledger_setup", pool) }
            #expect(forbidden.code == .commitLedgerUnusable && forbidden.message.contains("42501"))
            try await owner.prepareCommitLedger(grantingTo: ["teller"])
            try await insert(1, "ledger_setup", pool)
            // With all there, it needs no right to make anything.
            try await pool.prepareCommitLedger()
            let states = try await cluster.execute(
                "SELECT string_agg(st::text || n, ',') FROM ledger_setup.commit_token"
            )
            #expect(states == "c0")
        }
    }

    @Test("A closure's error leaves no token, two attempts have two, none has none")
    func tokens() async throws {
        struct Stop: Error {}
        try await withLedger("ledger_tokens") { pool, owner, cluster in
            try await owner.prepareCommitLedger(grantingTo: ["teller"])
            func count() async throws -> String {
                try await cluster.execute("SELECT count(*) FROM ledger_tokens.commit_token")
            }
            await #expect(throws: Stop.self) {
                try await pool.withTransaction(commit: .verified) { transaction in
                    try await transaction.query("SELECT 1")
                    throw Stop()
                }
            }
            try await pool.withTransaction(commit: .verified) { _ in }
            #expect(try await count() == "0")
            let attempts = Counter()
            try await pool.withTransaction(commit: .verified) { transaction in
                attempts.increment()
                let text =
                    attempts.value == 1
                    ? "DO 'BEGIN RAISE SQLSTATE ''40001''; END'" : "SELECT 1"
                try await transaction.query("\(unescaped: text)")
            }
            #expect(attempts.value == 2)
            #expect(try await count() == "1")
            // The first statement may be of any kind.
            try await pool.withTransaction(commit: .verified) { transaction in
                _ = try await transaction.pipeline(["SELECT 1", "SELECT 2"]).rows()
            }
            try await pool.withTransaction(commit: .verified) { transaction in
                _ = try await transaction.connection.simpleQuery("SELECT 1; SELECT 2")
            }
            try await pool.withTransaction(commit: .verified) { transaction in
                try await transaction.withSavepoint { try await $0.query("SELECT 1") }
            }
            try await pool.withTransaction(commit: .verified) { transaction in
                try await transaction.copyIn("COPY told_ledger_tokens FROM STDIN") {
                    try await $0.write(textRow: ["7"])
                }
            }
            #expect(try await count() == "5")
        }
    }

    @Test("What a verified commit cannot stand is refused")
    func refusals() async throws {
        try await withLedger("ledger_refusals") { pool, owner, cluster in
            try await owner.prepareCommitLedger(grantingTo: ["teller"])
            let readOnly = try await poolError {
                try await pool.withTransaction(readOnly: true, commit: .verified) { _ in }
            }
            #expect(readOnly.code == .invalidStatement)
            for text in [
                "COMMIT", "PREPARE TRANSACTION 'x'", "END", "ROLLBACK",
                "SET LOCAL synchronous_commit = off",
            ] {
                for isFirst in [true, false] {
                    let error = try await #require(throws: PostgresError.self) {
                        try await pool.withTransaction(commit: .verified) { transaction in
                            if !isFirst { try await transaction.query("SELECT 1") }
                            try await transaction.query("\(unescaped: text)")
                        }
                    }
                    #expect(error.sqlState == .featureNotSupported, "\(text)")
                    #expect(error.failureClass == .deterministic, "\(text)")
                }
            }
            for value in ["off", "local"] {
                let error = try await #require(throws: PostgresError.self) {
                    try await pool.withConnection { connection in
                        try await connection.query("SET synchronous_commit = \(unescaped: value)")
                        let ledger = pool.ledger
                        var begin = TransactionBegin(nil, readOnly: nil, deferrable: false)
                        begin.token = ledger.insert(ledger.makeToken())
                        try await connection.runTransaction(begin) { transaction in
                            _ = try? await transaction.query(
                                "INSERT INTO told_ledger_refusals VALUES (1)"
                            )
                        }
                    }
                }
                #expect(error.message.contains("synchronous_commit is \(value)"))
            }
            let rows = try await cluster.execute("SELECT count(*) FROM told_ledger_refusals")
            #expect(rows == "0")
        }
    }

    @Test("The same number of packets leaves the client, so no round trip is added")
    func packets() async throws {
        try await withLedger("ledger_packets") { pool, owner, _ in
            try await owner.prepareCommitLedger(grantingTo: ["teller"])
            func packets(_ isVerified: Bool) async throws -> UInt32 {
                try await pool.withConnection { connection in
                    let ledger = pool.ledger
                    var before: UInt32 = 0
                    // The first prepares what the second runs.
                    for round in 0..<2 {
                        if round == 1 { before = try segments(connection) }
                        var begin = TransactionBegin(nil, readOnly: nil, deferrable: false)
                        if isVerified { begin.token = ledger.insert(ledger.makeToken()) }
                        try await connection.runTransaction(begin) {
                            _ = try await $0.query("SELECT \(Int32(1))")
                        }
                    }
                    return try segments(connection) - before
                }
            }
            let (plain, verified) = (try await packets(false), try await packets(true))
            #expect(plain == 2 && verified == 2)
        }
    }

    /// `tcpi_data_segs_out` in `struct tcp_info` of `linux/tcp.h`.
    private func segments(_ connection: PostgresConnection) throws -> UInt32 {
        let descriptor = connection.session.state.withLock { $0.descriptor }
        var bytes = [UInt8](repeating: 0, count: 256)
        var size = socklen_t(bytes.count)
        let status = getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &bytes, &size)
        try #require(status == 0 && size >= 160, "this kernel does not count segments")
        return bytes.withUnsafeBytes { $0.load(fromByteOffset: 156, as: UInt32.self) }
    }

    @Test("Old partitions are dropped as a whole, and a token of theirs is not lied about")
    func pruning() async throws {
        try await withLedger("ledger_pruned") { pool, owner, cluster in
            try await owner.prepareCommitLedger(grantingTo: ["teller"])
            #expect(try await !pool.maintainCommitLedger())
            let sql = LedgerSQL(schema: "ledger_pruned", table: "commit_token")
            let day: Int64 = 86_400_000
            let today = CommitLedger.wallClock / day * day
            let old = LedgerRange(from: today - 9 * day, to: today - 8 * day)
            for text in sql.create(old) { try await owner.query("\(unescaped: text)") }
            func partitions() async throws -> [String] {
                try await owner.query("\(unescaped: sql.partitions)").map {
                    try $0.decode(String.self, at: 0)
                }
            }
            #expect(try await partitions().contains("commit_token_\(old.from)"))
            #expect(try await owner.maintainCommitLedger())
            #expect(try await !partitions().contains("commit_token_\(old.from)"))
            #expect(try await partitions().count == 32)

            // Young enough to be asked about, and its partition is gone: an error.
            let token = pool.ledger.makeToken()
            let present = LedgerRange(from: today, to: today + day)
            let detach = sql.detach(sql.partitionName(present), isPending: false)
            try await owner.query("\(unescaped: detach)")
            let gone = try await poolError { _ = try await pool.resolve(token) }
            #expect(gone.code == .commitLedgerUnusable)
            let unwritten = try await poolError { try await insert(1, "ledger_pruned", pool) }
            #expect(unwritten.code == .commitLedgerUnusable)
            #expect(unwritten.message.contains("23514"))
            // Too old to be asked about.
            let ancient = CommitToken(
                UUIDv7(milliseconds: today - 2 * day, random: (1, 2))
            )
            #expect(try await pool.resolve(ancient) == .unknown)
            _ = cluster
        }
    }

    @Test("A pool that keeps few rows of its callers' results keeps all of its own")
    func fewRows() async throws {
        try await withLedger("ledger_rows") { _, owner, cluster in
            try await owner.prepareCommitLedger()
            try await withPool(
                on: cluster,
                configure: {
                    $0.commitLedger.schema = "ledger_rows"
                    $0.results.maxRows = 1
                    $0.results.maxBytes = 1
                }
            ) { pool in
                try await pool.prepareCommitLedger()
                #expect(try await pool.maintainCommitLedger())
                let error = try await poolError { try await pool.query("SELECT 1") }
                #expect(error.code == .resultTooLarge)
            }
        }
    }

    @Test("Settings out of bounds are named")
    func configuration() throws {
        var configuration = ConnectionPool.Configuration(host: "h", maxConnections: 1)
        configuration.commitLedger.schema = ""
        configuration.commitLedger.retention = .seconds(3_600)
        configuration.commitLedger.partitionLength = .seconds(60)
        configuration.commitLedger.partitionsAhead = 0
        let error = try #require(throws: PoolError.self) { try configuration.validate() }
        for name in ["schema", "retention", "partitionLength", "partitionsAhead"] {
            #expect(error.message.contains("commitLedger.\(name)"))
        }
    }
}
