/// One row of a result.
public struct Row: Sendable {
    @usableFromInline let storage: any ResultStorage
    @usableFromInline let index: Int

    init(storage: any ResultStorage, index: Int) {
        self.storage = storage
        self.index = index
    }

    /// The number of columns.
    public var count: Int { storage.columnCount }

    /// The columns' names, in order.
    public var columnNames: [String] {
        (0..<storage.columnCount).map(storage.columnName)
    }

    /// The value of the column at a position, from 0.
    ///
    /// - Throws: ``PostgresDecodingError``.
    public func decode<Value: PostgresColumn>(_ type: Value.Type, at column: Int) throws -> Value {
        guard column >= 0, column < storage.columnCount else {
            throw noSuchColumn(String(column), type)
        }
        do {
            return try Value(
                postgresCell: storage.cell(index, column),
                type: storage.columnType(column)
            )
        } catch {
            throw storage.placed(error, column: column, row: index, expected: type)
        }
    }

    /// The composite value of the column at a position, from 0; errors of its fields name the column
    /// and the row.
    ///
    /// - Throws: ``PostgresDecodingError``.
    public func decode(_ type: PostgresRecord.Type, at column: Int) throws -> PostgresRecord {
        guard var record = try decode(PostgresRecord?.self, at: column) else {
            throw storage.error(.null, column: column, row: index, expected: type)
        }
        record.place = (storage.columnName(column), index + storage.firstRow)
        return record
    }

    /// The composite value of the column with a name; as of one at a position.
    ///
    /// - Throws: ``PostgresDecodingError``.
    public func decode(_ type: PostgresRecord.Type, named name: String) throws -> PostgresRecord {
        guard let column = storage.columnIndex(name) else { throw noSuchColumn(name, type) }
        return try decode(type, at: column)
    }

    /// The value of the column with a name; of the first, if several have it.
    ///
    /// - Throws: ``PostgresDecodingError``.
    public func decode<Value: PostgresColumn>(
        _ type: Value.Type,
        named name: String
    ) throws -> Value {
        guard let column = storage.columnIndex(name) else { throw noSuchColumn(name, type) }
        return try decode(type, at: column)
    }

    /// The row as a tuple, column by column.
    ///
    /// - Throws: ``PostgresDecodingError``.
    @inlinable
    public func decode<each Column: PostgresColumn>(
        _ type: (repeat each Column).Type = (repeat each Column).self
    ) throws -> (repeat each Column) {
        var expected = 0
        for _ in repeat (each Column).self { expected += 1 }
        var cursor = try CellCursor(storage, row: index, expecting: expected, as: type)
        return (repeat try cursor.next((each Column).self))
    }

    /// The row as a value of a `Decodable` type, as ``Rows/decode(as:keys:)`` does; that looks up
    /// the columns once for all rows.
    ///
    /// - Throws: ``PostgresDecodingError``, and what the type's own `init(from:)` throws.
    public func decode<Value: Decodable>(
        as type: Value.Type,
        keys: PostgresKeyStrategy = .exact
    ) throws -> Value {
        try RowDecoder(storage, keys).decode(type, row: index)
    }

    private func noSuchColumn(_ name: String, _ expected: Any.Type) -> PostgresDecodingError {
        PostgresDecodingError(
            reason: .noSuchColumn,
            column: name,
            type: .unspecified,
            expected: String(describing: expected),
            row: index + storage.firstRow
        )
    }
}
