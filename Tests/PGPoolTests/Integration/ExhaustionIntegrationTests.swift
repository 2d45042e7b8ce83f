import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

@Suite("Exhaustion, and the way out of it")
struct ExhaustionIntegrationTests {
    @Test("A full pool times its callers out with the whole story, and serves again afterwards")
    func timeout() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(on: cluster, maxConnections: 2) { pool in
            let gate = Gate()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 {
                    group.addTask { try await pool.withConnection { _ in await gate.wait() } }
                }
                try await eventually("both are leased") { pool.snapshot.leased == 2 }
                let error = try await poolError {
                    try await pool.withConnection(acquireTimeout: .milliseconds(30)) { _ in }
                }
                #expect(error.code == .acquireTimeout && error.phase == .waiting)
                #expect(error.failureClass == .notExecuted)
                #expect(error.waited >= .milliseconds(30))
                #expect(error.snapshot.leased == 2 && error.snapshot.limit == 2)
                #expect(error.holders.count == 2)
                #expect(
                    error.description.contains("ExhaustionIntegrationTests.swift"),
                    "the error must say who holds the connections"
                )
                gate.open()
                try await group.waitForAll()
            }
            #expect(try await pool.query("SELECT 1").count == 1)
        }
    }

    @Test("A nested acquire on a full pool is an error with both places, not a deadlock")
    func nested() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let clock = ContinuousClock()
            let start = clock.now
            let outer: UInt = #line + 1
            let error = try await pool.withConnection { _ in
                try await poolError { try await pool.query("SELECT 1") }
            }
            #expect(clock.now - start < .seconds(2), "it must not wait for the acquire timeout")
            #expect(error.code == .nestedAcquire)
            #expect(error.message.contains("ExhaustionIntegrationTests.swift:\(outer)"))
            #expect(error.message.contains("ExhaustionIntegrationTests.swift:\(outer + 1)"))
        }
    }

    @Test("A child task counts as its parent does; a detached one does not")
    func nestedChild() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.withConnection { _ in
                let error = try await poolError {
                    async let child: Void = pool.withConnection { _ in }
                    try await child
                }
                #expect(error.code == .nestedAcquire)
                let detached = Task.detached {
                    try await pool.withConnection(acquireTimeout: .milliseconds(20)) { _ in }
                }
                let timedOut = try await #require(throws: PoolError.self) {
                    try await detached.value
                }
                #expect(timedOut.code == .acquireTimeout)
            }
        }
    }

    @Test("A single statement holds nothing that a later task could be taken for holding")
    func statementsHoldNothing() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            // Cancelled, it outlives its task, and another task may get the same address.
            let task = Task { try await pool.query("SELECT pg_sleep(20)", sharing: .never) }
            try await eventually("it runs", seeing: pool) { pool.snapshot.leased == 1 }
            let holders = pool.engine.state.withLock { $0.holders }
            #expect(holders == [0], "a statement's connection must name no task as its holder")
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test("A nested acquire is served while another connection is free")
    func nestedWithRoom() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 2) { pool in
            let count = try await pool.withConnection { _ in try await pool.query("SELECT 1").count
            }
            #expect(count == 1)
        }
    }

    @Test("A queue that is full refuses at once")
    func queueBound() async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.acquire.maxWaiters = 1 }
        ) { pool in
            let gate = Gate()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await pool.withConnection { _ in await gate.wait() } }
                try await eventually("it is leased") { pool.snapshot.leased == 1 }
                group.addTask { try await pool.withConnection { _ in } }
                try await eventually("one waits") { pool.snapshot.waiters == 1 }
                let error = try await poolError { try await pool.withConnection { _ in } }
                #expect(error.code == .queueFull)
                gate.open()
                try await group.waitForAll()
            }
        }
    }

    @Test("A server that is full is waited for, and its 53300 is in the error")
    func serverFull() async throws {
        var configuration = LocalCluster.Configuration()
        configuration.parameters["max_connections"] = "8"
        configuration.parameters["superuser_reserved_connections"] = "3"
        try await LocalCluster.with(configuration) { cluster in
            var pools = try ConnectionPool.Configuration(url: cluster.url, maxConnections: 5)
            // What pings the host would take one of the five.
            pools.failover.isEnabled = false
            let first = try ConnectionPool(configuration: pools)
            let second = try ConnectionPool(configuration: pools)
            let gate = Gate()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<5 {
                    group.addTask { try await first.withConnection { _ in await gate.wait() } }
                }
                try await eventually("the first pool has all") { first.snapshot.leased == 5 }
                let error = try await poolError {
                    try await second.query("SELECT 1", acquireTimeout: .milliseconds(300))
                }
                #expect(error.code == .acquireTimeout && error.sqlState == .tooManyConnections)
                #expect(error.phase == .connecting)
                gate.open()
                try await group.waitForAll()
            }
            await first.shutdown()
            #expect(try await second.query("SELECT 1").count == 1)
            await second.shutdown()
        }
    }

    @Test("Waiters are served in the order in which they came")
    func order() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let gate = Gate()
            let log = Log()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await pool.withConnection { _ in await gate.wait() } }
                try await eventually("it is leased") { pool.snapshot.leased == 1 }
                for n in 0..<20 {
                    group.addTask { try await pool.withConnection { _ in await log.add(n) } }
                    try await eventually("\(n) waits") { pool.snapshot.waiters == n + 1 }
                }
                gate.open()
                try await group.waitForAll()
            }
            #expect(await log.entries == Array(0..<20))
        }
    }

    @Test("Pausing keeps deadlines; resuming serves")
    func pause() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.waitUntilReady()
            pool.pause()
            let error = try await poolError {
                try await pool.query("SELECT 1", acquireTimeout: .milliseconds(20))
            }
            #expect(error.code == .acquireTimeout && error.phase == .paused)
            async let answer = pool.query("SELECT 1")
            try await eventually("it waits") { pool.snapshot.waiters == 1 }
            pool.resume()
            #expect(try await answer.count == 1)
        }
    }

    @Test("A drain refuses new callers, serves those that wait, and waits for leases")
    func drain() async throws {
        let pool = try await ConnectionPool(Servers.plain.value.url, maxConnections: 1)
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await pool.withConnection { _ in await gate.wait() } }
            try await eventually("it is leased") { pool.snapshot.leased == 1 }
            group.addTask {
                let rows = try await pool.query("SELECT 1")
                #expect(rows.count == 1)
            }
            try await eventually("one waits") { pool.snapshot.waiters == 1 }
            group.addTask {
                await pool.drain(queueTimeout: .seconds(20), leaseTimeout: .seconds(20))
            }
            try await eventually("new callers are refused") {
                do {
                    try await pool.withConnection(acquireTimeout: .milliseconds(1)) { _ in }
                    return false
                } catch let error as PoolError {
                    return error.code == .shutDown
                }
            }
            gate.open()
            try await group.waitForAll()
        }
        #expect(pool.snapshot.total == 0)
    }
}

/// A list that tasks add to.
actor Log {
    private(set) var entries: [Int] = []
    func add(_ entry: Int) { entries.append(entry) }
}
