import PGPoolCore
import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

#if canImport(Glibc)
    import Glibc
#endif

@Suite("Pipelines that are cut short")
struct PipelineFaultIntegrationTests {
    /// A few hundred of these are more than all buffers hold. Encoded once, for that takes its time.
    private static let large: Query =
        "SELECT length(\(String(repeating: "x", count: 100_000))::text)"

    /// Runs a closure with a lease on one of two connections, and the pool for the other.
    private func withLease(
        _ body: (PostgresConnection, ConnectionPool) async throws -> Void
    ) async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 2) { pool in
            try await pool.withConnection { try await body($0, pool) }
        }
    }

    private func classes(_ results: [Result<Rows, PostgresError>]) -> [FailureClass?] {
        results.map { if case .failure(let error) = $0 { error.failureClass } else { nil } }
    }

    /// Waits until the connection's server process sleeps in `pg_sleep`.
    private func sleeps(_ connection: PostgresConnection, _ pool: ConnectionPool) async throws {
        let pid = connection.backendPID
        try await eventually("the statement runs") {
            try await pool.query(
                "SELECT FROM pg_stat_activity WHERE pid = \(pid) AND wait_event = 'PgSleep'"
            ).count == 1
        }
    }

    @Test(
        "When the connection dies, each statement gets the class that is true for it",
        arguments: [
            (PipelineErrors.isolated, [nil, FailureClass.outcomeUnknown, .outcomeUnknown]),
            (.allOrNothing, [.outcomeUnknown, .outcomeUnknown, .outcomeUnknown]),
        ]
    )
    func killed(errors: PipelineErrors, expected: [FailureClass?]) async throws {
        try await withLease { connection, pool in
            let queries: [Query] = ["SELECT 1", "SELECT pg_sleep(600)", "SELECT 2"]
            async let results = connection.pipeline(queries, errors: errors)
            try await sleeps(connection, pool)
            try await pool.query("SELECT pg_terminate_backend(\(connection.backendPID))")
            #expect(try await classes(results) == expected)
        }
    }

    @Test("What was never handed over when the connection died was not executed")
    func killedBeforeAllWasSent() async throws {
        for errors in PipelineErrors.allCases {
            try await withLease { connection, pool in
                // More than the server's and our own buffers hold while it sleeps.
                let queries: [Query] =
                    ["SELECT 1", "SELECT pg_sleep(600)"]
                    + Array(repeating: Self.large, count: 300)
                async let pending = connection.pipeline(queries, errors: errors)
                try await sleeps(connection, pool)
                try await pool.query("SELECT pg_terminate_backend(\(connection.backendPID))")
                let found = try await classes(pending)
                #expect(found.last == .notExecuted, "\(errors): the last was never sent")
                // Without its sync, the one transaction cannot have been committed.
                #expect(found[0] == (errors == .isolated ? nil : .rolledBack))
                #expect(found[1] == (errors == .isolated ? .outcomeUnknown : .rolledBack))
            }
        }
    }

    @Test(
        "The connection dies while the batch is being sent, at random moments",
        .timeLimit(.minutes(2)),
        arguments: PipelineErrors.allCases
    )
    func killedWhileSending(errors: PipelineErrors) async throws {
        var random = Generator(state: 11)
        let queries = (0..<2_000).map { number -> Query in "SELECT \(number)" }
        try await withPool(on: Servers.plain.value, maxConnections: 2) { pool in
            for _ in 0..<20 {
                let delay = Duration.microseconds(Int(random.next() % 20_000))
                try await pool.withConnection { connection in
                    let batch = Task { try await connection.pipeline(queries, errors: errors) }
                    // Proof: it waits for nothing, it draws the moment.
                    try await Task.sleep(for: delay)
                    try await pool.query("SELECT pg_terminate_backend(\(connection.backendPID))")
                    switch await batch.result {
                    case .success(let results): #expect(results.count == queries.count)
                    case .failure(let error as PostgresError):
                        #expect(error.failureClass == .notExecuted)
                    case .failure(let error): throw error
                    }
                }
            }
        }
    }

    @Test(
        "A cancelled task goes on at once, and the connection is used again when that is safe",
        arguments: PipelineErrors.allCases,
        // The answer to the first may come while the rest is being sent.
        0..<8
    )
    func cancelled(errors: PipelineErrors, attempt: Int) async throws {
        try await withLease { connection, pool in
            try await connection.simpleQuery(
                "DROP TABLE IF EXISTS cut_\(errors); CREATE TABLE cut_\(errors) (n int)"
            )
            let task = Task {
                try await connection.pipeline(
                    [
                        "INSERT INTO cut_\(unescaped: "\(errors)") VALUES (1)",
                        "SELECT pg_sleep(600)",
                    ]
                        + Array(repeating: Self.large, count: 300),
                    errors: errors
                )
            }
            try await sleeps(connection, pool)
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            let rows = try await connection.query("SELECT FROM cut_\(unescaped: "\(errors)")")
            #expect(rows.count == (errors == .isolated ? 1 : 0))
        }
    }

    @Test(
        "What is behind a write that must not be cancelled is cancelled when that is over",
        arguments: [true, false]
    )
    func cancelledBehindWrite(byTimeout: Bool) async throws {
        try await withLease { connection, pool in
            try await connection.simpleQuery(
                "DROP TABLE IF EXISTS cut_behind; CREATE TABLE cut_behind (n text)"
            )
            let task = Task {
                try await connection.pipeline(
                    ["INSERT INTO cut_behind SELECT pg_sleep(1)", "SELECT pg_sleep(600)"],
                    errors: .isolated,
                    timeout: byTimeout ? .milliseconds(200) : nil
                )
            }
            try await sleeps(connection, pool)
            if !byTimeout { task.cancel() }
            _ = await task.result
            #expect(try await connection.query("SELECT FROM cut_behind").count == 1)
        }
    }

    @Test(
        "A timeout ends the batch, and each statement says what became of it",
        arguments: PipelineErrors.allCases
    )
    func timedOut(errors: PipelineErrors) async throws {
        try await withLease { connection, _ in
            let results = try await connection.pipeline(
                ["SELECT 1", "SELECT pg_sleep(600)"]
                    + Array(repeating: Self.large, count: 300),
                errors: errors,
                timeout: .milliseconds(200)
            )
            let found = classes(results)
            #expect(found[0] == (errors == .isolated ? nil : .rolledBack))
            #expect(found[1] == .rolledBack && found.last == .notExecuted)
            let cause = #expect(throws: PostgresError.self) { _ = try results.rows() }
            #expect(cause?.sqlState == .queryCanceled)
            #expect(try await connection.query("SELECT 1").count == 1)
        }
    }

    #if os(Linux)
        /// `tcpi_data_segs_out` in `struct tcp_info` of `linux/tcp.h`, which glibc's lacks.
        private func segmentsSent(_ connection: PostgresConnection) throws -> UInt32 {
            let descriptor = connection.session.state.withLock { $0.descriptor }
            var bytes = [UInt8](repeating: 0, count: 256)
            var size = socklen_t(bytes.count)
            let status = getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &bytes, &size)
            try #require(status == 0 && size >= 160, "this kernel does not count segments")
            return bytes.withUnsafeBytes { $0.load(fromByteOffset: 156, as: UInt32.self) }
        }

        @Test("A batch goes out in few packets, though each statement has its sync")
        func packets() async throws {
            try await withLease { connection, _ in
                try await connection.query("SELECT \(0)")
                let before = try segmentsSent(connection)
                _ = try await connection.pipeline((0..<1_000).map { "SELECT \($0)" }).rows()
                let sent = try segmentsSent(connection) - before
                #expect(sent > 0 && sent < 100, "\(sent) packets for 1,000 statements")
                print("pipeline: 1,000 statements in \(sent) packets")
            }
        }
    #endif
}
