import PGPoolCore
import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

/// The insert of a commit's token is prepared once on each connection, and mended unseen.
@Suite("The prepared insert of tokens", .timeLimit(.minutes(3)))
struct TokenStatementIntegrationTests {
    /// A pool of one connection with a ledger in a schema of its own.
    private func withLedger(
        _ schema: String,
        configure: @escaping (inout ConnectionPool.Configuration) -> Void = { _ in },
        _ body: (ConnectionPool, LocalCluster) async throws -> Void
    ) async throws {
        let cluster = try await Servers.plain.value
        try await cluster.execute("DROP SCHEMA IF EXISTS \(schema) CASCADE")
        try await withPool(on: cluster, configure: { $0.commitLedger.schema = schema }) {
            try await $0.prepareCommitLedger()
        }
        try await withPool(
            on: cluster,
            maxConnections: 1,
            configure: {
                $0.commitLedger.schema = schema
                configure(&$0)
            }
        ) { try await body($0, cluster) }
    }

    /// How often each prepared insert of tokens was run, as the connection's session has it.
    private func executions(_ pool: ConnectionPool) async throws -> [Int] {
        let text = """
            SELECT (generic_plans + custom_plans)::text FROM pg_prepared_statements
            WHERE statement LIKE 'INSERT INTO%commit_token%' ORDER BY prepare_time
            """
        return try await pool.query(Query(text).sent(as: .unnamed)).map {
            try Int($0.decode(String.self, at: 0)) ?? -1
        }
    }

    private func tokens(_ schema: String, _ cluster: LocalCluster) async throws -> String {
        try await cluster.execute("SELECT count(*) FROM \(schema).commit_token")
    }

    /// A verified transaction whose closure runs once.
    private func commit(
        _ pool: ConnectionPool,
        _ first: (Transaction) async throws -> Void = { _ = try await $0.query("SELECT \(1)") }
    ) async throws {
        try await pool.withTransaction(commit: .verified, retry: .never) { try await first($0) }
    }

    @Test("Three transactions parse it once, whatever a caller's cache holds", arguments: [1, 256])
    func once(cacheSize: Int) async throws {
        let schema = "token_once_\(cacheSize)"
        try await withLedger(schema, configure: { $0.statementCacheSize = cacheSize }) {
            pool,
            cluster in
            for _ in 0..<3 { try await commit(pool) }
            #expect(try await executions(pool) == [3])
            #expect(try await tokens(schema, cluster) == "3")
            #expect(pool.snapshot.statementRepairsTotal == 0)
        }
    }

    @Test("Every kind of first statement runs behind it")
    func kinds() async throws {
        try await withLedger("token_kinds") { pool, cluster in
            try await exerciseKinds(pool)
            #expect(try await executions(pool) == [4])
            #expect(try await tokens("token_kinds", cluster) == "5")
        }
    }

    private func exerciseKinds(
        _ pool: ConnectionPool,
        before: (ConnectionPool) async throws -> Void = { _ in }
    ) async throws {
        try await before(pool)
        try await commit(pool)
        for errors in PipelineErrors.allCases {
            try await before(pool)
            try await commit(pool) { transaction in
                let rows = try await transaction.pipeline(
                    (0..<300).map { "SELECT \($0)" },
                    errors: errors
                ).rows()
                let numbers = try rows.map { try $0[0].decode(Int.self, at: 0) }
                #expect(numbers == Array(0..<300))
            }
        }
        try await before(pool)
        try await commit(pool) { transaction in
            var sum = 0
            for try await row in try await transaction.stream(
                "SELECT n FROM generate_series(1, \(100)) n"
            ) {
                sum += try row.decode(Int.self, at: 0)
            }
            #expect(sum == 5_050)
        }
        try await before(pool)
        try await commit(pool) { transaction in
            let rows = try await transaction.connection.simpleQuery("SELECT 1; SELECT 2")
            #expect(rows.count == 2)
        }
    }

    @Test(
        "What the caller makes the server forget is prepared anew without an error",
        arguments: ["DISCARD ALL", "DEALLOCATE ALL"]
    )
    func discarded(text: String) async throws {
        let schema = "token_" + text.split(separator: " ")[0].lowercased()
        try await withLedger(schema) { pool, cluster in
            for _ in 0..<3 {
                try await commit(pool)
                try await pool.query(Query(text).sent(as: .simple))
            }
            try await commit(pool)
            #expect(try await executions(pool) == [1])
            #expect(try await tokens(schema, cluster) == "4")
            #expect(pool.snapshot.statementRepairsTotal == 0, "it was known to be forgotten")
        }
    }

