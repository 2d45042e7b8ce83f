// Formats: `src/backend/utils/adt/int.c`, `int8.c`, `oid.c`.

extension FixedWidthInteger {
    /// Reads any of the server's integers, and a whole `numeric`, if the value fits.
    init(integer bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        let exact: Self? =
            switch type {
            case .int2: Self(exactly: try Int16(bigEndianBytes: bytes))
            case .int4: Self(exactly: try Int32(bigEndianBytes: bytes))
            case .int8: Self(exactly: try Int64(bigEndianBytes: bytes))
            case .oid: Self(exactly: try UInt32(bigEndianBytes: bytes))
            case .numeric: try PostgresNumeric(postgresBytes: bytes, type: type).integer()
            default: throw PostgresDecodingError.Reason.typeMismatch
            }
        guard let exact else { throw PostgresDecodingError.Reason.outOfRange }
        self = exact
    }
}

extension Int: PostgresCodable {
    /// `bigint`.
    public static var postgresType: PostgresType { .int8 }
    /// Appends eight bytes.
    public func encode(into bytes: inout [UInt8]) { Int64(self).appendBigEndian(to: &bytes) }
    /// Reads `smallint`, `integer`, `bigint`, `oid` and a whole `numeric`, if the value fits.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        try self.init(integer: bytes, type: type)
    }
}

extension Int64: PostgresCodable {
    /// `bigint`.
    public static var postgresType: PostgresType { .int8 }
    /// Appends eight bytes.
    public func encode(into bytes: inout [UInt8]) { appendBigEndian(to: &bytes) }
    /// Reads `smallint`, `integer`, `bigint`, `oid` and a whole `numeric`, if the value fits.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        try self.init(integer: bytes, type: type)
    }
}

extension Int32: PostgresCodable {
    /// `integer`.
    public static var postgresType: PostgresType { .int4 }
    /// Appends four bytes.
    public func encode(into bytes: inout [UInt8]) { appendBigEndian(to: &bytes) }
    /// Reads `smallint`, `integer`, `bigint`, `oid` and a whole `numeric`, if the value fits.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        try self.init(integer: bytes, type: type)
    }
}

extension Int16: PostgresCodable {
    /// `smallint`.
    public static var postgresType: PostgresType { .int2 }
    /// Appends two bytes.
    public func encode(into bytes: inout [UInt8]) { appendBigEndian(to: &bytes) }
    /// Reads `smallint`, `integer`, `bigint`, `oid` and a whole `numeric`, if the value fits.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        try self.init(integer: bytes, type: type)
    }
}

extension Int8: PostgresCodable {
    /// `smallint`.
    public static var postgresType: PostgresType { .int2 }
    /// Appends two bytes.
    public func encode(into bytes: inout [UInt8]) { Int16(self).appendBigEndian(to: &bytes) }
    /// Reads `smallint`, `integer`, `bigint`, `oid` and a whole `numeric`, if the value fits.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        try self.init(integer: bytes, type: type)
    }
}

extension UInt8: PostgresCodable {
    /// `smallint`.
    public static var postgresType: PostgresType { .int2 }
    /// Appends two bytes.
    public func encode(into bytes: inout [UInt8]) { Int16(self).appendBigEndian(to: &bytes) }
    /// Reads `smallint`, `integer`, `bigint`, `oid` and a whole `numeric`, if the value fits.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        try self.init(integer: bytes, type: type)
    }
}

extension UInt16: PostgresCodable {
    /// `integer`.
    public static var postgresType: PostgresType { .int4 }
    /// Appends four bytes.
    public func encode(into bytes: inout [UInt8]) { Int32(self).appendBigEndian(to: &bytes) }
    /// Reads `smallint`, `integer`, `bigint`, `oid` and a whole `numeric`, if the value fits.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        try self.init(integer: bytes, type: type)
    }
}

extension UInt32: PostgresCodable {
    /// `bigint`.
    public static var postgresType: PostgresType { .int8 }
    /// Appends eight bytes.
    public func encode(into bytes: inout [UInt8]) { Int64(self).appendBigEndian(to: &bytes) }
    /// Reads `smallint`, `integer`, `bigint`, `oid` and a whole `numeric`, if the value fits.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        try self.init(integer: bytes, type: type)
    }
}

extension UInt64: PostgresCodable {
    /// `numeric`: `bigint` ends at half of what this type holds.
    public static var postgresType: PostgresType { .numeric }
    /// Appends the number as `numeric`.
    public func encode(into bytes: inout [UInt8]) { PostgresNumeric(self).encode(into: &bytes) }
    /// Reads `smallint`, `integer`, `bigint`, `oid` and a whole `numeric`, if the value fits.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        try self.init(integer: bytes, type: type)
    }
}

extension UInt: PostgresCodable {
    /// `numeric`: `bigint` ends at half of what this type holds.
    public static var postgresType: PostgresType { .numeric }
    /// Appends the number as `numeric`.
    public func encode(into bytes: inout [UInt8]) { PostgresNumeric(self).encode(into: &bytes) }
    /// Reads `smallint`, `integer`, `bigint`, `oid` and a whole `numeric`, if the value fits.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        try self.init(integer: bytes, type: type)
    }
}
