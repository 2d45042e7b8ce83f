import Foundation
import PGPool
import PGPoolCore
import PGPoolTesting
import Testing

@Suite("Hostile strings end as data")
struct InjectionIntegrationTests {
    /// What has opened databases before, and what is special to this one.
    static let corpus: [String] = [
        "'", "''", "\"", "\"\"", "\\", "\\'", "\\\"", "';", "'; DROP TABLE victims; --",
        "\"; DROP TABLE victims; --", "x'; DELETE FROM victims; SELECT '", "' OR '1'='1",
        "' UNION SELECT usename FROM pg_user --", "1; COMMIT; DROP TABLE victims", "/*", "*/", "--",
        "/* ' */ \" -- ", "$1", "$2", "$$", "$a$; DROP TABLE victims; $a$", "%s", "%1$s", "?", ":x",
        "E'\\''", "U&'\\0027'", "U&\"\\0022\"", "\\x27", "\\047", "\\u0027", "&#39;", "%27",
        "\u{2019}", "\u{02BC}", "\u{FF07}", "\u{201D}", "\u{FF02}", "\u{037E} DROP TABLE victims",
        "\"\u{301}; DROP TABLE victims; --", "'\u{301}; DROP TABLE victims; --",
        "a\"\u{20E3}b", "\\\u{301}", "\u{FEFF}", "\u{202E}'", "\u{200B}", "\r\n'", "\n--\n", "\t",
        "\u{1}", "\u{7F}", "NULL", "null", "{}", "{\"a\"}", "}", "{", ",", "\"},{\"", "a.b",
        "public.victims",
        "\"public\".\"victims\"", "(SELECT 1)", "pg_sleep(10)", "; SET ROLE postgres",
        "CURRENT_USER",
        "select", "user", "é", "漢字", "🐘", "e\u{301}", "\u{1F468}\u{200D}\u{1F469}", " ", "  x  ",
        String(repeating: "'", count: 63), String(repeating: "\"", count: 31),
    ]

    private static let generated: [String] = {
        var generator = SeededGenerator(seed: 60)
        return (0..<500).map { _ in generator.text(upTo: 15) }
    }()

