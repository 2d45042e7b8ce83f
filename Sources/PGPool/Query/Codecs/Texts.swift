// Formats: `src/backend/utils/adt/varlena.c`, `json.c`, `jsonb.c`, `enum.c`, `char.c`.

extension String: PostgresCodable {
    /// The server infers it: a string fits wherever a literal in quotes would.
    public static var postgresType: PostgresType { .unspecified }
    /// False: the type is not known, so neither is its binary format.
    public static var isBinary: Bool { false }
    /// Appends UTF-8. The server has no zero character and refuses a string that has one (22021).
    public func encode(into bytes: inout [UInt8]) { bytes.append(contentsOf: utf8) }

    /// Reads `text`, `varchar`, `character(n)`, `name`, `"char"`, `unknown`, `xml`, `json`, `jsonb`,
    /// and types that somebody created when their bytes are text, as those of `citext` and enums are.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        switch type {
        case .text, .varchar, .bpchar, .name, .unknown, .xml, .json:
            try self.init(postgresText: bytes)
        case .jsonb:
            try self.init(postgresText: JSONText.body(of: bytes, type: type))
        case .char:
            // The empty "char" is a zero byte.
            let isEmpty = bytes.count == 1 && bytes[0] == 0
            try self.init(
                postgresText: isEmpty ? UnsafeRawBufferPointer(rebasing: bytes[1...]) : bytes
            )
        default:
            guard type.isUserDefined else { throw PostgresDecodingError.Reason.typeMismatch }
            // No text has a zero byte, nearly every binary format does.
            guard !bytes.contains(0) else { throw PostgresDecodingError.Reason.typeMismatch }
            try self.init(postgresText: bytes)
        }
    }
}

extension Character: PostgresCodable {
    /// The server infers it, as for a string.
    public static var postgresType: PostgresType { .unspecified }
    /// False, as for a string.
    public static var isBinary: Bool { false }
    /// Appends UTF-8.
    public func encode(into bytes: inout [UInt8]) { bytes.append(contentsOf: utf8) }
    /// Reads what a string reads, if it is a single character.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        let text = try String(postgresBytes: bytes, type: type)
        guard let first = text.first, text.count == 1 else {
            throw PostgresDecodingError.Reason.outOfRange
        }
        self = first
    }
}

/// The text inside a JSON value.
enum JSONText {
    /// `jsonb` has a version in front, which is 1.
    static func body(
        of bytes: UnsafeRawBufferPointer,
        type: PostgresType
    ) throws -> UnsafeRawBufferPointer {
        switch type {
        case .json: return bytes
        case .jsonb:
            guard bytes.first == 1 else { throw PostgresDecodingError.Reason.malformed }
            return UnsafeRawBufferPointer(rebasing: bytes[1...])
        default: throw PostgresDecodingError.Reason.typeMismatch
        }
    }
}
