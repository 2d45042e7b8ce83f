import Foundation
import PGPool

/// Moves a lot of data one way and says how much memory the process had at its peak; `scripts/memory`
/// runs it for each way, in a process of its own. The server's URL is the first argument, the way the
/// second.
@main
struct Memory {
    static let rows = 10_000_000
    static let bytes = 1 << 30
    static let line = 1_024

    static func main() async throws {
        guard CommandLine.arguments.count == 3 else { usage() }
        let url = CommandLine.arguments[1]
        let way = CommandLine.arguments[2]
        let pool = try ConnectionPool(url, maxConnections: 1)
        try await pool.query("SELECT 1")
        let before = peak()
        let clock = ContinuousClock()
        let start = clock.now
        let moved = try await pool.withConnection { connection in
            let isEncrypted = try await connection.query(
                "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            )
            print(try isEncrypted[0].decode(Bool.self, at: 0) ? "TLS  " : "plain", terminator: "  ")
            switch way {
            case "stream": return try await stream(connection)
            case "copy-in": return try await copyIn(connection)
            case "copy-out": return try await copyOut(connection)
            default: usage()
            }
        }
        let took = clock.now - start
        print(
            way.padding(toLength: 9, withPad: " ", startingAt: 0), moved,
            "in", took.formatted(.units(allowed: [.seconds], fractionalPart: .show(length: 1))),
            "; peak", peak(), "MiB, of these", before, "before"
        )
        await pool.shutdown()
    }

    static func stream(_ connection: PostgresConnection) async throws -> String {
        var count = 0
        var sum = 0
        let query: Query = """
            SELECT n, 'row number ' || n FROM (SELECT generate_series(1, \(rows)) AS n) numbers
            """
        for try await row in try await connection.stream(query) {
            let (number, text) = try row.decode((Int, String).self)
            count += 1
            sum += number
            guard text.utf8.count > 11 else { throw WrongData() }
        }
        guard count == rows, sum == rows * (rows + 1) / 2 else { throw WrongData() }
        return "\(count) rows"
    }

    static func copyIn(_ connection: PostgresConnection) async throws -> String {
        try await connection.query("CREATE TEMPORARY TABLE target (line text)")
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: line - 1) + [10]
        let copied = try await connection.copyIn("COPY target FROM STDIN") { writer in
            for _ in 0..<(bytes / line.count) { try await writer.write(line) }
        }
        guard copied == bytes / line.count else { throw WrongData() }
        return "\(copied * line.count) bytes"
    }

    static func copyOut(_ connection: PostgresConnection) async throws -> String {
        var count = 0
        let query: Query = """
            COPY (SELECT repeat('x', 1023) FROM (SELECT generate_series(1, 1048576)) numbers) TO STDOUT
            """
        for try await chunk in try await connection.copyOut(query) { count += chunk.count }
        guard count == bytes else { throw WrongData() }
        return "\(count) bytes"
    }

    /// The most memory that this process had resident, in MiB.
    static func peak() -> Int {
        var usage = rusage()
        guard getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return -1 }
        return usage.ru_maxrss / 1_024
    }

    static func usage() -> Never {
        FileHandle.standardError.write(Data("usage: memory URL stream|copy-in|copy-out\n".utf8))
        exit(2)
    }
}

struct WrongData: Error {}
