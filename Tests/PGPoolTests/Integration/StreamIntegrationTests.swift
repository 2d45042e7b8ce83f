import Foundation
import PGPool
import PGPoolCore
import PGPoolTesting
import Testing

@Suite("Streams of rows")
struct StreamIntegrationTests {
    @Test("Every row comes, in order, prepared or not")
    func order() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            for count in [0, 1, 255, 256, 257, 20_000, 20_000] {
                try await pool.withConnection { connection in
                    var expected = 1
                    for try await row in try await connection.stream(
                        "SELECT n, repeat('x', n % 100) FROM generate_series(1, \(Int32(count))) n"
                    ) {
                        let (number, text) = try row.decode((Int32, String).self)
                        #expect(number == expected && text.utf8.count == expected % 100)
                        expected += 1
                    }
                    #expect(expected == count + 1)
                    #expect(try await connection.query("SELECT 7")[0].decode(Int.self, at: 0) == 7)
                }
            }
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    @Test("A million rows do not fill memory, also when they are taken slowly")
    func backPressure() async throws {
        try await withPool(on: Servers.secured.value, maxConnections: 1) { pool in
            try await pool.withConnection { connection in
                var count = 0
                let before = Memory.resident
                var peak = before
                for try await row in try await connection.stream(
                    "SELECT n, repeat('x', 200) FROM generate_series(1, 1000000) n"
                ) {
                    count += 1
                    if count % 50_000 == 0 {
                        peak = max(peak, Memory.resident)
                        _ = try row.decode((Int32, String).self)
                    }
                }
                #expect(count == 1_000_000)
                #expect(
                    peak - before < 50 << 20,
                    "\((peak - before) >> 20) MiB for what was 200 MB"
                )
            }
        }
    }

    @Test("Leaving early, at any row, leaves a connection that goes on")
    func leavingEarly() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 2) { pool in
            var generator = SeededGenerator(seed: 5)
            for _ in 0..<150 {
                let stop = Int.random(in: 0...2_000, using: &generator)
                let isInTransaction = Bool.random(using: &generator)
                try await pool.withConnection { connection in
                    func leave(_ stream: RowStream) async throws {
                        var count = 0
                        for try await _ in stream {
                            count += 1
                            if count > stop { break }
                        }
                    }
                    if isInTransaction {
                        try await connection.withTransaction { transaction in
                            try await leave(
                                await transaction.stream("SELECT generate_series(1, 3000)")
                            )
                            try await transaction.query("SELECT 1")
                        }
                    } else {
                        try await leave(
                            await connection.stream("SELECT generate_series(1, 3000000)")
                        )
                    }
                    #expect(try await connection.query("SELECT 7")[0].decode(Int.self, at: 0) == 7)
                }
            }
            #expect(pool.snapshot.openedTotal <= 2, "connections were given up")
        }
    }

    @Test("An error of the server comes behind the rows before it")
    func errors() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.withConnection { connection in
                var count = 0
                let error = try await #require(throws: PostgresError.self) {
                    for try await _ in try await connection.stream(
                        "SELECT 1 / (5000 - n) FROM generate_series(1, 10000) n"
                    ) { count += 1 }
                }
                #expect(error.sqlState == SQLState("22012"))
                #expect(count == 4_999)
                #expect(try await connection.query("SELECT 7")[0].decode(Int.self, at: 0) == 7)
            }
        }
    }

    @Test("A task that is cancelled, a backend that is killed, a statement in between")
    func interruptions() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(on: cluster, maxConnections: 1) { pool in
            let endless: Query = "SELECT generate_series(1, 1000000000), repeat('x', 1000)"
            let task = Task {
                try await pool.withConnection { connection in
                    for try await _ in try await connection.stream(endless) {}
                }
            }
            try await eventually("it streams", seeing: pool) { pool.snapshot.leased == 1 }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            let error = try await #require(throws: PostgresError.self) {
                try await pool.withConnection { connection in
                    let pid = connection.backendPID
                    var count = 0
                    for try await _ in try await connection.stream(endless) {
                        count += 1
                        if count == 1_000 {
                            _ = try await cluster.execute("SELECT pg_terminate_backend(\(pid))")
                        }
                    }
                }
            }
            #expect(error.failureClass == .outcomeUnknown)
            let refusal = try await poolError {
                try await pool.withConnection { connection in
                    for try await _ in try await connection.stream(endless) {
                        try await connection.query("SELECT 1")
                    }
                }
            }
            #expect(refusal.code == .streamOpen)
            #expect(try await pool.query("SELECT 7")[0].decode(Int.self, at: 0) == 7)
        }
    }
}

/// What the process occupies.
private enum Memory {
    static var resident: Int {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
            return 0
        }
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * 4_096
    }
}
