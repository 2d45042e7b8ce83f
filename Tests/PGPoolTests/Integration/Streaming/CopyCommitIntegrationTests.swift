import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

/// The end of the data is handed over, and the server has not said yet that it committed.
@Suite("A COPY that is about to commit", .timeLimit(.minutes(1)))
struct CopyCommitIntegrationTests {
    /// Ends a COPY of one row while the server waits for a standby that there is none of.
    private func end(
        _ end: (LocalCluster, PostgresConnection, Task<Int, any Error>) async throws -> Void
    ) async throws {
        try await LocalCluster.with { cluster in
            try await withPool(on: cluster, maxConnections: 1) { pool in
                try await pool.query("CREATE TABLE copied (t text)")
                _ = try await cluster.execute(
                    "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
                )
                _ = try await cluster.execute("SELECT pg_reload_conf()")
                try await eventually("the server waits for nobody") {
                    try await cluster.execute("SHOW synchronous_standby_names") == "nobody"
                }
                try await pool.withConnection { connection in
                    let copying = Task {
                        try await connection.copyIn("COPY copied FROM STDIN") { writer in
                            try await writer.write(textRow: ["a row"])
                        }
                    }
                    let pid = connection.backendPID
                    try await eventually("it waits to commit") {
                        try await cluster.execute(
                            "SELECT wait_event FROM pg_stat_activity WHERE pid = \(pid)"
                        ) == "SyncRep"
                    }
                    try await end(cluster, connection, copying)
                    _ = try await cluster.execute("ALTER SYSTEM RESET synchronous_standby_names")
                    _ = try await cluster.execute("SELECT pg_reload_conf()")
                }
            }
            try await eventually("the row is there") {
                try await cluster.execute("SELECT count(*) FROM copied") == "1"
            }
        }
    }

    @Test("Lost then, nobody knows, and it may be there")
    func lost() async throws {
        try await end { cluster, connection, copying in
            _ = try await cluster.execute("SELECT pg_terminate_backend(\(connection.backendPID))")
            let error = await #expect(throws: PostgresError.self) { try await copying.value }
            #expect(error?.failureClass == .outcomeUnknown)
        }
    }

    @Test("Given up then, it is not cancelled on the server")
    func cancelled() async throws {
        try await end { _, connection, copying in
            copying.cancel()
            await #expect(throws: CancellationError.self) { try await copying.value }
            connection.session.state.withLock { state in
                #expect(state.cancelsInFlight == 0 && !state.mustSettle)
            }
        }
    }
}
