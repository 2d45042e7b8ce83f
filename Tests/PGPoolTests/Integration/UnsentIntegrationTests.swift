import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The connection is gone, and whoever sends may find out before the reactor does. libpq 15 mostly says
/// that all was sent, and tells of the failure when it reads.
@Suite("What could not be sent", .timeLimit(.minutes(1)))
struct UnsentIntegrationTests {
    /// Cuts a connection off while its reactor's thread is busy.
    private func cut(_ connection: PostgresConnection, _ reactor: Reactor) async {
        let isBusy = Gate()
        Task(executorPreference: reactor) {
            isBusy.open()
            // Proof: it waits for nothing; it is what makes the thread slow.
            usleep(200_000)
        }
        await isBusy.wait()
        let descriptor = connection.session.state.withLock { $0.descriptor }
        _ = shutdown(descriptor, Int32(SHUT_RDWR))
    }

    private func withPool(
        isSecured: Bool,
        _ body: (ConnectionPool, Reactor) async throws -> Void
    ) async throws {
        let reactor = Reactor()
        defer { reactor.shutDown() }
        try await PGPoolTests.withPool(
            on: isSecured ? Servers.secured.value : Servers.plain.value,
            maxConnections: 1,
            configure: { $0.reactors = [reactor] }
        ) { pool in
            try await pool.query("DROP TABLE IF EXISTS unsent")
            try await pool.query("CREATE TABLE unsent (id int)")
            try await body(pool, reactor)
        }
    }

    @Test("COMMIT is no success", arguments: [false, true])
    func commit(isSecured: Bool) async throws {
        try await withPool(isSecured: isSecured) { pool, reactor in
            let cuts = Counter()
            var isCommitted = true
            do {
                try await pool.withTransaction { transaction in
                    try await transaction.query("INSERT INTO unsent VALUES (1)")
                    if cuts.value == 0 {
                        cuts.increment()
                        await cut(transaction.connection, reactor)
                    }
                }
            } catch is PostgresError {
                isCommitted = false
            }
            let rows = try await pool.query("SELECT FROM unsent")
            #expect(rows.count == (isCommitted ? 1 : 0))
        }
    }

    @Test("Neither is any other statement", arguments: [false, true], [false, true])
    func statement(isSecured: Bool, isSimple: Bool) async throws {
        try await withPool(isSecured: isSecured) { pool, reactor in
            let error = await #expect(throws: PostgresError.self) {
                try await pool.withConnection { connection in
                    await cut(connection, reactor)
                    if isSimple {
                        try await connection.simpleQuery("INSERT INTO unsent VALUES (1)")
                    } else {
                        try await connection.query("INSERT INTO unsent VALUES (1)")
                    }
                }
            }
            #expect(error?.failureClass == .notExecuted || error?.failureClass == .outcomeUnknown)
            let rows = try await pool.query("SELECT FROM unsent")
            #expect(rows.isEmpty)
        }
    }

    @Test("Data of a COPY: it ends", arguments: [false, true])
    func copy(isSecured: Bool) async throws {
        try await withPool(isSecured: isSecured) { pool, reactor in
            let row = [UInt8]("1\n".utf8)
            let chunk = Array(repeatElement(row, count: 10_000).joined())
            await #expect(throws: (any Error).self) {
                try await pool.withConnection { connection in
                    try await connection.copyIn("COPY unsent FROM STDIN") { writer in
                        for number in 0..<100 {
                            try await writer.write(chunk)
                            if number == 3 { await cut(connection, reactor) }
                        }
                    }
                }
            }
            let rows = try await pool.query("SELECT FROM unsent")
            #expect(rows.isEmpty)
        }
    }
}
