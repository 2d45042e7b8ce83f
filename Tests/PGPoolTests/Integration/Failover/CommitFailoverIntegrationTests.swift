import PGPool
import PGPoolTesting
import Testing

/// A transaction whose COMMIT is under way when its writer is lost and another one is promoted.
@Suite("Commits in doubt across a failover", .serialized)
struct CommitFailoverIntegrationTests {
    @Test(
        "Open on the old writer, frozen or killed: fenced on the new one, and repeated there once",
        arguments: [LocalCluster.Fault.freeze, .kill]
    )
    func fences(fault: LocalCluster.Fault) async throws {
        try await withCluster(.aurora) { servers, cluster in
            try await makeSlowCommits(cluster.writer)
            let attempts = Counter()
            let task = Task {
                try await cluster.writer.withTransaction(
                    commit: .verified,
                    deadline: .seconds(30),
                    acquireTimeout: .seconds(30)
                ) { transaction in
                    attempts.increment()
                    let number = Int32(attempts.value)
                    try await transaction.query("INSERT INTO told VALUES (\(number))")
                    return number
                }
            }
            let superuser = try ConnectionPool(servers.superuserURL, maxConnections: 1)
            try await eventually("the COMMIT is under way") {
                let rows = try await superuser.query(
                    "SELECT FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'"
                )
                return rows.count == 1
            }
            let failover = Task {
                try await servers.inject(fault)
                return try await servers.promotion()
            }
            #expect(try await failover.value.newWriter.host != failover.value.oldWriter.host)
            #expect(try await task.value == 2, "the first attempt is on no surviving node")
            #expect(attempts.value == 2)
            // The old writer wakes, or comes back, and is in the middle of it still.
            try await servers.lift()
            #expect(try await told(cluster) == [2])
            try await servers.heal()
            #expect(try await told(cluster) == [2])
            await superuser.shutdown(leaseTimeout: .zero)
        }
    }

    /// A deferred trigger makes each COMMIT take two seconds.
    private func makeSlowCommits(_ pool: ConnectionPool) async throws {
        try await pool.prepareCommitLedger()
        try await pool.query("CREATE TABLE told (n int)")
        try await pool.query(
            """
            CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql
            AS 'BEGIN PERFORM pg_sleep(2); RETURN NULL; END'
            """
        )
        try await pool.query(
            """
            CREATE CONSTRAINT TRIGGER dawdling AFTER INSERT ON told
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()
            """
        )
    }

    private func told(_ cluster: Cluster) async throws -> [Int32] {
        let rows = try await cluster.writer.query(
            "SELECT n FROM told ORDER BY n",
            acquireTimeout: .seconds(20)
        )
        return try rows.map { try $0.decode(Int32.self, at: 0) }
    }
}
