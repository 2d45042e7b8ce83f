import Testing

@testable import PGPool

@Suite("Statements as text and values")
struct StatementTests {
    @Test("Interpolation binds values, quotes identifiers and splices only what says so")
    func interpolation() {
        let name = "x'; DROP TABLE t; --"
        let query: Query = """
            SELECT \(identifier: "we\"ird") FROM \(unescaped: "t") WHERE a = \(name) AND b = \(7)
            """
        #expect(query.sql == "SELECT \"we\"\"ird\" FROM t WHERE a = $1 AND b = $2")
        #expect(query.parameters.count == 2)
    }

    @Test(
        "The first word is found behind white space, nested comments and parentheses",
        arguments: [
            ("select 1", "SELECT"), ("  \n\t(Select 1)", "SELECT"), ("-- c\ncopy t", "COPY"),
            ("/* a /* b */ c */ BEGIN", "BEGIN"), (";;COMMIT", "COMMIT"), ("", ""), ("/* open", ""),
            ("1", ""),
        ]
    )
    func firstKeyword(sql: String, word: String) {
        #expect(StatementText.firstKeyword(sql) == word)
    }

    @Test("What a command leaves behind in a session")
    func sessionEffects() {
        #expect(SessionEffect(tag: "SET", sql: "SET x = 1") == .settings)
        #expect(SessionEffect(tag: "LISTEN", sql: "LISTEN a") == .settings)
        #expect(SessionEffect(tag: "PREPARE", sql: "PREPARE a AS SELECT 1") == .statements)
        #expect(SessionEffect(tag: "CREATE TABLE", sql: "CREATE TABLE t ()") == .none)
        #expect(SessionEffect(tag: "CREATE TABLE", sql: "create temp table t ()") == .settings)
        #expect(SessionEffect(tag: "BEGIN", sql: "BEGIN") == .none)
        #expect(StatementText.changesSession("SELECT set_config('a', 'b', false)"))
        #expect(!StatementText.changesSession("SELECT count(*) FROM t"))
    }

    @Test("The cache prepares once and forgets what was used least recently")
    func cache() {
        var cache = StatementCache(capacity: 2)
        func look(_ sql: String) -> StatementCache.Lookup {
            cache.lookUp(Query(sql))
        }
        guard case .prepare(let first, _, [], false) = look("a") else {
            Issue.record("the first use must prepare")
            return
        }
        _ = look("b")
        guard case .prepared(let again, _) = look("a") else {
            Issue.record("the second use must find it prepared")
            return
        }
        #expect(again == first)
        guard case .prepare(_, _, let evicted, true) = look("c") else {
            Issue.record("the cache is full: one must go")
            return
        }
        #expect(evicted.count == 1 && evicted != [first], "a was used after b")
        #expect(cache.count == 2)
    }
}
