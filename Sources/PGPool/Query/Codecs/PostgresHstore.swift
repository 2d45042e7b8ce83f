/// An `hstore` of the extension of that name: texts by name, each of which may be NULL.
public struct PostgresHstore: Hashable, Sendable, PostgresCodable, ExpressibleByDictionaryLiteral {
    /// The values by their keys.
    public var values: [String: String?]

    /// An hstore of values.
    public init(_ values: [String: String?]) {
        self.values = values
    }

    /// An hstore of values; of those with the same key the last counts.
    public init(dictionaryLiteral elements: (String, String?)...) {
        values = Dictionary(elements) { _, last in last }
    }

    /// The server infers it: an extension's type has no fixed identifier.
    public static var postgresType: PostgresType { .unspecified }

    /// Appends the pairs (`hstore_send` in `contrib/hstore/hstore_io.c`).
    public func encode(into bytes: inout [UInt8]) {
        Int32(truncatingIfNeeded: values.count).appendBigEndian(to: &bytes)
        for (key, value) in values {
            appendField(to: &bytes) { $0.append(contentsOf: key.utf8) }
            if let value {
                appendField(to: &bytes) { $0.append(contentsOf: value.utf8) }
            } else {
                Int32(-1).appendBigEndian(to: &bytes)
            }
        }
    }

    /// Reads a type that somebody created, if it looks like an hstore.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard type.isUserDefined else { throw PostgresDecodingError.Reason.typeMismatch }
        var reader = WireReader(bytes)
        var values: [String: String?] = [:]
        for _ in 0..<(try reader.readCount(ofAtLeast: 8)) {
            guard let key = try reader.takeField() else {
                throw PostgresDecodingError.Reason.malformed
            }
            let value = try reader.takeField().map { try String(postgresText: $0) }
            values.updateValue(value, forKey: try String(postgresText: key))
        }
        try reader.end()
        self.values = values
    }
}
