#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// A value as JSON: a `jsonb` as a parameter, and `json` or `jsonb` as a column.
///
/// ```swift
/// try await pool.query("INSERT INTO users (settings) VALUES (\(try PostgresJSON(settings)))")
///
/// let settings = try row.decode(PostgresJSON<Settings>.self, named: "settings").value
/// ```
public struct PostgresJSON<Value: Codable & Sendable>: PostgresCodable {
    /// The value.
    public let value: Value
    /// Its JSON in UTF-8.
    public let json: [UInt8]

    /// A value, encoded at once.
    ///
    /// - Parameter encoder: default: one with `JSONEncoder`'s defaults.
    /// - Throws: what the value or the encoder throws, such as `EncodingError`.
    public init(_ value: Value, encoder: JSONEncoder = JSONEncoder()) throws {
        self.value = value
        json = Array(try encoder.encode(value))
    }

    /// `jsonb`; the server casts it where a column is `json`.
    public static var postgresType: PostgresType { .jsonb }

    /// Appends the version and the JSON (`jsonb_send` in `src/backend/utils/adt/jsonb.c`).
    public func encode(into bytes: inout [UInt8]) {
        bytes.append(1)
        bytes.append(contentsOf: json)
    }

    /// Reads `json` and `jsonb`. JSON that does not fit the Swift type is out of range.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        let body = try JSONText.body(of: bytes, type: type)
        value = try JSONText.decode(Value.self, from: body)
        json = Array(body)
    }
}

extension PostgresJSON: Equatable where Value: Equatable {
    /// Whether the values are equal.
    public static func == (left: Self, right: Self) -> Bool { left.value == right.value }
}

extension JSONText {
    /// A decoding error quotes the value, which ours must not: it becomes a reason.
    static func decode<Value: Decodable>(
        _ type: Value.Type,
        from body: UnsafeRawBufferPointer,
        with decoder: JSONDecoder = JSONDecoder()
    ) throws -> Value {
        do {
            return try decoder.decode(Value.self, from: Data(body))
        } catch DecodingError.dataCorrupted {
            throw PostgresDecodingError.Reason.malformed
        } catch {
            throw PostgresDecodingError.Reason.outOfRange
        }
    }
}
