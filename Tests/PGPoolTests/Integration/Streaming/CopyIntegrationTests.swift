import PGPool
import PGPoolTesting
import Testing

@Suite("COPY in and out")
struct CopyIntegrationTests {
    struct Stop: Error {}

    private func withTable(
        _ name: String,
        _ body: (ConnectionPool, PostgresConnection) async throws -> Void
    ) async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.query("DROP TABLE IF EXISTS \(identifier: name)")
            try await pool.query(
                "CREATE TABLE \(identifier: name) (id bigint, name text, score float8)"
            )
            try await pool.withConnection { try await body(pool, $0) }
            #expect(pool.snapshot.openedTotal == 1, "a connection was given up")
        }
    }

    private func count(_ name: String, _ connection: PostgresConnection) async throws -> Int {
        try await connection.query("SELECT count(*) FROM \(identifier: name)")[0]
            .decode(Int.self, at: 0)
    }

    /// What hurts the formats.
    private let names: [String?] = [
        nil, "", "plain", "tab\there", "line\nfeed", "carriage\rreturn", "back\\slash", "\\N",
        "\"quoted\"", "a,b", "ü 🦔", "\\.",
    ]

    @Test("Text, CSV and binary round trips", arguments: ["text", "csv", "binary"])
    func roundTrip(format: String) async throws {
        try await withTable("copy_\(format)") { pool, connection in
            let rows = try await connection.copyIn(
                "COPY \(identifier: "copy_\(format)") FROM STDIN (FORMAT \(unescaped: format))"
            ) { writer in
                for (id, name) in names.enumerated() {
                    switch format {
                    case "text": try await writer.write(textRow: ["\(id)", name, "0.5"])
                    case "csv": try await writer.write(csvRow: ["\(id)", name, "0.5"])
                    default: try await writer.write(binaryRow: id, name, 0.5)
                    }
                }
            }
            #expect(rows == names.count)
            let stored = try await connection.query(
                "SELECT name FROM \(identifier: "copy_\(format)") ORDER BY id"
            )
            for (row, name) in zip(stored, names) {
                #expect(try row.decode(String?.self, at: 0) == name)
            }
            var bytes: [UInt8] = []
            let out = try await connection.copyOut(
                "COPY \(identifier: "copy_\(format)") TO STDOUT (FORMAT \(unescaped: format))"
            )
            for try await chunk in out { bytes += chunk }
            switch format {
            case "text":
                let lines = bytes.split(separator: 10).map { CopyFormat.textFields($0) }
                #expect(lines.map { $0[1] } == names)
            case "csv":
                #expect(String(decoding: bytes, as: UTF8.self).contains("\"\"\"quoted\"\"\""))
            default:
                let read = try CopyFormat.binaryRows(bytes, types: [.int8, .text, .float8])
                for (index, row) in read.enumerated() {
                    let (id, name, score) = try row.decode((Int, String?, Double).self)
                    #expect(id == index && name == names[index] && score == 0.5)
                }
                #expect(read.count == names.count)
            }
        }
    }

    @Test("A sequence as the source, in a transaction; what is thrown undoes it")
    func sequence() async throws {
        try await withTable("copy_sequence") { pool, connection in
            let (source, feed) = AsyncStream<[UInt8]>.makeStream()
            for n in 0..<1_000 { feed.yield(Array("\(n)\tx\t1\n".utf8)) }
            feed.finish()
            let rows = try await connection.copyIn("COPY copy_sequence FROM STDIN", from: source)
            #expect(rows == 1_000)
            await #expect(throws: Stop.self) {
                try await connection.copyIn("COPY copy_sequence FROM STDIN") { writer in
                    for n in 0..<50_000 { try await writer.write(textRow: ["\(n)", "y", nil]) }
                    throw Stop()
                }
            }
            let stored = try await count("copy_sequence", connection)
            #expect(stored == 1_000)
        }
    }

    @Test("The server's errors, wrong uses, and a connection that stays usable")
    func errors() async throws {
        try await withTable("copy_errors") { pool, connection in
            let bad = try await #require(throws: PostgresError.self) {
                try await connection.copyIn("COPY copy_errors FROM STDIN") { writer in
                    try await writer.write(textRow: ["not a number", nil, nil])
                    for n in 0..<100_000 { try await writer.write(textRow: ["\(n)", "y", nil]) }
                }
            }
            #expect(bad.sqlState == SQLState("22P02"))
            let wrong: [Query] = [
                "COPY copy_errors TO STDOUT", "SELECT 1", "COPY (SELECT \(1)) TO STDOUT",
                "COPY nowhere FROM STDIN",
            ]
            for query in wrong {
                await #expect(throws: PostgresError.self, "\(query.sql)") {
                    try await connection.copyIn(query) { _ in }
                }
            }
            let refused = await #expect(throws: PostgresError.self) {
                try await connection.copyIn("COPY copy_errors FROM PROGRAM 'true'") { _ in }
            }
            #expect(refused?.sqlState == .featureNotSupported, "the server must not be asked")
            for query: Query in [
                "COPY copy_errors FROM STDIN", "SELECT 1", "COPY nowhere TO STDOUT",
            ] {
                await #expect(throws: PostgresError.self, "\(query.sql)") {
                    for try await _ in try await connection.copyOut(query) {}
                }
            }
            let busy = try await poolError {
                try await connection.copyIn("COPY copy_errors FROM STDIN") { _ in
                    _ = try await connection.query("SELECT 1")
                }
            }
            #expect(busy.code == .connectionBusy)
            let stored = try await count("copy_errors", connection)
            #expect(stored == 0)
        }
    }

    @Test("A text with a second COPY is refused, and nothing of the first one stays")
    func twice() async throws {
        try await withTable("copy_twice") { _, connection in
            let text: Query = "COPY copy_twice FROM STDIN; COPY copy_twice FROM STDIN"
            let hasEnded = Flag()
            let copying = Task {
                defer { hasEnded.set() }
                return try await connection.copyIn(text) { writer in
                    try await writer.write(textRow: ["1", "x", nil])
                }
            }
            defer { copying.cancel() }
            try await eventually("it ends") { hasEnded.isSet }
            let error = await #expect(throws: PostgresError.self) { try await copying.value }
            #expect(error?.sqlState == .featureNotSupported)
            #expect(error?.message.contains("one COPY") == true)
            let stored = try await count("copy_twice", connection)
            #expect(stored == 0)
        }
    }

    @Test("A writer that is kept beyond its closure takes nothing")
    func keptWriter() async throws {
        try await withTable("copy_kept") { _, connection in
            var kept: [CopyWriter] = []
            try await connection.copyIn("COPY copy_kept FROM STDIN") { kept.append($0) }
            await #expect(throws: Stop.self) {
                try await connection.copyIn("COPY copy_kept FROM STDIN") { writer in
                    kept.append(writer)
                    throw Stop()
                }
            }
            for writer in kept {
                let error = try await poolError {
                    try await writer.write(textRow: ["1", "x", nil])
                }
                #expect(error.code == .leaseEnded)
            }
        }
    }

    @Test("Cancelled at random moments, both ways", arguments: [3, 4])
    func cancellation(seed: UInt64) async throws {
        try await withTable("copy_cancelled_\(seed)") { pool, connection in
            var random = Generator(state: seed &* 0x9E37_79B9_7F4A_7C15)
            let name = "copy_cancelled_\(seed)"
            for round in 0..<60 {
                let stop = Int(random.next() % 30_000)
                let reached = Flag()
                let isIn = random.next() % 2 == 0
                let task = Task {
                    if isIn {
                        try await connection.copyIn("COPY \(identifier: name) FROM STDIN") {
                            writer in
                            for n in 0... {
                                try await writer.write(textRow: ["\(n)", "some text", "2"])
                                if n == stop { reached.set() }
                            }
                        }
                    } else {
                        let out = try await connection.copyOut(
                            "COPY (SELECT generate_series(1, 100000000)) TO STDOUT"
                        )
                        for try await _ in out { reached.set() }
                    }
                }
                try await eventually("it is under way") { reached.isSet || round % 5 == 0 }
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
                let answer = try await connection.query("SELECT \(round)")
                #expect(try answer[0].decode(Int.self, at: 0) == round, "seed \(seed)")
            }
            let stored = try await count(name, connection)
            #expect(stored == 0)
        }
    }

    @Test("Leaving a copy out early, outside and inside a transaction")
    func leavingEarly() async throws {
        try await withTable("copy_left") { pool, connection in
            for round in 0..<30 {
                if round % 2 == 1 { try await connection.query("BEGIN") }
                let query: Query = "COPY (SELECT generate_series(1, 300000)) TO STDOUT"
                var chunks = 0
                for try await _ in try await connection.copyOut(query) {
                    chunks += 1
                    if chunks > round % 4 { break }
                }
                #expect(try await connection.query("SELECT 1").count == 1)
                if round % 2 == 1 {
                    #expect(try await connection.query("COMMIT").commandTag == "COMMIT")
                }
            }
        }
    }

    @Test("A backend killed while data is copied in: rolled back")
    func killed() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(on: cluster, maxConnections: 1) { pool in
            try await pool.query("CREATE TABLE IF NOT EXISTS copy_killed (n int)")
            let error = try await #require(throws: PostgresError.self) {
                try await pool.withConnection { connection in
                    try await connection.copyIn("COPY copy_killed FROM STDIN") { writer in
                        for n in 0..<10_000_000 {
                            try await writer.write(textRow: ["\(n)"])
                            guard n == 100_000 else { continue }
                            _ = try await cluster.execute(
                                "SELECT pg_terminate_backend(\(connection.backendPID))"
                            )
                        }
                    }
                }
            }
            #expect(error.failureClass == .rolledBack)
            #expect(try await pool.query("SELECT FROM copy_killed").isEmpty)
        }
    }
}
