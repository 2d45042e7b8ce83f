import Foundation
import PGPool
import PGPoolCore
import PGPoolTesting
import Testing

/// A type of a user's own that reads a composite value.
private struct FirstField: PostgresDecodable {
    let value: Int
    init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        value = try PostgresRecord(postgresBytes: bytes, type: type).decode(Int.self, at: 0)
    }
}

@Suite("Compound values to a real server and back")
struct CompoundRoundTripIntegrationTests {
    private struct Settings: Codable, Hashable {
        var name: String
        var numbers: [Int]
        var ratio: Double?
    }

    @Test("json and jsonb through Codable", arguments: ["json", "jsonb"])
    func json(_ type: String) async throws {
        let values = try generate(50) { generator in
            Settings(
                name: generator.text(),
                numbers: (0..<4).map { _ in generator.integer(Int.self) },
                ratio: Bool.random(using: &generator) ? 0.25 : nil
            )
        }.map { try PostgresJSON($0) }
        // A jsonb has an order and spaces of its own: its text is compared by what it says.
        try await RoundTrip(
            values: values,
            type: type,
            text: { String(decoding: $0.json, as: UTF8.self) },
            isSame: { $0.value == $1.value },
            isSameText: { server, expected in
                let decoder = JSONDecoder()
                return (try? decoder.decode(Settings.self, from: Data(server.utf8)))
                    == (try? decoder.decode(Settings.self, from: Data(expected.utf8)))
            }
        ).check()
        try await withPool(on: Servers.plain.value) { pool in
            let rows = try await pool.query("SELECT '[1, 2]'::\(unescaped: type), 'null'::json")
            #expect(try rows[0].decode(String.self, at: 0) == "[1, 2]")
            #expect(try rows[0].decode(PostgresJSON<[Int]>.self, at: 0).value == [1, 2])
            let error = try #require(throws: PostgresDecodingError.self) {
                try rows[0].decode(PostgresJSON<[String]>.self, at: 0)
            }
            #expect(error.reason == .outOfRange)
            #expect(try rows[0].decode(PostgresJSON<Int?>.self, at: 1).value == nil)
        }
    }

    @Test("Ranges over every built-in range type")
    func ranges() async throws {
        try await RoundTrip(
            generate(51) { $0.range { $0.integer(Int32.self) >> 1 } },
            "int4range",
            text: \.literal
        )
        .checkRanges()
        try await RoundTrip(
            generate(52) { $0.range { $0.integer(Int64.self) >> 1 } },
            "int8range",
            text: \.literal
        )
        .checkRanges()
        try await RoundTrip(
            generate(53) { $0.range { PostgresNumeric($0.integer(Int64.self)) } },
            "numrange",
            text: \.literal
        ).checkRanges()
        try await RoundTrip(
            generate(54) {
                $0.range { PostgresTimestamp(microseconds: $0.integer(Int64.self) >> 8) }
            },
            "tsrange",
            text: \.literal
        ).checkRanges()
        try await RoundTrip(
            generate(55) {
                $0.range { PostgresTimestampTZ(microseconds: $0.integer(Int64.self) >> 8) }
            },
            "tstzrange",
            text: \.literal
        ).checkRanges()
        try await RoundTrip(
            generate(56) { $0.range { PostgresDate(days: $0.integer(Int32.self) >> 12) } },
            "daterange",
            text: \.literal
        ).checkRanges()
    }

    @Test("Multiranges, which the server sorts and joins")
    func multiranges() async throws {
        let whole = generate(61) { generator in
            let count = Int.random(in: 0...4, using: &generator)
            return PostgresMultirange(
                (0..<count).map { _ in generator.range { $0.integer(Int64.self) >> 40 } }
            )
        }
        try await RoundTrip(whole, "int8multirange", text: \.literal).checkRanges()
        let days = generate(62) { generator in
            let count = Int.random(in: 0...4, using: &generator)
            return PostgresMultirange(
                (0..<count).map { _ in
                    generator.range { PostgresDate(days: $0.integer(Int32.self) >> 18) }
                }
            )
        }
        try await RoundTrip(days, "datemultirange", text: \.literal).checkRanges()
    }

    @Test("Composites whose fields are NULL, empty or full")
    func composites() async throws {
        let cluster = try await Servers.plain.value
        try await cluster.execute(
            "DROP TYPE IF EXISTS piece; CREATE TYPE piece AS (id int8, label text, sizes float8[])"
        )
        typealias Fields = (id: Int?, label: String?, sizes: [Double?]?)
        let values = generate(63) { generator -> Fields in
            let sizes = (0..<Int.random(in: 0...3, using: &generator)).map { index -> Double? in
                index == 1 ? nil : Double(generator.integer(Int16.self)) / 8
            }
            return (
                Bool.random(using: &generator) ? generator.integer(Int.self) : nil,
                Bool.random(using: &generator) ? generator.text() : nil,
                Bool.random(using: &generator) ? sizes : nil
            )
        }
        try await withPool(on: cluster, maxConnections: 1) { pool in
            for value in values {
                let made = try await pool.query(
                    "SELECT ROW(\(value.id), \(value.label), \(value.sizes))::piece"
                )
                let record = try made[0].decode(PostgresRecord.self, at: 0)
                let (id, label, sizes) = try record.decode((Int?, String?, [Double?]?).self)
                #expect(id == value.id && label == value.label && sizes == value.sizes)
                let sent = try await pool.query(
                    """
                    SELECT (p).id, (p).label, (p).sizes, p::text \
                    IS NOT DISTINCT FROM ROW(\(value.id), \(value.label), \(value.sizes))::piece::text \
                    FROM (SELECT \(record)::piece AS p) s
                    """
                )
                let (same, text, array, isEqual) = try sent[0].decode(
                    (Int?, String?, [Double?]?, Bool).self
                )
                #expect(same == id && text == label && array == sizes && isEqual)
            }
        }
    }

    @Test("Swift's ranges, multiranges and a range type of one's own")
    func otherRanges() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(on: cluster) { pool in
            let rows = try await pool.query(
                "SELECT \(3..<9), \(3...9), \(3..<9)::text, \(3...9)::text, 'empty'::int8range"
            )
            #expect(try rows[0].decode(Range<Int>.self, at: 0) == 3..<9)
            #expect(try rows[0].decode(Range<Int>.self, at: 1) == 3..<10)
            #expect(try rows[0].decode(String.self, at: 2) == "[3,9)")
            #expect(try rows[0].decode(String.self, at: 3) == "[3,10)")
            #expect(throws: PostgresDecodingError.self) {
                try rows[0].decode(Range<Int>.self, at: 4)
            }

            let several = PostgresMultirange([PostgresRange(1..<3), PostgresRange(5..<9), .empty])
            let multi = try await pool.query("SELECT \(several), \(several)::text")
            let (value, text) = try multi[0].decode((PostgresMultirange<Int>, String).self)
            #expect(value.ranges == [PostgresRange(1..<3), PostgresRange(5..<9)])
            #expect(text == "{[1,3),[5,9)}")

            try await cluster.execute(
                "DROP TYPE IF EXISTS textrange; CREATE TYPE textrange AS RANGE (subtype = text)"
            )
            let words = PostgresRange.bounds(lower: .included("a\"b"), upper: .excluded("é"))
            let own = try await pool.query("SELECT \(words)::textrange")
            #expect(try own[0].decode(PostgresRange<String>.self, at: 0) == words)
        }
    }

    @Test("Arrays of several dimensions with bounds of their own")
    func arrays() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            for array in generate(57, count: 1500, { $0.array { $0.integer(Int32.self) } }) {
                let rows = try await pool.query(
                    "SELECT \(array), array_dims(\(array)), \(array) = \(array.literal)::int4[]"
                )
                let (same, bounds, isEqual) = try rows[0].decode(
                    (PostgresArray<Int32?>, String?, Bool).self
                )
                #expect(same == array && isEqual)
                #expect(bounds ?? "" == array.bounds, "\(array.literal)")
            }
            for array in generate(58, count: 1500, { $0.array { $0.text(upTo: 6) } }) {
                let rows = try await pool.query(
                    "SELECT \(array)::text[], array_dims(\(array)::text[])"
                )
                let (same, bounds) = try rows[0].decode((PostgresArray<String?>, String?).self)
                #expect(same == array)
                #expect(bounds ?? "" == array.bounds)
            }
            let odd = try await pool.query("SELECT '[-2:0]={1,2,3}'::int[], '{{1},{2}}'::int[]")
            #expect(try odd[0].decode([Int].self, at: 0) == [1, 2, 3])
            #expect(try odd[0].decode(PostgresArray<Int>.self, at: 0).element(at: -2) == 1)
            let error = try #require(throws: PostgresDecodingError.self) {
                try odd[0].decode([Int].self, at: 1)
            }
            #expect(error.reason == .severalDimensions)
            #expect(try odd[0].decode(PostgresArray<Int>.self, at: 1).element(at: 2, 1) == 2)
        }
    }

    private enum Mood: String, PostgresCodable, CaseIterable { case sad, ok, happy = "very happy" }
    private enum Level: Int16, PostgresCodable { case low = 1, high = 2 }

    @Test("Enums by their raw values, with and without a type on the server")
    func enums() async throws {
        let cluster = try await Servers.plain.value
        try await cluster.execute(
            """
            DROP TYPE IF EXISTS mood; CREATE TYPE mood AS ENUM ('sad', 'ok', 'very happy', 'lost')
            """
        )
        try await RoundTrip(Mood.allCases, "mood", text: \.rawValue).check()
        try await withPool(on: cluster) { pool in
            let rows = try await pool.query("SELECT 'lost'::mood, \(Level.high), 3::int2")
            let error = try #require(throws: PostgresDecodingError.self) {
                try rows[0].decode(Mood.self, at: 0)
            }
            #expect(error.reason == .outOfRange)
            #expect(try rows[0].decode(Level.self, at: 1) == .high)
            #expect(throws: PostgresDecodingError.self) { try rows[0].decode(Level.self, at: 2) }
        }
    }

    @Test("Composites as rows, hstore, and types that nobody here knows")
    func others() async throws {
        let cluster = try await Servers.plain.value
        try await cluster.execute(
            """
            DROP TYPE IF EXISTS part; CREATE TYPE part AS (id int, label text, sizes float8[])
            """
        )
        try await cluster.execute("CREATE EXTENSION IF NOT EXISTS hstore")
        try await cluster.execute("CREATE EXTENSION IF NOT EXISTS ltree")
        try await withPool(on: cluster) { pool in
            let rows = try await pool.query(
                """
                SELECT ROW(7, 'a"b', ARRAY[1.5, 2])::part, ROW(NULL, 1::int8), \
                ARRAY[ROW(1, 'x', NULL)::part, NULL]
                """
            )
            let part = try rows[0].decode(PostgresRecord.self, at: 0)
            let (id, label, sizes) = try part.decode((Int, String, [Double]).self)
            #expect(id == 7 && label == "a\"b" && sizes == [1.5, 2])
            let anonymous = try rows[0].decode(PostgresRecord.self, at: 1)
            #expect(try anonymous.decode(Int?.self, at: 1) == 1)
            let null = try #require(throws: PostgresDecodingError.self) {
                try anonymous.decode(String.self, at: 0)
            }
            #expect(null.reason == .null && null.column == "row, field 0" && null.row == 0)
            let wrong = try #require(throws: PostgresDecodingError.self) {
                try part.decode((Int, Int, [Double]).self)
            }
            #expect(wrong.reason == .typeMismatch && wrong.column == "row, field 1")
            #expect(wrong.type == .text && wrong.expected == "Int")
            let inner = try #require(throws: PostgresDecodingError.self) {
                try rows[0].decode((FirstField, FirstField, PostgresRaw).self)
            }
            #expect(inner.reason == .null && inner.column == "row, field 0" && inner.row == 0)
            let grid = try await pool.query("SELECT ARRAY[[1, 2], [3, 4]] AS grid")
            let flat = try #require(throws: PostgresDecodingError.self) {
                try grid[0].decode([Int].self, named: "grid")
            }
            #expect(flat.reason == .severalDimensions)
            #expect(flat.description.contains("grid") && flat.description.contains("PostgresArray"))
            #expect(try rows[0].decode([PostgresRecord?].self, at: 2).count == 2)
            let back = try await pool.query("SELECT (\(part)::part).label, \(part)::part")
            #expect(try back[0].decode(String.self, at: 0) == "a\"b")
            #expect(try back[0].decode(PostgresRecord.self, at: 1) == part)

            for store in generate(59, count: 500, { $0.hstore() }) {
                let rows = try await pool.query("SELECT \(store)::hstore, akeys(\(store)::hstore)")
                let (same, keys) = try rows[0].decode((PostgresHstore, [String]).self)
                #expect(same == store && Set(keys) == Set(store.values.keys))
            }

            let points = try await pool.query("SELECT point(1, 2), 'a.b'::ltree")
            let raw = try points[0].decode(PostgresRaw.self, at: 0)
            #expect(raw.bytes.count == 16 && raw.type == PostgresType(rawValue: 600))
            let sent = try await pool.query("SELECT (\(raw))[1], \(raw)::text")
            #expect(try sent[0].decode(Double.self, at: 0) == 2)
            #expect(try sent[0].decode(String.self, at: 1) == "(1,2)")
        }
    }
}

