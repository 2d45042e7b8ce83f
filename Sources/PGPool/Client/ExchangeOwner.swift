internal import PGPoolCore
internal import Synchronization

/// The task's end of a stream or a COPY. When nobody holds it any more, the statement is left.
final class ExchangeOwner: Sendable {
    let session: Session
    let operation: Operation
    let exchange: Exchange

    /// Sends the statement.
    init(
        _ query: Query,
        _ purpose: Exchange.Purpose,
        _ connection: PostgresConnection,
        _ timeout: Duration?
    ) throws {
        session = connection.session
        exchange = Exchange(purpose, connection.session.results.streamLimits)
        operation = Operation(query, try Self.kind(query, purpose))
        operation.exchange = exchange
        operation.completion = exchange
        operation.timeout = timeout
        operation.transaction = connection.transaction
        session.submit(operation, lease: connection.leaseNumber)
    }

    deinit {
        session.leave(operation)
    }

    private static func kind(
        _ query: Query,
        _ purpose: Exchange.Purpose
    ) throws -> Operation.Kind {
        if let refusal = query.sizeRefusal { throw refusal }
        let isCopy = StatementText.firstKeyword(query.sql) == "COPY"
        let problem: String
        switch (purpose, isCopy) {
        case (.rows, false): return .extended
        case (.rows, true): problem = "COPY is no query: use copyIn or copyOut"
        case (_, false): problem = "not a COPY statement"
        case (.copyIn, true) where !query.sql.uppercased().contains("STDIN"):
            // The server would copy from a file of its own, and commit.
            problem = "not a COPY … FROM STDIN"
        case (_, true):
            guard query.parameters.count > 0 else { return .simple }
            problem = "COPY takes no parameters: only identifiers can be interpolated"
        }
        throw wrongUse(problem, query)
    }

    static func wrongUse(_ message: String, _ query: Query) -> PostgresError {
        PostgresError(
            sqlState: .featureNotSupported,
            message: message,
            failureClass: .deterministic,
            sql: query.sql
        )
    }

    /// Waits until there is something to take, or to send, or an end. A failure is thrown.
    func next() async throws -> Session.Taken {
        while true {
            if Task.isCancelled {
                session.cancel(operation)
                session.leave(operation)
                throw CancellationError()
            }
            switch session.take(operation) {
            case .over(.failure(is LeaseEndedError)):
                throw PoolError(
                    .leaseEnded,
                    "a connection and its streams are valid only inside the closure it was lent to",
                    failureClass: .deterministic
                )
            case .over(.failure(let error)): throw error
            case .nothing:
                await withTaskCancellationHandler {
                    await exchange.signal.wait()
                } onCancel: {
                    session.cancel(operation)
                }
            case let taken: return taken
            }
        }
    }

    /// The next piece; `nil` at the end.
    func nextPiece() async throws -> Exchange.Piece? {
        if case .piece(let piece) = try await next() { return piece }
        return nil
    }
}

/// Gives its owner away once: a stream can be iterated once, and ends with its iterator.
final class ExchangeTicket: Sendable {
    private let content: Mutex<(owner: ExchangeOwner, first: Exchange.Piece?)?>

    init(_ owner: ExchangeOwner, _ first: Exchange.Piece?) {
        content = Mutex((owner, first))
    }

    func redeem() -> (owner: ExchangeOwner, first: Exchange.Piece?)? {
        content.withLock { content in
            defer { content = nil }
            return content
        }
    }

    static let used = PoolError(
        .connectionBusy,
        "a stream can be iterated once only",
        failureClass: .deterministic
    )
}
