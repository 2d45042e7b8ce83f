internal import PGPoolCore
internal import Synchronization

/// The rows of a statement, as they come.
///
/// The server is kept waiting when rows are not taken, so memory stays flat however many there are.
/// Leaving the loop early cancels the statement, and the connection is usable again as soon as the
/// server has confirmed that; inside a transaction, which a cancellation would undo, the rest is read
/// and thrown away instead. While a stream is open its connection can run nothing else: that fails
/// with ``PoolError`` `streamOpen`.
///
/// Rows are for one reader; a second iterator continues where the first one stands.
public struct RowStream: AsyncSequence, Sendable {
    /// A row.
    public typealias Element = Row

    private let source: StreamSource

    init(session: Session, operation: Operation, stream: StreamBuffer) {
        source = StreamSource(session: session, operation: operation, stream: stream)
    }

    /// Takes the rows, batch by batch.
    public func makeAsyncIterator() -> Iterator {
        Iterator(source: source)
    }

    /// Takes the rows.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let source: StreamSource
        private var batch: [ResultHandle] = []
        private var place = 0

        fileprivate init(source: StreamSource) {
            self.source = source
        }

        /// The next row; `nil` behind the last one.
        ///
        /// - Throws: ``PostgresError`` behind the rows that came before it; ``PoolError``;
        ///   `CancellationError` when the task is cancelled.
        public mutating func next() async throws -> Row? {
            if place == batch.count {
                batch = try await source.next()
                place = 0
                if batch.isEmpty { return nil }
            }
            defer { place += 1 }
            return Row(storage: batch[place], index: 0)
        }
    }
}

/// Ends the statement when nobody can read its rows any more.
private final class StreamSource: Sendable {
    private let session: Session
    private let operation: Operation
    private let stream: StreamBuffer

    init(session: Session, operation: Operation, stream: StreamBuffer) {
        self.session = session
        self.operation = operation
        self.stream = stream
    }

    deinit {
        // Does nothing to a statement that is over.
        session.leaveStream(operation)
    }

    func next() async throws -> [ResultHandle] {
        let rows = await withTaskCancellationHandler {
            await stream.take()
        } onCancel: {
            session.cancel(operation)
            session.resumeReading()
        }
        guard rows.isEmpty else {
            session.resumeReading()
            return rows
        }
        _ = operation.isOver.load(ordering: .acquiring)
        if case .failure(let error)? = operation.outcome { throw PostgresConnection.told(error) }
        return []
    }
}

extension PostgresConnection {
    /// Runs a statement and hands out its rows as they come.
    ///
    /// - Parameter query: the statement; interpolated values are bound.
    /// - Returns: the rows; errors of the server's come while they are read.
    /// - Throws: ``PoolError`` for a COPY, which has no rows.
    public func stream(_ query: Query) async throws -> RowStream {
        guard try Self.kind(of: query) == .extended else {
            throw PoolError(
                .invalidStatement,
                "COPY has no rows to stream",
                failureClass: .deterministic
            )
        }
        let stream = StreamBuffer()
        let operation = Operation(query, .extended)
        operation.stream = stream
        operation.completion = stream
        session.submit(operation, lease: leaseNumber)
        return RowStream(session: session, operation: operation, stream: stream)
    }
}

extension Transaction {
    /// Runs a statement inside the transaction and hands out its rows as they come; see
    /// ``PostgresConnection/stream(_:)``.
    public func stream(_ query: Query) async throws -> RowStream {
        try await connection.stream(query)
    }
}
