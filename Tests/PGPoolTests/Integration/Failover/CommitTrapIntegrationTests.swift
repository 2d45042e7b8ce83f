import PGPoolTesting
import Testing

@testable import PGPool

/// Traps of commits that wait for a standby, and of standbys. Serialized, since the tests freeze the
/// reader of one cluster.
@Suite("Traps of commits", .serialized, .timeLimit(.minutes(4)))
struct CommitTrapIntegrationTests {
    private func table(_ name: String) async throws -> LocalCluster {
        let cluster = try await Standby.cluster.value
        try await cluster.execute("DROP TABLE IF EXISTS \(name); CREATE TABLE \(name) (n int)")
        try await cluster.execute("GRANT ALL ON \(name) TO \(cluster.configuration.role)")
        return cluster
    }

    private func failureClass(_ task: Task<Void, any Error>) async throws -> FailureClass? {
        switch await task.result {
        case .success: return nil
        case .failure(let error as PostgresError): return error.failureClass
        case .failure(let error): throw error
        }
    }

    /// Three ways to commit one row.
    private func commits(_ pool: ConnectionPool, _ table: String) -> [Task<Void, any Error>] {
        [
            Task { try await pool.query("INSERT INTO \(unescaped: table) VALUES (1)") },
            Task {
                try await pool.withTransaction(retry: .never) {
                    _ = try await $0.query("INSERT INTO \(unescaped: table) VALUES (2)")
                }
            },
            Task {
                try await pool.withConnection {
                    _ = try await $0.simpleQuery("INSERT INTO \(table) VALUES (3)")
                }
            },
        ]
    }

    @Test("A backend ended, or its wait cancelled, while a commit waits for a standby: unknown")
    func warnings() async throws {
        let cluster = try await table("waited")
        try await withPool(on: cluster, maxConnections: 4) { pool in
            for function in ["pg_terminate_backend", "pg_cancel_backend"] {
                try await cluster.withoutStandbys {
                    let tasks = commits(pool, "waited")
                    try await cluster.commitsWait(3)
                    try await cluster.execute(
                        """
                        SELECT \(function)(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'
                        """
                    )
                    for task in tasks {
                        let found = try await failureClass(task)
                        #expect(found == .outcomeUnknown, "\(function)")
                    }
                }
            }
            // All of them were committed all the same.
            #expect(try await pool.query("SELECT FROM waited").count == 6)
        }
    }

    @Test("A trigger's own warning at COMMIT says nothing of the commit")
    func ordinaryWarnings() async throws {
        let cluster = try await table("warned")
        try await cluster.execute(
            """
            CREATE OR REPLACE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN RAISE WARNING ''mind''; RETURN NULL; END';
            CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON warned
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warn();
            """
        )
        try await withPool(on: cluster) { pool in
            for task in commits(pool, "warned") {
                let found = try await failureClass(task)
                #expect(found == nil)
            }
        }
    }

