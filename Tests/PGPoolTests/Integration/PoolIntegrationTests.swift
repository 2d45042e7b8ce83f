import PGPoolCore
import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

@Suite("The pool on a real server")
struct PoolIntegrationTests {
    @Test("Values go in as parameters and come back as they were")
    func roundTrip() async throws {
        try await withPool(on: Servers.plain.value) { pool in
            let hostile = "Robert'); DROP TABLE students;--"
            let rows = try await pool.query(
                "SELECT \(42)::int AS n, \(hostile) AS s, \(nil as Int?)::int, \(true), \(1.5)"
            )
            let row = try #require(rows.first)
            #expect(try row.decode(Int.self, named: "n") == 42)
            #expect(try row.decode(String.self, named: "s") == hostile)
            #expect(try row.decode(Int?.self, at: 2) == nil)
            let (n, s, null, yes, half) = try row.decode((Int, String, Int?, Bool, Double).self)
            #expect(n == 42 && s == hostile && null == nil && yes && half == 1.5)
        }
    }

    @Test("Results say what the command did, small ones and large ones alike")
    func commandTags() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.query("DROP TABLE IF EXISTS tagged")
            let commands: [(Query, String, Int)] = [
                ("CREATE TABLE tagged (id int, t text)", "CREATE TABLE", 0),
                ("INSERT INTO tagged VALUES (1, ''), (2, NULL), (3, 'x')", "INSERT 0 3", 3),
                ("UPDATE tagged SET t = 'y' WHERE id > 1", "UPDATE 2", 2),
                ("SELECT id FROM tagged WHERE id = 9", "SELECT 0", 0),
                ("SELECT * FROM tagged WHERE id = 1", "SELECT 1", 1),
                ("SELECT * FROM tagged", "SELECT 3", 3),
                ("SELECT repeat('z', 5000)", "SELECT 1", 1),
                ("SELECT", "SELECT 1", 1),
                ("DELETE FROM tagged RETURNING id", "DELETE 3", 3),
                ("DELETE FROM tagged", "DELETE 0", 0),
                ("", "", 0),
            ]
            for (query, tag, count) in commands {
                let rows = try await pool.query(query)
                #expect(rows.commandTag == tag, "\(query.sql)")
                #expect(rows.affectedRows == count, "\(query.sql)")
                #expect(!tag.hasPrefix("SELECT") || rows.count == count, "\(query.sql)")
            }
        }
    }

    @Test("A decoding error names the column, its type and the row")
    func decodingError() async throws {
        try await withPool(on: Servers.plain.value) { pool in
            let rows = try await pool.query("SELECT 'x'::text AS label UNION ALL SELECT NULL")
            let error = try #require(throws: PostgresDecodingError.self) {
                try rows[1].decode(String.self, named: "label")
            }
            #expect(error.reason == .null && error.column == "label" && error.row == 1)
            #expect(error.type == .text)
        }
    }

    @Test("A statement's error leaves the connection usable and carries its SQLSTATE")
    func statementError() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let error = try await #require(throws: PostgresError.self) {
                try await pool.query("SELECT 1/0")
            }
            #expect(error.sqlState?.description == "22012" && error.failureClass == .deterministic)
            let syntax = try await #require(throws: PostgresError.self) {
                try await pool.query("SELEKT")
            }
            #expect(syntax.sqlState == .syntaxError)
            #expect(try await pool.query("SELECT 7")[0].decode(Int.self, at: 0) == 7)
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    @Test("An error found only at the end of the implicit transaction fails the statement")
    func deferredConstraint() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(on: cluster, maxConnections: 1) { pool in
            try await pool.query("DROP TABLE IF EXISTS child, parent")
            try await pool.query("CREATE TABLE parent (id int PRIMARY KEY)")
            try await pool.query(
                "CREATE TABLE child (p int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)"
            )
            let error = try await #require(throws: PostgresError.self) {
                try await pool.query("INSERT INTO child VALUES (1)")
            }
            #expect(error.sqlState == .foreignKeyViolation)
            #expect(error.constraint == "child_p_fkey")
            #expect(try await pool.query("SELECT FROM child").isEmpty)
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    @Test("Results of many megabytes arrive whole, with both ways of waiting")
    func bigResults() async throws {
        let portable = Reactor(backend: .poll)
        defer { portable.shutDown() }
        for (cluster, reactors) in [
            (try await Servers.plain.value, ReactorGroup.shared.reactors),
            (try await Servers.secured.value, ReactorGroup.shared.reactors),
            (try await Servers.plain.value, [portable]),
        ] {
            try await withPool(on: cluster, configure: { $0.reactors = reactors }) { pool in
                let rows = try await pool.query(
                    "SELECT repeat(chr(65 + i % 26), 1000000) FROM generate_series(1, 24) i"
                )
                #expect(rows.count == 24)
                for row in rows {
                    #expect(try row.decode(String.self, at: 0).utf8.count == 1_000_000)
                }
                // Both sides have much to say: neither may fill its buffers and stop.
                let big = String(repeating: "x", count: 8_000_000)
                let echo = try await pool.query("SELECT \(big)::text")
                #expect(try echo[0].decode(String.self, at: 0).utf8.count == 8_000_000)
            }
        }
    }

    @Test("Several statements in one string run in simple mode")
    func simpleQuery() async throws {
        try await withPool(on: Servers.plain.value) { pool in
            let counts = try await pool.withConnection { connection in
                try await connection.simpleQuery("SELECT 1; SELECT 2 UNION SELECT 3; SELECT 4")
                    .map(\.count)
            }
            #expect(counts == [1, 2, 1])
        }
    }

    @Test("A pool prepares a statement once per connection and forgets the oldest beyond its cache")
    func statementCache() async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.statementCacheSize = 2 }
        ) { pool in
            for round in 0..<3 {
                for n in 1...4 {
                    let rows = try await pool.query(Query("SELECT \(n) + \(round)"))
                    #expect(try rows[0].decode(Int.self, at: 0) == n + round)
                }
            }
            let prepared = try await pool.query("SELECT count(*) FROM pg_prepared_statements")
            #expect(try prepared[0].decode(Int.self, at: 0) <= 2)
        }
    }

    @Test("Server settings travel with the login; a Unix socket serves too")
    func settingsAndSockets() async throws {
        var configuration = LocalCluster.Configuration()
        configuration.usesUnixSocket = true
        try await LocalCluster.with(configuration) { cluster in
            let directory = try #require(cluster.socketDirectory)
            let url = cluster.url(for: .application, host: directory)
            var pooled = try ConnectionPool.Configuration(url: url, maxConnections: 1)
            pooled.serverSettings = [
                "statement_timeout": "54321ms", "search_path": "\"a b\", public",
            ]
            pooled.name = "sockets"
            let pool = try ConnectionPool(configuration: pooled)
            let rows = try await pool.query(
                """
                SELECT current_setting('statement_timeout'), current_setting('search_path'), \
                current_setting('application_name'), inet_server_addr() IS NULL
                """
            )
            let (timeout, path, name, isLocal) = try rows[0].decode(
                (String, String, String, Bool).self
            )
            #expect(
                timeout == "54321ms" && path == "\"a b\", public" && name == "sockets" && isLocal
            )
            await pool.shutdown()
        }
    }

    @Test("waitUntilReady opens what should be idle; shutdown leaves nothing on the server")
    func readyAndShutDown() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(
            on: cluster,
            maxConnections: 8,
            configure: {
                $0.minIdle = 3
                $0.name = "ready"
            }
        ) { pool in
            try await pool.waitUntilReady(timeout: .seconds(10))
            #expect(pool.snapshot.idle >= 3)
        }
        let left = try await cluster.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ready'"
        )
        #expect(left == "0", "the server still has connections of a pool that has shut down")
    }

    @Test("The limit changes while the pool runs, and no lease is cut short")
    func resize() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 4) { pool in
            let gate = Gate()
            try await withThrowingTaskGroup(of: Int.self) { group in
                for n in 0..<4 {
                    group.addTask {
                        try await pool.withConnection { connection in
                            await gate.wait()
                            return try await connection.query("SELECT \(n)::int")[0]
                                .decode(Int.self, at: 0)
                        }
                    }
                }
                try await eventually("all four are leased") { pool.snapshot.leased == 4 }
                try pool.resize(to: 1)
                #expect(pool.snapshot.leased == 4)
                gate.open()
                var sum = 0
                for try await n in group { sum += n }
                #expect(sum == 6)
            }
            try await eventually("three have closed") { pool.snapshot.total == 1 }
            #expect(throws: PoolError.self) { try pool.resize(to: 0) }
        }
    }

    @Test("waitUntilReady keeps connections from nobody, and a lower limit is enough for it")
    func readiness() async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 4,
            configure: { $0.minIdle = 4 }
        ) { pool in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { try await pool.waitUntilReady() } }
                try await group.waitForAll()
            }
            // One that is leased is open.
            try await pool.withConnection { _ in try await pool.waitUntilReady() }
            try pool.resize(to: 2)
            try await pool.waitUntilReady()
            pool.pause()
            let held = Task { try await pool.waitUntilReady(timeout: .seconds(60)) }
            try await eventually("it waits") { pool.snapshot.waiters == 1 }
            held.cancel()
            await #expect(throws: CancellationError.self) { try await held.value }
            pool.resume()
        }
    }

    @Test("waitUntilReady fails when what should be idle does not open, and when the pool ends")
    func notReady() async throws {
        let second = Gate()
        defer { second.open() }
        let calls = Counter()
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 2,
            configure: {
                $0.minIdle = 2
                $0.onConnect = { _ in
                    // In one step: both connections open at once.
                    if calls.increment() > 1 { await second.wait() }
                }
            }
        ) { pool in
            let error = try await poolError {
                try await pool.waitUntilReady(timeout: .milliseconds(300))
            }
            #expect(error.code == .acquireTimeout)
            #expect(error.waited >= .milliseconds(200))
            let waiting = Task { try await pool.waitUntilReady(timeout: .seconds(60)) }
            try await eventually("it waits for the second") {
                pool.engine.state.withLock { $0.readiness.count == 1 }
            }
            await pool.shutdown()
            let ended = try await poolError { try await waiting.value }
            #expect(ended.code == .shutDown)
        }
    }

    @Test("onConnect runs on each new connection, and its failure is a connect error")
    func onConnect() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(
            on: cluster,
            maxConnections: 2,
            configure: { $0.onConnect = { try await $0.query("SET search_path = hooked") } }
        ) { pool in
            for _ in 0..<2 {
                let rows = try await pool.query("SELECT current_setting('search_path')")
                #expect(try rows[0].decode(String.self, at: 0) == "hooked")
            }
        }
        try await withPool(
            on: cluster,
            maxConnections: 2,
            configure: {
                $0.onConnect = { try await $0.query("SELECT * FROM nowhere") }
                $0.acquire.timeout = .milliseconds(500)
            }
        ) { pool in
            let error = try await poolError { try await pool.query("SELECT 1") }
            #expect(error.code == .connectFailed && error.sqlState == .undefinedTable)
        }
    }

    @Test("An onConnect that hangs is a connect error of its phase when the opening's time is over")
    func onConnectHangs() async throws {
        let end = Gate()
        defer { end.open() }
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: {
                $0.onConnect = { _ in await end.wait() }
                $0.opening.timeout = .milliseconds(200)
                $0.acquire.timeout = .seconds(1)
            }
        ) { pool in
            let error = try await poolError { try await pool.query("SELECT 1") }
            #expect(error.lastConnectFailure?.phase == "setting up the session")
            #expect(error.lastConnectFailure?.elapsed ?? .zero >= .milliseconds(200))
            #expect(pool.snapshot.connectFailuresTotal > 0)
        }
    }

    @Test("A shutdown at any moment of a connect ends it, though onConnect hangs")
    func shutdownWhileConnecting() async throws {
        let cluster = try await Servers.plain.value
        var generator = SeededGenerator(seed: 20_261_122)
        for round in 0..<400 {
            var configuration = try ConnectionPool.Configuration(
                url: cluster.url,
                maxConnections: 1
            )
            let end = Gate()
            configuration.minIdle = 1
            configuration.onConnect = { _ in await end.wait() }
            let pool = try ConnectionPool(configuration: configuration)
            let isShutDown = Flag()
            // Proof: a moment is drawn, nothing is waited for.
            try await Task.sleep(for: .microseconds(.random(in: 0...6_000, using: &generator)))
            let ending = Task {
                await pool.shutdown(leaseTimeout: .zero)
                isShutDown.set()
            }
            defer { end.open() }
            try await eventually("shutdown \(round) returns", within: .seconds(5), seeing: pool) {
                isShutDown.isSet
            }
            await ending.value
        }
    }
}
