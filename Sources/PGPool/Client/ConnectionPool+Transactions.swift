internal import PGPoolCore

extension ConnectionPool {
    /// Runs a closure in a transaction: COMMIT when it returns, ROLLBACK when it throws.
    ///
    /// BEGIN travels with the first statement, in one round trip; a closure that sends none costs
    /// none. The whole closure is repeated when that is safe: on a serialization failure or a
    /// deadlock (40001, 40P01; PostgreSQL manual, 13.5), and on whatever else is known to have left
    /// nothing behind (``FailureClass/notExecuted``, ``FailureClass/rolledBack``). So it must have no
    /// effects of its own outside the database that may not happen twice, unless `retry` is
    /// ``RetryPolicy/never``. An error that the closure catches and does not throw again is not
    /// repeated.
    ///
    /// - Parameters:
    ///   - isolation: Default: the session's.
    ///   - readOnly: whether the server refuses writes. Default: not said, so as the session is.
    ///   - deferrable: waits for a snapshot that cannot fail; only with `.serializable` and
    ///     `readOnly: true` does it matter (PostgreSQL manual, SET TRANSACTION). Default: false.
    ///   - commit: whether a COMMIT whose answer is lost is looked into; see
    ///     ``TransactionCommit``. Default: the configuration's, and `.plain` where `readOnly` is true.
    ///   - retry: when the closure is repeated. Default: the configuration's.
    ///   - deadline: no attempt begins later than this after the call, and where it is said, the
    ///     answer to COMMIT and the verdict on a lost one are waited for no longer, but for COMMIT at
    ///     least 1 s. Default: the acquire timeout; the answer to COMMIT is waited for as long as the
    ///     connection lasts, a verdict at least for another acquire timeout.
    ///   - acquireTimeout: how long to wait for a connection. Default: the configuration's.
    /// - Returns: what `body` returns, once the COMMIT is acknowledged.
    /// - Throws: what `body` throws, after ROLLBACK; ``PostgresError``, of class `outcomeUnknown`
    ///   when the connection was lost during COMMIT, with its ``PostgresError/commitToken`` where the
    ///   commit was to be verified and could not be in time; ``PoolError`` with
    ///   `transactionRolledBack` when the server answered COMMIT with ROLLBACK, `invalidStatement`
    ///   for `.verified` with `readOnly: true`, `commitLedgerUnusable`. A task that is cancelled before COMMIT is sent
    ///   rolls back and throws `CancellationError`; COMMIT itself is never cancelled.
    @discardableResult
    public nonisolated func withTransaction<Result>(
        isolation: IsolationLevel? = nil,
        readOnly: Bool? = nil,
        deferrable: Bool = false,
        commit: TransactionCommit? = nil,
        retry: RetryPolicy? = nil,
        deadline: Duration? = nil,
        acquireTimeout: Duration? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: (Transaction) async throws -> sending Result
    ) async throws -> sending Result {
        let isVerified = try isVerified(commit, readOnly)
        let policy = retry ?? engine.configuration.retry
        let patience = acquireTimeout ?? engine.configuration.acquire.timeout
        let end = Instant.now + (deadline ?? patience)
        var begin = TransactionBegin(isolation, readOnly: readOnly, deferrable: deferrable)
        var attempts = 1
        while true {
            do {
                // An attempt that was not committed has had its token; the next one needs its own.
                if isVerified { begin.token = ledger.insert(ledger.makeToken()) }
                let attempt = try await withConnection(
                    acquireTimeout: min(patience, max(.zero, end - Instant.now)),
                    fileID: fileID,
                    line: line
                ) { connection in
                    try await connection.attempt(begin, deadline == nil ? nil : end, body)
                }
                if let doubt = attempt.doubt {
                    try await settle(
                        doubt,
                        begin.token?.token,
                        by: deadline == nil ? max(end, .now + patience) : end,
                        RawCallSite(fileID: fileID, line: line)
                    )
                }
                engine.retries.succeeded()
                if isVerified { lookAfterLedger() }
                return attempt.value
            } catch let error as PostgresError {
                let next = engine.retries.next(
                    policy,
                    error,
                    attempts,
                    end,
                    isHeld: engine.isHeld
                )
                guard let next else { throw error }
                attempts += 1
                try await Task.sleep(for: max(.zero, next - Instant.now))
            }
        }
    }

