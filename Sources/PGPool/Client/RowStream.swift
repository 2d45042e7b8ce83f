/// The rows of a statement as they come, with back-pressure.
///
/// The connection reads ahead up to ``ConnectionPool/Configuration/Results`` and then leaves the
/// rest with the server until the consumer has caught up, so memory stays flat. A stream can be
/// iterated once, by one task. It belongs to its lease: until its loop ends, other statements on the connection
/// are refused with ``PoolError`` `connectionBusy`.
///
/// Leaving the loop early is fine. Outside a transaction a statement that only reads is then
/// cancelled on the server. Inside one, where that would fail the transaction, and of a statement
/// that writes, the rest is read and thrown away. A cancelled task cancels the statement.
///
/// A ``Row`` keeps those in memory that came with it: up to a quarter of what is read ahead.
public struct RowStream: AsyncSequence, Sendable {
    /// One row.
    public typealias Element = Row

    /// The columns' names, in order.
    public let columnNames: [String]
    /// The columns' types, in order.
    public let columnTypes: [PostgresType]
    private let ticket: ExchangeTicket

    init(_ owner: ExchangeOwner) async throws {
        let first = try await owner.nextPiece()
        let columns: any ResultStorage
        switch first {
        case .rows(let batch)?: columns = batch
        default: columns = owner.operation.result ?? EmptyResult.shared
        }
        columnNames = (0..<columns.columnCount).map(columns.columnName)
        columnTypes = columns.columnTypes
        ticket = ExchangeTicket(owner, first)
    }

    /// The one iterator; a second one throws ``PoolError`` with `connectionBusy`.
    public func makeAsyncIterator() -> Iterator {
        let content = ticket.redeem()
        return Iterator(owner: content?.owner, first: content?.first)
    }

    /// Hands out rows; when it goes, the statement is left.
    public struct Iterator: AsyncIteratorProtocol {
        private var owner: ExchangeOwner?
        private var batch: RowBatch?
        private var index = 0
        private var isOver = false

        init(owner: ExchangeOwner?, first: Exchange.Piece?) {
            self.owner = owner
            if case .rows(let rows)? = first { batch = rows }
        }

        /// The next row; `nil` once the server said that the statement succeeded.
        ///
        /// - Throws: ``PostgresError``, after the rows before it; ``PoolError`` with `leaseEnded`;
        ///   `CancellationError` when the task is cancelled, with the next rows that it would have
        ///   to wait for.
        public mutating func next() async throws -> Row? {
            while true {
                if let batch, index < batch.rowCount {
                    defer { index += 1 }
                    return Row(storage: batch, index: index)
                }
                if isOver { return nil }
                guard let owner else { throw ExchangeTicket.used }
                batch = nil
                index = 0
                do {
                    if case .rows(let next)? = try await owner.nextPiece() {
                        batch = next
                    } else {
                        isOver = true
                    }
                } catch {
                    isOver = true
                    throw error
                }
            }
        }
    }
}

extension PostgresConnection {
    /// Runs one statement and hands out its rows as they come; see ``RowStream``.
    ///
    /// ```swift
    /// for try await row in try await connection.stream("SELECT id, name FROM users") { … }
    /// ```
    ///
    /// - Parameters:
    ///   - query: the statement; interpolated values are bound.
    ///   - statementTimeout: cancels the statement when its last row has not come from the server
    ///     after this time, the consumer's own time included. Default: none.
    /// - Returns: the stream, once the first rows are there, or the end of a result without any.
    /// - Throws: ``PostgresError`` when the statement fails before its first row; ``PoolError`` with
    ///   `connectionBusy` when another stream is open, or `leaseEnded`; `CancellationError`.
    public func stream(_ query: Query, statementTimeout: Duration? = nil) async throws -> RowStream
    {
        try await RowStream(ExchangeOwner(query, .rows, self, statementTimeout))
    }
}

extension Transaction {
    /// Runs one statement inside the transaction and hands out its rows as they come; see
    /// ``PostgresConnection/stream(_:statementTimeout:)``.
    ///
    /// A loop that is left early reads the rest of the result, since cancelling the statement would
    /// fail the transaction.
    public func stream(_ query: Query, statementTimeout: Duration? = nil) async throws -> RowStream
    {
        try await connection.stream(query, statementTimeout: statementTimeout)
    }
}
