import Foundation
import PGPool
import PGPoolCore
import Testing

@Suite("Exact numbers to a real server and back")
struct NumericRoundTripIntegrationTests {
    @Test("numeric of any size, NaN and the infinities")
    func numeric() async throws {
        let limits = [
            PostgresNumeric.nan, .infinity, .negativeInfinity, 0, 1, -1, 9999, 10_000, -10_000,
            PostgresNumeric(Int64.min), PostgresNumeric(UInt64.max), PostgresNumeric(Int128.min),
        ]
        let texts = generate(30) { $0.numericText() }
        let values = try texts.map { text in
            try #require(PostgresNumeric(text), "\(text) is a number")
        }
        for (value, text) in zip(values, texts) {
            #expect(value.description == text, "what is read must be written")
        }
        try await RoundTrip(limits + values, "numeric").check()
    }

    @Test("The largest and the finest numeric that the server has")
    func extremes() async throws {
        let values = try [
            String(repeating: "9", count: 131_072),
            "-0." + String(repeating: "0", count: 16_382) + "1",
            "1e131071", "1e-16383",
        ].map { try #require(PostgresNumeric($0)) }
        try await RoundTrip(values, "numeric").check()
        for text in ["1e131072", "1e-16384", "", "-", ".", "1e", "1e99999999999", "0x1", "1 "] {
            #expect(PostgresNumeric(text) == nil, "\(text) must be refused")
        }
    }

    @Test("Text with exponents means what it means to the server")
    func exponents() async throws {
        let texts = generate(33) { generator -> String in
            let text = generator.numericText()
            let exponent = Int.random(in: -90...90, using: &generator)
            let mark = Bool.random(using: &generator) ? "e" : "E+"
            return text + (exponent < 0 ? "e\(exponent)" : "\(mark)\(exponent)")
        }
        try await withPool(on: Servers.plain.value) { pool in
            let rows = try await pool.query(
                """
                SELECT t, t::numeric, t::numeric::text FROM unnest(\(texts)::text[]) t
                """
            )
            #expect(rows.count == texts.count)
            for (text, value, written) in try rows.decode((String, PostgresNumeric, String).self) {
                #expect(PostgresNumeric(text) == value, "\(text)")
                #expect(
                    value.description == written && PostgresNumeric(text)?.description == written
                )
            }
        }
    }

    @Test("The server orders and equates as we do")
    func order() async throws {
        let values =
            try generate(31, count: 400, { $0.numericText() })
            .map { try #require(PostgresNumeric($0)) } + [.nan, .infinity, .negativeInfinity, 0]
        try await withPool(on: Servers.plain.value) { pool in
            let rows = try await pool.query("SELECT unnest(\(values)) AS v ORDER BY v")
            let ordered = try rows.decode((PostgresNumeric).self)
            #expect(ordered == values.sorted())
            let one = try #require(PostgresNumeric("1.000"))
            #expect(one == 1 && one.hashValue == PostgresNumeric(1).hashValue && one.scale == 3)
        }
    }

    @Test("Decimal, exact to its last digit")
    func decimal() async throws {
        let values = try generate(32) { generator -> String in
            let digits = Int.random(in: 1...38, using: &generator)
            var text = Bool.random(using: &generator) ? "-" : ""
            text += String(Int.random(in: 1...9, using: &generator))
            for _ in 1..<digits { text += String(Int.random(in: 0...9, using: &generator)) }
            return text + "e\(Int.random(in: -60...40, using: &generator))"
        }.map { try #require(Decimal(string: $0)) }
        try await RoundTrip(
            values: values + [0, 1, -1, .nan],
            type: "numeric",
            text: { $0.isNaN ? "NaN" : $0.description },
            isSame: { $0.isNaN ? $1.isNaN : $0 == $1 },
            isSameText: { PostgresNumeric($0) == PostgresNumeric($1) }
        ).check()
    }

    @Test("What a Decimal cannot hold is out of range, not rounded")
    func decimalRange() async throws {
        try await withPool(on: Servers.plain.value) { pool in
            for text in ["Infinity", "-Infinity", "1" + String(repeating: "1", count: 38), "1e200"]
            {
                let rows = try await pool.query("SELECT \(text)::numeric AS n")
                let error = try #require(throws: PostgresDecodingError.self) {
                    try rows[0].decode(Decimal.self, named: "n")
                }
                #expect(error.reason == .outOfRange, "\(text)")
            }
            let rows = try await pool.query("SELECT 12.5, 300, 3::int8, 'NaN'::numeric")
            #expect(throws: PostgresDecodingError.self) { try rows[0].decode(Int.self, at: 0) }
            #expect(throws: PostgresDecodingError.self) { try rows[0].decode(Int8.self, at: 1) }
            #expect(throws: PostgresDecodingError.self) { try rows[0].decode(Int.self, at: 3) }
            #expect(try rows[0].decode(Decimal.self, at: 2) == 3)
            #expect(try rows[0].decode(PostgresNumeric.self, at: 2) == 3)
        }
    }
}

extension SeededGenerator {
    /// A number as the server would write it.
    fileprivate mutating func numericText() -> String {
        let integerDigits = Int.random(in: 0...30, using: &self)
        let scale = Int.random(in: 0...30, using: &self)
        var digits = ""
        for position in 0..<(integerDigits + scale) {
            // Runs of zeros cross the groups of four that the wire has.
            let isZero = Int.random(in: 0..<3, using: &self) == 0
            let digit = isZero && position > 0 ? 0 : Int.random(in: 1...9, using: &self)
            digits += String(digit)
        }
        let integer = integerDigits == 0 ? "0" : String(digits.prefix(integerDigits))
        var text = scale == 0 ? integer : "\(integer).\(digits.suffix(scale))"
        if integerDigits == 0, scale > 2, Bool.random(using: &self) {
            text = "0." + String(repeating: "0", count: scale - 1) + "7"
        }
        let isZero = text.allSatisfy { $0 == "0" || $0 == "." }
        return isZero || Bool.random(using: &self) ? text : "-" + text
    }
}
