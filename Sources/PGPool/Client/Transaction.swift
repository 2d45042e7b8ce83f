/// How much a transaction sees of others (PostgreSQL manual, 13.2).
public enum IsolationLevel: String, Hashable, Sendable, CaseIterable {
    /// The server's default.
    case readCommitted = "READ COMMITTED"
    /// A snapshot for the whole transaction.
    case repeatableRead = "REPEATABLE READ"
    /// As if transactions ran one after another.
    case serializable = "SERIALIZABLE"
}

/// A transaction that is open for the time of a closure.
public struct Transaction: Sendable {
    let connection: PostgresConnection
    let depth: Int

    /// Runs one statement inside the transaction; see ``PostgresConnection/query(_:statementTimeout:)``.
    @discardableResult
    public func query(_ query: Query, statementTimeout: Duration? = nil) async throws -> Rows {
        try await connection.query(query, statementTimeout: statementTimeout)
    }

    /// Runs a closure inside a savepoint: what it throws undoes only what it did.
    ///
    /// - Throws: what `body` throws, after the way back to the savepoint; ``PostgresError``.
    @discardableResult
    public func withSavepoint<Result>(
        _ body: (Transaction) async throws -> sending Result
    ) async throws -> sending Result {
        let name = "pgpool_\(depth + 1)"
        try await connection.query("SAVEPOINT \(unescaped: name)")
        let inner = Transaction(connection: connection, depth: depth + 1)
        do {
            let result = try await body(inner)
            try await connection.query("RELEASE SAVEPOINT \(unescaped: name)")
            return result
        } catch {
            try await inner.finish("ROLLBACK TO SAVEPOINT \(name); RELEASE SAVEPOINT \(name)")
            throw error
        }
    }

    /// Runs a statement that the task's cancellation does not stop, and returns its command tag.
    @discardableResult
    func finish(_ sql: String, isCommit: Bool = false) async throws -> String {
        let operation = Operation(Query(sql), .simple)
        operation.isCommit = isCommit
        try await connection.run(operation, isCancellable: false)
        return operation.result?.commandTag ?? ""
    }
}

extension ConnectionPool {
    /// Runs a closure in a transaction: COMMIT when it returns, ROLLBACK when it throws.
    ///
    /// - Parameters:
    ///   - isolation: Default: the session's.
    ///   - readOnly: whether the server refuses writes. Default: false.
    ///   - acquireTimeout: how long to wait for a connection. Default: the configuration's.
    /// - Returns: what `body` returns, once the COMMIT is acknowledged.
    /// - Throws: what `body` throws, after ROLLBACK; ``PostgresError``, of class `outcomeUnknown`
    ///   when the connection was lost during COMMIT; ``PoolError`` with `transactionRolledBack` when
    ///   the server answered COMMIT with ROLLBACK. A task that is cancelled before COMMIT is sent
    ///   rolls back and throws `CancellationError`; COMMIT itself is never cancelled.
    @discardableResult
    public nonisolated func withTransaction<Result>(
        isolation: IsolationLevel? = nil,
        readOnly: Bool = false,
        acquireTimeout: Duration? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: (Transaction) async throws -> sending Result
    ) async throws -> sending Result {
        try await withConnection(acquireTimeout: acquireTimeout, fileID: fileID, line: line) {
            connection in
            let transaction = Transaction(connection: connection, depth: 0)
            try await connection.query(Query(Self.begin(isolation, readOnly)))
            do {
                let result = try await body(transaction)
                try Task.checkCancellation()
                try await transaction.commit()
                return result
            } catch {
                // Where this fails the connection is gone, and the transaction with it.
                if connection.isInTransaction { _ = try? await transaction.finish("ROLLBACK") }
                throw error
            }
        }
    }

    private static func begin(_ isolation: IsolationLevel?, _ readOnly: Bool) -> String {
        var sql = "BEGIN"
        if let isolation { sql += " ISOLATION LEVEL \(isolation.rawValue)" }
        if readOnly { sql += " READ ONLY" }
        return sql
    }
}

extension Transaction {
    /// COMMIT of a failed transaction is answered with ROLLBACK, and no error.
    func commit() async throws {
        guard try await finish("COMMIT", isCommit: true) == "COMMIT" else {
            throw PoolError(
                .transactionRolledBack,
                "a statement of the transaction had failed, so COMMIT rolled it back",
                failureClass: .rolledBack
            )
        }
    }
}
