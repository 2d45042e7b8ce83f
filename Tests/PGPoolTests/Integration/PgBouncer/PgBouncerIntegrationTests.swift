import PGPool
import PGPoolTesting
import Testing

@Suite("Through PgBouncer in transaction mode")
struct PgBouncerIntegrationTests {
    struct Stop: Error {}

    /// Statements, leases and transactions, from more connections than the pooler has servers.
    private func exercise(_ pool: ConnectionPool, _ table: String) async throws {
        try await pool.query("DROP TABLE IF EXISTS \(identifier: table)")
        try await pool.query("CREATE TABLE \(identifier: table) (n int PRIMARY KEY)")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for n in 0..<40 {
                group.addTask {
                    try await pool.withTransaction { transaction in
                        // Spliced, since .simple knows no parameters; n is a number.
                        let text = "INSERT INTO \(table) VALUES (\(n)) RETURNING n::text"
                        let rows = try await transaction.query(Query(text))
                        let answer = try rows[0].decode(String.self, at: 0)
                        #expect(answer == String(n), "an answer to somebody else's statement")
                    }
                    let rows = try await pool.withConnection { connection in
                        try await connection.query("SELECT '\(unescaped: "\(n % 7)")'::text")
                    }
                    #expect(try rows[0].decode(String.self, at: 0) == String(n % 7))
                }
                group.addTask {
                    await #expect(throws: Stop.self) {
                        try await pool.withTransaction { transaction in
                            let text = "INSERT INTO \(table) VALUES (\(1_000 + n))"
                            try await transaction.query(Query(text))
                            throw Stop()
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let count = try await pool.query("SELECT count(*)::text FROM \(identifier: table)")
        #expect(try count[0].decode(String.self, at: 0) == "40")
    }

    /// Errors of the server come with their class, and leave the pool usable.
    private func fail(_ pool: ConnectionPool, _ table: String) async throws {
        let twice: Query = "INSERT INTO \(identifier: table) VALUES (1)"
        let alone = try await #require(throws: PostgresError.self) { try await pool.query(twice) }
        #expect(alone.sqlState == .uniqueViolation && alone.failureClass == .deterministic)
        let inside = try await #require(throws: PostgresError.self) {
            try await pool.withTransaction { transaction in
                try await transaction.query("SELECT 1")
                try await transaction.query(twice)
            }
        }
        #expect(inside.sqlState == .uniqueViolation)
        #expect(try await pool.query("SELECT 1").count == 1)
    }

    @Test(
        "Statements, leases, transactions and errors in the modes that are meant for it",
        arguments: [StatementMode.unnamed, .simple]
    )
    func modes(mode: StatementMode) async throws {
        try await PgBouncer.with(Servers.plain.value, servers: 2) { bouncer in
            try await bouncer.withPool(mode, maxConnections: 6) { pool in
                try await exercise(pool, "bounced_\(mode)")
                try await fail(pool, "bounced_\(mode)")
                #expect(pool.snapshot.statementMissesTotal == 0, "something was prepared")
            }
        }
    }

    @Test(
        "Verified commits prepare nothing in the modes that are meant for it",
        arguments: [StatementMode.unnamed, .simple]
    )
    func verified(mode: StatementMode) async throws {
        let cluster = try await Servers.plain.value
        try await withPool(on: cluster) { try await $0.prepareCommitLedger() }
        try await PgBouncer.with(cluster, servers: 2) { bouncer in
            try await bouncer.withPool(mode, maxConnections: 5) { pool in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<50 {
                        group.addTask {
                            try await pool.withTransaction(commit: .verified, retry: .never) {
                                let text = "SELECT FROM pg_prepared_statements"
                                let rows = try await $0.query(Query(text))
                                #expect(rows.isEmpty)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(pool.snapshot.statementRepairsTotal == 0)
            }
        }
    }

    @Test("Unnamed statements bind their values, from many connections at once")
    func parameters() async throws {
        try await PgBouncer.with(Servers.plain.value, servers: 2) { bouncer in
            try await bouncer.withPool(.unnamed, maxConnections: 5) { pool in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for n in 0..<200 {
                        group.addTask {
                            let rows = try await pool.query("SELECT \(n) + 1, \("it's \(n)")")
                            let (sum, text) = try rows[0].decode((Int, String).self)
                            #expect(sum == n + 1 && text == "it's \(n)")
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("Pipelines, all or nothing and isolated, with errors in the middle")
    func pipelines() async throws {
        try await PgBouncer.with(Servers.plain.value, servers: 2) { bouncer in
            try await bouncer.withPool(.unnamed, maxConnections: 3) { pool in
                try await pool.withConnection { connection in
                    for errors in PipelineErrors.allCases {
                        let rows = try await connection.pipeline(
                            (0..<500).map { "SELECT \($0)" },
                            errors: errors
                        ).rows()
                        #expect(try rows[499][0].decode(Int.self, at: 0) == 499)
                        let mixed = try await connection.pipeline(
                            (0..<9).map { "SELECT 12 / \(4 - $0)" },
                            errors: errors
                        )
                        let succeeded = mixed.map { (try? $0.get()) != nil }
                        let isIsolated = errors == .isolated
                        #expect(succeeded == (0..<9).map { isIsolated && $0 != 4 })
                    }
                }
                #expect(try await pool.query("SELECT \(1)").count == 1)
            }
        }
    }

    @Test("Cached statements mend themselves on a server that does not know them")
    func cached() async throws {
        try await PgBouncer.with(Servers.plain.value, servers: 2) { bouncer in
            try await bouncer.withPool(.cached, maxConnections: 3) { pool in
                try await pool.withConnection { first in
                    try await pool.withConnection { second in
                        try await pool.withConnection { third in
                            try await moveAndRun(first, second, third)
                        }
                    }
                }
                #expect(pool.snapshot.statementRepairsTotal == 1)
            }
        }
    }

    /// One prepares a statement on a server, and has to run it on the other one: transactions of the
    /// others hold what it is not to get.
    private func moveAndRun(
        _ first: PostgresConnection,
        _ second: PostgresConnection,
        _ third: PostgresConnection
    ) async throws {
        func server(of connection: PostgresConnection) async throws -> String {
            let rows = try await connection.simpleQuery("SELECT pg_backend_pid()")
            return try rows[0][0].decode(String.self, at: 0)
        }
        try await second.simpleQuery("BEGIN")
        let known = try await server(of: first)
        for n in 0..<3 { try await first.query("SELECT \(n)") }
        try await second.simpleQuery("COMMIT")
        try await second.simpleQuery("BEGIN")
        try await third.simpleQuery("BEGIN")
        let isSecondOnKnown = try await server(of: second) == known
        let (stays, goes) = isSecondOnKnown ? (second, third) : (third, second)
        #expect(try await server(of: stays) == known)
        try await goes.simpleQuery("COMMIT")
        for n in 0..<3 {
            let rows = try await first.query("SELECT \(n)")
            #expect(try rows[0].decode(Int.self, at: 0) == n)
        }
        #expect(try await server(of: first) != known)
        try await stays.simpleQuery("COMMIT")
    }

    @Test("A transaction of cached statements fails with a class that lets it be repeated")
    func cachedTransaction() async throws {
        try await PgBouncer.with(Servers.plain.value, servers: 1) { bouncer in
            try await bouncer.withPool(.cached, maxConnections: 1) { pool in
                try await pool.withConnection { connection in
                    try await connection.query("SELECT \(1)")
                    // As if the pooler had handed out another server.
                    try await connection.simpleQuery("DEALLOCATE ALL")
                    try await connection.simpleQuery("BEGIN")
                    let error = try await #require(throws: PostgresError.self) {
                        try await connection.query("SELECT \(1)")
                    }
                    #expect(error.sqlState == .invalidSQLStatementName)
                    #expect(error.failureClass == .rolledBack)
                    try await connection.simpleQuery("ROLLBACK")
                    #expect(try await connection.query("SELECT \(1)").count == 1)
                }
            }
        }
    }

    @Test("Settings of the login are refused by name, and ignored only where it was told to")
    func serverSettings() async throws {
        for isIgnored in [false, true] {
            let settings = isIgnored ? "ignore_startup_parameters = options" : ""
            try await PgBouncer.with(Servers.plain.value, servers: 1, settings: settings) {
                bouncer in
                var configuration = try ConnectionPool.Configuration(
                    url: bouncer.url,
                    maxConnections: 1
                )
                configuration.statementMode = .unnamed
                configuration.serverSettings = ["statement_timeout": "1234ms"]
                configuration.acquire.timeout = .seconds(2)
                let pool = try ConnectionPool(configuration: configuration)
                if isIgnored {
                    let rows = try await pool.query("SELECT current_setting('statement_timeout')")
                    #expect(try rows[0].decode(String.self, at: 0) == "0")
                } else {
                    let error = try await poolError { try await pool.query("SELECT 1") }
                    #expect("\(error)".contains("options"), "\(error)")
                }
                await pool.shutdown()
            }
        }
    }
}
