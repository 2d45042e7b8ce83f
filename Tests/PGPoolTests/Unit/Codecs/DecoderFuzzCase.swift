import Foundation
import PGPool
import PGPoolCore
import Testing

/// A family of decoders.
enum DecoderFuzzCase: String, CaseIterable, Sendable {
    case integers, fixed, texts, enums, numeric, decimal, timestamps, times, addresses, arrays,
        manyDimensions, ranges, multiranges, composites, json, bytes

    private static let seed =
        ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) } ?? 1

    /// Feeds each decoder of the family with as many inputs.
    func run(inputs: Int) throws {
        let run = DecoderFuzzRun(inputs: inputs, seed: Self.seed)
        switch self {
        case .integers: run.integers()
        case .fixed: run.fixed()
        case .texts: run.texts()
        case .enums: run.enums()
        case .numeric: run.numeric()
        case .decimal: run.decimal()
        case .timestamps: run.timestamps()
        case .times: try run.times()
        case .addresses: try run.addresses()
        case .arrays: run.arrays()
        case .manyDimensions: try run.manyDimensions()
        case .ranges: run.ranges()
        case .multiranges: run.multiranges()
        case .composites: run.composites()
        case .json: try run.json()
        case .bytes: try run.bytes()
        }
    }
}

private struct DecoderFuzzRun {
    let inputs: Int
    let seed: UInt64

    fileprivate func fuzz<Value: PostgresCodable>(
        _ values: [Value],
        _ type: PostgresType? = nil,
        _ use: (Value) -> Void = { _ in }
    ) {
        fuzzAny(values, type, as: Value.self, use)
    }

    fileprivate func fuzzAny<Sample: PostgresEncodable, Value: PostgresDecodable>(
        _ samples: [Sample],
        _ type: PostgresType? = nil,
        as value: Value.Type,
        _ use: (Value) -> Void = { _ in }
    ) {
        let bytes = samples.map { sample in
            var bytes: [UInt8] = []
            sample.encode(into: &bytes)
            return bytes
        }
        var fuzz = DecoderFuzz(samples: bytes, seed: seed)
        let tally = fuzz.run(type ?? Sample.postgresType, as: value, count: inputs, use)
        #expect(tally.strangers == 0, "an error of another type: say which, as a Reason")
        #expect(tally.values > 0, "no input was ever valid: are the samples?")
        #expect(tally.refusals > 0, "no input was ever refused: is anything checked?")
    }

    /// Bool, integers.
    fileprivate func integers() {
        fuzz([true, false])
        fuzz([Int16(7)])
        fuzz([Int32(-7)])
        fuzz([Int64.max, 3])
        fuzzAny([Int64.max, 3, -129], as: Int8.self)
        fuzzAny([Int32.max, 3, -129], as: UInt64.self)
    }

    /// Floats, UUID, bytes.
    fileprivate func fixed() {
        fuzz([1.5, .nan])
        fuzz([Float(1.5)])
        fuzz([UUID()])
        fuzzAny([Float(1.5)], as: Double.self)
    }

    /// Text.
    fileprivate func texts() {
        fuzz(["héllo 🐘", "", "plain"], .text)
        fuzz([Character("é")], .text)
        fuzz(["label"], PostgresType(rawValue: 70_000))
        fuzzAny([PostgresRaw([1] + Array("{\"a\":1}".utf8), type: .jsonb)], .jsonb, as: String.self)
    }

    /// Enums.
    fileprivate func enums() {
        fuzz(Suit.allCases, PostgresType(rawValue: 70_000))
        fuzz([Grade.first, .second])
    }

    private enum Suit: String, PostgresCodable, CaseIterable { case clubs, hearts }
    private enum Grade: Int16, PostgresCodable { case first = 1, second }

    /// numeric.
    fileprivate func numeric() {
        let numbers = ["0", "-12345678.0009", "1e40", "NaN", "Infinity", "0.00001"]
            .compactMap { PostgresNumeric($0) }
        fuzz(numbers) { number in
            _ = number.description
            _ = number.integer(Int64.self)
        }
    }

    /// Decimal, integers from numeric.
    fileprivate func decimal() {
        let numbers = ["0", "-12345678.0009", "1e30", "99999999999999999999", "7"]
            .compactMap { PostgresNumeric($0) }
        fuzzAny(numbers, as: Decimal.self) { _ = $0.description }
        fuzzAny(numbers, as: Int.self)
    }

