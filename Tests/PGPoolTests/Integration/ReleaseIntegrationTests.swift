import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

@Suite("What a lease leaves behind is undone")
struct ReleaseIntegrationTests {
    /// Runs one closure, then looks at the same connection from the next lease.
    private func afterwards(
        _ first: (PostgresConnection) async throws -> Void,
        _ second: (PostgresConnection) async throws -> Void
    ) async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let pid = try await pool.withConnection { connection in
                try await first(connection)
                return connection.backendPID
            }
            try await pool.withConnection { connection in
                #expect(connection.backendPID == pid, "the connection was thrown away")
                try await second(connection)
            }
        }
    }

    @Test("An open transaction is rolled back")
    func openTransaction() async throws {
        try await afterwards {
            try await $0.query("BEGIN")
            try await $0.query("CREATE TABLE left_behind (n int)")
        } _: { connection in
            #expect(!connection.isInTransaction)
            let rows = try await connection.query("SELECT to_regclass('left_behind')::text")
            #expect(try rows[0].decode(String?.self, at: 0) == nil)
        }
    }

    @Test("A session that was reset once is not reset again and again")
    func resetOnce() async throws {
        let servers = try await Servers.plain.value
        try await withPool(on: servers, maxConnections: 1) { pool in
            try await pool.withConnection { _ = try await $0.query("SET work_mem = '5MB'") }
            let pid = try await pool.withConnection { $0.backendPID }
            try await pool.query("SELECT 'the last statement of this session'")
            try await eventually("the connection is idle") { pool.snapshot.idle == 1 }
            try await withPool(on: servers, maxConnections: 1) { other in
                let rows = try await other.query(
                    "SELECT query FROM pg_stat_activity WHERE pid = \(pid)"
                )
                let query = try rows[0].decode(String.self, at: 0)
                #expect(query.contains("the last statement"), "this ran behind it: \(query)")
            }
        }
    }

    @Test("A failed transaction is rolled back")
    func failedTransaction() async throws {
        try await afterwards {
            try await $0.query("BEGIN")
            _ = try? await $0.query("SELECT 1/0")
            #expect($0.isInTransaction)
        } _: { connection in
            let rows = try await connection.query("SELECT 1")
            #expect(rows.count == 1)
        }
    }

    @Test("COPY as a query is refused with advice, and the connection goes on")
    func copy() async throws {
        try await afterwards {
            connection in
            try await connection.query("CREATE TEMP TABLE copied (n int)")
            let error = try await #require(throws: PostgresError.self) {
                try await connection.query("COPY copied FROM STDIN")
            }
            #expect(error.message.contains("COPY"))
        } _: { connection in
            let rows = try await connection.query("SELECT 1")
            #expect(rows.count == 1)
        }
    }

    @Test("Settings, temporary tables, subscriptions and locks are gone")
    func sessionState() async throws {
        try await afterwards {
            try await $0.query("SET search_path = elsewhere")
            try await $0.query("CREATE TEMP TABLE kept (n int)")
            try await $0.query("LISTEN news")
            try await $0.query("SELECT pg_advisory_lock(\(4711))")
            try await $0.query("SELECT set_config('application_name', 'disguised', false)")
        } _: { connection in
            let rows = try await connection.query(
                """
                SELECT current_setting('search_path'), to_regclass('pg_temp.kept')::text,
                    (SELECT count(*) FROM pg_listening_channels()),
                    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                        AND pid = pg_backend_pid()),
                    current_setting('application_name')
                """
            )
            let (path, table, channels, locks, name) = try rows[0].decode(
                (String, String?, Int, Int, String).self
            )
            #expect(path == "\"$user\", public" && table == nil && channels == 0 && locks == 0)
            #expect(name == "pgpool")
        }
    }

    /// What a statement leaves in its session, and a question that is true when that is gone, and that
    /// calls no function for which the session would be reset anyway.
    private static let leftOvers: [(statement: String, isGone: String)] = {
        let table = """
            SELECT NOT EXISTS (SELECT FROM pg_class WHERE relname = 'left_over' AND relpersistence = 't')
            """
        let setting = "SELECT current_setting('work_mem') <> '64kB'"
        let call = "set_config('work_mem', '64kB', false)"
        return [
            ("CREATE TEMP TABLE left_over AS TABLE pg_class", table),
            ("CREATE TEMP TABLE left_over AS SELECT 1 AS n WITH NO DATA", table),
            ("SELECT 1 AS n INTO TEMP left_over", table),
            ("SELECT 1 AS n INTO pg_temp.left_over", table),
            ("EXPLAIN ANALYZE CREATE TEMP TABLE left_over AS SELECT 1 AS n", table),
            ("EXPLAIN ANALYZE SELECT \(call)", setting),
            ("INSERT INTO released SELECT \(call)", setting),
            ("UPDATE released SET t = \(call)", setting),
            ("WITH w AS (SELECT \(call) AS t) DELETE FROM released USING w", setting),
            ("COPY (SELECT \(call)) TO STDOUT", setting),
            ("UPDATE pg_settings SET setting = '64' WHERE name = 'work_mem'", setting),
        ]
    }()

    @Test("What is left without SET or CREATE is gone, too", arguments: leftOvers)
    func leftOver(statement: String, isGone: String) async throws {
        let cluster = try await Servers.plain.value
        _ = try await cluster.execute(
            """
            CREATE TABLE IF NOT EXISTS released (t text); TRUNCATE released;
            INSERT INTO released VALUES ('a'); GRANT ALL ON released TO PUBLIC
            """
        )
        try await afterwards { connection in
            if statement.hasPrefix("COPY") {
                for try await _ in try await connection.copyOut("\(unescaped: statement)") {}
            } else {
                try await connection.query("\(unescaped: statement)")
            }
            let remains = try await connection.query("\(unescaped: isGone)")
            #expect(try remains.decode(Bool.self) == [false], "the statement changes nothing")
        } _: { connection in
            let rows = try await connection.query("\(unescaped: isGone)")
            #expect(try rows.decode(Bool.self) == [true])
        }
    }

    @Test("What defines or writes needs no reset, whatever its functions are called")
    func noReset() async throws {
        try await afterwards { connection in
            for statement in [
                "DROP TABLE IF EXISTS defined", "CREATE TABLE defined (n int DEFAULT floor(3))",
                "CREATE OR REPLACE FUNCTION my_number() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "INSERT INTO defined VALUES (my_number())",
            ] {
                try await connection.query("\(unescaped: statement)")
                #expect(!connection.session.state.withLock { $0.isDirty }, "\(statement)")
            }
        } _: { _ in
        }
    }

    @Test("What onConnect set holds again after a lease that changed settings")
    func hookedSettings() async throws {
        let refusals = Flag()
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: {
                $0.onConnect = { connection in
                    if refusals.isSet { try await connection.query("SELECT * FROM nowhere") }
                    try await connection.query("SET search_path = hooked")
                }
            }
        ) { pool in
            for change in ["SET search_path = other", "DISCARD ALL", "BEGIN; SET work_mem = 64"] {
                let used = try await pool.withConnection { connection in
                    try await connection.simpleQuery(change)
                    return connection.backendPID
                }
                try await pool.withConnection { connection in
                    let rows = try await connection.query("SELECT current_setting('search_path')")
                    #expect(try rows[0].decode(String.self, at: 0) == "hooked", "\(change)")
                    #expect(connection.backendPID == used, "\(change) cost the connection")
                }
            }
            #expect(pool.snapshot.openedTotal == 1)
            // A hook that fails then costs the connection, and nobody gets it half prepared.
            refusals.set()
            try await pool.withConnection { try await $0.query("SET search_path = other") }
            let error = try await poolError {
                try await pool.withConnection(acquireTimeout: .seconds(1)) { _ in }
            }
            #expect(error.code == .connectFailed && error.sqlState == .undefinedTable)
        }
    }

    @Test("A clean lease costs no round trip and keeps what was prepared")
    func cleanLease() async throws {
        try await afterwards {
            try await $0.query("SELECT \(1)")
        } _: {
            let rows = try await $0.query("SELECT count(*) FROM pg_prepared_statements")
            #expect(try rows[0].decode(Int.self, at: 0) >= 1)
        }
    }

    @Test("PREPARE by name is undone without losing the pool's own statements' names")
    func preparedByName() async throws {
        try await afterwards {
            try await $0.query("SELECT \(1)")
            try await $0.simpleQuery("PREPARE mine AS SELECT 1")
        } _: {
            let rows = try await $0.query(
                "SELECT count(*) FROM pg_prepared_statements WHERE name = 'mine'"
            )
            #expect(try rows[0].decode(Int.self, at: 0) == 0)
            #expect(try await $0.query("SELECT \(1)").count == 1)
        }
    }

    @Test("A connection is not usable after its closure has returned")
    func escaped() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let escaped = try await pool.withConnection { $0 }
            let error = try await poolError { try await escaped.query("SELECT 1") }
            #expect(error.code == .leaseEnded)
        }
    }

    @Test("A statement still running when its closure returns costs the connection, nobody else")
    func stillBusy() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let running = try await pool.withConnection { connection in
                let task = Task.detached { try await connection.query("SELECT pg_sleep(30)") }
                try await eventually("it is sent") {
                    try await Servers.plain.value.execute(
                        """
                        SELECT count(*) FROM pg_stat_activity WHERE state = 'active'
                        AND pid = \(connection.backendPID)
                        """
                    ) == "1"
                }
                return task
            }
            await #expect(throws: PostgresError.self) { try await running.value }
            #expect(try await pool.query("SELECT 1").count == 1)
        }
    }
}
