import PGPoolTesting
import Testing

@testable import PGPool

/// What failures look like and are not: each was seen on a real server.
@Suite("Traps of failures", .timeLimit(.minutes(3)))
struct FailureTrapIntegrationTests {
    private func failure(
        sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () async throws -> Void
    ) async throws -> PostgresError {
        try await #require(throws: PostgresError.self, sourceLocation: sourceLocation) {
            try await body()
        }
    }

    private func count(_ pool: ConnectionPool, _ table: String) async throws -> Int {
        try await pool.query("SELECT FROM \(unescaped: table)").count
    }

    @Test("An autocommit statement has succeeded at its sync, not at its own answer")
    func successAtTheSync() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.withConnection { connection in
                try await connection.simpleQuery(
                    """
                    DROP TABLE IF EXISTS sync_child, sync_parent, sync_kill CASCADE;
                    CREATE TABLE sync_parent (id int PRIMARY KEY);
                    CREATE TABLE sync_child (id int REFERENCES sync_parent
                        DEFERRABLE INITIALLY DEFERRED);
                    CREATE TABLE sync_kill (id int);
                    CREATE OR REPLACE FUNCTION sync_end() RETURNS trigger LANGUAGE plpgsql AS
                        'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
                    CREATE CONSTRAINT TRIGGER sync_end AFTER INSERT ON sync_kill
                        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sync_end();
                    """
                )
            }
            let deferred = try await failure {
                try await pool.query("INSERT INTO sync_child VALUES (1)")
            }
            #expect(deferred.sqlState == .foreignKeyViolation)
            #expect(deferred.failureClass == .deterministic)
            #expect(try await count(pool, "sync_child") == 0)
            #expect(pool.snapshot.closedTotal == 0)

            let terminated = try await failure {
                try await pool.query("INSERT INTO sync_kill VALUES (1)")
            }
            #expect(terminated.sqlState == .adminShutdown)
            #expect(terminated.failureClass == .outcomeUnknown)
            #expect(try await count(pool, "sync_kill") == 0)
        }
    }

    @Test("COMMIT answered with ROLLBACK is a failure, of the class of the first error")
    func commitTaggedRollback() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let texts = [
                ("SELECT 1 / 0", FailureClass.deterministic),
                ("DO 'BEGIN RAISE SQLSTATE ''40001''; END'", .rolledBack),
            ]
            for (text, expected) in texts {
                try await pool.withConnection { connection in
                    try await connection.query("BEGIN")
                    let first = try await failure {
                        try await connection.query("\(unescaped: text)")
                    }
                    #expect(first.failureClass == expected)
                    // 25P02 stands for what went before.
                    let next = try await failure { try await connection.query("SELECT 1") }
                    #expect(next.sqlState == .inFailedSQLTransaction)
                    #expect(next.failureClass == expected)
                    let end = try await failure { try await connection.query("COMMIT") }
                    #expect(end.failureClass == expected)
                    // A savepoint forgives: the next error is a first one.
                    try await connection.simpleQuery("BEGIN; SAVEPOINT s")
                    _ = try? await connection.query("\(unescaped: text)")
                    try await connection.query("ROLLBACK TO SAVEPOINT s")
                    _ = try? await connection.query("SELECT 1 / 0")
                    let other = try await failure { try await connection.query("SELECT 1") }
                    #expect(other.failureClass == .deterministic)
                    try await connection.query("ROLLBACK")
                }
                let swallowed = try await poolError {
                    try await pool.withTransaction { _ = try? await $0.query("\(unescaped: text)") }
                }
                #expect(swallowed.code == .transactionRolledBack)
                #expect(swallowed.failureClass == expected)
            }
        }
    }

    @Test("What follows a BEGIN that failed is not run, be it sent at once or later")
    func beginFails() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.query("DROP TABLE IF EXISTS no_begin")
            try await pool.query("CREATE TABLE no_begin (n int)")
            for isConcurrent in [false, true] {
                try await pool.withConnection { connection in
                    let begin = TransactionBegin(sql: "BEGIN NONSENSE")
                    let error = try await failure {
                        try await connection.runTransaction(begin) { transaction in
                            if isConcurrent {
                                async let first = transaction.query(
                                    "INSERT INTO no_begin VALUES (1)"
                                )
                                async let second = transaction.query(
                                    "INSERT INTO no_begin VALUES (2)"
                                )
                                _ = try? await first
                                _ = try? await second
                            } else {
                                _ = try? await transaction.query("INSERT INTO no_begin VALUES (3)")
                                _ = try? await transaction.query("INSERT INTO no_begin VALUES (4)")
                            }
                        }
                    }
                    #expect(error.sqlState == .syntaxError)
                    // The connection is as good as before.
                    try await connection.query("SELECT 1")
                }
            }
            #expect(try await count(pool, "no_begin") == 0)
        }
    }

    @Test("What commits by itself before it fails is partial, and repeating cannot help")
    func partial() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.withConnection { connection in
                try await connection.simpleQuery(
                    """
                    DROP TABLE IF EXISTS half; CREATE TABLE half (n int);
                    CREATE OR REPLACE PROCEDURE half_done() LANGUAGE plpgsql AS
                        'BEGIN INSERT INTO half VALUES (1); COMMIT; RAISE SQLSTATE ''40001''; END';
                    """
                )
            }
            let block =
                "DO 'BEGIN INSERT INTO half VALUES (2); COMMIT; RAISE SQLSTATE ''40001''; END'"
            for sql in ["CALL half_done()", block] {
                let error = try await failure { try await pool.query("\(unescaped: sql)") }
                #expect(error.sqlState == .serializationFailure)
                #expect(error.failureClass == .deterministic, "\(sql)")
                #expect(error.mayBePartial)
            }
            let several = try await failure {
                try await pool.withConnection { connection in
                    _ = try await connection.simpleQuery(
                        "BEGIN; INSERT INTO half VALUES (3); COMMIT; SELECT 1 / 0"
                    )
                }
            }
            #expect(several.failureClass == .deterministic && several.mayBePartial)
            #expect(try await count(pool, "half") == 3)
            let whole = try await failure { try await pool.query("SELECT 1 / 0") }
            #expect(!whole.mayBePartial)
        }
    }

    @Test("25006 of a healthy writer evicts nothing; asked for, it is not repeated either")
    func readOnlyOnTheWriter() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(on: cluster, maxConnections: 1) { pool in
            try await pool.query("DROP TABLE IF EXISTS healthy")
            try await pool.query("CREATE TABLE healthy (n int)")
            let attempts = Counter()
            let asked = try await failure {
                try await pool.withTransaction(readOnly: true) { transaction in
                    attempts.increment()
                    try await transaction.query("INSERT INTO healthy VALUES (1)")
                }
            }
            #expect(asked.sqlState == .readOnlySQLTransaction)
            #expect(asked.failureClass == .deterministic && attempts.value == 1)
            let generation = pool.snapshot.generation
            #expect(try await count(pool, "healthy") == 0)
            #expect(pool.snapshot.closedTotal == 0 && pool.snapshot.generation == generation)
        }
        try await withPool(
            on: cluster,
            maxConnections: 1,
            configure: { $0.serverSettings["default_transaction_read_only"] = "on" }
        ) { pool in
            let error = try await failure {
                try await pool.query("CREATE TABLE refused_anyway (n int)")
            }
            #expect(error.sqlState == .readOnlySQLTransaction)
            #expect(error.failureClass == .rolledBack)
            try await pool.query("SELECT 1")
            #expect(pool.snapshot.closedTotal == 0)
        }
    }
}
