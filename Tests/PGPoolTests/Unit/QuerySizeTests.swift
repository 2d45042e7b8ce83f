import Testing

@testable import PGPool

@Suite struct QuerySizeTests {
    @Test("A statement of 1 GiB is refused, with its size and the bound; one byte less is not")
    func bound() throws {
        #expect(QuerySize.refusal(of: (1 << 30) - 1, sql: "SELECT $1") == nil)
        let error = try #require(QuerySize.refusal(of: 1 << 30, sql: "SELECT $1"))
        #expect(error.sqlState == .programLimitExceeded)
        #expect(error.failureClass == .deterministic)
        #expect(error.message.contains("1073741824 bytes; at most 1073741823 can be sent"))
    }

    @Test("The bytes of the text and of all parameters count")
    func sum() {
        let query: Query = "SELECT \("abcd"), \(Int64(1))"
        #expect(query.sizeRefusal == nil)
        #expect(query.sql.utf8.count + query.parameters.bytes.count == 13 + 5 + 8)
    }
}
