/// Where a result's cells lie. The connection's layer implements it.
@usableFromInline
protocol ResultStorage: AnyObject, Sendable {
    var rowCount: Int { get }
    var columnCount: Int { get }
    /// The rows that the command reports, 0 if it reports none.
    var affectedRows: Int { get }
    var commandTag: String { get }
    /// The place of its first row in all that the statement returns; more than 0 in streams.
    var firstRow: Int { get }
    func columnName(_ column: Int) -> String
    func columnType(_ column: Int) -> PostgresType
    /// The cell's bytes, `nil` for NULL, valid as long as the storage is. The indices have been
    /// checked.
    func cell(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer?
}

extension ResultStorage {
    var firstRow: Int { 0 }

    /// A result without cells.
    func cell(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? { nil }

    /// The first column of a name; `nil` if there is none.
    func columnIndex(_ name: String) -> Int? {
        // Not libpq's PQfnumber: it folds case and unquotes as SQL does. Nor `==`: it takes a letter and
        // its accent for the letter that has it, and the server does not.
        (0..<columnCount).first { columnName($0).utf8.elementsEqual(name.utf8) }
    }

    /// All columns' types, looked up once for many rows.
    var columnTypes: [PostgresType] { (0..<columnCount).map(columnType) }

    func error(
        _ reason: PostgresDecodingError.Reason,
        column: Int,
        row: Int,
        expected: Any.Type
    ) -> PostgresDecodingError {
        PostgresDecodingError(
            reason: reason,
            column: columnName(column),
            type: columnType(column),
            expected: String(describing: expected),
            row: row + firstRow
        )
    }

    /// A reason becomes an error that says where, and a record's field learns its column; what a
    /// user's own type throws stays as it is.
    func placed(_ error: any Error, column: Int, row: Int, expected: Any.Type) -> any Error {
        switch error {
        case let reason as PostgresDecodingError.Reason:
            return self.error(reason, column: column, row: row, expected: expected)
        case let field as PostgresDecodingError where field.row == PostgresRecord.noRow:
            return PostgresDecodingError(
                reason: field.reason,
                column: "\(columnName(column)), \(field.column)",
                type: field.type,
                expected: field.expected,
                row: row + firstRow
            )
        default:
            return error
        }
    }
}

/// Walks over cells, from left to right in each row.
@usableFromInline
struct CellCursor {
    @usableFromInline let storage: any ResultStorage
    @usableFromInline let types: [PostgresType]
    @usableFromInline let row: Int
    @usableFromInline var column = 0

    init(storage: any ResultStorage, types: [PostgresType], row: Int) {
        self.storage = storage
        self.types = types
        self.row = row
    }

    /// For all rows of a tuple's columns.
    @usableFromInline
    init(_ storage: any ResultStorage, row: Int, expecting count: Int, as type: Any.Type) throws {
        guard storage.columnCount == count else {
            throw PostgresDecodingError(
                reason: .columnCount,
                column: "\(storage.columnCount) columns",
                type: .unspecified,
                expected: String(describing: type),
                row: row + storage.firstRow
            )
        }
        self.init(storage: storage, types: storage.columnTypes, row: row)
    }

    @usableFromInline
    init(_ other: CellCursor, row: Int) {
        self.init(storage: other.storage, types: other.types, row: row)
    }

    @inlinable
    mutating func next<Value: PostgresColumn>(_ type: Value.Type) throws -> Value {
        defer { column += 1 }
        do {
            return try Value(postgresCell: storage.cell(row, column), type: types[column])
        } catch {
            throw named(error, type)
        }
    }

    @usableFromInline
    func named(_ error: any Error, _ expected: Any.Type) -> any Error {
        storage.placed(error, column: column, row: row, expected: expected)
    }
}
