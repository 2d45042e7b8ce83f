internal import PGPoolCore

/// What the failure of one statement of a pipeline means for the others.
public enum PipelineErrors: Hashable, Sendable, CaseIterable {
    /// Nothing: each statement is a transaction of its own. (Inside a transaction block, what fails
    /// makes the server refuse what follows, as ever.)
    case isolated
    /// The statements are one transaction: all of them take effect, or none.
    case allOrNothing
}

extension PostgresConnection {
    /// Sends statements together and waits for all answers: one round trip, however many they are.
    ///
    /// ```swift
    /// let results = try await connection.pipeline(
    ///     [
    ///         "INSERT INTO orders (item) VALUES (\(item))",
    ///         "UPDATE stock SET \"left\" = \"left\" - 1 WHERE item = \(item)",
    ///     ],
    ///     errors: .allOrNothing
    /// )
    /// let rows = try results.rows()
    /// ```
    ///
    /// The statements run in their order. All rows are held in memory until the last answer is there;
    /// the statements themselves go out as the server takes them, so their number has no bound.
    ///
    /// - Parameters:
    ///   - queries: the statements, none of them `COPY` or in the mode `.simple`. With
    ///     `.allOrNothing` none may begin, end or split a transaction (`BEGIN`, `COMMIT`,
    ///     `SAVEPOINT`, `CALL`, `DO` and their like).
    ///   - errors: what a failure means for the others. Default: `.isolated`.
    ///   - timeout: for all of it. Then the statement that runs is cancelled and what was not sent
    ///     yet is not sent; what was sent behind it runs on for at most two seconds, after which the
    ///     connection is closed. Default: none.
    /// - Returns: what became of each statement, in order. An error's class is that statement's own:
    ///   with `.allOrNothing` those before the one that failed are `rolledBack`, those behind it
    ///   `notExecuted`.
    /// - Throws: ``PoolError`` with `leaseEnded`; ``PostgresError`` when the connection was lost, or
    ///   the timeout passed, before anything was sent; `CancellationError` at once when the task is
    ///   cancelled. With `.isolated`, statements that the server had received run on, except for the
    ///   one that the cancellation hits.
    public func pipeline(
        _ queries: [Query],
        errors: PipelineErrors = .isolated,
        timeout: Duration? = nil
    ) async throws -> [Result<Rows, PostgresError>] {
        let refusals = queries.map { refusal(of: $0, errors) }
        if errors == .allOrNothing, refusals.contains(where: { $0 != nil }) {
            return zip(queries, refusals).map { .failure($1 ?? Self.notSent($0)) }
        }
        let items = zip(queries, refusals).filter { $1 == nil }.map { query, _ in
            StatementBatch.Item(
                query: query,
                isUnnamed: (query.statementMode ?? session.statementMode) == .unnamed
            )
        }
        let batch = StatementBatch(items, isIsolated: errors == .isolated)
        if !items.isEmpty {
            let operation = Operation(Query(""), .extended)
            operation.batch = batch
            try await run(operation, timeout)
        }
        var answered = batch.items.makeIterator()
        return refusals.map { refusal in
            if let refusal { return .failure(refusal) }
            let item = answered.next()
            if let error = item?.error { return .failure(error) }
            return .success(Rows(storage: item?.result ?? EmptyResult.shared))
        }
    }

    private func refusal(of query: Query, _ errors: PipelineErrors) -> PostgresError? {
        func refused(_ message: String) -> PostgresError {
            PostgresError(
                sqlState: .featureNotSupported,
                message: message,
                failureClass: .deterministic,
                sql: query.sql
            )
        }
        if let refusal = query.sizeRefusal { return refusal }
        if (query.statementMode ?? session.statementMode) == .simple {
            return refused("statementMode: a pipeline has no .simple statements; use .unnamed")
        }
        let word = StatementText.firstKeyword(query.sql)
        if word == "COPY" { return refused("COPY cannot be part of a pipeline") }
        if errors == .allOrNothing, StatementText.transactionWords.contains(word) {
            return refused("\(word) cannot be part of an .allOrNothing pipeline")
        }
        return nil
    }

    private static func notSent(_ query: Query) -> PostgresError {
        PostgresError(
            sqlState: .inFailedSQLTransaction,
            message: "another statement of the batch was refused, so nothing was sent",
            failureClass: .notExecuted,
            sql: query.sql
        )
    }
}

extension StatementText {
    /// The first words of what begins, ends or splits a transaction, or may do so inside.
    static let transactionWords: Set<String> = [
        "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE",
        "CALL", "DO",
    ]
}

extension Transaction {
    /// Sends statements together inside the transaction; see
    /// ``PostgresConnection/pipeline(_:errors:timeout:)``.
    public func pipeline(
        _ queries: [Query],
        errors: PipelineErrors = .isolated,
        timeout: Duration? = nil
    ) async throws -> [Result<Rows, PostgresError>] {
        try await connection.pipeline(queries, errors: errors, timeout: timeout)
    }
}

extension [Result<Rows, PostgresError>] {
    /// The rows of each statement of a pipeline.
    ///
    /// - Throws: the ``PostgresError`` of the statement that failed: of several, the first that is not
    ///   just the consequence of another.
    public func rows() throws -> [Rows] {
        var first: PostgresError?
        for case .failure(let error) in self
        where first == nil || first?.sqlState == .inFailedSQLTransaction {
            first = error
        }
        if let first { throw first }
        return compactMap { try? $0.get() }
    }
}
