/// A value that can be a statement's parameter.
public protocol PostgresEncodable: Sendable {
    /// The type that the server is told; ``PostgresType/unspecified`` lets it infer one.
    static var postgresType: PostgresType { get }
    /// Whether `encode(into:)` writes the type's binary format; else it writes text in UTF-8
    /// without a zero byte. Default: true.
    static var isBinary: Bool { get }
    /// Appends the value's bytes.
    func encode(into bytes: inout [UInt8])
}

extension PostgresEncodable {
    /// Binary.
    public static var isBinary: Bool { true }
}

/// A value that can be read from a column.
public protocol PostgresDecodable: PostgresColumn, Sendable {
    /// Reads the value from the binary format of the column's type.
    ///
    /// - Throws: ``PostgresDecodingError/Reason`` when type or bytes don't fit.
    init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws
}

/// A value that can be both.
public typealias PostgresCodable = PostgresEncodable & PostgresDecodable

/// The object identifier of a type (`pg_type.oid`). The constants are the built-in types', which
/// are the same on every server (`src/include/catalog/pg_type.dat`).
public struct PostgresType: RawRepresentable, Hashable, Sendable {
    /// The object identifier.
    public let rawValue: UInt32

    /// A type by its object identifier.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The server infers the type from where the parameter stands.
    public static let unspecified = PostgresType(rawValue: 0)
    /// `boolean`.
    public static let bool = PostgresType(rawValue: 16)
    /// `bytea`.
    public static let bytea = PostgresType(rawValue: 17)
    /// `"char"`.
    public static let char = PostgresType(rawValue: 18)
    /// `name`.
    public static let name = PostgresType(rawValue: 19)
    /// `bigint`.
    public static let int8 = PostgresType(rawValue: 20)
    /// `smallint`.
    public static let int2 = PostgresType(rawValue: 21)
    /// `integer`.
    public static let int4 = PostgresType(rawValue: 23)
    /// `text`.
    public static let text = PostgresType(rawValue: 25)
    /// `oid`.
    public static let oid = PostgresType(rawValue: 26)
    /// `real`.
    public static let float4 = PostgresType(rawValue: 700)
    /// `double precision`.
    public static let float8 = PostgresType(rawValue: 701)
    /// `unknown`.
    public static let unknown = PostgresType(rawValue: 705)
    /// `character(n)`.
    public static let bpchar = PostgresType(rawValue: 1042)
    /// `character varying`.
    public static let varchar = PostgresType(rawValue: 1043)
}

/// Why a column's value could not become the Swift value that was asked for.
public struct PostgresDecodingError: Error, Sendable, CustomStringConvertible {
    /// What did not fit.
    public enum Reason: Error, Hashable, Sendable {
        /// The value is NULL and the Swift type is not optional.
        case null
        /// The Swift type does not read values of the column's type.
        case typeMismatch
        /// The value is out of the Swift type's range.
        case outOfRange
        /// The bytes are not what the type's format says.
        case malformed
        /// There is no such column.
        case noSuchColumn
        /// The row does not have as many columns as the tuple has elements.
        case columnCount
        /// There is no such row.
        case noSuchRow
    }

    /// What did not fit.
    public let reason: Reason
    /// The column's name, or its position from 0 when there is none.
    public let column: String
    /// The column's type.
    public let type: PostgresType
    /// The Swift type that was asked for.
    public let expected: String
    /// The row's number in the result, from 0.
    public let row: Int

    /// All of it; no value.
    public var description: String {
        """
        PostgresDecodingError(\(reason): column \(column) of type \(type.rawValue) in row \(row) \
        as \(expected))
        """
    }
}
