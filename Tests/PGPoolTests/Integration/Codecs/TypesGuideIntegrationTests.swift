import Foundation
import PGPool
import PGPoolTesting
import Testing

private enum Mood: String, PostgresCodable { case sad, happy }

extension Mood: Codable {}

private struct Settings: Codable, Equatable { var theme: String }

private struct Celsius: PostgresCodable, Equatable {
    var degrees: Double
    init(degrees: Double) { self.degrees = degrees }
    static var postgresType: PostgresType { .float8 }
    func encode(into bytes: inout [UInt8]) { degrees.encode(into: &bytes) }
    init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        degrees = try Double(postgresBytes: bytes, type: type)
    }
}

/// What docs/types.md shows, run. `scripts/lint` sees that it stands here.
@Suite("The examples of docs/types.md")
struct TypesGuideIntegrationTests {
    private func withGuide(_ body: (ConnectionPool) async throws -> Void) async throws {
        let schema = "guide_\(UInt32.random(in: 0 ... .max))"
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.serverSettings = ["search_path": "\(schema), public"] }
        ) { pool in
            try await pool.withConnection { connection in
                try await connection.simpleQuery(
                    """
                    CREATE SCHEMA \(schema);
                    CREATE TYPE mood AS ENUM ('sad', 'happy');
                    CREATE TYPE address AS (street text, number int);
                    CREATE TABLE guide (
                        id int PRIMARY KEY, name text, mood mood, created_at timestamptz DEFAULT now(),
                        settings jsonb DEFAULT '{"theme": "dark"}', price numeric DEFAULT 12.50,
                        scores float8[] DEFAULT '{1.5,NULL}',
                        grid int[] DEFAULT '[0:1][5:6]={{1,2},{3,4}}', ages int8range DEFAULT '[20,30]',
                        address address DEFAULT ROW('Lane', 7), place point DEFAULT '(1,2)'
                    );
                    INSERT INTO guide (id, name, mood) VALUES (1, 'one', 'happy'), (2, 'two', NULL);
                    CREATE TABLE stay (from_day date, to_day date);
                    """
                )
            }
            try await body(pool)
            try await pool.query("DROP SCHEMA \(identifier: schema) CASCADE")
        }
    }

    @Test("Statements")
    func statements() async throws {
        try await withGuide { pool in
            let id = 1
            let rows = try await pool.query(
                "SELECT name FROM guide WHERE id = \(id) AND mood = \(Mood.happy)"
            )
            #expect(try rows[0].decode(String.self, at: 0) == "one")
            let column = "name"
            await #expect(throws: PostgresError.self, "the table is in another schema") {
                try await pool.query(
                    "SELECT \(identifier: column) FROM \(identifier: "public", "guide")"
                )
            }
            for descending in [true, false] {
                let rows =
                    try await pool.query(
                        "SELECT name FROM guide ORDER BY \(unescaped: descending ? "id DESC" : "id")"
                    )
                #expect(try rows[0].decode(String.self, at: 0) == (descending ? "two" : "one"))
            }
        }
    }

    @Test("Rows")
    func rows() async throws {
        struct Member: Decodable {
            var id: Int
            var createdAt: Date
            var mood: Mood?
            var settings: Settings
        }
        try await withGuide { pool in
            let rows = try await pool.query("SELECT id, mood FROM guide ORDER BY id")
            var seen: [(Int, Mood?)] = []
            for (id, mood) in try rows.decode((Int, Mood?).self) { seen.append((id, mood)) }
            #expect(seen.map(\.0) == [1, 2] && seen.map(\.1) == [.happy, nil])
        }
        try await withGuide { pool in
            let rows = try await pool.query("SELECT * FROM guide ORDER BY id")
            let row = rows[0]
            let name = try row.decode(String.self, named: "name")
            #expect(name == "one")
            let members = try rows.decode(as: Member.self, keys: .snakeCase)
            #expect(members.map(\.mood) == [.happy, nil])
            #expect(members[1].settings.theme == "dark")
        }
    }

    @Test("Exact numbers, dates, JSON")
    func scalars() async throws {
        try await withGuide { pool in
            let id = 2
            do {
                let settings = Settings(theme: "light")
                try await pool.query(
                    "UPDATE guide SET settings = \(try PostgresJSON(settings)) WHERE id = \(id)"
                )
            }
            let row = try await pool.query("SELECT * FROM guide WHERE id = \(id)")[0]
            let settings = try row.decode(PostgresJSON<Settings>.self, named: "settings").value
            #expect(settings.theme == "light")
            let price: Decimal = try row.decode(Decimal.self, named: "price")
            let exact = try row.decode(PostgresNumeric.self, named: "price")
            let huge = PostgresNumeric("1e100000")
            #expect(price == 12.5 && exact.description == "12.50" && huge?.decimal == nil)
            let start = PostgresDate(year: 2026, month: 2, day: 28)
            try await pool.query(
                "INSERT INTO stay (from_day, to_day) VALUES (\(start), \(PostgresDate.infinity))"
            )
            let stay = try await pool.query("SELECT from_day, to_day FROM stay")
            #expect(try stay[0].decode(PostgresDate.self, at: 0) == start)
            #expect(try stay[0].decode(PostgresDate.self, at: 1).isFinite == false)
            let boiling = Celsius(degrees: 100)
            let echo = try await pool.query("SELECT \(boiling), \([boiling, nil])")
            #expect(try echo[0].decode(Celsius.self, at: 0) == boiling)
            #expect(try echo[0].decode([Celsius?].self, at: 1) == [boiling, nil])
        }
    }

    @Test("Arrays, ranges, composites, raw bytes")
    func compounds() async throws {
        try await withGuide { pool in
            let found = try await pool.query("SELECT id FROM guide WHERE id = ANY(\([1, 2, 3]))")
            #expect(found.count == 2)
            let overlapping = try await pool.query("SELECT id FROM guide WHERE ages && \(18..<65)")
            #expect(overlapping.count == 2)
            let row = try await pool.query("SELECT * FROM guide WHERE id = 1")[0]
            let scores = try row.decode([Double?].self, named: "scores")
            let grid = try row.decode(PostgresArray<Int>.self, named: "grid")
            let corner = grid.element(at: 0, 5)
            #expect(scores == [1.5, nil] && corner == 1)
            let ages = try row.decode(PostgresRange<Int>.self, named: "ages")
            #expect(ages == PostgresRange(20..<31))
            let (street, number) = try row.decode(PostgresRecord.self, named: "address")
                .decode((String, Int).self)
            #expect(street == "Lane" && number == 7)
            let raw = try row.decode(PostgresRaw.self, named: "place")
            #expect(raw.bytes.count == 16 && raw.type == PostgresType(rawValue: 600))
        }
    }
}
