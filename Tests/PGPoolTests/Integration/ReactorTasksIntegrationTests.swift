import PGPool
import PGPoolTesting
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

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

    @Test("A thread that keeps to few of its connections leaves none of them out")
    func noneIsLeftOut() async throws {
        let group = ReactorGroup(threads: 1)
        defer { group.shutDown() }
        let (connections, tasks, statements) = (8, 64, 100)
        try await withPool(
            on: Servers.plain.value,
            maxConnections: connections,
            configure: {
                $0.reactors = group.reactors
                $0.minIdle = connections
            }
        ) { pool in
            try await eventually("all are open", seeing: pool) {
                pool.snapshot.idle == connections
            }
            let served = try await withThrowingTaskGroup(of: [Int32: Int].self) { workers in
                for _ in 0..<tasks {
                    workers.addTask(executorPreference: group) {
                        var served: [Int32: Int] = [:]
                        for number in 0..<statements {
                            try await pool.withConnection { connection in
                                let rows = try await connection.query("SELECT \(number)")
                                #expect(try rows[0].decode(Int.self, at: 0) == number)
                                served[connection.backendPID, default: 0] += 1
                            }
                        }
                        return served
                    }
                }
                return try await workers.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
            }
            let shares = served.values.sorted()
            #expect(shares.count == connections, "some connections were never used: \(shares)")
            let least = tasks * statements / connections / 4
            #expect(shares[0] >= least, "a connection was left out for long: \(shares)")
        }
    }

    /// The large value makes libpq send what is in front of it before the sync, and the thread that
    /// would send the sync is slow, while another one reads the error.
    @Test("An error may come before its statement has left whole", .timeLimit(.minutes(1)))
    func errorBeforeTheSync() async throws {
        let tasks = Reactor()
        defer { tasks.shutDown() }
        let value = String(repeating: "x", count: 100_000)
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.withConnection { connection in
                for _ in 0..<3 {
                    await withTaskExecutorPreference(tasks) {
                        let failing = Task(executorPreference: tasks) {
                            try await connection.query("SELECT no_such_column, length(\(value))")
                        }
                        let slow = Task(executorPreference: tasks) { takeTime() }
                        let error = await #expect(throws: PostgresError.self) {
                            try await failing.value
                        }
                        #expect(error?.sqlState?.description == "42703")
                        await slow.value
                    }
                    let rows = try await connection.query("SELECT 1")
                    #expect(try rows[0].decode(Int.self, at: 0) == 1)
                }
            }
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    // Proof: it waits for nothing; it is what makes the thread slow.
    private func takeTime() { usleep(100_000) }

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
