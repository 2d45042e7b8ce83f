import Foundation
import PGPool
import PGPoolCore
import PGPoolTesting
import Testing

@Suite("Scalars to a real server and back")
struct ScalarRoundTripIntegrationTests {
    @Test("boolean")
    func bool() async throws {
        try await RoundTrip([true, false], "bool", text: \.description).check()
    }

    @Test("smallint")
    func smallint() async throws {
        try await RoundTrip(
            generate(1, limits: [.min, .max, 0]) { $0.integer(Int16.self) },
            "int2"
        ).check()
        try await RoundTrip(Array(Int8.min...Int8.max), "int2").check()
        // `[UInt8]` is bytes; an array of them as numbers is spelled with optionals.
        try await RoundTrip(Array(UInt8.min...UInt8.max), "int2").check()
    }

    @Test("integer")
    func integer() async throws {
        try await RoundTrip(
            generate(2, limits: [.min, .max, 0, -1]) { $0.integer(Int32.self) },
            "int4"
        ).check()
        try await RoundTrip(
            generate(3, limits: [.min, .max]) { $0.integer(UInt16.self) },
            "int4"
        ).check()
    }

    @Test("bigint")
    func bigint() async throws {
        try await RoundTrip(
            generate(4, limits: [.min, .max, 0, -1]) { $0.integer(Int64.self) },
            "int8"
        ).check()
        try await RoundTrip(
            generate(5, limits: [.min, .max]) { $0.integer(Int.self) },
            "int8"
        ).check()
        try await RoundTrip(
            generate(6, limits: [.min, .max]) { $0.integer(UInt32.self) },
            "int8"
        ).check()
    }

    @Test("oid")
    func oid() async throws {
        try await RoundTrip(
            generate(7, limits: [.min, .max]) { $0.integer(UInt32.self) },
            "oid"
        ).checkDecoding()
    }

    @Test("Unsigned 64-bit integers as numeric")
    func unsigned() async throws {
        try await RoundTrip(
            generate(8, limits: [.min, .max]) { $0.integer(UInt64.self) },
            "numeric"
        ).check()
        try await RoundTrip(
            generate(9, limits: [.min, .max]) { $0.integer(UInt.self) },
            "numeric"
        ).check()
        try await RoundTrip(
            generate(10, limits: [.min, .max]) { $0.integer(Int64.self) },
            "numeric"
        ).checkDecoding()
    }

    @Test("double precision")
    func double() async throws {
        let limits: [Double] = [
            0, -0.0, .infinity, -.infinity, .nan, .greatestFiniteMagnitude, .leastNonzeroMagnitude,
            .leastNormalMagnitude, 0.1, 1 / 3,
        ]
        try await RoundTrip(
            values: generate(11, limits: limits) { Double(bitPattern: $0.next()) },
            type: "float8",
            text: \.description,
            isSame: { $0.isNaN ? $1.isNaN : $0.bitPattern == $1.bitPattern },
            isSameText: { server, expected in
                Double(server)?.bitPattern == Double(expected)?.bitPattern
                    || (server == "NaN" && expected.hasSuffix("nan"))
                    || expected.hasSuffix("nan(0x")
            }
        ).check()
    }

    @Test("real")
    func real() async throws {
        let limits: [Float] = [
            0, -0.0, .infinity, -.infinity, .nan, .greatestFiniteMagnitude, .leastNonzeroMagnitude,
            0.1,
        ]
        try await RoundTrip(
            values: generate(12, limits: limits) {
                Float(bitPattern: UInt32(truncatingIfNeeded: $0.next()))
            },
            type: "float4",
            text: \.description,
            isSame: { $0.isNaN ? $1.isNaN : $0.bitPattern == $1.bitPattern },
            isSameText: { server, expected in
                Float(server)?.bitPattern == Float(expected)?.bitPattern
                    || (server == "NaN" && expected.hasSuffix("nan"))
            }
        ).check()
    }

    @Test("text and its relatives", arguments: ["text", "varchar", "bpchar"])
    func text(_ type: String) async throws {
        let texts = generate(13, limits: ["", "NULL", "null", "{}", "\\", "\"", "'"]) { $0.text() }
        // The cast to text that the check uses strips a bpchar's spaces at the end.
        try await RoundTrip(
            type == "bpchar" ? texts.filter { $0.last != " " } : texts + [" "],
            type,
            text: { $0 }
        ).check()
    }

