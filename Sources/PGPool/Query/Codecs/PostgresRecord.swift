/// A composite value or an anonymous row, `ROW(1, 'a')`, inside a column. Its fields have types and
/// positions, but on the wire no names.
public struct PostgresRecord: Hashable, Sendable, PostgresCodable {
    /// The fields; `nil` for NULL, whose type is in ``types``.
    public let fields: [PostgresRaw?]
    /// The fields' types.
    public let types: [PostgresType]
    /// Where it was read, for errors: it is no part of the value.
    var place: (column: String, row: Int)?
    /// Stands for a row that is not known (yet).
    static let noRow = -1

    /// A composite value by its fields, with the types that the composite type declares: the server
    /// refuses others.
    public init(_ fields: [(type: PostgresType, bytes: [UInt8]?)]) {
        types = fields.map(\.type)
        self.fields = fields.map { field in
            field.bytes.map { PostgresRaw($0, type: field.type) }
        }
    }

    /// The server infers the composite type; it takes no anonymous row.
    public static var postgresType: PostgresType { .unspecified }

    /// Appends the fields (`record_send` in `src/backend/utils/adt/rowtypes.c`).
    public func encode(into bytes: inout [UInt8]) {
        Int32(truncatingIfNeeded: fields.count).appendBigEndian(to: &bytes)
        for (field, type) in zip(fields, types) {
            type.rawValue.appendBigEndian(to: &bytes)
            if let field {
                appendField(to: &bytes) { field.encode(into: &$0) }
            } else {
                Int32(-1).appendBigEndian(to: &bytes)
            }
        }
    }

    /// Reads `record` and types that somebody created, if they look like composites.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard type == .record || type.isUserDefined else {
            throw PostgresDecodingError.Reason.typeMismatch
        }
        var reader = WireReader(bytes)
        var fields: [(type: PostgresType, bytes: [UInt8]?)] = []
        for _ in 0..<(try reader.readCount(ofAtLeast: 8)) {
            let fieldType = PostgresType(rawValue: try reader.read())
            fields.append((fieldType, try reader.takeField().map { Array($0) }))
        }
        try reader.end()
        self.init(fields)
    }

    /// The value of a field, from 0.
    ///
    /// - Throws: ``PostgresDecodingError``.
    public func decode<Value: PostgresColumn>(_ type: Value.Type, at field: Int) throws -> Value {
        guard fields.indices.contains(field) else {
            throw error(.noSuchColumn, "field \(field)", .unspecified, type)
        }
        do {
            guard let raw = fields[field] else {
                return try Value(postgresCell: nil, type: types[field])
            }
            return try raw.bytes.withUnsafeBytes { try Value(postgresCell: $0, type: raw.type) }
        } catch let reason as PostgresDecodingError.Reason {
            throw error(reason, "field \(field)", types[field], type)
        }
    }

    private func error(
        _ reason: PostgresDecodingError.Reason,
        _ field: String,
        _ type: PostgresType,
        _ expected: Any.Type
    ) -> PostgresDecodingError {
        PostgresDecodingError(
            reason: reason,
            column: place.map { "\($0.column), \(field)" } ?? field,
            type: type,
            expected: String(describing: expected),
            row: place?.row ?? Self.noRow
        )
    }

    /// The fields as a tuple: `record.decode((Int, String?).self)`.
    ///
    /// - Throws: ``PostgresDecodingError``.
    public func decode<each Field: PostgresColumn>(
        _ type: (repeat each Field).Type
    ) throws -> (repeat each Field) {
        var expected = 0
        for _ in repeat (each Field).self { expected += 1 }
        guard expected == fields.count else {
            throw error(.columnCount, "\(fields.count) fields", .record, type)
        }
        var field = -1
        func next<Value: PostgresColumn>(_ type: Value.Type) throws -> Value {
            field += 1
            return try decode(type, at: field)
        }
        return (repeat try next((each Field).self))
    }
}

extension PostgresRecord {
    /// By fields and types, wherever it was read.
    public static func == (left: PostgresRecord, right: PostgresRecord) -> Bool {
        left.fields == right.fields && left.types == right.types
    }

    /// As `==` compares.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(fields)
        hasher.combine(types)
    }
}
