/// How much a transaction sees of others (PostgreSQL manual, 13.2).
public enum IsolationLevel: String, Hashable, Sendable, CaseIterable {
    /// The server's default.
    case readCommitted = "READ COMMITTED"
    /// A snapshot for the whole transaction.
    case repeatableRead = "REPEATABLE READ"
    /// As if transactions ran one after another.
    case serializable = "SERIALIZABLE"
}

/// A transaction that is open for the time of a closure; behind it, its statements fail with `leaseEnded`.
public struct Transaction: Sendable {
    let connection: PostgresConnection
    let depth: Int

    /// Runs one statement inside the transaction; see ``PostgresConnection/query(_:statementTimeout:)``.
    @discardableResult
    public func query(_ query: Query, statementTimeout: Duration? = nil) async throws -> Rows {
        try await connection.query(query, statementTimeout: statementTimeout)
    }

    /// Runs a closure inside a savepoint, to any depth: what it throws undoes only what it did.
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
    func finish(
        _ sql: String,
        isCommit: Bool = false,
        timeout: Duration? = nil
    ) async throws -> String {
        let operation = Operation(Query(sql), .simple)
        operation.isCommit = isCommit
        operation.isControl = !isCommit
        try await connection.run(operation, timeout, isCancellable: false)
        return operation.result?.commandTag ?? ""
    }
}

extension Transaction {
    /// COMMIT of a failed transaction is answered with ROLLBACK, and no error of the server's.
    ///
    /// - Parameter timeout: how long its answer is waited for; then it may have happened.
    func commit(timeout: Duration? = nil) async throws {
        do {
            try await finish("COMMIT", isCommit: true, timeout: timeout)
        } catch let error as PostgresError where error.sqlState == .inFailedSQLTransaction {
            throw PoolError(
                .transactionRolledBack,
                error.message,
                failureClass: error.failureClass
            )
        }
    }
}

extension PostgresConnection {
    /// Commits the transaction that is open; see `Transaction.commit`.
    func commit(timeout: Duration) async throws {
        try await Transaction(connection: self, depth: 0).commit(timeout: timeout)
    }
}
