import Foundation
import PGPool
import PGPoolTesting
import Testing

@Suite("Rows as values of Decodable types")
struct DecodableRowsIntegrationTests {
    private enum Mood: String, Decodable { case sad, happy }
    private enum Level: Int, Decodable { case low, high }
    private struct Address: Decodable, Equatable { var city: String, lines: [String] }
    private struct Wrapped: Decodable, Equatable {
        var text: String
        init(from decoder: any Decoder) throws {
            text = try decoder.singleValueContainer().decode(String.self)
        }
    }
    private struct User: Decodable {
        var id: Int
        var name: String
        var createdAt: Date
        var token: UUID
        var balance: Decimal
        var tags: [String]
        var scores: [Double?]
        var mood: Mood
        var level: Level?
        var address: Address
        var previous: Address?
        var addresses: [Address]
        var nickname: String?
        var notThere: Int?
        var wrapped: Wrapped
        var flags: [String: Bool]
    }

    private static let users: Query = """
        SELECT n::int8 AS id, 'user ' || n AS name, timestamptz '2001-01-01 00:00:00Z' AS created_at, \
        '00000000-0000-0000-0000-00000000000a'::uuid AS token, 12.50 AS balance, \
        ARRAY['a', 'b'] AS tags, ARRAY[1.5, NULL]::float8[] AS scores, 'happy' AS mood, \
        CASE WHEN n % 2 = 0 THEN 1 END AS level, \
        '{"city": "Bern", "lines": ["x"]}'::jsonb AS address, NULL::jsonb AS previous, \
        '[{"city": "Ulm", "lines": []}]'::json AS addresses, NULL::text AS nickname, \
        'inner' AS wrapped, '{"a": true}'::jsonb AS flags, 99 AS unasked \
        FROM generate_series(1, 300) n ORDER BY n
        """

