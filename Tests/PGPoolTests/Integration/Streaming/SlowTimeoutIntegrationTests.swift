import Foundation
import PGPoolCore
import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

@Suite("A timeout behind whose request much is still on its way", .timeLimit(.minutes(1)))
struct SlowTimeoutIntegrationTests {
    /// The server is stuck in sending, so it sees the cancel request only when the sockets' buffers
    /// are read, which takes a slow client longer than a silent server may take. Until the timeout the
    /// server has time to fill them.
    @Test("A connection that is slowly read to its end is kept")
    func slowlyRead() async throws {
        let reactor = Reactor()
        defer { reactor.shutDown() }
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.reactors = [reactor] }
        ) { pool in
            try await pool.withConnection { connection in
                let session = connection.session
                let slow = Task(executorPreference: reactor) {
                    await slowDown(session, for: CancelGrace.silent * 1.5)
                }
                let error = try await #require(throws: PostgresError.self) {
                    let rows = try await connection.stream(
                        "SELECT generate_series(1, 100000000)",
                        statementTimeout: .seconds(1)
                    )
                    for try await _ in rows {
                        try await eventually("the timeout passes") { hasTimedOut(session) }
                    }
                }
                #expect(error.sqlState == .queryCanceled)
                let lasted = await slow.value
                #expect(
                    lasted >= CancelGrace.silent,
                    "all was read within \(lasted): nothing is shown; slow the reactor down more"
                )
                #expect(try await connection.query("SELECT 1").count == 1)
            }
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    private func hasTimedOut(_ session: Session) -> Bool {
        session.state.withLock { $0.sent.first?.didTimeOut ?? false }
    }

    /// Takes the thread 50 ms between two readings, from the timeout on, for so long or until the
    /// statement is over; tells how long that was.
    private func slowDown(_ session: Session, for limit: Duration) async -> Duration {
        while !hasTimedOut(session) { await Task.yield() }
        let clock = ContinuousClock()
        let start = clock.now
        while hasTimedOut(session), clock.now - start < limit {
            block()
            await Task.yield()
        }
        return clock.now - start
    }

    // Proof: it waits for nothing; it is what makes the thread slow.
    private func block() { usleep(50_000) }
}
