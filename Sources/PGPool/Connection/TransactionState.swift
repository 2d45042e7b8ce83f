internal import DequeModule
internal import PGPoolCore
internal import Synchronization

/// What goes in front of a transaction's first statement, in one segment with it: if it fails, so
/// does the statement.
struct TransactionBegin: Sendable {
    let sql: String
    /// It says READ ONLY: there will be nothing to commit.
    var isReadOnly = false
    /// Makes the commit verifiable.
    var token: TokenInsert?
    /// An attempt to begin it has failed, and left the session in a transaction that did.
    var endsFailed = false

    /// All of it, for the simple protocol.
    var simpleStatements: [String] {
        [endsFailed ? "ROLLBACK" : nil, sql, token?.literalSQL].compactMap { $0 }
    }
}

/// The insert of a commit's token, behind BEGIN.
struct TokenInsert: Sendable {
    let token: CommitToken
    /// With the token as `$1`; returns the session's `synchronous_commit`.
    let sql: String

    /// For the simple protocol, which has no parameters. A token is hexadecimal digits and dashes.
    var literalSQL: String {
        sql.replacing("$1", with: "'\(token)'")
    }
}

/// What a session knows of the transaction that is open or about to be.
struct TransactionState {
    /// To be sent with the next statement.
    var pending: TransactionBegin?
    /// Why no further statement of the transaction may be sent: its BEGIN failed, so that it would
    /// commit by itself, or its commit cannot be verified.
    var refusal: PostgresError?
    /// The class of the error that made it fail, which 25P02 and COMMIT's ROLLBACK stand for.
    var firstError: FailureClass?
    var isReadOnly = false
    var isVerified = false
}

extension Session {
    /// Begins a transaction with the next statement, whatever it is.
    func beginWithNextStatement(_ begin: TransactionBegin) {
        state.withLock { state in
            isTouched.store(true, ordering: .sequentiallyConsistent)
            state.transaction = TransactionState(pending: begin)
        }
    }

    /// True if no statement has been sent since, so that there is no transaction to end.
    func forgetBegin() -> Bool {
        state.withLock { state in
            defer { state.transaction.pending = nil }
            return state.transaction.pending != nil
        }
    }

    /// The transaction is over, however it ended: what was known of it holds no longer.
    func endTransaction() {
        state.withLock { $0.transaction = TransactionState() }
    }

    /// Why a statement must not be sent in the transaction as it is.
    func transactionRefusal(of operation: Operation, _ state: inout State) -> PostgresError? {
        guard !operation.isControl else { return nil }
        if let refusal = state.transaction.refusal { return refusal }
        guard state.transaction.isVerified || state.transaction.pending?.token != nil,
            !operation.isCommit
        else { return nil }
        let texts = operation.batch?.items.map(\.query.sql) ?? [operation.query.sql]
        for sql in texts {
            guard let interference = StatementScan.interference(sql) else { continue }
            return PostgresError(
                sqlState: .featureNotSupported,
                message: interference == .endsTransaction
                    ? "a transaction whose commit is verified is begun and ended by the pool only"
                    : "synchronous_commit must stay as it is while a commit is to be verified",
                failureClass: .deterministic,
                sql: sql
            )
        }
        return nil
    }

    /// Notes what the answer to a transaction's statement says of the transaction. Called when it is
    /// complete.
    func noteTransaction(_ operation: Operation, isIdle: Bool, _ state: inout State) {
        guard operation.phase == .inTransaction else { return }
        guard let error = operation.error ?? operation.batch?.failure?.error else { return }
        if state.transaction.firstError == nil, error.sqlState != .inFailedSQLTransaction {
            state.transaction.firstError = error.failureClass
        }
        // BEGIN itself failed: what follows would be transactions of their own.
        if operation.begin != nil, isIdle, state.transaction.refusal == nil {
            state.transaction.refusal = error
        }
    }

    /// What waited behind a BEGIN that failed must not run without it.
    func refusePending(_ state: inout State, into finished: inout [Operation]) {
        guard let refusal = state.transaction.refusal else { return }
        let refused = state.pending.filter { $0.outcome == nil && !$0.isControl }
        guard !refused.isEmpty else { return }
        state.pending.removeAll { $0.outcome == nil && !$0.isControl }
        for operation in refused { operation.outcome = .failure(refusal) }
        finished += refused
    }
}
