import PGPool
import PGPoolTesting
import Testing

@Suite("Transactions")
struct TransactionIntegrationTests {
    private func table(_ name: String, _ pool: ConnectionPool) async throws -> String {
        try await pool.query("DROP TABLE IF EXISTS \(identifier: name)")
        try await pool.query("CREATE TABLE \(identifier: name) (n int UNIQUE)")
        return name
    }

    private func count(_ name: String, _ pool: ConnectionPool) async throws -> Int {
        try await pool.query("SELECT FROM \(identifier: name)").count
    }

    struct Stop: Error {}

    @Test("Commits on return, rolls back on throw")
    func commitAndRollBack() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let name = try await table("tx", pool)
            let answer = try await pool.withTransaction(isolation: .serializable) { transaction in
                try await transaction.query("INSERT INTO tx VALUES (1)")
                return try await transaction.query("SHOW transaction_isolation")[0]
                    .decode(String.self, at: 0)
            }
            #expect(answer == "serializable")
            await #expect(throws: Stop.self) {
                try await pool.withTransaction { transaction in
                    try await transaction.query("INSERT INTO tx VALUES (2)")
                    throw Stop()
                }
            }
            #expect(try await count(name, pool) == 1)
        }
    }

    @Test("A savepoint undoes its own part only")
    func savepoint() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let name = try await table("sp", pool)
            try await pool.withTransaction { transaction in
                try await transaction.query("INSERT INTO sp VALUES (1)")
                await #expect(throws: PostgresError.self) {
                    try await transaction.withSavepoint { inner in
                        try await inner.query("INSERT INTO sp VALUES (2)")
                        try await inner.query("INSERT INTO sp VALUES (1)")
                    }
                }
                try await transaction.withSavepoint { inner in
                    try await inner.query("INSERT INTO sp VALUES (3)")
                }
            }
            #expect(try await count(name, pool) == 2)
        }
    }

    @Test("A COMMIT that the server answers with ROLLBACK is an error")
    func failedCommit() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            _ = try await table("fc", pool)
            let error = try await poolError {
                try await pool.withTransaction { transaction in
                    try await transaction.query("INSERT INTO fc VALUES (1)")
                    _ = try? await transaction.query("SELECT 1/0")
                }
            }
            #expect(error.code == .transactionRolledBack && error.failureClass == .deterministic)
        }
    }

    @Test("A read-only transaction refuses writes")
    func readOnly() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            _ = try await table("ro", pool)
            let error = try await #require(throws: PostgresError.self) {
                try await pool.withTransaction(readOnly: true) {
                    try await $0.query("INSERT INTO ro VALUES (1)")
                }
            }
            #expect(error.sqlState == .readOnlySQLTransaction)
        }
    }

    @Test("A task cancelled inside a transaction rolls back")
    func cancelled() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let name = try await table("cx", pool)
            let inserted = Gate()
            let task = Task {
                try await pool.withTransaction { transaction in
                    try await transaction.query("INSERT INTO cx VALUES (1)")
                    inserted.open()
                    try await transaction.query("SELECT pg_sleep(60)")
                }
            }
            await inserted.wait()
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try await count(name, pool) == 0)
        }
    }
}
