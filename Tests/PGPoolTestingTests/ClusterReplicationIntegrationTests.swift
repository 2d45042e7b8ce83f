import Foundation
import Testing

@testable import PGPoolTesting

/// Readers follow, commits wait for one of them, and readers come and go.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ClusterReplicationIntegrationTests {
    @Test func aCommitWaitsForAnyOneReader() async throws {
        try await LocalCluster.replicated { cluster in
            #expect(cluster.writer.id == "1")
            #expect(cluster.readers.map(\.id) == ["2", "3"])
            #expect(Set(cluster.nodes.map(\.host)).count == 3)
            #expect(Set(cluster.nodes.map(\.port)) == [cluster.port])
            let session = try await TestSession.open(cluster, cluster.writer.host)
            #expect(try await session.query("SHOW synchronous_standby_names") == "ANY 1 (*)")

            // With one reader stopped a commit goes through, with both it waits.
            let servers = cluster.state.read { $0.readers }
            try await servers[0].freeze()
            try await session.query("INSERT INTO ledger VALUES (1)")
            try await servers[1].freeze()
            let waiting = try await TestSession.open(cluster, cluster.host)
            async let commit = waiting.query("INSERT INTO ledger VALUES (2)")
            let isWaiting = """
                SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'
                """
            try await eventually(
                { try await cluster.execute(isWaiting) == "1" },
                orElse: "the commit was acknowledged without a reader"
            )
            try await servers[0].thaw()
            _ = try await commit
            try await servers[1].thaw()
            for reader in cluster.readers {
                try await eventually(
                    { try await cluster.ledger(on: reader) == "1,2" },
                    orElse: "reader \(reader.id) doesn't follow: see its log"
                )
                let role = try await TestSession.open(cluster, reader.host)
                #expect(try await role.query("SELECT pg_is_in_recovery()") == "t")
                let refused = await role.complaint(about: "INSERT INTO ledger VALUES (9)")
                #expect(refused.contains("25006"), "\(refused)")
            }
        }
    }

    @Test func readersComeAndGo() async throws {
        try await LocalCluster.replicated(endpointLag: .zero) { cluster in
            let session = try await TestSession.open(cluster, cluster.host)
            try await session.query("INSERT INTO ledger VALUES (1)")
            let added = try await cluster.addReader()
            #expect(added.id == "4")
            #expect(try await cluster.ledger(on: added) == "1")
            let topology = "SELECT string_agg(server_id, ',') FROM aurora_replica_status()"
            #expect(try await session.query(topology) == "1,2,3,4")
            #expect(cluster.resolve(cluster.readerEndpointName).sorted().last == added.host)

            for reader in cluster.readers { try await cluster.removeReader(reader) }
            #expect(try await session.query(topology) == "1")
            #expect(await connectComplaint(cluster, added.host).contains("refused"))
            // Nobody is left to wait for, and the reader endpoint leads to the writer.
            try await eventually(
                { try await session.query("SHOW synchronous_standby_names") == "" },
                orElse: "commits still wait for a reader"
            )
            try await session.query("INSERT INTO ledger VALUES (2)")
            #expect(cluster.resolve(cluster.readerEndpointName) == [cluster.host])

            let again = try await cluster.addReader()
            #expect(again.id == "2")
            #expect(try await cluster.ledger(on: again) == "1,2")
            #expect(try await session.query("SHOW synchronous_standby_names") == "ANY 1 (*)")
            let error = await #expect(throws: LocalClusterError.self) {
                try await cluster.removeReader(cluster.writer)
            }
            #expect(error?.code == .unknownNode)
        }
    }

    @Test func aReadersReplayCanBeDelayed() async throws {
        try await LocalCluster.replicated { cluster in
            let reader = cluster.readers[0]
            try await cluster.delayReplay(of: reader, by: .seconds(600))
            let session = try await TestSession.open(cluster, cluster.host)
            let lag = """
                SELECT string_agg(replica_lag_in_msec::text, ',' ORDER BY server_id)
                FROM aurora_replica_status()
                """
            #expect(try await session.query(lag) == "600000,0")
            try await session.query("INSERT INTO ledger VALUES (1)")
            try await eventually(
                { try await cluster.ledger(on: cluster.readers[1]) == "1" },
                orElse: "the other reader doesn't follow"
            )
            #expect(try await cluster.ledger(on: reader) == "")
            try await cluster.delayReplay(of: reader, by: .zero)
            try await eventually(
                { try await cluster.ledger(on: reader) == "1" },
                orElse: "the delay didn't end"
            )
        }
    }

    @Test func loginsNeedTheirPasswordOnEveryNode() async throws {
        var configuration = LocalCluster.Configuration()
        configuration.readers = 1
        configuration.authentication = .scram(password: "it's /secret?")
        configuration.tls = .required
        try await LocalCluster.with(configuration) { cluster in
            for node in cluster.nodes {
                let right = try await psql(cluster, cluster.url(of: node), "SELECT 1")
                #expect(right.output == "1", "\(right.errors)")
                let control = "host=\(node.host) port=\(node.port) dbname=postgres user="
                let refused = try await psql(cluster, control + ServerNode.controlRole, "SELECT 1")
                #expect(refused.errors.contains("pg_hba.conf rejects"), "\(refused.errors)")
            }
            let endpoint = try await psql(cluster, cluster.clusterEndpointURL, "SELECT 1")
            #expect(endpoint.output == "1", "\(endpoint.errors)")
        }
    }
}