    @Test("Every kind of property is read, for every row")
    func everything() async throws {
        try await withPool(on: Servers.plain.value) { pool in
            let rows = try await pool.query(Self.users)
            let users = try rows.decode(as: User.self, keys: .snakeCase)
            #expect(users.count == 300)
            for (index, user) in users.enumerated() {
                #expect(user.id == index + 1 && user.name == "user \(index + 1)")
                #expect(user.level == (user.id % 2 == 0 ? .high : nil))
                #expect(user.createdAt.timeIntervalSinceReferenceDate == 0)
                #expect(user.token.uuid.15 == 10 && user.balance == Decimal(string: "12.5"))
                #expect(
                    user.tags == ["a", "b"] && user.scores == [1.5, nil] && user.mood == .happy
                )
                #expect(user.address == Address(city: "Bern", lines: ["x"]))
                #expect(user.addresses == [Address(city: "Ulm", lines: [])])
                #expect(user.previous == nil && user.nickname == nil && user.notThere == nil)
                #expect(user.wrapped.text == "inner" && user.flags == ["a": true])
            }
            #expect(try rows[7].decode(as: User.self, keys: .snakeCase).id == 8)
        }
    }

    private struct Narrow: Decodable { var id: Int8, name: String }

    /// The error with which reading a query's rows fails.
    private func failure(
        _ pool: ConnectionPool,
        _ query: Query,
        _ body: (Rows) throws -> Void
    ) async throws -> PostgresDecodingError {
        let rows = try await pool.query(query)
        return try #require(throws: PostgresDecodingError.self) { try body(rows) }
    }

    @Test("An error names column, type, expected type and row, and no value")
    func errors() async throws {
        try await withPool(on: Servers.plain.value) { pool in
            let range = try await failure(
                pool,
                "SELECT n AS id, 'x' AS name FROM generate_series(126, 130) n"
            ) {
                _ = try $0.decode(as: Narrow.self)
            }
            #expect(range.reason == .outOfRange && range.column == "id" && range.row == 2)
            #expect(range.type == .int4 && range.expected == "Int8")
            let missing = try await failure(pool, "SELECT 1 AS id") {
                _ = try $0.decode(as: Narrow.self)
            }
            #expect(missing.reason == .noSuchColumn && missing.column == "name")
            let null = try await failure(pool, "SELECT 1 AS id, NULL AS name") {
                _ = try $0.decode(as: Narrow.self)
            }
            #expect(null.reason == .null && null.column == "name")
            let mismatch = try await failure(pool, "SELECT 1 AS id, now() AS name") {
                _ = try $0.decode(as: Narrow.self)
            }
            #expect(mismatch.reason == .typeMismatch && mismatch.type == .timestamptz)
            struct Moody: Decodable { var mood: Mood }
            let unknown = try await failure(pool, "SELECT 'secret' AS mood") {
                _ = try $0.decode(as: Moody.self)
            }
            #expect(unknown.reason == .outOfRange && unknown.column == "mood")
            #expect(!"\(unknown)".contains("secret"))
            let alone = try await failure(pool, "SELECT 'secret' AS mood") {
                _ = try $0.decode(as: Mood.self)
            }
            #expect(alone.reason == .outOfRange && alone.column == "mood")
            #expect(!"\(alone)".contains("secret"))
            struct Housed: Decodable { var address: Address }
            let json = try await failure(pool, "SELECT '{\"city\": \"secret\"}'::jsonb AS address")
            {
                _ = try $0.decode(as: Housed.self)
            }
            #expect(json.reason == .outOfRange && !"\(json)".contains("secret"))
            let count = try await failure(pool, "SELECT 1, 2") { _ = try $0.decode((Int).self) }
            #expect(count.reason == .columnCount)
            let tuple = try await failure(pool, "SELECT 1 AS a, 300 AS b UNION ALL SELECT 2, NULL")
            {
                _ = try $0.decode((Int, Int?).self)
                _ = try $0.decode((Int, Int).self)
            }
            #expect(tuple.reason == .null && tuple.column == "b" && tuple.row == 1)
            #expect(tuple.type == .int4 && tuple.expected == "Int")
            let row = try await failure(pool, "SELECT 1 AS a, 300 AS b") {
                _ = try $0[0].decode((Int, Int8).self)
            }
            #expect(row.reason == .outOfRange && row.column == "b" && row.expected == "Int8")
            let position = try await failure(pool, "SELECT 1") {
                _ = try $0[0].decode(Int.self, at: 1)
            }
            #expect(position.reason == .noSuchColumn && position.column == "1")
            let name = try await failure(pool, "SELECT 1 AS a") {
                _ = try $0[0].decode(Int.self, named: "A")
            }
            #expect(name.reason == .noSuchColumn && name.column == "A")
        }
    }

    @Test("A single column is read by types that are no records; branches may ask in any order")
    func unusual() async throws {
        struct Branching: Decodable {
            var sum: Int
            enum CodingKeys: CodingKey { case kind, a, b, c }
            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: CodingKeys.self)
                guard container.contains(.c), !container.contains(.kind) else {
                    sum = try container.decode(Int.self, forKey: .kind)
                    return
                }
                let isOdd = try container.decode(Int.self, forKey: .a) % 2 == 1
                sum = try container.decode(Int.self, forKey: isOdd ? .b : .c)
                if try container.decodeNil(forKey: .b) { sum = -1 }
                #expect(Set(container.allKeys) == [.a, .b, .c])
            }
        }
        try await withPool(on: Servers.plain.value) { pool in
            let moods = try await pool.query("SELECT unnest(ARRAY['sad', 'happy'])")
            #expect(try moods.decode(as: Mood.self) == [.sad, .happy])
            #expect(try moods.decode(as: String.self) == ["sad", "happy"])
            let rows = try await pool.query(
                """
                SELECT n AS a, CASE WHEN n < 9 THEN 10 * n END AS b, 100 * n AS c \
                FROM generate_series(1, 10, 3) n
                """
            )
            #expect(try rows.decode(as: Branching.self).map(\.sum) == [10, 400, 70, -1])
            #expect(throws: (any Error).self) { try rows.decode(as: [Int].self) }
            #expect(throws: (any Error).self) { try rows.decode(as: Int.self) }
        }
    }
}
