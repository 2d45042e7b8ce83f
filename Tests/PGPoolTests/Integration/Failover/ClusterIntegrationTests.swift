import PGPool
import PGPoolTesting
import Testing

/// A cluster's pools on real servers.
@Suite("Writer and readers", .serialized)
struct ClusterIntegrationTests {
    @Test("Roles are found", arguments: LocalCluster.Flavor.allCases)
    func findsRoles(flavor: LocalCluster.Flavor) async throws {
        try await withCluster(flavor) { _, cluster in
            let isReader: Query = "SELECT pg_is_in_recovery()"
            let onWriter = try await cluster.writer.query(isReader).decode(Bool.self)
            #expect(onWriter == [false])
            try await eventually("two readers are known") {
                cluster.members.count { $0.role == .reader } == 2
            }
            for _ in 0..<8 {
                let onReader = try await cluster.reader.query(isReader).decode(Bool.self)
                #expect(onReader == [true])
            }
            let used = cluster.reader.snapshots.map(\.pool.openedTotal)
            #expect(used.allSatisfy { $0 > 0 }, "every reader should be used: \(used)")
        }
    }

    @Test(
        "After a failover callers go on",
        arguments: LocalCluster.Flavor.allCases,
        [LocalCluster.Fault.kill, .freeze]
    )
    func failsOver(flavor: LocalCluster.Flavor, fault: LocalCluster.Fault) async throws {
        try await failOver(flavor, fault)
    }

    /// On other flavors nothing tells a demoted writer from one that somebody made read-only.
    @Test("After a demotion callers go on")
    func survivesDemotion() async throws {
        try await failOver(.aurora, .demote)
    }

    private func failOver(_ flavor: LocalCluster.Flavor, _ fault: LocalCluster.Fault) async throws {
        let health = HealthLog()
        try await withCluster(flavor, promoteAfter: .seconds(3), observers: [health]) {
            servers,
            cluster in
            try await cluster.writer.query(Inserters.table)
            let inserters = Inserters()
            async let running = inserters.run(16, on: cluster.writer)
            try await eventually("rows are written") { inserters.count > 200 }
            let before = ContinuousClock.now
            try await servers.inject(fault)
            let failover = try await servers.promotion()
            try await eventually("rows are written again", seeing: cluster.writer) {
                inserters.firstAfter(failover.promoted) != nil
            }
            inserters.stop()
            let report = await running
            // An endpoint that has just recovered is not suspected first.
            let doubted = try #require(health.first(.suspect, .failingOver, after: before))
            #expect(doubted - before < .seconds(3), "found within the monitor's time")
            #expect(report.errors.count <= 8, "at most one COMMIT of each connection is lost")
            for (operation, error) in report.errors {
                let isUnknown = (error as? PostgresError)?.failureClass == .outcomeUnknown
                #expect(isUnknown, "\(operation) failed: \(error)")
            }
            try await servers.heal()
            let rows = try await cluster.writer.query("SELECT operation FROM ledger")
            let present = try rows.decode(String.self)
            #expect(Set(present).count == present.count, "a row was written twice")
            let lost = report.acknowledged.keys.filter { !present.contains($0) }
            #expect(lost.isEmpty, "acknowledged and gone: \(lost)")
        }
    }
}
