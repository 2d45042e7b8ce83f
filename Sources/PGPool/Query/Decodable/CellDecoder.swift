/// Decodes a type from one cell: an enum with raw values, or a type that wraps a single value.
struct CellDecoder: Decoder, SingleValueDecodingContainer {
    let row: RowDecoder
    let column: Int

    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

    func container<Key: CodingKey>(
        keyedBy type: Key.Type
    ) throws -> KeyedDecodingContainer<Key> {
        throw PostgresDecodingError.Reason.typeMismatch
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        throw PostgresDecodingError.Reason.typeMismatch
    }

    func decodeNil() -> Bool { row.isNull(column) }

    /// Stands for the protocol's methods for the basic types too.
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try row.decode(type, column)
    }
}
