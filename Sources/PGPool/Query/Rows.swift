/// Where a result's cells lie. The connection's layer implements it over libpq's memory.
protocol ResultStorage: AnyObject, Sendable {
    var rowCount: Int { get }
    var columnCount: Int { get }
    /// The rows that the command reports, 0 if it reports none.
    var affectedRows: Int { get }
    var commandTag: String { get }
    func columnName(_ column: Int) -> String
    func columnIndex(_ name: String) -> Int?
    func columnType(_ column: Int) -> PostgresType
    /// Calls `body` with the cell's bytes, `nil` for NULL. The indices have been checked.
    func withCell<Result>(
        _ row: Int,
        _ column: Int,
        _ body: (UnsafeRawBufferPointer?) throws -> Result
    ) rethrows -> Result
}

/// The rows of a result, in memory.
///
/// A collection; its rows stay valid as long as anybody holds one.
public struct Rows: RandomAccessCollection, Sendable {
    let storage: any ResultStorage

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

    /// Every row as a tuple: `rows.decode((Int, String?).self)`.
    ///
    /// - Throws: ``PostgresDecodingError``.
    public func decode<each Column: PostgresColumn>(
        _ type: (repeat each Column).Type
    ) throws -> [(repeat each Column)] {
        try map { try $0.decode(type) }
    }
}

/// One row of a result.
public struct Row: Sendable {
    let storage: any ResultStorage
    let index: Int

    /// The number of columns.
    public var count: Int { storage.columnCount }

    /// The value of the column at a position, from 0.
    ///
    /// - Throws: ``PostgresDecodingError``.
    public func decode<Value: PostgresColumn>(_ type: Value.Type, at column: Int) throws -> Value {
        guard column >= 0, column < storage.columnCount else {
            throw error(.noSuchColumn, String(column), .unspecified, type)
        }
        let columnType = storage.columnType(column)
        do {
            return try storage.withCell(index, column) {
                try Value(postgresCell: $0, type: columnType)
            }
        } catch let reason as PostgresDecodingError.Reason {
            throw error(reason, storage.columnName(column), columnType, type)
        }
    }

    /// The value of the column with a name; of the first, if several have it.
    ///
    /// - Throws: ``PostgresDecodingError``.
    public func decode<Value: PostgresColumn>(
        _ type: Value.Type,
        named name: String
    ) throws -> Value {
        guard let column = storage.columnIndex(name) else {
            throw error(.noSuchColumn, name, .unspecified, type)
        }
        return try decode(type, at: column)
    }

    /// The row as a tuple, column by column.
    ///
    /// - Throws: ``PostgresDecodingError``.
    public func decode<each Column: PostgresColumn>(
        _ type: (repeat each Column).Type = (repeat each Column).self
    ) throws -> (repeat each Column) {
        var expected = 0
        for _ in repeat (each Column).self { expected += 1 }
        guard expected == storage.columnCount else {
            throw error(.columnCount, "\(storage.columnCount) columns", .unspecified, type)
        }
        var column = -1
        func next<Value: PostgresColumn>(_ type: Value.Type) throws -> Value {
            column += 1
            return try decode(type, at: column)
        }
        return (repeat try next((each Column).self))
    }

    private func error(
        _ reason: PostgresDecodingError.Reason,
        _ column: String,
        _ type: PostgresType,
        _ expected: Any.Type
    ) -> PostgresDecodingError {
        PostgresDecodingError(
            reason: reason,
            column: column,
            type: type,
            expected: String(describing: expected),
            row: index
        )
    }
}

/// What a column can be read as: a ``PostgresDecodable``, or an optional one for columns with NULL.
public protocol PostgresColumn {
    /// Reads a cell; `nil` stands for NULL.
    init(postgresCell bytes: UnsafeRawBufferPointer?, type: PostgresType) throws
}

extension PostgresColumn where Self: PostgresDecodable {
    /// Reads a cell that is not NULL.
    public init(postgresCell bytes: UnsafeRawBufferPointer?, type: PostgresType) throws {
        guard let bytes else { throw PostgresDecodingError.Reason.null }
        try self.init(postgresBytes: bytes, type: type)
    }
}

extension Optional: PostgresColumn where Wrapped: PostgresDecodable {
    /// Reads a cell; NULL is `nil`.
    public init(postgresCell bytes: UnsafeRawBufferPointer?, type: PostgresType) throws {
        self = try bytes.map { try Wrapped(postgresBytes: $0, type: type) }
    }
}
