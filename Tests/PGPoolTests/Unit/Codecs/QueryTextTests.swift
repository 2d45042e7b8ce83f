import PGPool
import Testing

@Suite("The text of a statement")
struct QueryTextTests {
    @Test("Values are numbered, names quoted, text spliced")
    func parts() {
        let query: Query =
            "SELECT \(identifier: "a b") FROM \(identifier: "s", "t\"x") WHERE a = \(1) \(unescaped: "AND b") = \("x")"
        #expect(query.sql == #"SELECT "a b" FROM "s"."t""x" WHERE a = $1 AND b = $2"#)
        #expect(query.parameters.count == 2)
    }

    @Test("A quote is doubled even where a combining mark hides it from a search by characters")
    func combiningMarks() {
        for mark in ["\u{301}", "\u{20E3}", "\u{FE0F}", "\u{200D}"] {
            let query: Query = "SELECT \(identifier: "a\"\(mark)b")"
            #expect(Array(query.sql.utf8) == Array("SELECT \"a\"\"\(mark)b\"".utf8))
        }
    }

    @Test("A zero character is replaced wherever text comes from")
    func zero() {
        var query: Query = "a\0\(identifier: "b\0")\(unescaped: "c\0")"
        #expect(query.sql == "a\u{FFFD}\"b\u{FFFD}\"c\u{FFFD}")
        query.sql += "\0"
        #expect(!query.sql.utf8.contains(0))
        #expect(Query("x\0y").sql == "x\u{FFFD}y")
    }
}