extension PostgresArray<Int32?> {
    /// The array in the server's text, made without the codec.
    fileprivate var literal: String {
        func nested(_ elements: ArraySlice<Int32?>, _ counts: ArraySlice<Int>) -> String {
            guard let count = counts.first else {
                return elements.first.flatMap(\.self).map(String.init) ?? "NULL"
            }
            let size = elements.count / count
            let parts = (0..<count).map { part in
                let start = elements.startIndex + part * size
                return nested(elements[start..<(start + size)], counts.dropFirst())
            }
            return "{" + parts.joined(separator: ",") + "}"
        }
        guard !elements.isEmpty else { return "{}" }
        return bounds + "=" + nested(elements[...], dimensions.map(\.count)[...])
    }
}

extension PostgresArray {
    fileprivate var bounds: String {
        dimensions.map { "[\($0.lowerBound):\($0.lowerBound + $0.count - 1)]" }.joined()
    }
}

extension RoundTrip {
    /// Ranges have no text of ours: the server says whether they mean the same.
    fileprivate func checkRanges() async throws where Value: Equatable {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.serverSettings = ["TimeZone": "UTC"] }
        ) { pool in
            let rows = try await pool.query(
                """
                SELECT v, v = t::\(unescaped: type), ARRAY[v, NULL] \
                FROM unnest(\(values), \(values.map(text))::text[]) WITH ORDINALITY u (v, t, n) \
                ORDER BY n
                """
            )
            let decoded = try rows.decode((Value, Bool, [Value?]).self)
            #expect(decoded.count == values.count)
            // What the server normalised must come back unchanged the second time.
            let normal = decoded.map(\.0)
            let again = try await pool.query(
                "SELECT v FROM unnest(\(normal)) WITH ORDINALITY u (v, n) ORDER BY n"
            )
            #expect(try again.decode((Value).self) == normal)
            for (sent, (received, isSame, array)) in zip(values, decoded) {
                if !isSame || array != [received, nil] {
                    Issue.record("\(type): sent \(text(sent)), got \(text(received))")
                }
            }
        }
    }
}

