import PGPool
import PGPoolTesting
import Testing

@Suite("Prepared statements mend themselves")
struct StatementRepairIntegrationTests {
    @Test("A statement that the server forgot is prepared again, and the caller sees nothing")
    func forgotten() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.withConnection { connection in
                for round in 1...3 {
                    let rows = try await connection.query("SELECT \(round) + 1")
                    #expect(try rows[0].decode(Int.self, at: 0) == round + 1)
                    try await connection.simpleQuery("DEALLOCATE ALL")
                }
            }
            #expect(pool.snapshot.statementRepairsTotal == 2)
        }
    }

    @Test("Concurrent statements that the server forgot are all mended")
    func forgottenTogether() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.withConnection { connection in
                for n in 0..<20 { try await connection.query("SELECT \(n), \(unescaped: "\(n)")") }
                try await connection.simpleQuery("DEALLOCATE ALL")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for n in 0..<20 {
                        group.addTask {
                            let rows = try await connection.query(
                                "SELECT \(n), \(unescaped: "\(n)")"
                            )
                            #expect(try rows[0].decode((Int, Int).self) == (n, n))
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(pool.snapshot.statementRepairsTotal == 20)
        }
    }

    @Test("A changed result type is noticed, and the old statement does not stay on the server")
    func changedType() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 2) { pool in
            try await pool.query("DROP TABLE IF EXISTS shape")
            try await pool.query("CREATE TABLE shape (a int)")
            try await pool.query("INSERT INTO shape VALUES (1)")
            try await pool.withConnection { connection in
                #expect(try await connection.query("SELECT * FROM shape")[0].count == 1)
                try await connection.simpleQuery("ALTER TABLE shape ADD b text DEFAULT 'x'")
                let row = try await connection.query("SELECT * FROM shape")[0]
                #expect(try row.decode((Int, String).self) == (1, "x"))
                let left = try await connection.simpleQuery(
                    "SELECT FROM pg_prepared_statements WHERE statement LIKE '%FROM shape'"
                )
                #expect(left[0].count == 1, "the stale one was not dropped")
            }
            #expect(pool.snapshot.statementRepairsTotal == 1)
        }
    }

    @Test("Inside a transaction the error passes with its class, and the next use is right")
    func inTransaction() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.query("DROP TABLE IF EXISTS shape_tx")
            try await pool.query("CREATE TABLE shape_tx (a int)")
            try await pool.withConnection { connection in
                try await connection.query("SELECT * FROM shape_tx")
                try await connection.simpleQuery("ALTER TABLE shape_tx ADD b int")
                for (code, prepare) in [("0A000", ""), ("26000", "DEALLOCATE ALL")] {
                    try await connection.simpleQuery("BEGIN; \(prepare)")
                    let error = try await #require(throws: PostgresError.self) {
                        try await connection.query("SELECT * FROM shape_tx")
                    }
                    #expect(error.sqlState?.description.contains(code) ?? false)
                    #expect(error.failureClass == .rolledBack)
                    #expect(connection.isInTransaction)
                    try await connection.simpleQuery("ROLLBACK")
                    let rows = try await connection.query("SELECT * FROM shape_tx")
                    #expect(rows.columnNames == ["a", "b"])
                }
            }
            #expect(pool.snapshot.statementRepairsTotal == 0)
        }
    }

    @Test("26000 for a statement of the caller's own is told, after one more try")
    func callersOwn() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let error = try await #require(throws: PostgresError.self) {
                try await pool.query("EXECUTE nobody_prepared_this")
            }
            #expect(error.sqlState == .invalidSQLStatementName)
            #expect(error.failureClass == .deterministic)
        }
    }

    @Test("Hits, misses and evictions are counted, and what is evicted is gone from the server")
    func counters() async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.statementCacheSize = 2 }
        ) { pool in
            for sql in ["SELECT 1", "SELECT 2", "SELECT 1", "SELECT 3", "SELECT 1", "SELECT 2"] {
                try await pool.query(Query(sql))
            }
            let snapshot = pool.snapshot
            #expect(snapshot.statementHitsTotal == 2 && snapshot.statementMissesTotal == 4)
            #expect(snapshot.statementEvictionsTotal == 2)
            let count = try await pool.query(
                Query("TABLE pg_prepared_statements").sent(as: .unnamed)
            )
            #expect(count.count == 2)
            #expect(pool.snapshot.statementMissesTotal == 4, "an unnamed one is not counted")
        }
    }

    @Test("A pool of each mode runs statements and transactions", arguments: StatementMode.allCases)
    func modes(mode: StatementMode) async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.statementMode = mode }
        ) { pool in
            let text = try await pool.query("SELECT 12345678::bigint::text")
            #expect(try text[0].decode(String.self, at: 0) == "12345678")
            try await pool.withTransaction { transaction in
                try await transaction.query("SELECT 1")
            }
            let prepared = try await pool.query(
                Query("SELECT name FROM pg_prepared_statements").sent(as: .unnamed)
            )
            #expect(prepared.isEmpty == (mode != .cached))
        }
    }

    @Test("What the simple protocol returns is text, and is never read as a binary number")
    func simpleIsText() async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.statementMode = .simple }
        ) { pool in
            let row = try await pool.query("SELECT 12345678::bigint AS n")[0]
            #expect(try row.decode(String.self, named: "n") == "12345678")
            let error = #expect(throws: PostgresDecodingError.self) {
                try row.decode(Int.self, named: "n")
            }
            #expect(error?.reason == .typeMismatch)
        }
    }
}
