import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

/// A cancel request hits whatever the server runs when it comes.
@Suite("What is cancelled behind another statement", .timeLimit(.minutes(2)))
struct CancelOrderIntegrationTests {
    enum End: CaseIterable {
        case timeout
        case cancellation
    }

    /// Runs a statement that would take ten minutes, and ends it while it is behind another one.
    private func giveUp(_ end: End, on connection: PostgresConnection) async throws {
        let slow = Task {
            try await connection.query(
                "SELECT pg_sleep(600)",
                statementTimeout: end == .timeout ? .milliseconds(100) : nil
            )
        }
        guard end == .cancellation else {
            let error = await #expect(throws: PostgresError.self) { try await slow.value }
            #expect(error?.sqlState == .queryCanceled)
            return
        }
        try await eventually("it is sent") {
            connection.session.state.withLock { $0.sent.count > 1 }
        }
        slow.cancel()
        await #expect(throws: CancellationError.self) { try await slow.value }
    }

    @Test(
        "What is ahead goes on; the statement is cancelled when its turn comes",
        arguments: End.allCases
    )
    func ahead(end: End) async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.withConnection { connection in
                async let first = connection.query("SELECT 7, pg_sleep(1)")
                try await eventually("the first one is sent") {
                    connection.session.state.withLock { $0.sent.count == 1 }
                }
                try await giveUp(end, on: connection)
                #expect(try await first[0].decode(Int.self, at: 0) == 7)
                #expect(try await connection.query("SELECT 1").count == 1)
            }
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    @Test(
        "A write whose time is over is not cancelled by what is behind it",
        arguments: End.allCases
    )
    func write(end: End) async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.query("DROP TABLE IF EXISTS ahead")
            try await pool.query("CREATE TABLE ahead (t text)")
            try await pool.withConnection { connection in
                let error = await #expect(throws: PostgresError.self) {
                    try await connection.query(
                        "INSERT INTO ahead SELECT pg_sleep(1)",
                        statementTimeout: .milliseconds(100)
                    )
                }
                #expect(error?.failureClass == .outcomeUnknown)
                try await giveUp(end, on: connection)
                #expect(try await connection.query("SELECT FROM ahead").count == 1)
            }
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    @Test("In a transaction, too: nobody knows what became of what was given up before its turn")
    func transaction() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let outer = await failure {
                try await pool.withTransaction { transaction in
                    try await transaction.query("SELECT 1")
                    async let first = transaction.query("SELECT 7, pg_sleep(1)")
                    try await eventually("the first one is sent") {
                        transaction.connection.session.state.withLock { $0.sent.count == 1 }
                    }
                    let inner = await failure {
                        try await transaction.query(
                            "SELECT pg_sleep(600)",
                            statementTimeout: .milliseconds(200)
                        )
                    }
                    #expect(inner?.failureClass == .outcomeUnknown)
                    #expect(try await first[0].decode(Int.self, at: 0) == 7)
                    try await transaction.query("SELECT 1")
                }
            }
            #expect(outer?.sqlState == .inFailedSQLTransaction)
            let rows = try await pool.query("SELECT 1")
            #expect(rows.count == 1)
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    private func failure(of body: () async throws -> Void) async -> PostgresError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? PostgresError
        }
    }
}
