internal import CLibPQ
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
    /// Names it to its statements; 0 outside of those that were asked for.
    var number: UInt32 = 0
    /// To be sent with the next of its statements.
    var pending: TransactionBegin?
    /// Somebody has asked for it, and its end is theirs to send.
    var isOpen = false
    /// Why no further statement of the transaction may be sent: its BEGIN failed, so that it would
    /// commit by itself, or its commit cannot be verified.
    var refusal: PostgresError?
    /// The class of the error that made it fail, which 25P02 and COMMIT's ROLLBACK stand for.
    var firstError: FailureClass?
    var isReadOnly = false
    var isVerified = false
}

extension Session {
    /// Begins a transaction with the next statement of the lease, whatever it is.
    ///
    /// - Returns: what names it to its statements.
    /// - Throws: ``PoolError`` with `leaseEnded`, or with `invalidStatement` while another one is open.
    func beginWithNextStatement(_ begin: TransactionBegin, lease: UInt64) throws -> UInt32 {
        try state.withLock { state in
            isTouched.store(true, ordering: .sequentiallyConsistent)
            guard isCurrent(lease) else { throw PostgresConnection.told(LeaseEndedError()) }
            // While anything waits, the end of the transaction that the server told of may be among it.
            let isBegun = state.sent.isEmpty && state.pending.isEmpty && isInsideTransaction(state)
            guard !state.transaction.isOpen, !isBegun else {
                throw PoolError(
                    .invalidStatement,
                    "a transaction is open on this connection already: use withSavepoint",
                    failureClass: .deterministic
                )
            }
            state.transactions = max(1, state.transactions &+ 1)
            state.transaction = TransactionState(
                number: state.transactions,
                pending: begin,
                isOpen: true
            )
            return state.transactions
        }
    }

    /// True if no statement was submitted since, so that there is no transaction to end.
    func forgetBegin(lease: UInt64) -> Bool {
        state.withLock { state in
            guard isCurrent(lease), state.transaction.pending != nil,
                !state.pending.contains(where: { isOfTransaction($0, state) })
            else { return false }
            state.transaction.pending = nil
            return true
        }
    }

    /// The transaction is over, however it ended: what was known of it holds no longer.
    func endTransaction(lease: UInt64) {
        state.withLock { state in
            // Another lease's are its own.
            if isCurrent(lease) { state.transaction = TransactionState() }
        }
    }

    /// The transaction's closure has failed. True if it is to be rolled back now; while something runs in
    /// it still, its ROLLBACK is put behind that, and nobody waits for it.
    func mustRollBack(lease: UInt64) -> Bool {
        var ending = Ending()
        let mustRollBack = state.withLock { state in
            guard isCurrent(lease), !state.isLost, !state.isClosing else { return false }
            for operation in state.pending where isOfTransaction(operation, state) {
                operation.outcome = .failure(Self.transactionEnded)
                ending.finished.append(operation)
            }
            state.pending.removeAll { $0.outcome != nil }
            guard state.transaction.pending == nil else {
                state.transaction.pending = nil
                return false
            }
            if state.pending.isEmpty, state.sent.isEmpty { return isInsideTransaction(state) }
            // The settling of a cancellation is soon over.
            if state.pending.isEmpty, state.sent.allSatisfy({ $0 === state.settling }) {
                return true
            }
            let rollback = Operation(Query("ROLLBACK"), .simple)
            rollback.isControl = true
            state.pending.append(rollback)
            sendPending(&state)
            settleSent(&state, &ending)
            return false
        }
        end(ending)
        return mustRollBack
    }

    /// Whether it is a statement of the transaction that is open, submitted by its closure.
    private func isOfTransaction(_ operation: Operation, _ state: State) -> Bool {
        operation.transaction == state.transaction.number && !operation.isControl
            && operation.outcome == nil
    }

    static let transactionEnded = PoolError(
        .leaseEnded,
        "the statement's transaction has ended, which is valid only inside its closure",
        failureClass: .deterministic
    )

    private func isCurrent(_ lease: UInt64) -> Bool {
        lease == leaseNumber.load(ordering: .sequentiallyConsistent)
    }

    /// Whether the server said so last; while it is busy that is not known.
    private func isInsideTransaction(_ state: State) -> Bool {
        guard let connection = state.connection else { return false }
        let status = PQtransactionStatus(connection)
        return status == PQTRANS_INTRANS || status == PQTRANS_INERROR
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
        // The late answer to a statement of an earlier one says nothing of this one.
        guard operation.phase == .inTransaction, operation.transaction == state.transaction.number
        else { return }
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
