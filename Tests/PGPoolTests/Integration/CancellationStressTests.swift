import PGPool
import PGPoolTesting
import Testing

@Suite("Cancellation")
struct CancellationStressTests {
    @Test("After 10,000 cancellations at random moments no other statement was ever cancelled")
    func neverHitsAnother() async throws {
        let wanted = 10_000
        let cancelled = Counter()
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 8,
            configure: { $0.acquire.timeout = .seconds(60) }
        ) { pool in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<24 {
                    group.addTask {
                        var random = Generator(state: UInt64(worker) &+ 1)
                        while cancelled.value < wanted {
                            if try await Self.cancelOne(pool, &random) {
                                cancelled.increment()
                            }
                        }
                    }
                }
                for worker in 0..<8 {
                    group.addTask {
                        var n = worker
                        while cancelled.value < wanted {
                            n += 1
                            // Any 57014 here is somebody else's cancel request: it ends the test.
                            let rows = try await pool.query("SELECT \(n), pg_sleep(0.0005)")
                            #expect(try rows[0].decode(Int.self, at: 0) == n)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(pool.snapshot.peak <= 8)
            try await eventually("everything comes to rest") {
                pool.snapshot.idle == pool.snapshot.total
            }
            let lost = pool.snapshot.openedTotal
            #expect(lost <= 16, "cancelling cost \(lost) connections: they should be kept")
        }
    }

    /// Starts a statement, cancels it at a random moment; true if the cancellation came in time.
    private static func cancelOne(
        _ pool: ConnectionPool,
        _ random: inout Generator
    ) async throws -> Bool {
        let isExclusive = random.next() % 2 == 0
        let patience = Int(random.next() % 400)
        let task = Task {
            if isExclusive {
                try await pool.withConnection { connection in
                    _ = try await connection.query("SELECT pg_sleep(0.002)")
                    _ = try await connection.query("SELECT 1")
                }
            } else {
                _ = try await pool.query("SELECT pg_sleep(0.002)")
            }
        }
        for _ in 0..<patience { await Task.yield() }
        task.cancel()
        do {
            try await task.value
            return false
        } catch is CancellationError {
            return true
        }
    }

    @Test("A cancelled caller goes on at once, and its statement stops on the server")
    func stopsOnServer() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(on: cluster, maxConnections: 1) { pool in
            let running = """
                SELECT count(*) FROM pg_stat_activity
                WHERE state = 'active' AND query = 'SELECT pg_sleep(77)'
                """
            let task = Task { try await pool.query("SELECT pg_sleep(77)") }
            try await eventually("it runs") { try await cluster.execute(running) == "1" }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            try await eventually("it has stopped") { try await cluster.execute(running) == "0" }
            #expect(try await pool.query("SELECT 1").count == 1)
            #expect(pool.snapshot.openedTotal == 1, "the connection was not kept")
        }
    }

    @Test("A statement's timeout cancels it on the server, and says rolled back")
    func statementTimeout() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let error = try await #require(throws: PostgresError.self) {
                try await pool.query("SELECT pg_sleep(60)", statementTimeout: .milliseconds(50))
            }
            #expect(error.sqlState == .queryCanceled && error.failureClass == .rolledBack)
            try await pool.withConnection { connection in
                _ = try? await connection.query(
                    "SELECT pg_sleep(60)",
                    statementTimeout: .milliseconds(50)
                )
                // The same lease goes on, once no cancel request can be late.
                let rows = try await connection.query("SELECT 2")
                #expect(try rows[0].decode(Int.self, at: 0) == 2)
            }
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    @Test("Cancelling while waiting for a lease leaves the queue")
    func whileWaiting() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.withConnection { _ in
                let tasks = (0..<50).map { n in
                    Task.detached {
                        if n % 2 == 0 {
                            try await pool.withConnection { _ in }
                        } else {
                            _ = try await pool.query("SELECT 1")
                        }
                    }
                }
                try await eventually("all wait") { pool.snapshot.waiters == 50 }
                for task in tasks { task.cancel() }
                for task in tasks {
                    await #expect(throws: CancellationError.self) { try await task.value }
                }
                #expect(pool.snapshot.waiters == 0)
            }
            #expect(try await pool.query("SELECT 1").count == 1)
        }
    }
}

/// A small generator with a seed (xorshift64).
struct Generator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
