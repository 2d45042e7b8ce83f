import Foundation
import Testing

@testable import PGPoolTesting

/// Each fault does what it says, and is healed.
@Suite(.serialized, .timeLimit(.minutes(4)))
struct ClusterFaultIntegrationTests {
    /// What a session says whose server is silent for longer than it waits.
    private let silence = "Resource temporarily unavailable"

    @Test func aFrozenWriterHangsAndThawsAsAStaleOne() async throws {
        try await LocalCluster.replicated { cluster in
            let old = cluster.writer
            let wait = Duration.milliseconds(500)
            let session = try await TestSession.open(cluster, old.host, timeout: wait)
            try await session.query("INSERT INTO ledger VALUES (1)")
            try await cluster.inject(.freeze)
            #expect(await session.complaint(about: "SELECT 1").contains(silence))
            #expect(await connectComplaint(cluster, old.host, timeout: wait).contains(silence))

            let new = try await cluster.promotion().newWriter
            let writing = try await TestSession.open(cluster, new.host)
            try await writing.query("INSERT INTO ledger VALUES (2)")
            try await cluster.lift()
            // It believes in its role, nobody follows it, and so it acknowledges nothing.
            let stale = try await TestSession.open(cluster, old.host, timeout: .seconds(1))
            #expect(try await stale.query("SELECT pg_is_in_recovery()") == "f")
            #expect(try await stale.query(whoWrites) == old.id)
            #expect(await stale.complaint(about: "INSERT INTO ledger VALUES (3)").contains(silence))
            try await expectHealed(cluster, rows: "1,2")
        }
    }

    @Test func aDemotedWriterRefusesWritesInOpenSessions() async throws {
        try await LocalCluster.replicated(promoteAfter: .seconds(1)) { cluster in
            let old = cluster.writer
            let session = try await TestSession.open(cluster, old.host)
            try await session.query("INSERT INTO ledger VALUES (1)")
            try await cluster.inject(.demote)
            try await eventually(
                {
                    let refused = await session.complaint(about: "DELETE FROM ledger WHERE id = 9")
                    return refused.contains("25006")
                },
                orElse: "the demoted writer still takes writes"
            )
            #expect(try await session.query(whoWrites) == "", "a demoted node is a reader to all")
            #expect(try await session.query("SELECT pg_is_in_recovery()") == "f")
            let new = try await cluster.promotion().newWriter
            #expect(try await session.query(whoWrites) == new.id)
            // Who insists may write there, and is never told that it worked.
            let insisting = try await TestSession.open(cluster, old.host, timeout: .seconds(1))
            try await insisting.query("BEGIN READ WRITE; INSERT INTO ledger VALUES (2)")
            #expect(await insisting.complaint(about: "COMMIT").contains(silence))
            try await expectHealed(cluster, rows: "1")
            let back = try await TestSession.open(cluster, old.host)
            #expect(try await back.query("SHOW default_transaction_read_only") == "off")
        }
    }