    @Test("Nothing cancels what commits; its caller's time ends all the same")
    func nobodyCancels() async throws {
        let cluster = try await table("uncancelled")
        try await withPool(
            on: cluster,
            configure: { $0.upkeep.probeTimeout = .seconds(30) }
        ) { pool in
            try await cluster.withoutStandbys {
                let commit = Task {
                    try await pool.withTransaction {
                        try await $0.query("INSERT INTO uncancelled VALUES (1)")
                    }
                }
                let write = Task { try await pool.query("INSERT INTO uncancelled VALUES (2)") }
                let late = Task {
                    try await pool.query(
                        "INSERT INTO uncancelled VALUES (3)",
                        statementTimeout: .seconds(1)
                    )
                }
                let batch = Task {
                    try await pool.withConnection { connection in
                        _ = try await connection.pipeline(
                            ["INSERT INTO uncancelled VALUES (4)"],
                            timeout: .seconds(1)
                        )
                    }
                }
                try await cluster.commitsWait(4)
                commit.cancel()
                write.cancel()
                await #expect(throws: CancellationError.self) { try await write.value }
                let error = try await #require(throws: PostgresError.self) { try await late.value }
                #expect(error.sqlState == .queryCanceled)
                #expect(error.failureClass == .outcomeUnknown)
                let other = try await #require(throws: PostgresError.self) {
                    try await batch.value
                }
                #expect(other.failureClass == .outcomeUnknown)
                // A request would be sent again every 250 ms, and end a wait with a warning.
                // Proof: it is waited for that nothing happens, which no condition can tell.
                try await Task.sleep(for: .milliseconds(600))
                try await cluster.commitsWait(4)
            }
            // They are acknowledged now, and their connections serve again.
            try await pool.withConnection { _ in }
            try await eventually("the connections are back", seeing: pool) {
                pool.snapshot.quarantined == 0 && pool.snapshot.leased == 0
            }
            #expect(try await pool.query("SELECT FROM uncancelled").count == 4)
            #expect(pool.snapshot.closedTotal == 0)
        }
    }

    @Test("COMMIT sent behind a statement, and both answers lost: both may have happened")
    func pipelinedCommit() async throws {
        let cluster = try await table("gone")
        let line = try await Line.open(to: cluster)
        try await line.withPool(maxConnections: 1) { pool in
            try await pool.withConnection { connection in
                try await connection.query("BEGIN")
                // Nothing of it is answered: the insert waits for the lock, COMMIT behind it.
                let holder = try await lock("gone", on: cluster)
                async let results = connection.pipeline([
                    "INSERT INTO gone VALUES (1)", "COMMIT",
                ])
                try await eventually("the insert waits") {
                    try await cluster.execute(
                        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    ) == "1"
                }
                // The server gets rid of its answers, and nobody gets them.
                try await line.stall()
                holder.open()
                try await eventually("the server commits") {
                    try await cluster.execute("SELECT count(*) FROM gone") == "1"
                }
                try await line.cut()
                let classes = try await results.map { result -> FailureClass? in
                    if case .failure(let error) = result { error.failureClass } else { nil }
                }
                #expect(classes == [.outcomeUnknown, .outcomeUnknown])
            }
        }
    }

    @Test("A READ ONLY transaction's lost COMMIT leaves no doubt")
    func readOnlyCommit() async throws {
        let cluster = try await table("only_read")
        let line = try await Line.open(to: cluster)
        try await line.withPool(maxConnections: 1) { pool in
            for readOnly in [true, false] {
                try await line.loseAcknowledgements()
                let error = try await #require(throws: PostgresError.self) {
                    try await pool.withTransaction(readOnly: readOnly, retry: .never) {
                        try await $0.query("SELECT FROM only_read")
                    }
                }
                #expect(error.failureClass == (readOnly ? .rolledBack : .outcomeUnknown))
            }
            try await line.loseAcknowledgements()
            let error = try await #require(throws: PostgresError.self) {
                try await pool.withTransaction(readOnly: true, retry: .never) {
                    try await $0.query("SET TRANSACTION READ WRITE")
                    try await $0.query("INSERT INTO only_read VALUES (1)")
                }
            }
            #expect(error.failureClass == .outcomeUnknown)
        }
    }

    @Test("On a standby: SERIALIZABLE and writes are rolled back, and it is known for a reader")
    func standby() async throws {
        let cluster = try await table("followed")
        let reader = cluster.readers[0]
        try await withPool(
            on: cluster,
            maxConnections: 1,
            configure: { $0.host = reader.host }
        ) { pool in
            let serializable = try await #require(throws: PostgresError.self) {
                try await pool.withTransaction(isolation: .serializable, retry: .never) {
                    try await $0.query("SELECT 1")
                }
            }
            #expect(serializable.sqlState == .featureNotSupported)
            #expect(serializable.failureClass == .rolledBack)
            let write = try await #require(throws: PostgresError.self) {
                try await pool.query("INSERT INTO followed VALUES (1)")
            }
            #expect(write.sqlState == .readOnlySQLTransaction)
            #expect(write.failureClass == .rolledBack)
            try await pool.query("SELECT 1")
        }
    }
}

/// Holds a lock on a table, through no pool, until the gate is opened.
private func lock(_ table: String, on cluster: LocalCluster) async throws -> Gate {
    let gate = Gate()
    let isHeld = Gate()
    let task = Task {
        try await withPool(on: cluster, maxConnections: 1) { pool in
            try await pool.withTransaction { transaction in
                try await transaction.query("LOCK TABLE \(unescaped: table) IN EXCLUSIVE MODE")
                isHeld.open()
                await gate.wait()
            }
        }
    }
    await isHeld.wait()
    _ = task
    return gate
}
