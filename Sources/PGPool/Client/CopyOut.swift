/// A COPY's data as it comes, with back-pressure.
///
/// Each element holds any number of whole rows in the format that the statement asks for. What is
/// said of ``RowStream`` on leaving early, cancellation and other statements holds here too.
public struct CopyOutStream: AsyncSequence, Sendable {
    /// Some 64 KiB of whole rows.
    public typealias Element = [UInt8]

    private let ticket: ExchangeTicket

    init(_ owner: ExchangeOwner) async throws {
        let first = try await owner.nextPiece()
        ticket = ExchangeTicket(owner, first)
    }

    /// The one iterator; a second one throws ``PoolError`` with `connectionBusy`.
    public func makeAsyncIterator() -> Iterator {
        let content = ticket.redeem()
        return Iterator(owner: content?.owner, first: content?.first)
    }

    /// Hands out data; when it goes, the statement is left.
    public struct Iterator: AsyncIteratorProtocol {
        private var owner: ExchangeOwner?
        private var first: Exchange.Piece?
        private var isOver = false

        init(owner: ExchangeOwner?, first: Exchange.Piece?) {
            self.owner = owner
            self.first = first
        }

        /// The next data; `nil` once the server said that the COPY succeeded.
        ///
        /// - Throws: as ``RowStream``'s iterator.
        public mutating func next() async throws -> [UInt8]? {
            if isOver { return nil }
            guard let owner else { throw ExchangeTicket.used }
            do {
                let piece = try await take(owner)
                if case .chunk(let bytes)? = piece { return bytes }
            } catch {
                isOver = true
                throw error
            }
            isOver = true
            return nil
        }

        private mutating func take(_ owner: ExchangeOwner) async throws -> Exchange.Piece? {
            if let first {
                self.first = nil
                return first
            }
            return try await owner.nextPiece()
        }
    }
}

extension PostgresConnection {
    /// Runs `COPY … TO STDOUT` and hands out its data as it comes; see ``CopyOutStream``.
    ///
    /// - Parameters:
    ///   - query: the statement, without parameters; names may be interpolated with `identifier:`.
    ///   - statementTimeout: as of ``stream(_:statementTimeout:)``. Default: none.
    /// - Returns: the stream, once the first data is there.
    /// - Throws: ``PostgresError`` when the statement fails before its first row, or is no such
    ///   COPY; ``PoolError`` with `connectionBusy` or `leaseEnded`; `CancellationError`.
    public func copyOut(
        _ query: Query,
        statementTimeout: Duration? = nil
    ) async throws -> CopyOutStream {
        try await CopyOutStream(ExchangeOwner(query, .copyOut, self, statementTimeout))
    }
}

extension Transaction {
    /// Copies out inside the transaction; see ``PostgresConnection/copyOut(_:statementTimeout:)``.
    public func copyOut(
        _ query: Query,
        statementTimeout: Duration? = nil
    ) async throws -> CopyOutStream {
        try await connection.copyOut(query, statementTimeout: statementTimeout)
    }
}
