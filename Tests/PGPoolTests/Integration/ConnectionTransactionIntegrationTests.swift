import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

#if canImport(Glibc)
    import Glibc
#endif

@Suite("A transaction on a connection that is used on after it", .timeLimit(.minutes(2)))
struct ConnectionTransactionIntegrationTests {
    private struct Thrown: Error {}

    /// Hands a lease and an empty table over, and checks afterwards that the connection was kept.
    private func withTable(
        _ name: String,
        _ body: (PostgresConnection, Query) async throws -> Void
    ) async throws -> [String] {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.query("DROP TABLE IF EXISTS \(identifier: name)")
            try await pool.query("CREATE TABLE \(identifier: name) (t text)")
            try await pool.withConnection { connection in
                try await body(connection, "INSERT INTO \(identifier: name) VALUES ('inside')")
                try await connection.query("INSERT INTO \(identifier: name) VALUES ('after')")
            }
            let rows = try await pool.query("SELECT t FROM \(identifier: name) ORDER BY t")
            #expect(pool.snapshot.openedTotal == 1)
            return try rows.map { try $0.decode(String.self, at: 0) }
        }
    }

    /// A statement that takes a second, when it is sent.
    private func slowStatement(
        on connection: PostgresConnection
    ) async throws -> Task<[Rows], any Error> {
        let slow = Task { try await connection.simpleQuery("SELECT pg_sleep(1)") }
        try await eventually("it is sent") {
            connection.session.state.withLock { $0.sent.count == 1 }
        }
        return slow
    }

    @Test("Left while a stream was being read: it is rolled back, and what follows is not")
    func stream() async throws {
        let stored = try await withTable("left_stream") { connection, insert in
            await #expect(throws: Thrown.self) {
                try await connection.withTransaction { transaction in
                    try await transaction.query(insert)
                    let numbers: Query = "SELECT generate_series(1, 1000000)"
                    for try await _ in try await transaction.stream(numbers) { throw Thrown() }
                }
            }
        }
        #expect(stored == ["after"])
    }

    @Test("Returned from while a stream is open: it cannot be committed, and is rolled back")
    func openStream() async throws {
        let stored = try await withTable("left_open") { connection, insert in
            let error = try await poolError {
                _ = try await connection.withTransaction { transaction in
                    try await transaction.query(insert)
                    return try await transaction.stream("SELECT generate_series(1, 1000000)")
                }
            }
            #expect(error.code == .connectionBusy)
        }
        #expect(stored == ["after"])
    }

    @Test("Cancelled while a statement runs: the connection goes on", arguments: [1, 3])
    func cancelled(transactions: Int) async throws {
        let stored = try await withTable("left_cancelled_\(transactions)") { connection, insert in
            for _ in 0..<transactions {
                let slow = Task {
                    try await connection.withTransaction { transaction in
                        try await transaction.query(insert)
                        try await transaction.query("SELECT pg_sleep(600)")
                    }
                }
                try await eventually("it sleeps") {
                    connection.session.state.withLock { state in
                        state.sent.first?.query.sql.contains("pg_sleep") ?? false
                    }
                }
                slow.cancel()
                await #expect(throws: CancellationError.self) { try await slow.value }
            }
            try await connection.withTransaction { try await $0.query("SELECT 1") }
        }
        #expect(stored == ["after"])
    }

    @Test("A statement that still waits when its transaction ends is not sent behind it")
    func waiting() async throws {
        let stored = try await withTable("left_waiting") { connection, insert in
            let late = Mutex<Task<Void, any Error>?>(nil)
            await #expect(throws: Thrown.self) {
                try await connection.withTransaction { transaction in
                    try await transaction.query(insert)
                    let slow = try await slowStatement(on: connection)
                    late.withLock { $0 = Task { try await connection.query(insert) } }
                    try await eventually("it waits") {
                        connection.session.state.withLock { $0.pending.count == 1 }
                    }
                    withExtendedLifetime(slow) {}
                    throw Thrown()
                }
            }
            let task = try #require(late.withLock { $0 })
            let error = await #expect(throws: PoolError.self) { try await task.value }
            #expect(error?.code == .leaseEnded)
        }
        #expect(stored == ["after"])
    }

    @Test("Nor one that waits together with the transaction's BEGIN")
    func waitingForBegin() async throws {
        let stored = try await withTable("left_begin") { connection, insert in
            let slow = try await slowStatement(on: connection)
            let late = Mutex<Task<Void, any Error>?>(nil)
            await #expect(throws: Thrown.self) {
                try await connection.withTransaction { transaction in
                    late.withLock { $0 = Task { try await transaction.query(insert) } }
                    try await eventually("it waits") {
                        connection.session.state.withLock { $0.pending.count == 1 }
                    }
                    throw Thrown()
                }
            }
            let task = try #require(late.withLock { $0 })
            let error = await #expect(throws: PoolError.self) { try await task.value }
            #expect(error?.code == .leaseEnded)
            _ = try await slow.value
        }
        #expect(stored == ["after"])
    }

    @Test("A statement that was submitted before does not get into the transaction")
    func submittedBefore() async throws {
        let stored = try await withTable("left_before") { connection, insert in
            let slow = try await slowStatement(on: connection)
            let before = Task { try await connection.query(insert) }
            try await eventually("it waits") {
                connection.session.state.withLock { $0.pending.count == 1 }
            }
            await #expect(throws: Thrown.self) {
                try await connection.withTransaction { transaction in
                    try await transaction.query(insert)
                    throw Thrown()
                }
            }
            _ = try await (slow.value, before.value)
        }
        #expect(stored == ["after", "inside"])
    }

    @Test("The late answer of an earlier one does not tell the class of what fails in the next")
    func lateAnswer() async throws {
        let stored = try await withTable("left_late") { connection, _ in
            let slow = Task {
                try await connection.withTransaction { try await $0.query("SELECT pg_sleep(600)") }
            }
            try await eventually("it sleeps") {
                connection.session.state.withLock { $0.sent.count == 1 }
            }
            kill(connection.backendPID, SIGSTOP)
            defer { kill(connection.backendPID, SIGCONT) }
            slow.cancel()
            await #expect(throws: CancellationError.self) { try await slow.value }
            let next = Task {
                try await connection.withTransaction { transaction in
                    _ = try? await transaction.query("SELECT 1 / 0")
                }
            }
            try await eventually("its first statement waits") {
                connection.session.state.withLock { $0.pending.count == 2 }
            }
            kill(connection.backendPID, SIGCONT)
            let error = await #expect(throws: PoolError.self) { try await next.value }
            #expect(error?.code == .transactionRolledBack)
            #expect(error?.failureClass == .deterministic)
        }
        #expect(stored == ["after"])
    }

    @Test("One inside another is refused before anything is sent")
    func nested() async throws {
        let hasBegun = Flag()
        let stored = try await withTable("left_nested") { connection, insert in
            try await connection.withTransaction { transaction in
                for isFirst in [true, false] {
                    let error = try await poolError {
                        try await connection.withTransaction { _ in hasBegun.set() }
                    }
                    #expect(error.code == .invalidStatement)
                    if isFirst { try await transaction.query("SELECT 1") }
                }
            }
            try await connection.query("BEGIN")
            try await connection.query(insert)
            let error = try await poolError {
                try await connection.withTransaction { _ in hasBegun.set() }
            }
            #expect(error.code == .invalidStatement)
            try await connection.query("ROLLBACK")
        }
        #expect(!hasBegun.isSet)
        #expect(stored == ["after"])
    }

    @Test("Kept beyond its closure, it takes no statement", arguments: [false, true])
    func kept(isFollowed: Bool) async throws {
        let stored = try await withTable("left_kept_\(isFollowed)") { connection, insert in
            let kept = try await connection.withTransaction { transaction in
                try await transaction.query("SELECT 1")
                return transaction
            }
            func use() async throws {
                let refused = [
                    try await poolError { _ = try await kept.query(insert) },
                    try await poolError { _ = try await kept.pipeline([insert]).rows() },
                    try await poolError { for try await _ in try await kept.stream(insert) {} },
                    try await poolError {
                        _ = try await kept.withSavepoint { try await $0.query(insert) }
                    },
                ]
                for error in refused { #expect(error.code == .leaseEnded) }
            }
            guard isFollowed else { return try await use() }
            try await connection.withTransaction { transaction in
                try await transaction.query("SELECT 1")
                try await use()
            }
        }
        #expect(stored == ["after"])
    }

    @Test("Begun after the lease's end, it does not touch the next one's")
    func stale() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let kept = Mutex<PostgresConnection?>(nil)
            try await pool.withConnection { connection in kept.withLock { $0 = connection } }
            let stale = try #require(kept.withLock { $0 })
            try await pool.withConnection { connection in
                let error = try await poolError {
                    try await stale.withTransaction { _ in
                        try await connection.query("SELECT 1")
                        #expect(!connection.isInTransaction)
                    }
                }
                #expect(error.code == .leaseEnded)
                try await connection.withTransaction { transaction in
                    stale.session.endTransaction(lease: stale.leaseNumber)
                    try await transaction.query("SELECT 1")
                    #expect(connection.isInTransaction)
                }
            }
        }
    }
}