    @Test("name, \"char\", xml and citext")
    func otherTexts() async throws {
        let cluster = try await Servers.plain.value
        try await RoundTrip(generate(14) { $0.text(upTo: 12) }, "name", text: { $0 }).check()
        try await RoundTrip(
            (1..<128).map { String(UnicodeScalar(UInt8($0))) } + [""],
            "\"char\"",
            text: { $0 }
        ).checkDecoding()
        try await RoundTrip(
            generate(15) { "<a>\($0.integer(Int.self))</a>" },
            "xml",
            text: { $0 }
        ).check()
        try await cluster.execute("CREATE EXTENSION IF NOT EXISTS citext")
        try await RoundTrip(generate(16) { $0.text() }, "citext", text: { $0 }).check()
    }

    @Test("bytea")
    func bytea() async throws {
        let hexadecimal = { (bytes: Data) in
            "\\x" + bytes.map { String(format: "%02x", $0) }.joined()
        }
        try await RoundTrip(
            generate(17, limits: [Data(), Data([0]), Data(0...255)]) { Data($0.bytes(upTo: 60)) },
            "bytea",
            text: hexadecimal
        ).check()
        try await withPool(on: Servers.plain.value) { pool in
            for bytes in generate(18, count: 200, limits: [[]], { $0.bytes(upTo: 300) }) {
                let rows = try await pool.query("SELECT \(bytes), encode(\(bytes), 'hex')")
                let (received, text) = try rows[0].decode(([UInt8], String).self)
                #expect(received == bytes && text == hexadecimal(Data(bytes)).dropFirst(2))
            }
        }
    }

    @Test("uuid")
    func uuid() async throws {
        try await RoundTrip(
            generate(19) { generator in
                var bytes = (generator.next(), generator.next())
                return withUnsafeBytes(of: &bytes) { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
            },
            "uuid",
            text: { $0.uuidString.lowercased() }
        ).check()
    }

    @Test("inet and cidr")
    func addresses() async throws {
        let inet = generate(20) { $0.address(isCIDR: false) }
        // The cast to text that the check uses always shows the prefix (manual, 9.12).
        try await RoundTrip(
            values: inet,
            type: "inet",
            text: \.description,
            isSame: ==,
            isSameText: { $0 == $1 || $0 == "\($1)/32" || $0 == "\($1)/128" }
        ).check()
        let parsed = inet.map { PostgresINET($0.description) }
        #expect(parsed == inet, "text that is written must be read")
        try await RoundTrip(generate(21) { $0.address(isCIDR: true) }, "cidr").check()
    }
}

extension RoundTrip {
    /// For types that are read but not sent.
    func checkDecoding() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let rows = try await pool.query(
                """
                SELECT t::\(unescaped: type), ARRAY[NULL, t::\(unescaped: type)] \
                FROM unnest(\(values.map(text))::text[]) WITH ORDINALITY u (t, n) ORDER BY n
                """
            )
            let decoded = try rows.decode((Value, [Value?]).self)
            #expect(decoded.count == values.count)
            for (sent, (received, array)) in zip(values, decoded) {
                if !isSame(sent, received) || array.count != 2 || array[0] != nil {
                    Issue.record("\(type): expected \(sent), got \(received), \(array)")
                }
            }
        }
    }
}

extension SeededGenerator {
    fileprivate mutating func address(isCIDR: Bool) -> PostgresINET {
        while true {
            var address = (0..<(Bool.random(using: &self) ? 4 : 16)).map { _ in
                UInt8.random(in: 0...255, using: &self)
            }
            // Runs of zeros are what the text of IPv6 is about.
            for index in stride(from: 0, to: address.count, by: 2)
            where Int.random(in: 0..<3, using: &self) > 0 {
                address[index] = 0
                address[index + 1] = UInt8.random(in: 0...3, using: &self) == 0 ? 1 : 0
            }
            if Int.random(in: 0..<8, using: &self) == 0, address.count == 16 {
                address.replaceSubrange(0..<10, with: repeatElement(0, count: 10))
                if Bool.random(using: &self) { address[10...11] = [255, 255] }
            }
            let length = Int.random(in: 0...(8 * address.count), using: &self)
            if isCIDR {
                for index in address.indices {
                    let bits = min(8, max(0, length - 8 * index))
                    address[index] &= ~UInt8(0xFF >> bits)
                }
            }
            let value = PostgresINET(
                address: address,
                prefixLength: isCIDR || Bool.random(using: &self) ? length : nil,
                isCIDR: isCIDR
            )
            if let value { return value }
        }
    }
}
