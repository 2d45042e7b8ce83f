import PGPool
import PGPoolTesting
import Testing

@Suite("Results streamed with back-pressure")
struct StreamIntegrationTests {
    struct Stop: Error {}

    /// Whether the same connection still answers rightly.
    private func expectUsable(_ connection: PostgresConnection, _ note: Comment) async throws {
        #expect(try await connection.query("SELECT 7")[0].decode(Int.self, at: 0) == 7, note)
    }

    @Test("All rows come, in order, with NULLs, empty values and positions", arguments: [0, 1])
    func allRows(cacheSize: Int) async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: {
                $0.statementCacheSize = cacheSize
                $0.results.streamRows = 16
            }
        ) { pool in
            try await pool.withConnection { connection in
                for count in [0, 1, 2, 15, 16, 17, 5_000] {
                    let stream = try await connection.stream(
                        """
                        SELECT n, CASE WHEN n % 3 = 0 THEN NULL WHEN n % 3 = 1 THEN '' ELSE 'x' || n END
                        AS t FROM generate_series(1, \(count)) n
                        """
                    )
                    #expect(stream.columnNames == ["n", "t"])
                    var next = 1
                    for try await row in stream {
                        let (n, text) = try row.decode((Int, String?).self)
                        #expect(n == next)
                        #expect(text == (n % 3 == 0 ? nil : n % 3 == 1 ? "" : "x\(n)"))
                        next += 1
                    }
                    #expect(next == count + 1)
                    try await expectUsable(connection, "after \(count) rows")
                }
            }
        }
    }

    @Test("A row's decoding error names its place in the stream")
    func decodingError() async throws {
        try await withPool(
            on: Servers.plain.value,
            configure: { $0.results.streamRows = 8 }
        ) { pool in
            try await pool.withConnection { connection in
                let error = try await #require(throws: PostgresDecodingError.self) {
                    let query: Query =
                        "SELECT nullif(n, 100) AS n FROM generate_series(1, 1000) n ORDER BY n.n"
                    for try await row in try await connection.stream(query) {
                        _ = try row.decode(Int.self, named: "n")
                    }
                }
                #expect(error.row == 99)
                // What is missing is numbered too.
                struct Wrong: Decodable { var other: Int }
                let attempts: [(Row) throws -> Void] = [
                    { _ = try $0.decode(Int.self, named: "other") },
                    { _ = try $0.decode((Int, Int).self) },
                    { _ = try $0.decode(as: Wrong.self) },
                ]
                for attempt in attempts {
                    let error = try await #require(throws: PostgresDecodingError.self) {
                        var count = 0
                        let query: Query = "SELECT generate_series(1, 1000) AS n"
                        for try await row in try await connection.stream(query) {
                            count += 1
                            if count == 300 { try attempt(row) }
                        }
                    }
                    #expect(error.row == 299, "\(error)")
                }
                try await expectUsable(connection, "after a decoding error")
            }
        }
    }

    @Test("The server's error comes after the rows before it; one before any row comes at once")
    func errors() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.withConnection { connection in
                var seen = 0
                let error = try await #require(throws: PostgresError.self) {
                    let query: Query = "SELECT 1 / (5000 - n) FROM generate_series(1, 10000) n"
                    for try await _ in try await connection.stream(query) { seen += 1 }
                }
                #expect(error.sqlState == SQLState("22012") && seen == 4_999)
                let early = await #expect(throws: PostgresError.self) {
                    _ = try await connection.stream("SELECT nothing FROM nowhere")
                }
                #expect(early?.sqlState == .undefinedTable)
                let copy = await #expect(throws: PostgresError.self) {
                    _ = try await connection.stream("COPY pg_class TO STDOUT")
                }
                #expect(copy?.sqlState == .featureNotSupported)
                try await expectUsable(connection, "after three errors")
            }
        }
    }

    @Test("While a stream is open other statements are refused, and it can be iterated once")
    func refusal() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.withConnection { connection in
                let stream = try await connection.stream("SELECT generate_series(1, 100000)")
                for try await _ in stream {
                    let error = try await poolError { _ = try await connection.query("SELECT 1") }
                    #expect(error.code == .connectionBusy)
                    let second = try await poolError { _ = try await connection.stream("SELECT 1") }
                    #expect(second.code == .connectionBusy)
                    break
                }
                let error = try await poolError { for try await _ in stream {} }
                #expect(error.code == .connectionBusy)
                try await expectUsable(connection, "after the refusals")
            }
        }
    }

    @Test("Leaving in a transaction keeps the transaction; a write is carried out")
    func leavingInTransaction() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.query("CREATE TABLE IF NOT EXISTS left_early (n int)")
            try await pool.query("TRUNCATE left_early")
            try await pool.withTransaction { transaction in
                try await transaction.query("INSERT INTO left_early VALUES (0)")
                let query: Query = "SELECT generate_series(1, 200000)"
                for try await _ in try await transaction.stream(query) { break }
                try await transaction.query("INSERT INTO left_early VALUES (-1)")
            }
            try await pool.withConnection { connection in
                let insert: Query =
                    "INSERT INTO left_early SELECT generate_series(1, 50000) RETURNING n"
                for try await _ in try await connection.stream(insert) { break }
            }
            let count = try await pool.query("SELECT count(*) FROM left_early")
            #expect(try count[0].decode(Int.self, at: 0) == 50_002)
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    @Test("Leaving at random moments, hundreds of times, keeps the connection", arguments: [1, 2])
    func leavingAtRandom(seed: UInt64) async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.results.streamRows = 64 }
        ) { pool in
            var random = Generator(state: seed &* 0x9E37_79B9_7F4A_7C15)
            for round in 0..<150 {
                try await pool.withConnection { connection in
                    let stop = Int(random.next() % 400)
                    let total = [10, 300, 3_000, 300_000][Int(random.next() % 4)]
                    let throwing = random.next() % 2 == 0
                    let dropping = random.next() % 8 == 0
                    let stream = try await connection.stream(
                        "SELECT n, repeat('x', 50) FROM generate_series(1, \(total)) n"
                    )
                    if !dropping {
                        var seen = 0
                        do {
                            for try await row in stream {
                                seen += 1
                                #expect(try row.decode(Int.self, at: 0) == seen)
                                guard seen > stop else { continue }
                                if throwing { throw Stop() }
                                break
                            }
                        } catch is Stop {}
                        if random.next() % 2 == 0 {
                            try await expectUsable(connection, "seed \(seed), round \(round)")
                        }
                    }
                }
                let answer = try await pool.query("SELECT \(round)")
                #expect(try answer[0].decode(Int.self, at: 0) == round, "seed \(seed)")
            }
            #expect(pool.snapshot.openedTotal == 1, "seed \(seed): a connection was given up")
        }
    }

    @Test("A cancelled task leaves a usable connection")
    func cancellation() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            for round in 0..<20 {
                let begun = Flag()
                let task = Task.detached {
                    try await pool.withConnection { connection in
                        let query: Query = "SELECT generate_series(1, 100000000)"
                        for try await _ in try await connection.stream(query) { begun.set() }
                    }
                }
                try await eventually("rows come") { begun.isSet || round % 2 == 0 }
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
                #expect(try await pool.query("SELECT 1").count == 1)
            }
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    @Test("A stream's timeout ends it while its consumer is slow, and while the server is")
    func timeout() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            for query: Query in ["SELECT pg_sleep(60)", "SELECT generate_series(1, 100000000)"] {
                try await pool.withConnection { connection in
                    let error = try await #require(throws: PostgresError.self) {
                        let stream = try await connection.stream(
                            query,
                            statementTimeout: .milliseconds(100)
                        )
                        var isFirst = true
                        for try await _ in stream where isFirst {
                            isFirst = false
                            try await eventually("the server stopped") {
                                try await Servers.plain.value.execute(
                                    """
                                    SELECT count(*) FROM pg_stat_activity WHERE state = 'active'
                                    AND pid = \(connection.backendPID)
                                    """
                                ) == "0"
                            }
                        }
                    }
                    #expect(error.sqlState == .queryCanceled)
                    try await expectUsable(connection, "after a timeout")
                }
            }
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    @Test("A backend killed while its rows are streamed, read or not")
    func killed() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(on: cluster, maxConnections: 1) { pool in
            for isInTransaction in [false, true] {
                let error = try await #require(throws: PostgresError.self) {
                    try await pool.withConnection { connection in
                        if isInTransaction { try await connection.query("BEGIN") }
                        let query: Query = "SELECT generate_series(1, 100000000)"
                        var isKilled = false
                        for try await _ in try await connection.stream(query) where !isKilled {
                            isKilled = true
                            _ = try await cluster.execute(
                                "SELECT pg_terminate_backend(\(connection.backendPID))"
                            )
                        }
                    }
                }
                #expect(error.failureClass == (isInTransaction ? .rolledBack : .outcomeUnknown))
                #expect(try await pool.query("SELECT 1").count == 1)
            }
        }
    }

    @Test("A slow consumer holds up nobody else on its reactor", arguments: [false, true])
    func slowConsumer(usesPoll: Bool) async throws {
        let reactor = Reactor(backend: usesPoll ? .poll : .automatic)
        defer { reactor.shutDown() }
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 2,
            configure: { $0.reactors = [reactor] }
        ) { pool in
            try await pool.withConnection { connection in
                let query: Query = "SELECT repeat('x', 1000) FROM generate_series(1, 100000)"
                var seen = 0
                for try await _ in try await connection.stream(query) {
                    seen += 1
                    guard seen % 20_000 == 1 else { continue }
                    for n in 0..<50 {
                        #expect(try await pool.query("SELECT \(n)").count == 1)
                    }
                }
                #expect(seen == 100_000)
            }
        }
    }

    @Test("An iterator that outlives its lease ends; the pool's connection is kept")
    func outlived() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            var kept: RowStream.Iterator?
            try await pool.withConnection { connection in
                let stream = try await connection.stream("SELECT generate_series(1, 10000000)")
                kept = stream.makeAsyncIterator()
                _ = try await kept?.next()
            }
            #expect(try await pool.query("SELECT 1").count == 1)
            let error = try await poolError { while try await kept?.next() != nil {} }
            #expect(error.code == .leaseEnded)
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    @Test("Collecting has a cap that points to streams, and the connection stays usable")
    func caps() async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: {
                $0.results.maxRows = 1_000
                $0.results.maxBytes = 1 << 20
            }
        ) { pool in
            #expect(try await pool.query("SELECT generate_series(1, 1000)").count == 1_000)
            let hostile: [Query] = [
                "SELECT generate_series(1, 1001)", "SELECT repeat('x', 2000000)",
            ]
            for query in hostile {
                let error = try await poolError { _ = try await pool.query(query) }
                #expect(error.code == .resultTooLarge && error.message.contains("stream"))
                try await pool.withConnection { connection in
                    let error = try await poolError { _ = try await connection.query(query) }
                    #expect(error.code == .resultTooLarge)
                    try await expectUsable(connection, "after a result that was too large")
                }
            }
            #expect(pool.snapshot.openedTotal == 1)
        }
    }
}
