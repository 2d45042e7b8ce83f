import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

@Suite("A descriptor whose number is used again", .timeLimit(.minutes(1)))
struct DescriptorReuseIntegrationTests {
    @Test("A session that is closed is not watched any more")
    func startAfterClose() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let session = try await pool.withConnection { $0.session }
            // By its pool: one that is closed behind its back has no end that it waits for.
            pool.evict()
            #expect(!session.start())
        }
    }

    /// libpq closes the socket of a connection as it finds it lost, which may be long before its lease
    /// ends; the next connection gets the number.
    @Test(
        "The end of a lost connection leaves the one alone that got its number",
        arguments: [false, true]
    )
    func reuse(usesPoll: Bool) async throws {
        let reactor = Reactor(backend: usesPoll ? .poll : .automatic)
        defer { reactor.shutDown() }
        let cluster = try await Servers.plain.value
        try await withPool(
            on: cluster,
            maxConnections: 2,
            configure: { $0.reactors = [reactor] }
        ) { pool in
            var wasReused = false
            for _ in 0..<20 where !wasReused {
                try await pool.withConnection { lost in
                    let session = lost.session
                    let number = session.state.withLock { $0.descriptor }
                    _ = try await cluster.execute(
                        "SELECT pg_terminate_backend(\(session.backendPID), 5000)"
                    )
                    try await eventually("the loss is noticed", seeing: pool) {
                        session.state.withLock { $0.isLost }
                    }
                    // Opened while the lost one is still leased.
                    try await pool.query("SELECT 1")
                    let sessions = pool.engine.state.withLock { state in
                        state.connections.compactMap { $0?.session }
                    }
                    wasReused = sessions.contains { other in
                        other !== session && other.state.withLock { $0.descriptor } == number
                    }
                }
                try await pool.query("SELECT 1", statementTimeout: .seconds(2))
                if !wasReused { pool.evict() }
            }
            #expect(wasReused, "no number was used again: nothing is shown")
        }
    }
}