extension PostgresRange where Value: CustomStringConvertible {
    fileprivate var literal: String {
        guard case .bounds(let lower, let upper) = self else { return "empty" }
        let from = lower.value.map { "\"\($0)\"" } ?? ""
        let to = upper.value.map { "\"\($0)\"" } ?? ""
        var (opening, closing) = ("(", ")")
        if case .included = lower { opening = "[" }
        if case .included = upper { closing = "]" }
        return "\(opening)\(from),\(to)\(closing)"
    }
}

extension PostgresMultirange where Value: CustomStringConvertible {
    fileprivate var literal: String { "{" + ranges.map(\.literal).joined(separator: ",") + "}" }
}

extension SeededGenerator {
    fileprivate mutating func range<Bound: Comparable>(
        _ make: (inout SeededGenerator) -> Bound
    ) -> PostgresRange<Bound> {
        if Int.random(in: 0..<12, using: &self) == 0 { return .empty }
        let (first, second) = (make(&self), make(&self))
        return .bounds(lower: bound(min(first, second)), upper: bound(max(first, second)))
    }

    private mutating func bound<Bound>(_ value: Bound) -> PostgresRange<Bound>.Bound {
        switch Int.random(in: 0..<5, using: &self) {
        case 0: .unbounded
        case 1, 2: .included(value)
        default: .excluded(value)
        }
    }

    fileprivate mutating func array<Element: PostgresCodable>(
        _ make: (inout SeededGenerator) -> Element
    ) -> PostgresArray<Element?> {
        let dimensions = (0..<Int.random(in: 0...4, using: &self)).map { _ in
            PostgresArray<Element?>.Dimension(
                count: Int.random(in: 1...3, using: &self),
                lowerBound: Bool.random(using: &self) ? 1 : Int.random(in: -9...9, using: &self)
            )
        }
        let count = dimensions.isEmpty ? 0 : dimensions.reduce(1) { $0 * $1.count }
        let elements: [Element?] = (0..<count).map { _ in
            Int.random(in: 0..<6, using: &self) == 0 ? nil : make(&self)
        }
        return PostgresArray(elements, dimensions: dimensions) ?? PostgresArray([])
    }

    fileprivate mutating func hstore() -> PostgresHstore {
        var values: [String: String?] = [:]
        for _ in 0..<Int.random(in: 0...5, using: &self) {
            let value = Bool.random(using: &self) ? text() : nil
            values.updateValue(value, forKey: text(upTo: 5))
        }
        return PostgresHstore(values)
    }
}
