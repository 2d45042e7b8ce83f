// An enum's labels travel as text in both formats (`src/backend/utils/adt/enum.c`).

extension PostgresEncodable where Self: RawRepresentable, RawValue: PostgresEncodable {
    /// The raw value's type: for strings the server infers it, so that they fit an enum type.
    public static var postgresType: PostgresType { RawValue.postgresType }
    /// As the raw value.
    public static var isBinary: Bool { RawValue.isBinary }
    /// Appends the raw value.
    public func encode(into bytes: inout [UInt8]) { rawValue.encode(into: &bytes) }
}

extension PostgresDecodable where Self: RawRepresentable, RawValue: PostgresDecodable {
    /// Reads the raw value; one that is none of this type's is out of range.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        let raw = try RawValue(postgresBytes: bytes, type: type)
        guard let value = Self(rawValue: raw) else {
            throw PostgresDecodingError.Reason.outOfRange
        }
        self = value
    }
}
