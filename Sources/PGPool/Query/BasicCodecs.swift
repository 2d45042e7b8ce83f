// Formats: the `…send` and `…recv` functions of each type in PostgreSQL's `src/backend/utils/adt`.

extension FixedWidthInteger {
    /// Reads a big-endian integer that fills the buffer.
    init(bigEndianBytes bytes: UnsafeRawBufferPointer) throws {
        guard bytes.count == MemoryLayout<Self>.size else {
            throw PostgresDecodingError.Reason.malformed
        }
        self = Self(bigEndian: bytes.loadUnaligned(as: Self.self))
    }

    func appendBigEndian(to bytes: inout [UInt8]) {
        withUnsafeBytes(of: bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// Reads any of the server's integers, if the value fits.
    init(integer bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        let wide: Int64 =
            switch type {
            case .int2: Int64(try Int16(bigEndianBytes: bytes))
            case .int4: Int64(try Int32(bigEndianBytes: bytes))
            case .int8: try Int64(bigEndianBytes: bytes)
            case .oid: Int64(try UInt32(bigEndianBytes: bytes))
            default: throw PostgresDecodingError.Reason.typeMismatch
            }
        guard let exact = Self(exactly: wide) else {
            throw PostgresDecodingError.Reason.outOfRange
        }
        self = exact
    }
}

extension Int: PostgresCodable {
    /// `bigint`.
    public static var postgresType: PostgresType { .int8 }
    /// Appends eight bytes.
    public func encode(into bytes: inout [UInt8]) { Int64(self).appendBigEndian(to: &bytes) }
    /// Reads `smallint`, `integer`, `bigint` and `oid`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        try self.init(integer: bytes, type: type)
    }
}

extension Int64: PostgresCodable {
    /// `bigint`.
    public static var postgresType: PostgresType { .int8 }
    /// Appends eight bytes.
    public func encode(into bytes: inout [UInt8]) { appendBigEndian(to: &bytes) }
    /// Reads `smallint`, `integer`, `bigint` and `oid`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        try self.init(integer: bytes, type: type)
    }
}

extension Int32: PostgresCodable {
    /// `integer`.
    public static var postgresType: PostgresType { .int4 }
    /// Appends four bytes.
    public func encode(into bytes: inout [UInt8]) { appendBigEndian(to: &bytes) }
    /// Reads `smallint`, `integer`, `bigint` and `oid`, if the value fits.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        try self.init(integer: bytes, type: type)
    }
}

extension Int16: PostgresCodable {
    /// `smallint`.
    public static var postgresType: PostgresType { .int2 }
    /// Appends two bytes.
    public func encode(into bytes: inout [UInt8]) { appendBigEndian(to: &bytes) }
    /// Reads `smallint`, `integer`, `bigint` and `oid`, if the value fits.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        try self.init(integer: bytes, type: type)
    }
}

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

extension String: PostgresCodable {
    /// The server infers it: a string fits wherever a literal in quotes would.
    public static var postgresType: PostgresType { .unspecified }
    /// False: the type is not known, so neither is its binary format.
    public static var isBinary: Bool { false }
    /// Appends UTF-8. The server has no zero character; text after one is left out by libpq.
    public func encode(into bytes: inout [UInt8]) { bytes.append(contentsOf: utf8) }
    /// Reads `text`, `varchar`, `character(n)`, `name`, `"char"` and `unknown`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        switch type {
        case .text, .varchar, .bpchar, .name, .char, .unknown:
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw PostgresDecodingError.Reason.malformed
            }
            self = text
        default: throw PostgresDecodingError.Reason.typeMismatch
        }
    }
}

/// Bytes as they are: a `bytea`, or the binary format of a type that Swift has no counterpart for.
public struct PostgresBytes: Hashable, PostgresCodable {
    /// The bytes.
    public var bytes: [UInt8]
    /// The type that they are the binary format of.
    public var type: PostgresType

    /// Bytes of a type, `bytea` unless another is named.
    public init(_ bytes: some Sequence<UInt8>, type: PostgresType = .bytea) {
        self.bytes = Array(bytes)
        self.type = type
    }

    /// `bytea`.
    public static var postgresType: PostgresType { .bytea }
    /// Appends the bytes.
    public func encode(into bytes: inout [UInt8]) { bytes.append(contentsOf: self.bytes) }
    /// Reads any type.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        self.init(bytes, type: type)
    }
}
