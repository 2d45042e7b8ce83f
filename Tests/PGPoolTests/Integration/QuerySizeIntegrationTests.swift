import Foundation
import PGPool
import PGPoolTesting
import Testing

@Suite("Statements that are too large")
struct QuerySizeIntegrationTests {
    /// A text or a parameter of 1 GiB, and more parameters than a message can count.
    enum Excess: CaseIterable {
        case bytes, parameters

        var query: Query {
            switch self {
            case .bytes: return "SELECT \(Data(count: 1 << 30))"
            case .parameters:
                var parameters = Parameters()
                for n in 0..<65_536 { parameters.append(n) }
                let list = (1...65_536).map { "$\($0)" }.joined(separator: ", ")
                return Query("SELECT 1 WHERE 1 IN (\(list))", parameters: parameters)
            }
        }
    }

    @Test("It is refused wherever it is given, and costs no connection", arguments: Excess.allCases)
    func refused(_ excess: Excess) async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let query = excess.query
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
            await #expect {
                try await pool.withTransaction { try await $0.query(query) }
            } throws: {
                isTooLarge($0)
            }
            #expect(try await pool.withConnection { $0.backendPID } == pid)
        }
    }

    @Test("So is a text of several statements")
    func simple() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 30)
            let text = String(decoding: bytes, as: UTF8.self)
            try await pool.withConnection { connection in
                await #expect {
                    try await connection.simpleQuery(text)
                } throws: {
                    isTooLarge($0)
                }
                let rows = try await connection.query("SELECT 1")
                #expect(rows.count == 1)
            }
        }
    }

    private func isTooLarge(_ error: any Error) -> Bool {
        (error as? PostgresError)?.sqlState == .programLimitExceeded
    }

    private func state(_ answer: Result<Rows, PostgresError>) -> SQLState? {
        if case .failure(let error) = answer { error.sqlState } else { nil }
    }
}
