import PGPool
import PGPoolTesting
import Testing

/// What the documentation of single symbols shows, run. `scripts/lint` sees that it stands here.
@Suite("The examples of the reference")
struct ReferenceExamplesIntegrationTests {
    @Test("Query, PostgresJSON, SQLState, StatementMode, Configuration")
    func values() async throws {
        struct Settings: Codable, Equatable { var theme: String }
        do {
            let name = "Robert'); DROP TABLE students;--"
            let query: Query = "SELECT id FROM students WHERE name = \(name)"
            #expect(query.sql == "SELECT id FROM students WHERE name = $1")
        }
        try await withPool(on: Servers.plain.value) { pool in
            let id = 1
            try await pool.query(Query("SELECT \(id)").sent(as: .unnamed))
            try await pool.withConnection { connection in
                try await connection.query("CREATE TEMPORARY TABLE users (settings jsonb UNIQUE)")
                let pool = connection
                let settings = Settings(theme: "dark")
                try await pool.query(
                    "INSERT INTO users (settings) VALUES (\(try PostgresJSON(settings)))"
                )
                do {
                    let row = try await connection.query("SELECT settings FROM users")[0]
                    let settings = try row.decode(PostgresJSON<Settings>.self, named: "settings")
                        .value
                    #expect(settings.theme == "dark")
                }
                let error = try await #require(throws: PostgresError.self) {
                    try await connection.query(
                        "INSERT INTO users (settings) VALUES (\(try PostgresJSON(settings)))"
                    )
                }
                switch error.sqlState {
                case .uniqueViolation?: break
                case .integrityConstraintViolation?: Issue.record("the class, not the code")
                default: Issue.record("\(error)")
                }
            }
        }
        var configuration = ConnectionPool.Configuration(
            host: "shop.cluster-abc123.eu-west-1.rds.amazonaws.com",
            database: "shop",
            user: "app",
            password: "…",
            maxConnections: 16
        )
        configuration.acquire.timeout = .seconds(3)
        try configuration.validate()
    }

    @Test("ConnectionPool, pipelines")
    func pipelines() async throws {
        do {
            let pool = try ConnectionPool("postgresql://app@localhost/shop", maxConnections: 16)
            await pool.shutdown()
        }
        try await withPool(on: Servers.plain.value) { pool in
            try await pool.withConnection { connection in
                try await connection.simpleQuery(
                    """
                    CREATE TEMPORARY TABLE orders (item int);
                    CREATE TEMPORARY TABLE stock (item int, "left" int);
                    """
                )
                let item = 5
                let results = try await connection.pipeline(
                    [
                        "INSERT INTO orders (item) VALUES (\(item))",
                        "UPDATE stock SET \"left\" = \"left\" - 1 WHERE item = \(item)",
                    ],
                    errors: .allOrNothing
                )
                let rows = try results.rows()
                #expect(rows.count == 2)
                let queries: [Query] = ["SELECT 1", "SELECT 2"]
                do {
                    let results = try await connection.pipeline(queries, errors: .allOrNothing)
                    let rows = try results.rows()
                    #expect(rows.count == 2)
                }
            }
        }
    }
}
