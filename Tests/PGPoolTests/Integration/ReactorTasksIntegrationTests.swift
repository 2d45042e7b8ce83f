import PGPool
import PGPoolTesting
import Testing

@Suite("Tasks that run on the reactors' threads")
struct ReactorTasksIntegrationTests {
    @Test("Every statement leaves: alone, right behind another, or when its task goes on")
    func statementsLeave() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 4) { pool in
            try await onReactors(tasks: 64) { number in
                try await pool.withConnection { connection in
                    async let first = connection.query("SELECT \(number)")
                    async let second = connection.query("SELECT \(-number)")
                    let answers = try await (first, second)
                    #expect(try answers.0[0].decode(Int.self, at: 0) == number)
                    #expect(try answers.1[0].decode(Int.self, at: 0) == -number)
                    try await connection.withTransaction { transaction in
                        let rows = try await transaction.query("SELECT \(number) + 1")
                        #expect(try rows[0].decode(Int.self, at: 0) == number + 1)
                    }
                }
                let rows = try await pool.query("SELECT \(number)", sharing: .never)
                #expect(try rows[0].decode(Int.self, at: 0) == number)
            }
            #expect(pool.snapshot.openedTotal <= 4)
        }
    }

    @Test("A statement that is cancelled as it is sent ends on the server, and harms nobody")
    func cancelled() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 4) { pool in
            try await onReactors(tasks: 32) { number in
                try await pool.withConnection { connection in
                    let slow = Task { try await connection.query("SELECT pg_sleep(60)") }
                    await Task.yield()
                    slow.cancel()
                    await #expect(throws: CancellationError.self) { try await slow.value }
                }
                try await pool.withConnection { connection in
                    let rows = try await connection.query("SELECT \(number)")
                    #expect(try rows[0].decode(Int.self, at: 0) == number)
                }
            }
        }
    }

    private func onReactors(
        tasks: Int,
        _ body: @Sendable @escaping (Int) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<tasks {
                group.addTask(executorPreference: ReactorGroup.shared) { try await body(number) }
            }
            try await group.waitForAll()
        }
    }
}
