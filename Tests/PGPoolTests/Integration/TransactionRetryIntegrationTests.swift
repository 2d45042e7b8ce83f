import PGPool
import PGPoolTesting
import Synchronization
import Testing

@Suite("Transactions that are repeated")
struct TransactionRetryIntegrationTests {
    /// How often something happened.
    private final class Counter: Sendable {
        private let count = Atomic<Int>(0)
        var value: Int { count.load(ordering: .acquiring) }
        func increment() { count.wrappingAdd(1, ordering: .acquiringAndReleasing) }
    }

    @Test("Write skew between serializable transactions is repeated until all are right")
    func serializationFailures() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 8) { pool in
            try await pool.query("DROP TABLE IF EXISTS skew")
            try await pool.query("CREATE TABLE skew (n int)")
            let attempts = Counter()
            try await withThrowingTaskGroup { group in
                for _ in 0..<40 {
                    group.addTask {
                        try await pool.withTransaction(
                            isolation: .serializable,
                            retry: RetryPolicy(maxAttempts: 1_000, baseDelay: .milliseconds(2)),
                            deadline: .seconds(60)
                        ) { transaction in
                            attempts.increment()
                            let rows = try await transaction.query("SELECT count(*)::int FROM skew")
                            let count = try rows[0].decode(Int.self, at: 0)
                            try await transaction.query("INSERT INTO skew VALUES (\(count))")
                        }
                    }
                }
                try await group.waitForAll()
            }
            let rows = try await pool.query("SELECT n FROM skew ORDER BY n")
            #expect(try rows.map { try $0.decode(Int.self, at: 0) } == Array(0..<40))
            #expect(attempts.value > 40, "nothing conflicted, so nothing was tested")
        }
    }

    @Test("A deadlock is repeated")
    func deadlocks() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 4) { pool in
            try await pool.query("DROP TABLE IF EXISTS locked")
            try await pool.query("CREATE TABLE locked (id int PRIMARY KEY, n int)")
            try await pool.query("INSERT INTO locked VALUES (1, 0), (2, 0)")
            let attempts = Counter()
            try await withThrowingTaskGroup { group in
                for number in 0..<6 {
                    let order = number % 2 == 0 ? [1, 2] : [2, 1]
                    group.addTask {
                        try await pool.withTransaction(deadline: .seconds(60)) { transaction in
                            attempts.increment()
                            for id in order {
                                try await transaction.query(
                                    "UPDATE locked SET n = n + 1 WHERE id = \(id)"
                                )
                                try await transaction.query("SELECT pg_sleep(0.01)")
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let rows = try await pool.query("SELECT n FROM locked")
            #expect(try rows.map { try $0.decode(Int.self, at: 0) } == [6, 6])
            #expect(attempts.value > 6, "nothing locked, so nothing was tested")
        }
    }

    @Test("The deadline, the policy and a swallowed error end the attempts")
    func limits() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let fail: @Sendable (Transaction) async throws -> Void = { transaction in
                try await transaction.query("DO 'BEGIN RAISE SQLSTATE ''40001''; END'")
            }
            for policy in [
                RetryPolicy.never, RetryPolicy(maxAttempts: 3, baseDelay: .milliseconds(1)),
            ] {
                let attempts = Counter()
                await #expect(throws: PostgresError.self) {
                    try await pool.withTransaction(retry: policy) { transaction in
                        attempts.increment()
                        try await fail(transaction)
                    }
                }
                #expect(attempts.value == policy.maxAttempts)
            }
            let start = ContinuousClock.now
            await #expect(throws: PostgresError.self) {
                try await pool.withTransaction(
                    retry: RetryPolicy(maxAttempts: 1_000_000, baseDelay: .milliseconds(10)),
                    deadline: .milliseconds(200)
                ) { try await fail($0) }
            }
            #expect(ContinuousClock.now - start < .seconds(5))
            let attempts = Counter()
            let error = try await poolError {
                try await pool.withTransaction { transaction in
                    attempts.increment()
                    _ = try? await fail(transaction)
                }
            }
            #expect(error.code == .transactionRolledBack)
            #expect(attempts.value == 1)
        }
    }

    @Test("The modes are what was asked for; what was not is left to the session")
    func modes() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            func show(_ transaction: Transaction, _ name: String) async throws -> String {
                try await transaction.query("SHOW \(unescaped: name)")[0].decode(String.self, at: 0)
            }
            for isolation in IsolationLevel.allCases {
                let shown = try await pool.withTransaction(isolation: isolation) {
                    try await show($0, "transaction_isolation")
                }
                #expect(shown == isolation.rawValue.lowercased())
            }
            let modes = try await pool.withTransaction(
                isolation: .serializable,
                readOnly: true,
                deferrable: true
            ) {
                let readOnly = try await show($0, "transaction_read_only")
                return [readOnly, try await show($0, "transaction_deferrable")]
            }
            #expect(modes == ["on", "on"])
            try await pool.withConnection { connection in
                try await connection.query("SET default_transaction_read_only = on")
                let unasked = try await connection.withTransaction {
                    try await show($0, "transaction_read_only")
                }
                let asked = try await connection.withTransaction(readOnly: false) {
                    try await show($0, "transaction_read_only")
                }
                #expect(unasked == "on" && asked == "off")
            }
        }
    }

    @Test("A transaction without a statement sends nothing; BEGIN goes with the first one")
    func beginTravelsAlong() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.withTransaction { _ in }
            let isOpen = try await pool.withTransaction { transaction in
                // In one segment with BEGIN both have the same statement timestamp's transaction.
                let rows = try await transaction.query(
                    "SELECT now() = transaction_timestamp(), pg_current_xact_id_if_assigned() IS NULL"
                )
                return try rows[0].decode((Bool, Bool).self) == (true, true)
            }
            #expect(isOpen)
            // The first statement fails: nothing of it is left, and the connection is clean.
            await #expect(throws: PostgresError.self) {
                try await pool.withTransaction { try await $0.query("SELECT 1 / 0") }
            }
            await #expect(throws: PostgresError.self) {
                try await pool.withTransaction { try await $0.query("SELECT FROM nowhere") }
            }
            // BEGIN itself fails, and the statement with it must not run on its own.
            try await pool.query("DROP TABLE IF EXISTS alone")
            try await pool.query("CREATE TABLE alone (n int)")
            await #expect(throws: PostgresError.self) {
                try await pool.withTransaction(readOnly: true) {
                    try await $0.query("INSERT INTO alone VALUES (1)")
                }
            }
            try await pool.withTransaction { transaction in
                try await transaction.withSavepoint {
                    try await $0.query("INSERT INTO alone VALUES (2)")
                }
            }
            #expect(try await pool.query("SELECT FROM alone").count == 1)
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    @Test("Savepoints nest, and a failure at any depth undoes just that")
    func deepNesting() async throws {
        struct Stop: Error {}
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.query("DROP TABLE IF EXISTS deep")
            try await pool.query("CREATE TABLE deep (n int)")
            @Sendable func descend(_ transaction: Transaction, _ depth: Int) async throws {
                try await transaction.query("INSERT INTO deep VALUES (\(depth))")
                guard depth < 20 else { throw Stop() }
                do {
                    try await transaction.withSavepoint { try await descend($0, depth + 1) }
                } catch is Stop where depth % 2 == 0 {}
            }
            try await pool.withTransaction { try await descend($0, 0) }
            // Depth 20 throws, 19 passes it on to 18, which stops it: 19 and 20 are undone.
            let rows = try await pool.query("SELECT n FROM deep ORDER BY n")
            #expect(try rows.map { try $0.decode(Int.self, at: 0) } == Array(0...18))
        }
    }
}
