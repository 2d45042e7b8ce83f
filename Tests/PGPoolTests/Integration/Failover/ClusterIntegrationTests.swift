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
        [LocalCluster.Fault.kill, .demote, .freeze]
    )
    func failsOver(flavor: LocalCluster.Flavor, fault: LocalCluster.Fault) async throws {
        let health = HealthLog()
        try await withCluster(flavor, promoteAfter: .seconds(3), observers: [health]) {
            servers,
            cluster in
            try await cluster.writer.query(Inserters.table)
            let inserters = Inserters()
            async let running = inserters.run(16, on: cluster.writer)
            try await eventually("rows are written") { inserters.count > 200 }
            let began = try await servers.inject(fault)
            let failover = try await servers.promotion()
            try await eventually("rows are written again") {
                inserters.firstAfter(failover.promoted) != nil
            }
            inserters.stop()
            let report = await running
            let first = try #require(inserters.firstAfter(failover.promoted))
            let suspect =
                health.first(.suspect, after: began) ?? health.first(.failingOver, after: began)
            print(
                "DRILL \(flavor) \(fault): first write \(first - failover.promoted), detected \(suspect.map { "\($0 - began)" } ?? "never"), errors \(report.errors.count): \(report.errors.prefix(3))"
            )
            try await servers.heal()
            let rows = try await cluster.writer.query(
                "SELECT operation, count(*) FROM ledger GROUP BY 1"
            ).decode((String, Int).self)
            let present = Set(rows.map(\.0))
            #expect(report.acknowledged.keys.allSatisfy { present.contains($0) })
            #expect(rows.allSatisfy { $0.1 == 1 })
        }
    }
}