    private nonisolated func isVerified(
        _ commit: TransactionCommit?,
        _ readOnly: Bool?
    ) throws -> Bool {
        guard readOnly != true else {
            guard commit != .verified else {
                throw PoolError(
                    .invalidStatement,
                    "commit: .verified inserts a token, which readOnly: true forbids",
                    failureClass: .deterministic
                )
            }
            return false
        }
        return (commit ?? engine.configuration.commit) == .verified
    }

    /// Returns if the transaction in doubt was committed, and throws what is true otherwise.
    private nonisolated func settle(
        _ doubt: PostgresError,
        _ token: CommitToken?,
        by deadline: Instant,
        _ site: RawCallSite
    ) async throws {
        guard let token else { throw doubt }
        switch await CommitResolver.resolve(token, by: deadline, engine, ledger, site) {
        case .committed: return
        case .rolledBack: throw doubt.with(.rolledBack, token: nil)
        case .unknown: throw doubt.with(.outcomeUnknown, token: token)
        }
    }
}

/// What a closure returned, and why it is not known whether its transaction was committed.
struct TransactionAttempt<Value> {
    let value: Value
    let doubt: PostgresError?
}

extension PostgresConnection {
    /// Runs a closure in a transaction on this connection; it is not repeated.
    ///
    /// - Parameters: as for ``ConnectionPool/withTransaction(isolation:readOnly:deferrable:commit:retry:deadline:acquireTimeout:fileID:line:_:)``.
    /// - Returns: what `body` returns, once the COMMIT is acknowledged.
    /// - Throws: as that does; ``PoolError`` with `invalidStatement` where a transaction is open on the
    ///   connection already.
    @discardableResult
    public func withTransaction<Result>(
        isolation: IsolationLevel? = nil,
        readOnly: Bool? = nil,
        deferrable: Bool = false,
        _ body: (Transaction) async throws -> sending Result
    ) async throws -> sending Result {
        try await runTransaction(
            TransactionBegin(isolation, readOnly: readOnly, deferrable: deferrable),
            body
        )
    }

    func runTransaction<Result>(
        _ begin: TransactionBegin,
        _ body: (Transaction) async throws -> sending Result
    ) async throws -> sending Result {
        let attempt = try await attempt(begin, nil, body)
        if let doubt = attempt.doubt { throw doubt }
        return attempt.value
    }

    /// Runs a transaction once. A COMMIT of unknown outcome is no error yet.
    func attempt<Result>(
        _ begin: TransactionBegin,
        _ deadline: Instant?,
        _ body: (Transaction) async throws -> sending Result
    ) async throws -> sending TransactionAttempt<Result> {
        var inside = self
        inside.transaction = try session.beginWithNextStatement(begin, lease: leaseNumber)
        let transaction = Transaction(connection: inside, depth: 0)
        defer { session.endTransaction(lease: leaseNumber) }
        do {
            let result = try await body(transaction)
            try Task.checkCancellation()
            if session.forgetBegin(lease: leaseNumber) {
                return TransactionAttempt(value: result, doubt: nil)
            }
            do {
                try await transaction.commit(
                    timeout: deadline.map { max(.seconds(1), $0 - .now) }
                )
            } catch let error as PostgresError where error.failureClass == .outcomeUnknown {
                return TransactionAttempt(value: result, doubt: error)
            }
            return TransactionAttempt(value: result, doubt: nil)
        } catch {
            // Where this fails the connection is gone, and the transaction with it.
            if session.mustRollBack(lease: leaseNumber) {
                _ = try? await transaction.finish("ROLLBACK")
            }
            throw error
        }
    }
}

extension TransactionBegin {
    /// What kind of transaction is asked for. What is not asked for is left to the session.
    init(_ isolation: IsolationLevel?, readOnly: Bool?, deferrable: Bool) {
        var words = ["BEGIN"]
        if let isolation { words.append("ISOLATION LEVEL \(isolation.rawValue)") }
        if let readOnly { words.append(readOnly ? "READ ONLY" : "READ WRITE") }
        if deferrable { words.append("DEFERRABLE") }
        self.init(sql: words.joined(separator: " "), isReadOnly: readOnly ?? false)
    }
}