    @Test func aStalledWriterIsSilentAndWorksOn() async throws {
        try await LocalCluster.replicated(forwardsNodes: true) { cluster in
            let old = cluster.writer
            let wait = Duration.milliseconds(500)
            let session = try await TestSession.open(cluster, old.host, timeout: wait)
            try await session.query("INSERT INTO ledger VALUES (1)")
            try await cluster.inject(.stall)
            #expect(await session.complaint(about: "SELECT 1").contains(silence))
            #expect(await connectComplaint(cluster, old.host, timeout: wait).contains(silence))
            #expect(try await cluster.ledger(on: old) == "1", "the server itself must be well")
            let new = try await cluster.promotion().newWriter
            #expect(await connectComplaint(cluster, new.host) == "")
            try await expectHealed(cluster, rows: "1")
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root may drop packets"))
    func aWriterThatIsCutOffIsSilent() async throws {
        try await LocalCluster.replicated { cluster in
            let old = cluster.writer
            let wait = Duration.milliseconds(500)
            let session = try await TestSession.open(cluster, old.host, timeout: wait)
            try await session.query("INSERT INTO ledger VALUES (1)")
            try await cluster.inject(.cut)
            #expect(try await Kernel.packetRules().contains(old.host))
            #expect(await session.complaint(about: "SELECT 1").contains(silence))
            // A connect is not even answered.
            let connect = await connectComplaint(cluster, old.host, timeout: wait)
            #expect(connect.contains("connect: Operation now in progress"), "\(connect)")
            let new = try await cluster.promotion().newWriter
            #expect(await connectComplaint(cluster, new.host) == "")
            try await expectHealed(cluster, rows: "1")
            #expect(try await !Kernel.packetRules().contains(old.host))
        }
    }

    @Test func aLostAcknowledgementIsACommitAllTheSame() async throws {
        try await LocalCluster.replicated(forwardsNodes: true) { cluster in
            let old = cluster.writer
            let session = try await TestSession.open(cluster, old.host)
            try await session.query("INSERT INTO ledger VALUES (1)")
            let armed = try await cluster.inject(.lostAcknowledgement)
            // Nothing but a COMMIT's answer is lost.
            try await session.query("INSERT INTO ledger VALUES (2)")
            try await session.query("BEGIN; INSERT INTO ledger VALUES (3)")
            let lost = await session.complaint(about: "COMMIT")
            #expect(lost.contains("the server left") || lost.contains("reset"), "\(lost)")
            let failover = try await cluster.promotion()
            #expect(failover.faultBegan > armed)
            #expect(try await cluster.ledger(on: failover.newWriter) == "1,2,3")
            #expect(await connectComplaint(cluster, old.host).contains("refused"))
            try await expectHealed(cluster, rows: "1,2,3")

            // Without a COMMIT it never happens, and can be called off.
            try await cluster.inject(.lostAcknowledgement)
            try await cluster.heal()
            let next = try await TestSession.open(cluster, cluster.writer.host)
            #expect(await next.complaint(about: "BEGIN; COMMIT") == "")
        }
    }

    @Test(arguments: [LocalCluster.Fault.stall, .lostAcknowledgement])
    func faultsThatNeedForwardersSaySo(fault: LocalCluster.Fault) async throws {
        try await LocalCluster.replicated { cluster in
            let error = await #expect(throws: LocalClusterError.self) {
                try await cluster.inject(fault)
            }
            #expect(error?.code == .needsForwarders)
        }
    }

    @Test func theChosenReaderMayRestartWhileItIsPromoted() async throws {
        try await LocalCluster.replicated { cluster in
            let session = try await TestSession.open(cluster, cluster.host)
            try await session.query("INSERT INTO ledger VALUES (1)")
            try await cluster.inject(.restartPromoted)
            let failover = try await cluster.promotion()
            let new = try await TestSession.open(cluster, failover.newWriter.host)
            try await new.query("INSERT INTO ledger VALUES (2)")
            #expect(try cluster.log().contains("received fast shutdown request"))
            try await expectHealed(cluster, rows: "1,2")
        }
    }

    @Test func allMayDieAndOneComesBack() async throws {
        try await LocalCluster.replicated(promoteAfter: .seconds(1)) { cluster in
            let session = try await TestSession.open(cluster, cluster.host)
            try await session.query("INSERT INTO ledger VALUES (1)")
            try await cluster.inject(.restartAll)
            for node in cluster.nodes {
                #expect(await connectComplaint(cluster, node.host).contains("refused"))
            }
            let failover = try await cluster.promotion()
            #expect(failover.newWriter.id != failover.oldWriter.id)
            #expect(cluster.readers.isEmpty)
            let new = try await TestSession.open(cluster, failover.newWriter.host)
            try await new.query("INSERT INTO ledger VALUES (2)")
            try await expectHealed(cluster, rows: "1,2")
        }
    }

    @Test func aStaleEndpointLeadsToTheOldWriterWhichIsAReader() async throws {
        try await LocalCluster.replicated { cluster in
            let old = cluster.writer
            try await cluster.inject(.staleEndpoint)
            let failover = try await cluster.promotion()
            try await eventually(
                { cluster.readers.contains { $0.id == old.id } },
                orElse: "the old writer didn't return by itself"
            )
            #expect(cluster.resolve(cluster.clusterEndpointName) == [old.host])
            let misled = try await TestSession.open(cluster, cluster.clusterEndpoint)
            let refused = await misled.complaint(about: "INSERT INTO ledger VALUES (1)")
            #expect(refused.contains("25006"), "\(refused)")
            #expect(try await misled.query(whoWrites) == failover.newWriter.id)
            let leads = [19, 21].map { seconds in
                cluster.state.read {
                    $0.clusterEndpoint.nodes(at: failover.promoted + .seconds(seconds))
                }.map(String.init)
            }
            #expect(leads == [[old.id], [failover.newWriter.id]])
            try await expectHealed(cluster, rows: "")
            #expect(cluster.resolve(cluster.clusterEndpointName) == [failover.newWriter.host])
        }
    }

    @Test(arguments: [true, false])
    func aNodeCanRefuseConnections(isWriter: Bool) async throws {
        var configuration = LocalCluster.Configuration()
        configuration.readers = 1
        configuration.parameters["max_connections"] = "20"
        try await LocalCluster.with(configuration) { cluster in
            let node = isWriter ? cluster.writer : cluster.readers[0]
            for (refusal, state) in [
                (LocalCluster.Refusal.tooManyConnections, "53300"), (.startingUp, "57P03"),
            ] {
                try await cluster.refuseConnections(on: node, with: refusal)
                let refused = await connectComplaint(cluster, node.host)
                #expect(refused.contains(state), "\(refused)")
                let other = isWriter ? cluster.readers[0] : cluster.writer
                #expect(await connectComplaint(cluster, other.host) == "")
                let twice = await #expect(throws: LocalClusterError.self) {
                    try await cluster.refuseConnections(on: node, with: refusal)
                }
                #expect(twice?.code == .faultActive)
                try await cluster.acceptConnections(on: node)
                try await eventually(
                    { await connectComplaint(cluster, node.host) == "" },
                    orElse: "node \(node.id) still refuses"
                )
            }
            let session = try await TestSession.open(cluster, cluster.host)
            try await session.query("CREATE TABLE still_in_sync ()")
            #expect(try await session.query("SELECT pg_is_in_recovery()") == "f")
        }
    }

    private let whoWrites = """
        SELECT server_id FROM aurora_replica_status() WHERE session_id = 'MASTER_SESSION_ID'
        """

    /// Heals, and finds every node following with exactly these rows.
    private func expectHealed(
        _ cluster: LocalCluster,
        rows: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await cluster.heal()
        #expect(cluster.readers.count == 2, sourceLocation: sourceLocation)
        for node in cluster.nodes {
            try await eventually(
                { try await cluster.ledger(on: node) == rows },
                orElse: "node \(node.id) has other rows than \(rows)",
                sourceLocation: sourceLocation
            )
            let session = try await TestSession.open(cluster, node.host)
            #expect(
                try await session.query(whoWrites) == cluster.writer.id,
                sourceLocation: sourceLocation
            )
        }
    }
}
