import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

/// Streams whose end is here already, unread, when they are stopped: the server is idle and the socket
/// empty, so nothing but reading on finds the end.
@Suite("Streams that are stopped behind their end", .timeLimit(.minutes(2)))
struct StoppedStreamIntegrationTests {
    private func withPool(_ body: (ConnectionPool) async throws -> Void) async throws {
        try await PGPoolTests.withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.results.streamRows = 16 },
            body
        )
    }

    private func expectUsable(_ connection: PostgresConnection) async throws {
        let rows = try await connection.query("SELECT 7", statementTimeout: .seconds(5))
        #expect(try rows[0].decode(Int.self, at: 0) == 7)
    }

    @Test("A task that is cancelled in the midst of it leaves a usable connection")
    func cancelled() async throws {
        try await withPool { pool in
            try await pool.withConnection { connection in
                let gate = Gate()
                let consumer = Task {
                    for try await _ in try await connection.stream("SELECT generate_series(1, 40)")
                    {
                        gate.open()
                        while !Task.isCancelled { await Task.yield() }
                    }
                }
                await gate.wait()
                consumer.cancel()
                await #expect(throws: CancellationError.self) { try await consumer.value }
                try await expectUsable(connection)
            }
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    @Test("A timeout that throws rows away is an error, not the end", arguments: [40, 50_000])
    func timedOut(rows: Int) async throws {
        try await withPool { pool in
            try await pool.withConnection { connection in
                let stream = try await connection.stream(
                    "SELECT generate_series(1, \(rows))",
                    statementTimeout: .milliseconds(200)
                )
                var count = 0
                let error = try await #require(throws: PostgresError.self) {
                    for try await _ in stream {
                        count += 1
                        guard count == 1 else { continue }
                        try await eventually("the timeout passes") {
                            connection.session.state.withLock { $0.sent.allSatisfy(\.didTimeOut) }
                        }
                    }
                }
                #expect(error.sqlState == .queryCanceled && count < rows)
                try await expectUsable(connection)
            }
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    @Test("A stream that had to be prepared again still comes row by row")
    func repaired() async throws {
        try await withPool { pool in
            try await pool.withConnection { connection in
                try await connection.simpleQuery(
                    """
                    DROP TABLE IF EXISTS streamed_again;
                    CREATE TABLE streamed_again AS SELECT generate_series(1, 100000) AS n
                    """
                )
                for round in 0..<2 {
                    let stream = try await connection.stream("SELECT * FROM streamed_again")
                    var iterator = stream.makeAsyncIterator()
                    _ = try await iterator.next()
                    let operation = try #require(
                        connection.session.state.withLock { $0.sent.first },
                        "the stream must still be open at its first row"
                    )
                    #expect(operation.exchange?.isSingleRow == true && operation.result == nil)
                    while try await iterator.next() != nil {}
                    let column = "m\(round)"
                    try await connection.query(
                        "ALTER TABLE streamed_again ADD COLUMN \(identifier: column) int"
                    )
                }
                #expect(pool.snapshot.statementRepairsTotal == 1)
            }
        }
    }
}
