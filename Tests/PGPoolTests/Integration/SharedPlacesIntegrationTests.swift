import PGPool
import PGPoolTesting
import Synchronization
import Testing

/// Tasks on a reactor's thread take places on shared connections that the thread kept for them.
@Suite("Shared connections under tasks that run on their reactor")
struct SharedPlacesIntegrationTests {
    @Test("A place that no task takes goes to the statement that waits", .timeLimit(.minutes(1)))
    func untakenPlaces() async throws {
        let group = ReactorGroup(threads: 1)
        defer { group.shutDown() }
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: {
                $0.reactors = group.reactors
                $0.sharing.depth = 2
                // Its pings would wake the thread that is to be found asleep.
                $0.failover.isEnabled = false
            }
        ) { pool in
            let hasWaited = Atomic<Bool>(false)
            for round in 0..<20 {
                let isTime = Atomic<Bool>(false)
                let isServed = Atomic<Bool>(false)
                try await withThrowingTaskGroup { tasks in
                    // Not on the reactor: it finds both places taken, or kept, and waits.
                    tasks.addTask { @Sendable in
                        while !isTime.load(ordering: .acquiring) { await Task.yield() }
                        let start = ContinuousClock.now
                        let rows = try await pool.query("SELECT \(round)")
                        isServed.store(true, ordering: .relaxed)
                        let took = ContinuousClock.now - start
                        #expect(took < .seconds(2), "sent only when something else happened")
                        #expect(try rows[0].decode(Int.self, at: 0) == round)
                    }
                    for _ in 0..<2 {
                        tasks.addTask(executorPreference: group) { @Sendable in
                            try await pool.query("SELECT 1")
                            isTime.store(true, ordering: .releasing)
                            // The thread gives no place back before this task lets it go.
                            spin {
                                let waits = pool.snapshot.waiters > 0
                                if waits { hasWaited.store(true, ordering: .relaxed) }
                                return waits || isServed.load(ordering: .relaxed)
                            }
                        }
                    }
                    try await tasks.waitForAll()
                }
            }
            try await eventually("all places are given back", seeing: pool) {
                pool.snapshot.shared == 0 && pool.snapshot.idle == 1
            }
            let didWait = hasWaited.load(ordering: .relaxed)
            #expect(
                didWait,
                "no place was kept while a statement waited: the test sees nothing"
            )
        }
    }

    @Test("Who wants a connection for itself gets the one on which a place was kept for it")
    func ownConnection() async throws {
        let group = ReactorGroup(threads: 1)
        defer { group.shutDown() }
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 2,
            configure: { $0.reactors = group.reactors }
        ) { pool in
            try await withTaskExecutorPreference(group) {
                try await pool.withConnection { outer in
                    for _ in 0..<10 {
                        try await pool.query("SELECT 1")
                        // Not refused as nested, and not made to wait.
                        try await pool.withConnection(acquireTimeout: .zero) { inner in
                            #expect(inner.backendPID != outer.backendPID)
                        }
                        try await pool.query("SELECT 1")
                        try await pool.query("SELECT 1", acquireTimeout: .zero, sharing: .never)
                    }
                }
            }
        }
    }

    @Test("A place that was kept before the pool was paused or evicted is not taken after it")
    func placesOfBefore() async throws {
        let group = ReactorGroup(threads: 1)
        defer { group.shutDown() }
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.reactors = group.reactors }
        ) { pool in
            try await withTaskExecutorPreference(group) {
                for _ in 0..<10 {
                    // This task goes on where the answer was read, and its place was kept.
                    let before = try await pool.query("SELECT pg_backend_pid()")
                    pool.pause()
                    let error = try await poolError {
                        try await pool.query("SELECT 1", acquireTimeout: .milliseconds(10))
                    }
                    #expect(error.code == .acquireTimeout, "it ran although the pool is paused")
                    pool.resume()
                    try await pool.query("SELECT 1")
                    pool.evict()
                    let after = try await pool.query("SELECT pg_backend_pid()")
                    let pids = try [before, after].map { try $0[0].decode(Int32.self, at: 0) }
                    #expect(pids[0] != pids[1], "it ran on the connection that was evicted")
                }
            }
        }
    }

    @Test(
        "Callers that want a connection for themselves, and other threads' statements, are served"
    )
    func othersAreServed() async throws {
        let group = ReactorGroup(threads: 1)
        defer { group.shutDown() }
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 2,
            configure: {
                $0.reactors = group.reactors
                $0.sharing.depth = 16
            }
        ) { pool in
            let isOver = Atomic<Bool>(false)
            try await withThrowingTaskGroup { tasks in
                for number in 0..<32 {
                    tasks.addTask(executorPreference: group) { @Sendable in
                        while !isOver.load(ordering: .relaxed) {
                            let rows = try await pool.query("SELECT \(number)")
                            #expect(try rows[0].decode(Int.self, at: 0) == number)
                        }
                    }
                }
                try await eventually("the pool is shared") { pool.snapshot.shared == 2 }
                for number in 0..<100 {
                    try await pool.withConnection(acquireTimeout: .seconds(10)) { connection in
                        _ = try await connection.query("SELECT 1")
                    }
                    let rows = try await pool.query(
                        "SELECT \(number)",
                        acquireTimeout: .seconds(10)
                    )
                    #expect(try rows[0].decode(Int.self, at: 0) == number)
                }
                isOver.store(true, ordering: .relaxed)
                try await tasks.waitForAll()
            }
            try await eventually("all places are given back", seeing: pool) {
                pool.snapshot.shared == 0 && pool.snapshot.idle == 2
            }
        }
    }
}

/// Keeps the thread busy until it is so. Not for long: the statement may have had a place at once, and be
/// sent by this very thread.
private func spin(until isSo: () -> Bool) {
    let end = ContinuousClock.now + .milliseconds(200)
    while !isSo(), ContinuousClock.now < end {}
}
