import Logging
import PGPool
import PGPoolTesting
import Synchronization
import Testing

/// Endpoints that lie, hang, or are not what they should be.
@Suite("Endpoints", .serialized)
struct EndpointIntegrationTests {
    // MARK: - One URL

    @Test("A pool by one URL of all hosts follows the writer")
    func followsByHosts() async throws {
        var local = LocalCluster.Configuration()
        local.readers = 2
        local.flavor = .plain
        local.promoteAfter = .milliseconds(500)
        try await LocalCluster.with(local) { servers in
            let url = servers.clusterURL + "?target_session_attrs=read-write"
            let pool = try ConnectionPool(url, maxConnections: 4)
            try await pool.query(Inserters.table)
            let inserters = Inserters()
            async let running = inserters.run(8, on: pool)
            try await eventually("rows are written") { inserters.count > 50 }
            try await servers.inject(.kill)
            let failover = try await servers.promotion()
            try await eventually("rows are written again", seeing: pool) {
                inserters.firstAfter(failover.promoted) != nil
            }
            inserters.stop()
            let report = await running
            expectOnlyLostCommits(report, workers: 8)
            await pool.shutdown()
        }
    }

    @Test("Callers of a host that hangs are told within the monitor's time, and others wait")
    func findsHang() async throws {
        var local = LocalCluster.Configuration()
        local.readers = 1
        local.promoteAfter = .seconds(60)
        try await LocalCluster.with(local) { servers in
            let health = HealthLog()
            try await withPool(on: servers, maxConnections: 2, observers: [health]) { pool in
                try await pool.query("SELECT 1")
                let hanging = Task { try await pool.query("SELECT pg_sleep(100)") }
                try await eventually("the statement runs") {
                    pool.snapshot.leased + pool.snapshot.shared == 1
                }
                let began = ContinuousClock.now
                try await servers.inject(.freeze)
                let error = await #expect(throws: PostgresError.self) {
                    _ = try await hanging.value
                }
                #expect(error?.failureClass == .outcomeUnknown)
                let held = ContinuousClock.now
                #expect(held - began < .seconds(3), "500 ms and 3 misses make 2 s")
                // The next caller waits within its own deadline and is served when the host is back.
                let waiting = Task {
                    try await pool.query("SELECT 1", acquireTimeout: .seconds(20))
                }
                try await eventually("it waits") { pool.snapshot.waiters == 1 }
                #expect(pool.snapshot.isHeld)
                try await servers.lift()
                _ = try await waiting.value
                #expect(health.first(.recovering, after: held) != nil)
            }
        }
    }

    @Test("A reader's pool does not mind that it is no writer")
    func usesReader() async throws {
        var local = LocalCluster.Configuration()
        local.readers = 1
        try await LocalCluster.with(local) { servers in
            let reader = try #require(servers.readers.first)
            let url = servers.url.replacing("@\(servers.host):", with: "@\(reader.host):")
            let pool = try ConnectionPool(url, maxConnections: 2)
            for _ in 0..<5 {
                await #expect(throws: PostgresError.self) {
                    try await pool.query("CREATE TABLE nowhere (a int)")
                }
                try await pool.query("SELECT 1", acquireTimeout: .seconds(1))
            }
            #expect(pool.snapshot.generation == 0, "25006 on a reader is no reason to evict")
            await pool.shutdown()
        }
    }

    // MARK: - A name that is wrong

    @Test("A name that lags or flaps back brings no row to the old writer")
    func ignoresStaleName() async throws {
        try await withCluster(.aurora, local: { $0.endpointLag = .seconds(20) }) {
            servers,
            cluster in
            try await cluster.writer.query(Inserters.table)
            let inserters = Inserters()
            async let running = inserters.run(8, on: cluster.writer)
            try await eventually("rows are written") { inserters.count > 50 }
            try await servers.inject(.staleEndpoint)
            let failover = try await servers.promotion()
            #expect(servers.resolve(servers.clusterEndpointName) == [failover.oldWriter.host])
            try await eventually("rows are written to the new writer") {
                inserters.firstAfter(failover.promoted) != nil
            }
            try await servers.heal()
            try servers.flapEndpoint(for: .seconds(3))
            #expect(servers.resolve(servers.clusterEndpointName) == [failover.oldWriter.host])
            // New connections are made while the name is wrong.
            for _ in 0..<3 {
                cluster.writer.evict()
                let before = inserters.count
                try await eventually("rows are written on new connections") {
                    inserters.count > before + 20
                }
            }
            inserters.stop()
            let report = await running
            expectOnlyLostCommits(report, workers: 8)
            let home: Query = "SELECT host(inet_server_addr()), pg_is_in_recovery()"
            let writer = try await cluster.writer.query(home).decode((String, Bool).self)
            #expect(writer.first?.0 == failover.newWriter.host)
            let rows = try await cluster.writer.query("SELECT operation FROM ledger")
            let present = try rows.decode(String.self)
            #expect(Set(present).count == present.count, "a row was written twice")
            let lost = report.acknowledged.keys.filter { !present.contains($0) }
            #expect(lost.isEmpty, "acknowledged and not on the writer: \(lost)")
        }
    }

    // MARK: - Bad input

    @Test("A reader's URL where a writer is wanted is an error that says so")
    func refusesReader() async throws {
        var local = LocalCluster.Configuration()
        local.readers = 1
        local.flavor = .plain
        try await LocalCluster.with(local) { servers in
            let reader = try #require(servers.readers.first)
            let url = servers.url.replacing("@\(servers.host):", with: "@\(reader.host):")
            let cluster = try Cluster(url, maxConnections: 2)
            let error = await #expect(throws: PoolError.self) {
                try await cluster.waitUntilReady(timeout: .seconds(2))
            }
            #expect(error?.code == .noWriter)
            #expect(error?.description.contains("every host that answers is a reader") == true)
            await cluster.shutdown()
        }
    }

    @Test("A cluster that cannot be reached is an error with the last connect error")
    func reportsUnreachable() async throws {
        // Nothing listens at the discard service's port.
        let port = 9
        let cluster = try Cluster("postgresql://app@127.0.0.1:\(port)/app", maxConnections: 2)
        let error = await #expect(throws: PoolError.self) {
            try await cluster.waitUntilReady(timeout: .milliseconds(500))
        }
        #expect(error?.code == .acquireTimeout)
        #expect(error?.phase == .failingOver)
        #expect(error?.lastConnectFailure?.message.contains("refused") == true)
        await cluster.shutdown()
    }

    @Test("A topology of hosts that cannot be reached is an error that names one")
    func reportsWrongPattern() async throws {
        let log = KeptLog()
        var local = LocalCluster.Configuration()
        local.readers = 1
        try await LocalCluster.with(local) { servers in
            var configuration = try Cluster.Configuration(
                url: servers.clusterURL,
                maxConnections: 2
            )
            configuration.pool.resolver = { [weak servers] in servers?.resolve($0) ?? [] }
            configuration.instanceHostPattern = "?.nowhere.invalid"
            configuration.topologyInterval = .milliseconds(100)
            let cluster = try Cluster(
                configuration: configuration,
                logger: Logger(label: "test") { _ in log }
            )
            let error = await #expect(throws: PoolError.self) {
                try await cluster.waitUntilReady(timeout: .seconds(3))
            }
            #expect(error?.description.contains("nowhere.invalid") == true)
            let kept = log.messages.withLock { $0 }
            #expect(kept.contains { $0.contains("is the pattern right?") })
            await cluster.shutdown()
        }
    }

    @Test("Wrong values are named with their bounds")
    func refusesWrongValues() throws {
        var configuration = try Cluster.Configuration(
            url: "postgresql://app@localhost/app",
            maxConnections: 4
        )
        configuration.instanceHostPattern = "db.internal"
        configuration.topologyInterval = .zero
        configuration.readers.maxConnections = 0
        configuration.pool.failover.isEnabled = false
        let error = #expect(throws: PoolError.self) { try configuration.validate() }
        for part in [
            "instanceHostPattern db.internal has no ?", "topologyInterval: 10 ms to 1 h",
            "readers.maxConnections: 1 to 100,000", "pool.failover.isEnabled: true",
        ] {
            #expect(error?.message.contains(part) == true, "\(part) in \(error?.message ?? "")")
        }
    }

    /// Whose COMMIT was under way cannot know; everybody else must have been served.
    private func expectOnlyLostCommits(_ report: Inserters.Report, workers: Int) {
        #expect(report.errors.count <= workers)
        for (operation, error) in report.errors {
            let isUnknown = (error as? PostgresError)?.failureClass == .outcomeUnknown
            #expect(isUnknown, "\(operation) failed: \(error)")
        }
    }
}
