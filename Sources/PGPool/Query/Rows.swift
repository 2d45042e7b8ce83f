/// The rows of a result, in memory.
///
/// A collection; its rows stay valid as long as anybody holds one.
public struct Rows: RandomAccessCollection, Sendable {
    @usableFromInline let storage: any ResultStorage

    init(storage: any ResultStorage) {
        self.storage = storage
    }

    /// The first row's index: 0.
    public var startIndex: Int { 0 }
    /// The number of rows.
    public var endIndex: Int { storage.rowCount }

    /// The row at an index.
    ///
    /// - Precondition: `0 ≤ index < count`, as with every collection.
    public subscript(index: Int) -> Row {
        precondition(index >= 0 && index < storage.rowCount, "Row index out of range")
        return Row(storage: storage, index: index)
    }

    /// The rows that the command touched or returned, as its tag says.
    public var affectedRows: Int { storage.affectedRows }

    /// The command's tag, such as `INSERT 0 1`.
    public var commandTag: String { storage.commandTag }

    /// The columns' names, in order.
    public var columnNames: [String] {
        (0..<storage.columnCount).map(storage.columnName)
    }

    /// The columns' types, in order.
    public var columnTypes: [PostgresType] { storage.columnTypes }

    /// Every row as a tuple: `rows.decode((Int, String?).self)`.
    ///
    /// - Throws: ``PostgresDecodingError``.
    @inlinable
    public func decode<each Column: PostgresColumn>(
        _ type: (repeat each Column).Type
    ) throws -> [(repeat each Column)] {
        var expected = 0
        for _ in repeat (each Column).self { expected += 1 }
        let first = try CellCursor(storage, row: 0, expecting: expected, as: type)
        var decoded: [(repeat each Column)] = []
        decoded.reserveCapacity(count)
        for row in 0..<count {
            var cursor = CellCursor(first, row: row)
            decoded.append((repeat try cursor.next((each Column).self)))
        }
        return decoded
    }

    /// Every row as a value of a `Decodable` type, whose properties are read from the columns with
    /// their names. Columns without a property are left out.
    ///
    /// A property may be of any type that a column can be read as. Of a `json` or `jsonb` column it
    /// may be of any `Decodable` type. An optional property is `nil` for NULL, and when there is no
    /// such column. Of a result with one column, a value that is not keyed (`String`, an enum) reads
    /// that column.
    ///
    /// - Parameter keys: how properties' names become columns' names. Default: as they are.
    /// - Throws: ``PostgresDecodingError``, and what the type's own `init(from:)` throws.
    public func decode<Value: Decodable>(
        as type: Value.Type,
        keys: PostgresKeyStrategy = .exact
    ) throws -> [Value] {
        let decoder = RowDecoder(storage, keys)
        var decoded: [Value] = []
        decoded.reserveCapacity(count)
        for row in 0..<count {
            decoded.append(try decoder.decode(type, row: row))
        }
        return decoded
    }
}