    /// A pool with one connection, and a table whose rows tell whether anything got through.
    private func withVictims(
        standardStrings: String = "on",
        _ body: (ConnectionPool) async throws -> Void
    ) async throws {
        let schema = "injection_\(standardStrings)_\(UInt32.random(in: 0 ... .max))"
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: {
                $0.serverSettings = [
                    "search_path": schema, "standard_conforming_strings": standardStrings,
                ]
            }
        ) { pool in
            try await pool.query("CREATE SCHEMA \(identifier: schema)")
            try await pool.query("CREATE TABLE victims (id int)")
            try await pool.query("INSERT INTO victims VALUES (1), (2), (3)")
            try await body(pool)
            let left = try await pool.query("SELECT count(*), current_user::text FROM victims")
            let (count, user) = try left[0].decode((Int, String).self)
            #expect(count == 3 && user == "app", "something ran that was data")
            let tables = try await pool.query(
                "SELECT count(*) FROM pg_tables WHERE schemaname = \(schema)"
            )
            #expect(try tables[0].decode(Int.self, at: 0) == 1)
            try await pool.query("DROP SCHEMA \(identifier: schema) CASCADE")
        }
    }

    @Test("As values, alone and in arrays", arguments: ["on", "off"])
    func values(_ standardStrings: String) async throws {
        try await withVictims(standardStrings: standardStrings) { pool in
            let all = Self.corpus + Self.generated
            for text in all {
                let rows = try await pool.query(
                    """
                    SELECT \(text)::text, convert_to(\(text)::text, 'UTF8'), ARRAY[\(text)::text], \
                    \([text])::text[]
                    """
                )
                let (same, bytes, one, array) = try rows[0].decode(
                    (String, Data, [String], [String]).self
                )
                // By bytes: Swift's == takes a letter and its accent for one that has it.
                #expect(bytes == Data(text.utf8), "\(text.debugDescription)")
                #expect(Array(same.utf8) == Array(text.utf8))
                #expect(one.map { Array($0.utf8) } == [Array(text.utf8)])
                #expect(array.map { Array($0.utf8) } == [Array(text.utf8)])
            }
            let whole = try await pool.query("SELECT \(all)::text[]")
            let back = try whole[0].decode([String].self, at: 0)
            #expect(back.map { Array($0.utf8) } == all.map { Array($0.utf8) })
        }
    }

    @Test("As values of another type they are refused")
    func otherTypes() async throws {
        try await withVictims { pool in
            for text in Self.corpus where !text.allSatisfy(\.isWhitespace) {
                let error = try await #require(throws: PostgresError.self, "\(text)") {
                    try await pool.query("SELECT * FROM victims WHERE id = \(text)")
                }
                #expect(error.sqlState?.description == "22P02", "\(text.debugDescription)")
            }
        }
    }

    @Test("As identifiers, of columns, tables and schemas", arguments: ["on", "off"])
    func identifiers(_ standardStrings: String) async throws {
        try await withVictims(standardStrings: standardStrings) { pool in
            for name in Self.corpus + Self.generated
            where !name.isEmpty && name.utf8.count <= 63 {
                let bytes = Array(name.utf8)
                let column = try await pool.query("SELECT 1 AS \(identifier: name)")
                #expect(column.columnNames.map { Array($0.utf8) } == [bytes])
                // A name that exists must be found again, and no other.
                guard name != "victims" else { continue }
                try await pool.query("CREATE TABLE \(identifier: name) (\(identifier: name) int)")
                let found = try await pool.query(
                    """
                    SELECT relname::text FROM pg_class WHERE relname = \(name) \
                    AND relnamespace = current_schema()::regnamespace
                    """
                )
                try #require(found.count == 1, "\(name.debugDescription)")
                #expect(try Array(found[0].decode(String.self, at: 0).utf8) == bytes)
                try await pool.query("INSERT INTO \(identifier: name) VALUES (1)")
                try await pool.query("DROP TABLE \(identifier: name)")
            }
        }
    }

    @Test("Names in parts, and names with dots")
    func parts() async throws {
        try await withVictims { pool in
            let rows = try await pool.query(
                "SELECT \(identifier: "pg_catalog", "pg_class", "relname") FROM \(identifier: "pg_catalog", "pg_class") LIMIT 1"
            )
            #expect(rows.count == 1)
            let error = try await #require(throws: PostgresError.self) {
                try await pool.query("SELECT 1 FROM \(identifier: "pg_catalog.pg_class")")
            }
            #expect(error.sqlState == .undefinedTable)
            let empty = try await #require(throws: PostgresError.self) {
                try await pool.query("SELECT 1 FROM \(identifier: "")")
            }
            #expect(empty.sqlState == .syntaxError)
        }
    }

    @Test("A zero character cuts off neither a value nor a name nor a statement")
    func zero() async throws {
        try await withVictims { pool in
            for text in ["\0", "a\0b", "\0\0\0\u{5}", "\0'; DROP TABLE victims"] {
                for query: Query in [
                    "SELECT \(text)", "SELECT \(text)::text", "SELECT \([text])::text[]",
                    "SELECT \(text)::int",
                ] {
                    let error = try await #require(throws: PostgresError.self) {
                        try await pool.query(query)
                    }
                    #expect(error.sqlState?.description == "22021", "\(query.sql)")
                }
            }
            let named = try await pool.query("SELECT 1 AS \(identifier: "a\0b")")
            #expect(named.columnNames == ["a\u{FFFD}b"])
            // What stands for it reads as an alias here; the condition behind it still counts.
            let whole = try await pool.query("DELETE FROM victims \(unescaped: "\0") WHERE false")
            #expect(whole.affectedRows == 0)
            var query: Query = "DELETE FROM victims"
            query.sql += "\0 WHERE false"
            #expect(!query.sql.utf8.contains(0))
        }
    }
}
