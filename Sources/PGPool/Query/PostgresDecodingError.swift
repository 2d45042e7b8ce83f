/// Why a column's value could not become the Swift value that was asked for.
///
/// It names the column, its type, the Swift type and the row, and never the value.
public struct PostgresDecodingError: Error, Sendable, CustomStringConvertible {
    /// What did not fit.
    public enum Reason: Error, Hashable, Sendable {
        /// The value is NULL and the Swift type is not optional.
        case null
        /// The Swift type does not read values of the column's type.
        case typeMismatch
        /// The value is none of the Swift type's: too large, infinite, or no case of an enum.
        case outOfRange
        /// The bytes are not what the type's format says.
        case malformed
        /// There is no such column.
        case noSuchColumn
        /// The row does not have as many columns as the tuple has elements.
        case columnCount
        /// There is no such row.
        case noSuchRow
        /// The array has more than one dimension: read it as a ``PostgresArray``.
        case severalDimensions
    }

    /// What did not fit.
    public let reason: Reason
    /// The column's name, or its position from 0 when there is none. Of a ``PostgresRecord``'s field
    /// it says that too: `address, field 1`.
    public let column: String
    /// The column's type.
    public let type: PostgresType
    /// The Swift type that was asked for.
    public let expected: String
    /// The row's number in the result or the stream, from 0; -1 for the field of a
    /// ``PostgresRecord`` that was not read from a ``Row`` by itself.
    public let row: Int

    /// All of it; no value.
    public var description: String {
        """
        PostgresDecodingError(\(reason): column \(column) of type \(type.rawValue) in row \(row) \
        as \(expected)\(reason == .severalDimensions ? "; read it as a PostgresArray" : ""))
        """
    }
}
