import Foundation
import PGPool
import PGPoolTesting
import Testing

@Suite("Statements that are too large")
struct QuerySizeIntegrationTests {
    @Test("A parameter of 1 GiB is refused wherever it is given, and costs no connection")
    func refused() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let query: Query = "SELECT \(Data(count: 1 << 30))"
            let pid = try await pool.withConnection { connection in
                await #expect {
                    try await connection.query(query)
                } throws: {
                    isTooLarge($0)
                }
                await #expect {
                    for try await _ in try await connection.stream(query) {}
                } throws: {
                    isTooLarge($0)
                }
                let answers = try await connection.pipeline(["SELECT 1", query, "SELECT 2"])
                #expect(answers.map(state) == [nil, .programLimitExceeded, nil])
                return connection.backendPID
            }
            await #expect {
                try await pool.query(query)
            } throws: {
                isTooLarge($0)
            }
            #expect(try await pool.withConnection { $0.backendPID } == pid)
        }
    }

    private func isTooLarge(_ error: any Error) -> Bool {
        (error as? PostgresError)?.sqlState == .programLimitExceeded
    }

    private func state(_ answer: Result<Rows, PostgresError>) -> SQLState? {
        if case .failure(let error) = answer { error.sqlState } else { nil }
    }
}
