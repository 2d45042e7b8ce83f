import PGPoolCore
import Testing

@testable import PGPool

@Suite("The cache of prepared statements")
struct StatementCacheTests {
    @Test("It keeps what a plain list ordered by use would keep, whatever happens to it")
    func againstModel() {
        var generator = SeededGenerator(seed: 0x5EED)
        for capacity in [1, 2, 3, 7] {
            var cache = StatementCache(capacity: capacity)
            // Oldest first.
            var model: [(sql: String, name: String)] = []
            for step in 0..<5_000 {
                let sql = "SELECT \(UInt64.random(in: 0..<10, using: &generator))"
                let known = model.firstIndex { $0.sql == sql }
                if UInt64.random(in: 0..<10, using: &generator) == 0, let known {
                    cache.remove(sql, named: model.remove(at: known).name)
                    continue
                }
                switch cache.lookUp(Query(sql)) {
                case .prepared(let name, _):
                    guard let known else {
                        Issue.record("step \(step): \(sql) was not prepared")
                        return
                    }
                    #expect(model[known].name == name)
                    model.append(model.remove(at: known))
                case .prepare(let name, _, let dropped, let isEvicting):
                    #expect(known == nil, "step \(step): \(sql) was prepared already")
                    let oldest = model.count == capacity ? [model.removeFirst().name] : []
                    #expect(dropped == oldest && isEvicting == !oldest.isEmpty)
                    model.append((sql, name))
                }
                #expect(cache.count == model.count)
            }
        }
    }

    @Test("Texts that Swift takes for equal and the server does not are two statements")
    func canonicalEquivalence() {
        var cache = StatementCache(capacity: 8)
        let texts = ["SELECT 'e\u{301}'", "SELECT '\u{E9}'", "SELECT 'a;'", "SELECT 'a\u{37E}'"]
        #expect(texts[0] == texts[1] && texts[2] == texts[3], "or there is nothing to test")
        for text in texts {
            guard case .prepare = cache.lookUp(Query(text)) else {
                Issue.record("\(text.debugDescription) ran as another statement")
                return
            }
        }
    }

    @Test("What the server has and cannot run is dropped with the next one that is prepared")
    func stale() {
        var cache = StatementCache(capacity: 4)
        guard case .prepare(let name, _, [], false) = cache.lookUp("SELECT 1") else {
            Issue.record("the first use must prepare")
            return
        }
        cache.retire("SELECT 1", named: name)
        cache.retire("SELECT 1", named: name)
        guard case .prepare(let other, _, let dropped, false) = cache.lookUp("SELECT 1") else {
            Issue.record("it is gone, so it must be prepared")
            return
        }
        #expect(dropped == [name] && other != name)
    }

    @Test("The insert of tokens is outside the order of use, and forgotten with all others")
    func tokenInsert() {
        var cache = StatementCache(capacity: 1)
        let first = cache.newName()
        #expect(cache.tokenInsert == nil)
        cache.tokenInsertPrepared(as: first)
        for sql in ["SELECT 1", "SELECT 2"] {
            guard case .prepare(let name, _, let dropped, _) = cache.lookUp(Query(sql)) else {
                Issue.record("\(sql) was not prepared")
                return
            }
            #expect(name != first && !dropped.contains(first))
        }
        #expect(cache.tokenInsert == first && cache.count == 1)

        cache.removeAll()
        #expect(cache.tokenInsert == nil)
        let second = cache.newName()
        #expect(second != first)
        cache.tokenInsertPrepared(as: second)
        cache.retireTokenInsert()
        cache.retireTokenInsert()
        #expect(cache.tokenInsert == nil)
        guard case .prepare(_, _, let dropped, _) = cache.lookUp("SELECT 3") else { return }
        #expect(dropped == [second], "the server has it still")
    }

    @Test("No two sessions use a name, for a pooler may put both on one server")
    func names() {
        var names: Set<String> = []
        for _ in 0..<1_000 {
            var cache = StatementCache(capacity: 4)
            guard case .prepare(let name, _, _, _) = cache.lookUp("SELECT 1") else { return }
            names.insert(name)
            #expect(name.utf8.count <= 15, "longer names are counted, and beyond 63 cut off")
        }
        #expect(names.count == 1_000)
    }

    @Test(
        "Only what cannot begin or end a transaction is plain",
        arguments: [
            ("select 1", true), ("/* x */ WITH a AS (SELECT 1) SELECT * FROM a", true),
            ("(values (1))", true), ("BEGIN", false), ("/* a */ commit", false),
            ("CALL p()", false),
            ("DO $$ $$", false), ("EXPLAIN SELECT 1", false), ("", false),
        ]
    )
    func plain(sql: String, isPlain: Bool) {
        #expect(StatementText.isPlain(sql) == isPlain)
    }
}
