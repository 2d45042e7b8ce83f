internal import PGPoolCore
internal import Synchronization

/// A connection for the time of a lease.
///
/// It is valid inside the closure that it is handed to. Statements run one after another, in the
/// order in which they are sent; they may be sent from several tasks.
public struct PostgresConnection: Sendable {
    let session: Session
    let leaseNumber: UInt64
    /// The transaction that it stands for; 0 if for the connection as a whole.
    var transaction: UInt32 = 0

    /// The id of the server's process, as in `pg_stat_activity`.
    public var backendPID: Int32 { session.backendPID }

    /// The server's version: 150018 is 15.18.
    public var serverVersion: Int { session.serverVersion }

    /// Whether the session is inside a transaction block.
    public var isInTransaction: Bool { session.isInTransaction }

    /// Runs one statement.
    ///
    /// - Parameters:
    ///   - query: the statement; interpolated values are bound.
    ///   - statementTimeout: cancels the statement on the server after this time. A server that is
    ///     then silent for 2 s, or not done after 10 s, loses the connection. Default: none.
    /// - Returns: its rows, all in memory.
    /// - Throws: ``PostgresError``; ``PoolError`` with `leaseEnded` when the closure has returned;
    ///   `CancellationError` at once when the task is cancelled: the statement is then cancelled on
    ///   the server, and the connection is used again only when that is over.
    @discardableResult
    public func query(_ query: Query, statementTimeout: Duration? = nil) async throws -> Rows {
        let operation = Operation(query, try Self.form(of: query, mode: session.statementMode))
        try await run(operation, statementTimeout)
        return try session.results.collected(operation)
    }

    /// Runs one of the pool's own statements, whose results no configuration bounds.
    @discardableResult
    func queryAll(_ sql: String) async throws -> Rows {
        let query = Query(sql)
        let operation = Operation(query, try Self.form(of: query, mode: session.statementMode))
        try await run(operation)
        return Rows(storage: operation.result ?? EmptyResult.shared)
    }

    /// Runs any number of statements, separated by semicolons, in one round trip and, unless they
    /// say otherwise, in one transaction (PostgreSQL manual, 55.2.2.1). Values come as text.
    ///
    /// - Returns: the rows of each statement.
    /// - Throws: as ``query(_:statementTimeout:)``.
    @discardableResult
    public func simpleQuery(
        _ sql: String,
        statementTimeout: Duration? = nil
    ) async throws -> [Rows] {
        let query = Query(sql)
        if let refusal = query.sizeRefusal { throw refusal }
        let operation = Operation(query, .simple)
        try await run(operation, statementTimeout)
        return operation.results.map { Rows(storage: $0) }
    }

    /// How a statement goes out, as its mode or else the pool's says.
    static func form(of query: Query, mode: StatementMode) throws -> Operation.Form {
        if let refusal = query.sizeRefusal { throw refusal }
        let kind = try kind(of: query)
        let mode = query.statementMode ?? mode
        guard mode == .simple else {
            return Operation.Form(kind: kind, isUnnamed: mode == .unnamed)
        }
        guard query.parameters.count == 0 else {
            throw PostgresError(
                sqlState: .featureNotSupported,
                message: """
                    statementMode: .simple takes no parameters, and the statement has \
                    \(query.parameters.count); send it as .unnamed
                    """,
                failureClass: .deterministic,
                sql: query.sql
            )
        }
        return Operation.Form(kind: .simple)
    }

    /// COPY would jam a pipeline; as text it gets an answer that says what to do.
    static func kind(of query: Query) throws -> Operation.Kind {
        query.parameters.count == 0 && StatementText.firstKeyword(query.sql) == "COPY"
            ? .simple : .extended
    }

    func run(
        _ operation: Operation,
        _ timeout: Duration? = nil,
        isCancellable: Bool = true
    ) async throws {
        operation.timeout = timeout
        if isCancellable {
            await withTaskCancellationHandler {
                await withUnsafeContinuation { submit(operation, $0) }
            } onCancel: {
                session.cancel(operation)
            }
        } else {
            await withUnsafeContinuation { submit(operation, $0) }
        }
        _ = operation.isOver.load(ordering: .acquiring)
        switch operation.outcome {
        case .success?: return
        case .failure(let error)?: throw Self.told(error)
        case nil: throw CancellationError()
        }
    }

    /// What a caller is told of a refusal.
    static func told(_ error: any Error) -> any Error {
        switch error {
        case is LeaseEndedError:
            PoolError(
                .leaseEnded,
                "a connection is valid only inside the closure it was lent to",
                failureClass: .deterministic
            )
        default:
            error
        }
    }

    private func submit(
        _ operation: Operation,
        _ continuation: UnsafeContinuation<Void, Never>
    ) {
        operation.continuation = TaskContinuation(continuation)
        operation.transaction = transaction
        session.submit(operation, lease: leaseNumber)
    }
}
