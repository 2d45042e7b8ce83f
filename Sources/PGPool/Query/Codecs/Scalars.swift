// Formats: `src/backend/utils/adt/bool.c`, `float.c`.

extension Bool: PostgresCodable {
    /// `boolean`.
    public static var postgresType: PostgresType { .bool }
    /// Appends one byte.
    public func encode(into bytes: inout [UInt8]) { bytes.append(self ? 1 : 0) }
    /// Reads `boolean`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard type == .bool else { throw PostgresDecodingError.Reason.typeMismatch }
        self = try UInt8(bigEndianBytes: bytes) != 0
    }
}

extension Double: PostgresCodable {
    /// `double precision`.
    public static var postgresType: PostgresType { .float8 }
    /// Appends eight bytes.
    public func encode(into bytes: inout [UInt8]) { bitPattern.appendBigEndian(to: &bytes) }
    /// Reads `double precision` and `real`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        switch type {
        case .float8: self.init(bitPattern: try UInt64(bigEndianBytes: bytes))
        case .float4: self.init(Float(bitPattern: try UInt32(bigEndianBytes: bytes)))
        default: throw PostgresDecodingError.Reason.typeMismatch
        }
    }
}

extension Float: PostgresCodable {
    /// `real`.
    public static var postgresType: PostgresType { .float4 }
    /// Appends four bytes.
    public func encode(into bytes: inout [UInt8]) { bitPattern.appendBigEndian(to: &bytes) }
    /// Reads `real`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard type == .float4 else { throw PostgresDecodingError.Reason.typeMismatch }
        self.init(bitPattern: try UInt32(bigEndianBytes: bytes))
    }
}
