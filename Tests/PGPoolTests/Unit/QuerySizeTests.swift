import Testing

@testable import PGPool

@Suite struct QuerySizeTests {
    private func refusal(_ bytes: Int, _ parameters: Int) -> PostgresError? {
        QuerySize.refusal(bytes: bytes, parameters: parameters, sql: "SELECT $1")
    }

    @Test("A statement of nearly 1 GiB is refused, with its size and the bound")
    func bytes() throws {
        #expect(refusal(1_073_737_728, 0) == nil)
        #expect(refusal(1_073_737_722, 1) == nil)
        let error = try #require(refusal(1_073_737_723, 1))
        #expect(error.sqlState == .programLimitExceeded)
        #expect(error.failureClass == .deterministic)
        #expect(error.message.contains("1073737729 bytes with its parameters; at most 1073737728"))
    }

    @Test("A statement of more than 65,535 parameters is refused, with their number and the bound")
    func parameters() throws {
        #expect(refusal(9, 65_535) == nil)
        let error = try #require(refusal(9, 65_536))
        #expect(error.sqlState == .programLimitExceeded)
        #expect(error.message.contains("65536 parameters; at most 65535"))
    }

    @Test("The bytes of the text and of all parameters count")
    func sum() {
        let query: Query = "SELECT \("abcd"), \(Int64(1))"
        #expect(query.sizeRefusal == nil)
        #expect(query.sql.utf8.count + query.parameters.bytes.count == 13 + 5 + 8)
    }
}
