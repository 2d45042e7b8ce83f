import PGPool
import PGPoolCore
import PGPoolTesting
import Testing

/// Sends values of a type to a real server and back, in each way that values travel, and compares
/// them with the server's own text.
struct RoundTrip<Value: PostgresCodable> {
    let values: [Value]
    /// The type's name in SQL.
    let type: String
    /// The text that the server is expected to write for a value.
    let text: (Value) -> String
    /// Whether what came back is what was sent.
    let isSame: (Value, Value) -> Bool
    /// Whether the server's text is the expected one.
    var isSameText: (_ server: String, _ expected: String) -> Bool = { $0 == $1 }

    /// Every check, on a connection in UTC.
    func check(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.serverSettings = ["TimeZone": "UTC", "extra_float_digits": "1"] }
        ) { pool in
            try await inArrays(pool, sourceLocation)
            try await one(pool, sourceLocation)
            try await fromText(pool, sourceLocation)
            try await nulls(pool, sourceLocation)
        }
    }

    /// All values in arrays, with NULLs in between.
    private func inArrays(_ pool: ConnectionPool, _ location: SourceLocation) async throws {
        let all: [Value?] = values.enumerated().flatMap { $0 % 10 == 9 ? [$1, nil] : [$1] }
        let rows = try await pool.query(
            """
            SELECT v, v::text FROM unnest(\(all)::\(unescaped: type)[]) WITH ORDINALITY u (v, n) \
            ORDER BY n
            """
        )
        try #require(rows.count == all.count, sourceLocation: location)
        let decoded = try rows.decode((Value?, String?).self)
        for (sent, (received, serverText)) in zip(all, decoded) {
            expect(sent, received, serverText, location)
        }
        let whole = try await pool.query("SELECT \(all)::\(unescaped: type)[]")
        let array = try whole[0].decode([Value?].self, at: 0)
        #expect(array.count == all.count, sourceLocation: location)
        for (sent, received) in zip(all, array) { expect(sent, received, nil, location) }
    }

    /// Some values, each as a parameter of its own.
    private func one(_ pool: ConnectionPool, _ location: SourceLocation) async throws {
        for value in values.prefix(150) {
            let rows = try await pool.query(
                "SELECT v, v::text FROM (SELECT \(value)::\(unescaped: type) AS v) s"
            )
            let (received, serverText) = try rows[0].decode((Value?, String?).self)
            expect(value, received, serverText, location)
        }
    }

    /// Values that the server makes from text.
    private func fromText(_ pool: ConnectionPool, _ location: SourceLocation) async throws {
        let texts = values.map(text)
        let rows = try await pool.query(
            """
            SELECT t::\(unescaped: type) FROM unnest(\(texts)::text[]) WITH ORDINALITY u (t, n) \
            ORDER BY n
            """
        )
        let decoded = try rows.decode((Value).self)
        #expect(decoded.count == values.count, sourceLocation: location)
        for (sent, received) in zip(values, decoded) { expect(sent, received, nil, location) }
    }

    private func nulls(_ pool: ConnectionPool, _ location: SourceLocation) async throws {
        let none: Value? = nil
        let rows = try await pool.query(
            "SELECT \(none)::\(unescaped: type), ARRAY[NULL, NULL]::\(unescaped: type)[]"
        )
        let (null, array) = try rows[0].decode((Value?, [Value?]).self)
        #expect(null == nil && array.count == 2, sourceLocation: location)
        #expect(array.allSatisfy { $0 == nil }, sourceLocation: location)
        let error = try #require(throws: PostgresDecodingError.self, sourceLocation: location) {
            try rows[0].decode(Value.self, at: 0)
        }
        #expect(error.reason == .null, sourceLocation: location)
    }

    private func expect(
        _ sent: Value?,
        _ received: Value?,
        _ serverText: String?,
        _ location: SourceLocation
    ) {
        switch (sent, received) {
        case (nil, nil):
            break
        case (let sent?, let received?):
            if !isSame(sent, received) {
                Issue.record("\(type): sent \(sent), got \(received)", sourceLocation: location)
            }
            if let serverText, !isSameText(serverText, text(sent)) {
                Issue.record(
                    "\(type): sent \(text(sent)), the server writes \(serverText)",
                    sourceLocation: location
                )
            }
        default:
            Issue.record(
                "\(type): sent \(String(describing: sent)), got \(String(describing: received))",
                sourceLocation: location
            )
        }
    }
}

extension RoundTrip where Value: Equatable {
    init(_ values: [Value], _ type: String, text: @escaping (Value) -> String) {
        self.init(values: values, type: type, text: text, isSame: ==)
    }
}

extension RoundTrip where Value: Equatable & CustomStringConvertible {
    init(_ values: [Value], _ type: String) {
        self.init(values, type, text: \.description)
    }
}

/// How many values are generated for a type.
let generatedValues = 3000

/// Values from a generator with a seed of its own.
func generate<Value>(
    _ seed: UInt64,
    count: Int = generatedValues,
    limits: [Value] = [],
    _ make: (inout SeededGenerator) -> Value
) -> [Value] {
    var generator = SeededGenerator(seed: seed)
    return limits + (0..<count).map { _ in make(&generator) }
}

extension SeededGenerator {
    /// An integer whose number of bits is as likely to be small as large.
    mutating func integer<Integer: FixedWidthInteger>(_ type: Integer.Type) -> Integer {
        let shift = Int.random(in: 0..<Integer.bitWidth, using: &self)
        return Integer.random(in: .min ... .max, using: &self) >> shift
    }

    mutating func bytes(upTo limit: Int) -> [UInt8] {
        let count = Int.random(in: 0...limit, using: &self)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    /// Text with everything that quoting, escaping and encoding trip over.
    mutating func text(upTo limit: Int = 24) -> String {
        let alphabet: [Character] = [
            "a", "Z", "0", " ", "'", "\"", "\\", "{", "}", ",", "\n", "\t", "$", "%", ";", "-", "/",
            "*", "é", "ß", "ع", "漢", "🐘", "\u{301}", "\u{1}", "\u{FFFD}", "\u{200D}", "N", "(", "_",
        ]
        let count = Int.random(in: 0...limit, using: &self)
        var text = ""
        for _ in 0..<count { text.append(alphabet.randomElement(using: &self) ?? "a") }
        return text
    }
}
