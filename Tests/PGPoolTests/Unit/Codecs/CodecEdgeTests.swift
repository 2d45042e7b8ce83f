import Foundation
@testable import PGPool
import Testing

@Suite("Codecs at their edges")
struct CodecEdgeTests {
    /// The reason for which bytes of a type are refused; fails when they are not.
    private func refusal<Value: PostgresDecodable>(
        _ bytes: [UInt8],
        _ type: PostgresType,
        as value: Value.Type,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> PostgresDecodingError.Reason? {
        #expect(throws: PostgresDecodingError.Reason.self, sourceLocation: sourceLocation) {
            try PostgresRaw(bytes, type: type).decode(value)
        }
    }

    private func encoded(_ value: some PostgresEncodable) -> [UInt8] {
        var bytes: [UInt8] = []
        value.encode(into: &bytes)
        return bytes
    }

    @Test("Every integer reads every width that it can hold, and no other value")
    func integers() throws {
        let big = PostgresRaw(encoded(Int64(70_000)), type: .int8)
        #expect(try big.decode(Int.self) == 70_000)
        #expect(try big.decode(UInt32.self) == 70_000)
        #expect(refusal(big.bytes, .int8, as: Int16.self) == .outOfRange)
        #expect(refusal(big.bytes, .int4, as: Int64.self) == .malformed)
        #expect(refusal(encoded(Int16(-1)), .int2, as: UInt64.self) == .outOfRange)
        #expect(refusal(big.bytes, .float8, as: Int.self) == .typeMismatch)
        #expect(
            try PostgresRaw([0xFF, 0xFF, 0xFF, 0xFF], type: .oid).decode(Int.self) == 4_294_967_295
        )
    }

    @Test("Text is UTF-8, and a type that somebody created is text only if it looks like it")
    func texts() throws {
        let own = PostgresType(rawValue: 99_999)
        #expect(refusal([0xC3], .text, as: String.self) == .malformed)
        #expect(try PostgresRaw(Array("héllo".utf8), type: own).decode(String.self) == "héllo")
        #expect(refusal([0, 0, 0, 1], own, as: String.self) == .typeMismatch)
        #expect(refusal([1, 2], .int2, as: String.self) == .typeMismatch)
        #expect(refusal([2, 0x7B, 0x7D], .jsonb, as: String.self) == .malformed)
        #expect(refusal([], .jsonb, as: String.self) == .malformed)
        #expect(refusal(Array("ab".utf8), .text, as: Character.self) == .outOfRange)
        #expect(try PostgresRaw(Array("🇩🇪".utf8), type: .text).decode(Character.self) == "🇩🇪")
    }

    @Test("A numeric's header is checked before it is believed")
    func numerics() {
        #expect(refusal([0, 1, 0, 0, 0, 0, 0, 0], .numeric, as: Decimal.self) == .malformed)
        #expect(
            refusal([0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10], .numeric, as: Decimal.self) == .malformed
        )
        #expect(refusal([0, 0, 0, 0, 0x12, 0x34, 0, 0], .numeric, as: Decimal.self) == .malformed)
        #expect(refusal([0, 0, 0, 0, 0, 0, 0x40, 0], .numeric, as: Decimal.self) == .malformed)
        #expect(refusal([0xFF, 0xFF, 0, 0, 0, 0, 0, 0], .numeric, as: Decimal.self) == .malformed)
        #expect(refusal([0, 0, 0, 0, 0xD0, 0, 0, 0], .numeric, as: Decimal.self) == .outOfRange)
        #expect(PostgresNumeric(Int128.min).integer(Int128.self) == .min)
        #expect(PostgresNumeric(UInt64.max).integer(Int64.self) == nil)
        #expect(PostgresNumeric("0.5")?.integer(Int.self) == nil)
        #expect(PostgresNumeric("1e-9223372036854775808") == nil)
        #expect(PostgresNumeric("1e99999999999999999999") == nil)
        #expect(PostgresNumeric("-0")?.description == "0")
    }

    @Test("An array's header cannot ask for more than there is")
    func arrays() throws {
        func header(_ numbers: [Int32]) -> [UInt8] { numbers.flatMap { encoded($0) } }
        let ints = PostgresType.int4.array
        #expect(refusal(header([1, 0, 23, .max, 1]), ints, as: [Int].self) == .malformed)
        #expect(refusal(header([7, 0, 23]), ints, as: [Int].self) == .malformed)
        #expect(refusal(header([-1, 0, 23]), ints, as: [Int].self) == .malformed)
        #expect(refusal(header([2, 0, 23, .max, 1, .max, 1]), ints, as: [Int].self) == .malformed)
        #expect(refusal(header([1, 2, 23, 1, 1, -1]), ints, as: [Int?].self) == .malformed)
        #expect(refusal(header([1, 1, 23, 1, 1, -2]), ints, as: [Int?].self) == .malformed)
        #expect(refusal(header([1, 1, 23, 1, 1, -1]), ints, as: [Int].self) == .null)
        #expect(refusal(header([1, 0, 23, 0, 1, 5]), ints, as: [Int].self) == .malformed)
        #expect(refusal(header([0, 0, 23]), .int4, as: [Int].self) == .typeMismatch)
        #expect(try PostgresRaw(header([0, 0, 23]), type: ints).decode([Int].self) == [])
        #expect(PostgresArray([1, 2, 3], dimensions: [.init(count: 2)]) == nil)
        #expect(PostgresArray([1], dimensions: [.init(count: 1, lowerBound: .max)]) == nil)
        #expect(PostgresArray([Int](), dimensions: [.init(count: 0)]) == nil)
    }

    @Test("Array literals quote what could end an element")
    func arrayText() {
        let text = String(
            decoding: encoded(["a", "", "NULL", "\"},{\\", nil] as [String?]),
            as: UTF8.self
        )
        #expect(text == #"{"a","","NULL","\"},{\\",NULL}"#)
        #expect(String(decoding: encoded([String]()), as: UTF8.self) == "{}")
        let grid = PostgresArray(
            ["a", "b", "c", "d"],
            dimensions: [.init(count: 2), .init(count: 2, lowerBound: 0)]
        )
        #expect(
            String(decoding: encoded(grid ?? PostgresArray([])), as: UTF8.self)
                == #"[1:2][0:1]={{"a","b"},{"c","d"}}"#
        )
    }

    @Test("No range of bytes makes a time that a clock cannot show")
    func times() {
        #expect(refusal(encoded(Int64(86_400_000_001)), .time, as: PostgresTime.self) == .malformed)
        #expect(refusal(encoded(Int64(-1)), .time, as: PostgresTime.self) == .malformed)
        #expect(PostgresTime(hour: 24, minute: 0)?.description == "24:00:00")
        #expect(PostgresTime(hour: 24, minute: 1) == nil)
        #expect(PostgresDate(year: 2023, month: 2, day: 29) == nil)
        #expect(PostgresDate(year: 2000, month: 2, day: 29)?.days == 59)
        #expect(PostgresDate(year: .max, month: 1, day: 1) == nil)
        #expect(
            PostgresTimestamp(year: 0, month: 3, day: 1)?.description == "0001-03-01 00:00:00 BC"
        )
        #expect(
            PostgresInterval(months: -13, days: 1, microseconds: -1).description
                == "-1 years -1 mons +1 day -00:00:00.000001"
        )
        #expect(PostgresInterval(microseconds: .min).description == "-2562047788:00:54.775808")
        let extremes = [PostgresTimestamp(microseconds: .max - 1), .init(microseconds: .min + 1)]
        #expect(extremes.map(\.description).count == 2)
    }

    @Test("A moment and Foundation's Date are the same to the microsecond")
    func moments() {
        let moment = PostgresTimestampTZ(microseconds: 31_622_400_000_001)
        #expect(moment.date == Date(timeIntervalSinceReferenceDate: 0.000001))
        #expect(moment.date.map { PostgresTimestampTZ($0) } == moment)
        #expect(PostgresTimestampTZ.infinity.date == nil)
        #expect(
            PostgresTimestampTZ(Date(timeIntervalSinceReferenceDate: -.infinity))
                == .negativeInfinity
        )
        for seconds in [Double.nan, -0x1p63, 0x1p63, 1e300, -1e300] {
            let beyond = PostgresTimestampTZ(Date(timeIntervalSinceReferenceDate: seconds))
            #expect(beyond.microseconds == .max - 1, "\(seconds)")
        }
    }

    @Test("Addresses are read and written as people write them")
    func addresses() {
        for text in ["::", "::1", "1::", "192.0.2.0/24", "::ffff:1.2.3.4", "2001:db8::1/64"] {
            #expect(PostgresINET(text)?.description == text, "\(text)")
        }
        for text in [
            "", "1.2.3", "1.2.3.256", "1.2.3.4/33", "::/129", ":::", "1::2::3", "1:2", "g::",
            "1.2.3.4/", "+1.2.3.4", "::1.2.3", "1:2:3:4:5:6:7:8:9", "::/-1", "1:2:3:4:5:6:7::8",
        ] {
            #expect(PostgresINET(text) == nil, "\(text)")
        }
        #expect(PostgresINET(address: [10, 0, 0, 1], prefixLength: 8, isCIDR: true) == nil)
        #expect(refusal([2, 33, 0, 4, 1, 2, 3, 4], .inet, as: PostgresINET.self) == .malformed)
        #expect(refusal([3, 32, 0, 4, 1, 2, 3, 4], .inet, as: PostgresINET.self) == .malformed)
    }

    @Test("A parameter says its type, and NULL does too")
    func parameters() {
        let query: Query = "\(1) \(nil as UUID?) \([Int32]()) \([nil, "a"] as [String?]) \(Data())"
        #expect(query.sql == "$1 $2 $3 $4 $5" && query.parameters.count == 5)
        #expect([Int32].postgresType == PostgresType(rawValue: 1007))
        #expect([UInt8].postgresType == .bytea)
        #expect([UInt8?].postgresType == PostgresType.int2.array)
        #expect([PostgresRange<Int>].postgresType == PostgresType(rawValue: 3927))
        #expect([PostgresRaw([], type: .uuid)].parameterType == PostgresType.uuid.array)
        #expect(PostgresINET("::1")?.parameterType == .inet)
    }

    @Test(
        "Property names become column names",
        arguments: [
            ("id", "id"), ("createdAt", "created_at"), ("userID", "user_id"), ("line2", "line2"),
            ("urlOfHTMLPage", "url_of_html_page"), ("already_there", "already_there"), ("_x", "_x"),
        ]
    )
    func snakeCase(_ key: String, _ column: String) {
        #expect(PostgresKeyStrategy.snakeCase.column(for: key) == column)
    }
}
