import PGPool
import PGPoolTesting
import Testing

/// What the documentation of clusters and verified commits shows, run. `scripts/lint` sees that it
/// stands here.
@Suite("The examples of failover")
struct FailoverExamplesIntegrationTests {
    @Test("docs/failover.md, Cluster")
    func clusters() async throws {
        var local = LocalCluster.Configuration()
        local.readers = 1
        try await LocalCluster.with(local) { servers in
            let url = servers.clusterEndpointURL
            let item = "tea"
            var configuration = try Cluster.Configuration(url: url, maxConnections: 16)
            configuration.readers.maxConnections = 32
            configuration.readers.strategy = .leastLoaded
            configuration.readers.maxLag = .seconds(1)
            configuration.instanceHostPattern = servers.instancePattern
            do {
                let pool = try ConnectionPool(url, maxConnections: 1)
                try await pool.query("CREATE TABLE stock (item text, count int)")
                try await pool.query("INSERT INTO stock VALUES (\(item), 2)")
                await pool.shutdown()
            }
            let cluster = try Cluster(configuration: configuration)
            try await cluster.waitUntilReady()
            try await cluster.writer.withTransaction(
                deadline: .seconds(15),
                acquireTimeout: .seconds(15)
            ) {
                try await $0.query("UPDATE stock SET count = count - 1 WHERE item = \(item)")
            }
            do {
                let position = try await cluster.writePosition()
                let rows = try await cluster.reader.query(
                    "SELECT count FROM stock",
                    after: position
                )
                #expect(try rows[0].decode(Int32.self, at: 0) == 1)
            }
            let rows = try await cluster.reader.query("SELECT count FROM stock")
            #expect(rows.count == 1)
            await cluster.shutdown()
        }
    }

    @Test("docs/exactly-once.md")
    func verifiedCommits() async throws {
        try await withPool(on: Servers.plain.value) { pool in
            let (sum, from, to) = (5, 1, 2)
            try await pool.query("CREATE TABLE account (id bigint, balance bigint)")
            try await pool.query("INSERT INTO account VALUES (1, 10), (2, 0)")
            // Once, by a role that may; it can be repeated.
            try await pool.prepareCommitLedger(grantingTo: ["app"])
            try await pool.withTransaction(commit: .verified) { transaction in
                try await transaction.query(
                    "UPDATE account SET balance = balance - \(sum) WHERE id = \(from)"
                )
                try await transaction.query(
                    "UPDATE account SET balance = balance + \(sum) WHERE id = \(to)"
                )
            }
            let balances = try await pool.query("SELECT balance FROM account ORDER BY id")
            #expect(try balances.map { try $0.decode(Int.self, at: 0) } == [5, 5])
            try await pool.query("DROP TABLE account")
        }
    }

    /// The endpoint is AWS's in the document; what follows runs on a cluster of our own.
    @Test("README.md")
    func readme() async throws {
        var local = LocalCluster.Configuration()
        local.readers = 1
        try await LocalCluster.with(local) { servers in
            do {
                let cluster = try Cluster(
                    "postgresql://app@shop.cluster-abc123.eu-west-1.rds.amazonaws.com/shop",
                    maxConnections: 16
                )
                await cluster.shutdown()
            }
            var configuration = try Cluster.Configuration(
                url: servers.clusterEndpointURL,
                maxConnections: 16
            )
            configuration.instanceHostPattern = servers.instancePattern
            let cluster = try Cluster(configuration: configuration)
            try await cluster.writer.query("CREATE TABLE stock (item text, count int)")
            try await cluster.writer.prepareCommitLedger()
            try await cluster.writer.withTransaction(commit: .verified) { transaction in
                try await transaction.query("INSERT INTO stock VALUES ('tea', 2)")
            }
            try await eventually("a reader has replayed it") {
                let rows = try await cluster.reader.query("SELECT count FROM stock")
                return rows.count == 1
            }
            await cluster.shutdown()
        }
    }

    @Test("Cluster.Configuration, Cluster")
    func references() async throws {
        var configuration = try Cluster.Configuration(
            url: "postgresql://app@shop.cluster-abc123.eu-west-1.rds.amazonaws.com/shop",
            maxConnections: 16
        )
        configuration.readers.maxConnections = 32
        try configuration.validate()
        let cluster = try Cluster(
            "postgresql://app@shop.cluster-abc123.eu-west-1.rds.amazonaws.com/shop",
            maxConnections: 16
        )
        await cluster.shutdown()
    }
}