    @Test("What it forgets unseen is mended, and the closure runs once, its statements too")
    func forgotten() async throws {
        try await withLedger("token_forgotten") { pool, cluster in
            try await commit(pool)
            try await exerciseKinds(pool) { pool in
                let text = "DO 'BEGIN EXECUTE ''DEALLOCATE ALL''; END'"
                try await pool.query(Query(text).sent(as: .simple))
            }
            // The simple protocol names nothing, so nothing was to be mended there.
            #expect(pool.snapshot.statementRepairsTotal == 4)
            #expect(try await tokens("token_forgotten", cluster) == "6")
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    @Test("A plan that became useless is mended, and the old statement leaves the server")
    func stale() async throws {
        try await withLedger("token_stale") { pool, cluster in
            try await pool.withConnection { connection in
                try await connection.simpleQuery("CREATE TABLE token_stale.shape (a int)")
                // No ledger's insert can return something else one day, so this stands for it.
                try await connection.query(
                    "PREPARE old (uuid) AS SELECT * FROM token_stale.shape WHERE $1 IS NULL"
                )
                try await connection.query(
                    "EXECUTE old ('00000000-0000-0000-0000-000000000000')"
                )
                try await connection.simpleQuery("ALTER TABLE token_stale.shape ADD b int")
                connection.session.state.withLock { $0.statements.tokenInsertPrepared(as: "old") }
                var begin = TransactionBegin(nil, readOnly: nil, deferrable: false)
                begin.token = pool.ledger.insert(pool.ledger.makeToken())
                try await connection.runTransaction(begin) {
                    _ = try await $0.query("SELECT \(7)")
                }
                let left = try await connection.simpleQuery(
                    "SELECT FROM pg_prepared_statements WHERE name = 'old'"
                )
                #expect(left[0].isEmpty)
            }
            #expect(pool.snapshot.statementRepairsTotal == 1)
            #expect(try await tokens("token_stale", cluster) == "1")
        }
    }

    @Test("A table made anew is used at once; while it is missing the error is typed")
    func recreated() async throws {
        try await withLedger("token_recreated") { pool, cluster in
            try await commit(pool)
            try await withPool(
                on: cluster,
                maxConnections: 1,
                configure: { $0.commitLedger.schema = "token_recreated" }
            ) { owner in
                for isMissed in [false, true] {
                    try await cluster.execute("DROP TABLE token_recreated.commit_token")
                    if isMissed {
                        let error = try await poolError { try await commit(pool) }
                        #expect(error.code == .commitLedgerUnusable)
                        #expect(error.message.contains("42P01"))
                    }
                    try await owner.prepareCommitLedger()
                    try await commit(pool)
                    #expect(try await tokens("token_recreated", cluster) == "1")
                }
            }
            // One that was never prepared fails otherwise: while it is parsed.
            try await cluster.execute("DROP TABLE token_recreated.commit_token")
            pool.evict()
            for _ in 0..<2 {
                let error = try await poolError { try await commit(pool) }
                #expect(error.code == .commitLedgerUnusable && error.message.contains("42P01"))
            }
            #expect(try await executions(pool).isEmpty)
            try await pool.prepareCommitLedger()
            try await commit(pool)
            #expect(try await executions(pool) == [1])
        }
    }

    @Test("What failed before it leaves nothing to be mended, nor does what fails behind it")
    func failures() async throws {
        try await withLedger("token_failures") { pool, cluster in
            try await pool.withConnection { connection in
                // BEGIN fails, so that the insert is not even prepared.
                var begin = TransactionBegin(sql: "BEGIN NOTHING")
                begin.token = pool.ledger.insert(pool.ledger.makeToken())
                let refused = try await #require(throws: PostgresError.self) {
                    try await connection.runTransaction(begin) { try await $0.query("SELECT 1") }
                }
                #expect(refused.sqlState == .syntaxError)
            }
            #expect(try await executions(pool).isEmpty)
            for _ in 0..<2 {
                let error = try await #require(throws: PostgresError.self) {
                    try await commit(pool) { _ = try await $0.query("SELECT 1 / \(0)") }
                }
                #expect(error.sqlState == SQLState("22012"))
            }
            // What was prepared outlives the transaction that failed.
            #expect(try await executions(pool) == [2])
            #expect(try await tokens("token_failures", cluster) == "0")
            #expect(pool.snapshot.statementRepairsTotal == 0)
        }
    }

    @Test(
        "Nothing is prepared where names may be unknown",
        arguments: ["unnamed", "simple", "none"]
    )
    func unprepared(way: String) async throws {
        try await withLedger(
            "token_\(way)",
            configure: {
                $0.statementMode = StatementMode(rawValue: way) ?? .cached
                if way == "none" { $0.statementCacheSize = 0 }
            }
        ) { pool, cluster in
            for _ in 0..<2 { try await commit(pool) { _ = try await $0.query("SELECT 1") } }
            try await commit(pool) {
                _ = try await $0.query(Query("SELECT 1").sent(as: .unnamed))
            }
            #expect(try await executions(pool).isEmpty)
            #expect(try await tokens("token_\(way)", cluster) == "3")
            // The upkeep reads the same in every mode.
            try await pool.prepareCommitLedger()
            #expect(try await pool.maintainCommitLedger())
        }
    }

    @Test("A statement that the caller wants unnamed has its token sent so, too")
    func unnamedFirst() async throws {
        try await withLedger("token_first") { pool, cluster in
            for errors in PipelineErrors.allCases {
                try await commit(pool) {
                    let query = Query("SELECT 1").sent(as: .unnamed)
                    try await $0.query(query)
                    _ = try await $0.pipeline([query], errors: errors)
                }
                try await commit(pool) {
                    let query = Query("SELECT 1").sent(as: .unnamed)
                    _ = try await $0.pipeline([query], errors: errors).rows()
                }
            }
            #expect(try await executions(pool).isEmpty)
            #expect(try await tokens("token_first", cluster) == "4")
        }
    }
}
