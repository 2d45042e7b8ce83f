import Foundation
import PGPool
import Testing

@testable import PGPoolTesting

/// The control plane and the endpoints, when the writer is simply killed.
@Suite(.serialized, .timeLimit(.minutes(4)))
struct ClusterFailoverIntegrationTests {
    @Test func aKilledWriterIsReplacedAndReturnsAsAReader() async throws {
        try await LocalCluster.replicated { cluster in
            var expected: [Int] = []
            for round in 1...3 {
                let old = cluster.writer
                let session = try await TestSession.open(cluster, old.host)
                expected.append(round)
                try await session.query("INSERT INTO ledger VALUES (\(round))")

                let asked = ContinuousClock.now
                let began = try await cluster.inject(.kill)
                #expect(began >= asked && began <= .now)
                #expect(await connectComplaint(cluster, old.host).contains("refused"))
                let second = await #expect(throws: LocalClusterError.self) {
                    try await cluster.inject(.kill)
                }
                #expect(second?.code == .faultActive)
                let failover = try await cluster.promotion()
                #expect(failover.oldWriter.id == old.id)
                #expect(failover.newWriter == cluster.writer)
                #expect(failover.newWriter.id != old.id)
                #expect(failover.faultBegan == began)
                #expect(failover.promotionBegan - began >= cluster.configuration.promoteAfter)
                #expect(failover.promoted > failover.promotionBegan)
                #expect(cluster.lastFailover == failover)

                let new = try await TestSession.open(cluster, failover.newWriter.host)
                try await new.query("INSERT INTO ledger VALUES (\(round + 100))")
                expected.append(round + 100)
                try await cluster.heal()
                #expect(cluster.readers.count == 2)
                #expect(cluster.readers.contains { $0.id == old.id })
                let rows = expected.sorted().map(String.init).joined(separator: ",")
                for node in cluster.nodes {
                    try await eventually(
                        { try await cluster.ledger(on: node) == rows },
                        orElse: "node \(node.id) lacks a row, or has one too many"
                    )
                }
                #expect(try await new.query("SHOW synchronous_standby_names") == "ANY 1 (*)")
            }
        }
    }

    @Test func endpointsFollowWithTheirLag() async throws {
        try await LocalCluster.replicated(endpointLag: .seconds(2)) { cluster in
            let old = cluster.writer
            let identity = "SELECT aurora_db_instance_identifier()"
            let early = try await TestSession.open(cluster, cluster.clusterEndpoint)
            #expect(try await early.query(identity) == old.id)
            #expect(cluster.resolve(cluster.clusterEndpointName) == [old.host])
            #expect(cluster.resolve(old.name) == [old.host])
            #expect(cluster.resolve("nobody.example").isEmpty)
            var dealt: Set<String> = []
            for _ in 0..<2 {
                let reader = try await TestSession.open(cluster, cluster.readerEndpoint)
                dealt.insert(try await reader.query(identity))
            }
            #expect(dealt == ["2", "3"])

            try await cluster.inject(.kill)
            let failover = try await cluster.promotion()
            // The names lag, and where they lead there is nobody.
            #expect(cluster.resolve(cluster.clusterEndpointName) == [old.host])
            #expect(await connectComplaint(cluster, cluster.clusterEndpoint) != "")
            try await eventually(
                { cluster.resolve(cluster.clusterEndpointName) == [failover.newWriter.host] },
                orElse: "the endpoint never followed"
            )
            #expect(ContinuousClock.now - failover.promoted >= .seconds(2))
            let late = try await TestSession.open(cluster, cluster.clusterEndpoint)
            #expect(try await late.query(identity) == failover.newWriter.id)
            #expect(cluster.resolve(cluster.readerEndpointName).count == 1)
            try await cluster.heal()
            try await eventually(
                { cluster.resolve(cluster.readerEndpointName).contains(old.host) },
                orElse: "the old writer never came back to the reader endpoint"
            )

            // Back to the old node, which is a reader now, and then right again.
            try cluster.flapEndpoint(for: .seconds(2))
            #expect(cluster.resolve(cluster.clusterEndpointName) == [old.host])
            let misled = try await TestSession.open(cluster, cluster.clusterEndpoint)
            let refused = await misled.complaint(about: "INSERT INTO ledger VALUES (1)")
            #expect(refused.contains("25006"), "\(refused)")
            try await eventually(
                { cluster.resolve(cluster.clusterEndpointName) == [failover.newWriter.host] },
                orElse: "the endpoint went on flapping"
            )
        }
    }

    @Test func theTopologyFunctionsFollow() async throws {
        try await LocalCluster.replicated { cluster in
            func view(_ node: LocalCluster.Node) async throws -> String {
                let session = try await TestSession.open(cluster, node.host)
                return try await session.query(
                    """
                    SELECT aurora_db_instance_identifier(), string_agg(server_id
                    || CASE session_id WHEN 'MASTER_SESSION_ID' THEN 'w' ELSE 'r' END, ' '
                    ORDER BY server_id) FROM pg_catalog.aurora_replica_status()
                    """
                )
            }
            for node in cluster.nodes { #expect(try await view(node) == "\(node.id)|1w 2r 3r") }
            try await cluster.inject(.kill)
            let new = try await cluster.promotion().newWriter.id
            for node in [cluster.writer] + cluster.readers {
                let expected = ["2", "3"].map { $0 + ($0 == new ? "w" : "r") }
                let seen = try await view(node)
                #expect(seen == "\(node.id)|\(expected.joined(separator: " "))")
            }
            try await cluster.heal()
            for node in cluster.nodes {
                let expected = ["1", "2", "3"].map { $0 + ($0 == new ? "w" : "r") }
                let seen = try await view(node)
                #expect(seen == "\(node.id)|\(expected.joined(separator: " "))")
            }
        }
    }

    @Test func theFunctionsHaveAurorasColumnsForOrdinaryRoles() async throws {
        try await LocalCluster.replicated { cluster in
            let session = try await TestSession.open(cluster, cluster.readers[0].host)
            let columns = try await session.query(
                """
                SELECT array_to_string(proargnames, ' ') FROM pg_proc
                WHERE oid = 'pg_catalog.aurora_replica_status'::regproc
                """
            )
            #expect(
                columns == """
                    server_id session_id durable_lsn highest_lsn_rcvd current_read_lsn \
                    cur_replay_latency_in_usec active_txns is_current last_transport_error \
                    last_error_timestamp last_update_timestamp feedback_xmin feedback_epoch \
                    replica_lag_in_msec log_stream_speed_in_kib_per_second \
                    log_buffer_sequence_number oldest_read_view_trx_id oldest_read_view_lsn \
                    pending_read_ios read_ios iops cpu
                    """
            )
            #expect(try await session.query("SELECT aurora_version() ~ '^[0-9.]+$'") == "t")
            let extensions = """
                SELECT setting LIKE '%aurora_stat_utils%' FROM pg_settings
                WHERE name = 'rds.extensions'
                """
            #expect(try await session.query(extensions) == "t")
            let rows = """
                SELECT count(*) FILTER (WHERE cpu IS NOT NULL AND last_update_timestamp <= now()
                AND durable_lsn > 0) FROM aurora_replica_status()
                """
            #expect(try await session.query(rows) == "3")
            let file = await session.complaint(about: "SELECT pg_read_file('/etc/hostname')")
            #expect(file.contains("42501"), "an ordinary role may read files: \(file)")
        }
    }

    @Test(arguments: [LocalCluster.Flavor.multiAZ, .plain])
    func otherFlavorsHaveOtherFunctions(flavor: LocalCluster.Flavor) async throws {
        var configuration = LocalCluster.Configuration()
        configuration.readers = 1
        configuration.flavor = flavor
        try await LocalCluster.with(configuration) { cluster in
            let reader = try await TestSession.open(cluster, cluster.readers[0].host)
            let absent = await reader.complaint(about: "SELECT aurora_replica_status()")
            #expect(absent.contains("42883"), "\(absent)")
            let topology = "SELECT * FROM rds_tools.show_topology('pgpool') ORDER BY 1"
            guard flavor == .multiAZ else {
                #expect(await reader.complaint(about: topology).contains("3F000"))
                return
            }
            let expected = cluster.nodes.map { "db-\($0.id)|\($0.host)|\($0.port)" }
            #expect(try await reader.query(topology) == expected.joined(separator: "\n"))
            let writer = """
                SELECT multi_az_db_cluster_source_dbi_resource_id
                FROM rds_tools.multi_az_db_cluster_source_dbi_resource_id()
                """
            #expect(try await reader.query(writer) == "db-1")
            let own = "SELECT dbi_resource_id FROM rds_tools.dbi_resource_id()"
            #expect(try await reader.query(own) == "db-2")
            // The writer gets no row, or an empty one: it follows nobody.
            let itself = try await TestSession.open(cluster, cluster.host)
            #expect(try await itself.query(writer) == "")
        }
    }

    @Test func withoutReadersAFaultIsRefused() async throws {
        try await LocalCluster.with { cluster in
            let error = await #expect(throws: LocalClusterError.self) {
                try await cluster.inject(.kill)
            }
            #expect(error?.code == .noReader)
            let none = await #expect(throws: LocalClusterError.self) { try await cluster.heal() }
            #expect(none?.code == .faultActive)
        }
    }

    @Test("The examples of the documentation")
    func examples() async throws {
        do {
            var configuration = LocalCluster.Configuration()
            configuration.parameters["max_connections"] = "40"
            configuration.authentication = .scram(password: "secret")
            try await LocalCluster.with(configuration) { cluster in
                let pool = try ConnectionPool(cluster.url, maxConnections: 16)
                try await cluster.restart()
                let sessions = try await cluster.execute("SELECT count(*) FROM pg_stat_activity")
                #expect(Int(sessions) ?? 0 > 0)
                await pool.shutdown()
            }
            configuration.readers = 2
            try await LocalCluster.with(configuration) { cluster in
                try await cluster.inject(.kill)
                let failover = try await cluster.promotion()
                print("new writer:", failover.newWriter)
                try await cluster.heal()
            }
        }
        var configuration = LocalCluster.Configuration()
        configuration.readers = 2
        configuration.promoteAfter = .seconds(1)
        try await LocalCluster.with(configuration) { cluster in
            let began = try await cluster.inject(.kill)
            let failover = try await cluster.promotion()
            print("new writer after", failover.promoted - began)
            try await cluster.heal()
        }
    }
}
