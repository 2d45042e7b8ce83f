/// A value of any type as the bytes of its binary format: for types that Swift has no counterpart
/// for, such as an extension's.
public struct PostgresRaw: Hashable, PostgresCodable {
    /// The bytes.
    public var bytes: [UInt8]
    /// The type that they are the binary format of.
    public var type: PostgresType

    /// Bytes of a type; ``PostgresType/unspecified`` lets the server infer it.
    public init(_ bytes: some Sequence<UInt8>, type: PostgresType) {
        self.bytes = Array(bytes)
        self.type = type
    }

    /// Differs from value to value.
    public static var postgresType: PostgresType { .unspecified }
    /// The value's type.
    public var parameterType: PostgresType { type }
    /// Appends the bytes.
    public func encode(into bytes: inout [UInt8]) { bytes.append(contentsOf: self.bytes) }
    /// Reads any type.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        self.init(bytes, type: type)
    }

    /// Reads the bytes as another type.
    ///
    /// - Throws: ``PostgresDecodingError/Reason``.
    public func decode<Value: PostgresDecodable>(_ type: Value.Type) throws -> Value {
        try bytes.withUnsafeBytes { try Value(postgresBytes: $0, type: self.type) }
    }
}