    /// Timestamps and dates.
    fileprivate func timestamps() {
        fuzz([PostgresTimestamp(microseconds: 1), .infinity]) { _ = $0.description }
        fuzz([PostgresTimestampTZ(microseconds: 1), .infinity]) { _ = $0.description }
        fuzz([PostgresDate(days: 1), .negativeInfinity]) { _ = $0.description }
        fuzz([Date(timeIntervalSinceReferenceDate: 1)])
        fuzzAny([PostgresDate(days: 1), .negativeInfinity], as: Date.self)
    }

    /// Times and intervals.
    fileprivate func times() throws {
        let noon = try #require(PostgresTime(hour: 12, minute: 0))
        fuzz([noon]) { _ = $0.description }
        fuzz([try #require(PostgresTimeTZ(noon, utcOffset: 3600))]) { _ = $0.description }
        fuzz([PostgresInterval(months: 1, days: 2, microseconds: 3)]) { _ = $0.description }
    }

    /// inet, cidr.
    fileprivate func addresses() throws {
        let addresses = try ["1.2.3.4", "1.2.3.0/24", "2001:db8::1", "::ffff:1.2.3.4/96"]
            .map { try #require(PostgresINET($0)) }
        fuzz(addresses) { _ = $0.description }
        fuzz(addresses, .cidr) { _ = $0.description }
    }

    /// Arrays.
    fileprivate func arrays() {
        fuzzAny([[1, nil, 3], []], as: [Int?].self)
        fuzzAny([["a", "bc"], []].map(Texts.init), PostgresType.text.array, as: [String].self)
    }

    /// Texts in the binary format, in which they are received but not sent.
    private struct Texts: PostgresEncodable {
        var texts: [String]
        static var postgresType: PostgresType { .unspecified }
        func encode(into bytes: inout [UInt8]) {
            let raw = texts.map { PostgresRaw(Array($0.utf8), type: .text) }
            raw.encode(into: &bytes)
        }
    }

    /// Arrays of several dimensions.
    fileprivate func manyDimensions() throws {
        let grid = try #require(
            PostgresArray(
                [1, nil, 3, 4],
                dimensions: [.init(count: 2, lowerBound: -1), .init(count: 2)]
            )
        )
        fuzzAny([grid, PostgresArray([1])], as: PostgresArray<Int?>.self) {
            _ = $0.element(at: 0, 1)
        }
    }

    /// Ranges.
    fileprivate func ranges() {
        fuzz([PostgresRange(1..<9), .empty])
        fuzz([PostgresRange.bounds(lower: .unbounded, upper: .included(PostgresDate(days: 3)))])
        fuzzAny([1..<9], as: Range<Int>.self)
    }

    /// Multiranges.
    fileprivate func multiranges() {
        fuzz([PostgresMultirange([PostgresRange(1..<9), .empty])])
    }

    /// Composites, hstore, raw bytes.
    fileprivate func composites() {
        let record = PostgresRecord([(.int4, [0, 0, 0, 1]), (.text, nil), (.text, [65])])
        fuzz([record], .record) { _ = try? $0.decode((Int, String?, String).self) }
        fuzz([PostgresHstore(["a": "b", "c": nil])], PostgresType(rawValue: 70_000))
    }

    private struct Point: Codable, Hashable { var x: Int, y: [String]? }

    /// JSON into a Codable type.
    fileprivate func json() throws {
        let points = [Point(x: 1, y: ["é"]), Point(x: -5, y: nil)]
        fuzz(try points.map { try PostgresJSON($0) })
    }

    /// bytea is what it is, whatever it is.
    fileprivate func bytes() throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<(inputs / 10) {
            let bytes = [UInt8](repeating: UInt8.random(in: 0...255, using: &generator), count: 5)
            let raw = PostgresRaw(bytes, type: .bytea)
            #expect(try raw.decode([UInt8].self) == bytes && raw.decode(Data.self) == Data(bytes))
        }
        #expect(throws: PostgresDecodingError.Reason.typeMismatch) {
            try PostgresRaw([0], type: .text).decode([UInt8].self)
        }
    }
}
