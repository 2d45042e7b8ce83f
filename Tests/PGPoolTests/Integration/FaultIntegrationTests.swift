import PGPool
import PGPoolTesting
import Testing

@Suite("Connections and servers that die")
struct FaultIntegrationTests {
    /// Ends a server process as an administrator would.
    private func terminate(_ pid: Int32, _ cluster: LocalCluster) async throws {
        let answer = try await cluster.execute("SELECT pg_terminate_backend(\(pid), 5000)")
        #expect(answer == "t")
    }

    @Test("A backend killed while idle is noticed before anybody gets it")
    func killedIdle() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(on: cluster, maxConnections: 1) { pool in
            let pid = try await pool.withConnection { $0.backendPID }
            try await terminate(pid, cluster)
            try await eventually("the pool has let go of it") { pool.snapshot.idle == 0 }
            let next = try await pool.withConnection { connection in
                try await connection.query("SELECT 1")
                return connection.backendPID
            }
            #expect(next != pid)
        }
    }

    @Test("A backend killed while leased fails the statement with its true class")
    func killedLeased() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(on: cluster, maxConnections: 1) { pool in
            let error = try await #require(throws: PostgresError.self) {
                try await pool.withConnection { connection in
                    async let answer = connection.query("SELECT pg_sleep(60)")
                    try await eventually("it runs") {
                        try await cluster.execute(
                            """
                            SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%'
                            AND pid = \(connection.backendPID) AND state = 'active'
                            """
                        ) == "1"
                    }
                    try await terminate(connection.backendPID, cluster)
                    _ = try await answer
                }
            }
            #expect(error.sqlState == .adminShutdown && error.failureClass == .outcomeUnknown)
            #expect(try await pool.query("SELECT 1").count == 1)
        }
    }

    @Test("A backend killed in a transaction: rolled back, and the pool goes on")
    func killedInTransaction() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(on: cluster, maxConnections: 1) { pool in
            try await pool.query("CREATE TABLE IF NOT EXISTS killed (n int)")
            let error = try await #require(throws: PostgresError.self) {
                try await pool.withTransaction { transaction in
                    try await transaction.query("INSERT INTO killed VALUES (1)")
                    let rows = try await transaction.query("SELECT pg_backend_pid()")
                    try await terminate(Int32(rows[0].decode(Int.self, at: 0)), cluster)
                    try await transaction.query("INSERT INTO killed VALUES (2)")
                }
            }
            #expect(error.failureClass == .rolledBack || error.failureClass == .notExecuted)
            #expect(try await pool.query("SELECT FROM killed").isEmpty)
        }
    }

    @Test("A backend killed in the middle of a long result")
    func killedWhileReceiving() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(on: cluster, maxConnections: 1) { pool in
            let error = try await #require(throws: PostgresError.self) {
                try await pool.withConnection { connection in
                    async let answer = connection.query(
                        "SELECT repeat('x', 1000), pg_sleep(0.01) FROM generate_series(1, 100000)"
                    )
                    try await eventually("it sends rows") {
                        try await cluster.execute(
                            """
                            SELECT count(*) FROM pg_stat_activity
                            WHERE pid = \(connection.backendPID) AND query LIKE '%repeat%'
                            AND state = 'active'
                            """
                        ) == "1"
                    }
                    try await terminate(connection.backendPID, cluster)
                    _ = try await answer
                }
            }
            #expect(error.sqlState == .adminShutdown)
            #expect(try await pool.query("SELECT 1").count == 1)
        }
    }

    @Test("The whole server stops and starts under load; the pool refills without help")
    func serverRestart() async throws {
        try await LocalCluster.with { cluster in
            try await withPool(
                on: cluster,
                maxConnections: 8,
                configure: {
                    $0.acquire.timeout = .seconds(30)
                    // One statement is in flight on a connection, so few can fail.
                    $0.sharing.depth = 1
                }
            ) { pool in
                let isOver = Flag()
                try await withThrowingTaskGroup(of: (Int, Int).self) { group in
                    for _ in 0..<32 {
                        group.addTask {
                            var (done, failed) = (0, 0)
                            while !isOver.isSet {
                                do {
                                    try await pool.query("SELECT 1")
                                    done += 1
                                } catch is PostgresError {
                                    failed += 1
                                }
                            }
                            return (done, failed)
                        }
                    }
                    for mode in [LocalCluster.StopMode.fast, .immediate] {
                        try await eventually("the pool is full") { pool.snapshot.openedTotal >= 8 }
                        let opened = pool.snapshot.openedTotal
                        try await cluster.restart(mode: mode)
                        try await eventually("the pool refills after \(mode)", seeing: pool) {
                            pool.snapshot.openedTotal >= opened + 8
                        }
                    }
                    isOver.set()
                    var (done, failed) = (0, 0)
                    for try await counts in group {
                        done += counts.0
                        failed += counts.1
                    }
                    #expect(done > 0)
                    // Only what was in flight may fail: one statement takes its connection with it. A
                    // dial that a stopping server lets in counts, too.
                    let opened = pool.snapshot.openedTotal
                    #expect(
                        failed <= opened,
                        "\(failed) of \(done) failed on \(opened) connections"
                    )
                }
                #expect(pool.snapshot.peak <= 8)
            }
        }
    }

    @Test("Killing the server outright is survived too")
    func serverKilled() async throws {
        try await LocalCluster.with { cluster in
            try await withPool(
                on: cluster,
                maxConnections: 4,
                configure: { $0.acquire.timeout = .seconds(30) }
            ) { pool in
                try await pool.query("SELECT 1")
                try await cluster.kill()
                async let waiting = pool.query("SELECT 2")
                try await cluster.start()
                _ = try? await waiting
                #expect(try await pool.query("SELECT 3").count == 1)
            }
        }
    }

    @Test("Evicting retires idle connections at once and leased ones on return")
    func evict() async throws {
        let recorder = Recorder()
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 2,
            observers: [recorder]
        ) { pool in
            try await pool.withConnection { leased in
                try await pool.query("SELECT 1")
                pool.evict()
                #expect(try await leased.query("SELECT 1").count == 1)
            }
            try await eventually("both were closed") { pool.snapshot.closedTotal == 2 }
            #expect(recorder.closeReasons == ["evicted", "evicted"])
            #expect(try await pool.query("SELECT 1").count == 1)
        }
    }

    @Test("Old connections are retired, and long leases reported")
    func lifetime() async throws {
        let recorder = Recorder()
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            observers: [recorder],
            configure: {
                $0.lifetime.maximum = .milliseconds(40)
                $0.upkeep.longLeaseThreshold = .milliseconds(20)
            }
        ) { pool in
            try await pool.withConnection { connection in
                try await eventually("the long lease is reported") {
                    recorder.events.contains {
                        if case .leaseHeldLong(let site, _) = $0 {
                            site.fileID.hasSuffix("FaultIntegrationTests.swift")
                        } else {
                            false
                        }
                    }
                }
                #expect(try await connection.query("SELECT 1").count == 1)
            }
            try await eventually("it is retired") { recorder.closeReasons.contains("lifetime") }
        }
    }
}
