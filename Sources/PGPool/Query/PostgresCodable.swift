/// A value that can be a statement's parameter.
///
/// Its bytes are the type's binary format (the `…recv` functions in PostgreSQL's
/// `src/backend/utils/adt`), or text where ``isBinary`` is false.
public protocol PostgresEncodable: Sendable {
    /// The type that the server is told; ``PostgresType/unspecified`` lets it infer one.
    static var postgresType: PostgresType { get }
    /// Whether `encode(into:)` writes the type's binary format; else it writes text in UTF-8.
    /// Default: true.
    static var isBinary: Bool { get }
    /// This value's type, where values of one Swift type have different ones. Default: the type's.
    var parameterType: PostgresType { get }
    /// Appends the value's bytes.
    func encode(into bytes: inout [UInt8])
}

extension PostgresEncodable {
    /// Binary.
    public static var isBinary: Bool { true }
    /// The same for all values.
    public var parameterType: PostgresType { Self.postgresType }
}

/// What a column can be read as: a ``PostgresDecodable``, or an optional one for columns with NULL.
public protocol PostgresColumn {
    /// Reads a cell; `nil` stands for NULL.
    init(postgresCell bytes: UnsafeRawBufferPointer?, type: PostgresType) throws
}

/// A value that can be read from a column.
public protocol PostgresDecodable: PostgresColumn, Sendable {
    /// Reads the value from the binary format of the column's type.
    ///
    /// - Throws: ``PostgresDecodingError/Reason`` when type or bytes don't fit.
    init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws
}

extension PostgresColumn where Self: PostgresDecodable {
    /// Reads a cell that is not NULL.
    @inlinable
    public init(postgresCell bytes: UnsafeRawBufferPointer?, type: PostgresType) throws {
        guard let bytes else { throw PostgresDecodingError.Reason.null }
        try self.init(postgresBytes: bytes, type: type)
    }
}

extension Optional: PostgresColumn where Wrapped: PostgresDecodable {
    /// Reads a cell; NULL is `nil`.
    @inlinable
    public init(postgresCell bytes: UnsafeRawBufferPointer?, type: PostgresType) throws {
        guard let bytes else {
            self = nil
            return
        }
        self = try Wrapped(postgresBytes: bytes, type: type)
    }
}

/// A value that can be both, and an element of arrays.
///
/// Conform a type of your own to use it in statements and rows. An enum with raw values needs no
/// more than the conformance: `enum Mood: String, PostgresCodable { case sad, happy }`.
public protocol PostgresCodable: PostgresEncodable, PostgresDecodable, PostgresArrayElement
where ArrayScalar == Self {}

/// What a Swift array can hold to be a PostgreSQL array: a ``PostgresCodable`` or an optional one.
public protocol PostgresArrayElement: PostgresColumn, Sendable {
    /// The type without the optional.
    associatedtype ArrayScalar: PostgresEncodable
    /// The value; `nil` for NULL.
    var arrayScalar: ArrayScalar? { get }
}

extension PostgresCodable {
    /// The value itself.
    public var arrayScalar: Self? { self }
}

extension Optional: PostgresArrayElement where Wrapped: PostgresCodable {
    /// The value; `nil` for NULL.
    public var arrayScalar: Wrapped? { self }
}
