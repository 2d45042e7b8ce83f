internal import CLibPQ
internal import DequeModule
internal import PGPoolCore
internal import Synchronization

/// The way out: what is submitted is sent at once where libpq's mode allows, else kept in order.
extension Session {
    /// Sends a statement, or keeps it until it can be sent. Its `finish()` follows in any case.
    ///
    /// - Parameter lease: the lease that it belongs to; `nil` for the pool's own statements.
    func submit(_ operation: Operation, lease: UInt64? = nil) {
        var ending = Ending()
        state.withLock { state in
            isTouched.store(true, ordering: .sequentiallyConsistent)
            if let refusal = refusal(of: operation, lease, &state) {
                operation.outcome = .failure(refusal)
                ending.finished.append(operation)
                return
            }
            operation.transaction = state.transaction.number
            if operation.exchange != nil { state.open = operation }
            if mayFollow(operation, state) {
                send(operation, &state)
            } else {
                state.pending.append(operation)
            }
            if let timeout = operation.timeout {
                operation.deadline = .now + timeout
                armNextDeadline(state)
            }
            settleSent(&state, &ending)
        }
        end(ending)
    }

    /// Why it must not be sent. The state is `inout` lest it be copied for each statement.
    func refusal(
        of operation: Operation,
        _ lease: UInt64?,
        _ state: inout State
    ) -> (any Error)? {
        if operation.isCancelled { return CancellationError() }
        if let lease, lease != leaseNumber.load(ordering: .sequentiallyConsistent) {
            return LeaseEndedError()
        }
        if operation.transaction != 0, operation.transaction != state.transaction.number {
            return Self.transactionEnded
        }
        if lease != nil, let open = state.open, open !== operation { return Self.busy(open) }
        guard state.connection == nil || state.isLost || state.isClosing else {
            return lease == nil ? nil : transactionRefusal(of: operation, &state)
        }
        return lostError(state, phase: .nothingSent, sql: operation.query.sql)
    }

    /// Whether the statement can be sent right behind what was sent before it.
    @inline(__always)
    private func mayFollow(_ operation: Operation, _ state: State) -> Bool {
        !state.mustSettle && state.pending.isEmpty && mayJoin(operation, state)
    }

    /// Whether libpq's mode and what was sent last allow it to be sent now.
    @inline(__always)
    func mayJoin(_ operation: Operation, _ state: State) -> Bool {
        guard let last = state.sent.last else { return true }
        // If BEGIN fails, what follows in a segment of its own would be committed by itself.
        return operation.kind == .extended && state.isPipelining && operation.exchange == nil
            && last.begin == nil && !isSendingBatch(state)
    }

    /// Sends what was kept, as far as the mode allows.
    func sendPending(_ state: inout State) {
        guard !state.isLost, !state.isClosing else { return }
        continueBatch(&state)
        if state.mustSettle {
            settleIfPossible(&state)
            return
        }
        if state.pending.first?.isShared ?? false {
            sendShared(&state)
            return
        }
        while let next = state.pending.first {
            // Rows come one by one only of a statement that is first.
            guard mayJoin(next, state) else { return }
            state.pending.removeFirst()
            send(next, &state)
            if state.isLost { return }
        }
    }

    func send(_ operation: Operation, _ state: inout State) {
        sendSync(&state)
        guard let connection = state.connection else { return }
        if let begin = state.transaction.pending, !operation.isControl,
            operation.transaction == state.transaction.number
        {
            operation.begin = begin
            state.transaction.pending = nil
        } else {
            operation.begin = nil
        }
        operation.phase = phase(of: operation, connection, &state)
        state.sent.append(operation)
        let wasSent =
            switch operation.kind {
            case .extended where operation.batch != nil: beginBatch(operation, connection, &state)
            case .extended: sendExtended(operation, connection, &state)
            case .simple: sendSimple(operation, connection, &state)
            }
        if wasSent {
            begin(operation, connection)
            // A batch that is not sent whole waits for room, which flushing now would take back.
            let isWhole = operation.batch?.isSent ?? true
            if isWhole, !state.isSyncDue, !state.isBatching { flush(connection, &state) }
        } else {
            operation.phase = .nothingSent
            noteLost(&state, message: ErrorReport.trimmed(PQerrorMessage(connection)))
        }
    }

    private func phase(
        of operation: Operation,
        _ connection: OpaquePointer,
        _ state: inout State
    ) -> FailurePhase {
        if operation.isCommit { return .commit }
        // Only what is a transaction by itself may share, and only outside of one.
        if operation.isShared { return .autocommit }
        if let begin = operation.begin {
            state.transaction.isReadOnly = begin.isReadOnly
            state.transaction.isVerified = begin.token != nil
            return mayCommit(operation) ? .commit : .inTransaction
        }
        switch PQtransactionStatus(connection) {
        case PQTRANS_INTRANS:
            state.transaction.firstError = nil
        case PQTRANS_INERROR:
            break
        case PQTRANS_ACTIVE where mayFollowInside(state.sent.last):
            break
        default:
            // Told of no transaction, whatever was known of the last one is over.
            state.transaction.firstError = nil
            state.transaction.isReadOnly = false
            return .autocommit
        }
        return mayCommit(operation) ? .commit : .inTransaction
    }

    private func mayCommit(_ operation: Operation) -> Bool {
        StatementScan.mayCommit(operation.query.sql, isSingle: operation.kind == .extended)
    }

    /// Whether what is sent right behind a statement is in the same transaction.
    private func mayFollowInside(_ last: Operation?) -> Bool {
        guard let last, last.phase == .inTransaction, last.batch == nil, last.kind == .extended
        else { return false }
        return StatementText.isPlain(last.query.sql)
    }

    private func sendSimple(
        _ operation: Operation,
        _ connection: OpaquePointer,
        _ state: inout State
    ) -> Bool {
        if state.isPipelining {
            guard PQexitPipelineMode(connection) == 1 else { return false }
            state.isPipelining = false
        }
        operation.sending.changesSession = StatementText.changesSession(operation.query.sql)
        guard let begin = operation.begin else {
            return PQsendQuery(connection, operation.query.sql) == 1
        }
        let preceding = begin.simpleStatements
        operation.sending.precedingResults = preceding.count
        if begin.token != nil {
            operation.sending.token = TokenSending(
                answers: preceding.count - 1...preceding.count - 1
            )
        }
        let text = (preceding + [operation.query.sql]).joined(separator: ";")
        return PQsendQuery(connection, text) == 1
    }

    private func sendExtended(
        _ operation: Operation,
        _ connection: OpaquePointer,
        _ state: inout State
    ) -> Bool {
        guard enterPipeline(connection, &state) else { return false }
        operation.sending = StatementSending()
        if let begin = operation.begin {
            guard
                send(
                    begin,
                    isUnnamed: operation.isUnnamed,
                    &operation.sending,
                    connection,
                    &state
                )
            else { return false }
        }
        return sendStatement(
            operation.query,
            isUnnamed: operation.isUnnamed,
            &operation.sending,
            connection,
            &state
        ) && endSegment(operation, connection, &state)
    }

    /// Sends the statement's sync, with which the rest of it leaves, or has the reactor see to it.
    private func endSegment(
        _ operation: Operation,
        _ connection: OpaquePointer,
        _ state: inout State
    ) -> Bool {
        if !operation.isShared, operation.exchange == nil, Reactor.current?.holdBack(self) ?? false
        {
            state.isSyncDue = true
            return true
        }
        return pgpool_sync(connection) == 1
    }

    /// Sends what the reactor held back.
    func sendDue() {
        var ending = Ending()
        state.withLock { state in
            guard state.isSyncDue, !state.isLost else { return }
            sendSync(&state)
            settleSent(&state, &ending)
        }
        end(ending)
    }

    func sendSync(_ state: inout State) {
        guard state.isSyncDue, let connection = state.connection else { return }
        state.isSyncDue = false
        if pgpool_sync(connection) == 1 {
            flush(connection, &state)
        } else {
            noteLost(&state, message: ErrorReport.trimmed(PQerrorMessage(connection)))
        }
    }

    /// Hands the system what libpq holds; while it does not take all, waits for writable as well as
    /// readable, so that both sides cannot fill their buffers and stop.
    func flush(_ connection: OpaquePointer, _ state: inout State) {
        let wantsToWrite: Bool
        switch PQflush(connection) {
        case 0: wantsToWrite = false
        case 1: wantsToWrite = true
        default:
            // What the server said before it closed may still be in the socket, or read by libpq: let
            // reading find it.
            wantsToWrite = false
            if PQstatus(connection) == CONNECTION_BAD { noteLost(&state, message: "") }
        }
        watchForRoom(wantsToWrite, &state)
    }

    /// Asks to be called, or not, when the socket takes more.
    func watchForRoom(_ wantsToWrite: Bool, _ state: inout State) {
        guard wantsToWrite != state.wantsToWrite, let token = state.token else { return }
        state.wantsToWrite = wantsToWrite
        if isSocketOpen(state) {
            reactor.setInterest(state.interest, of: state.descriptor, token)
        }
    }

    func armDeadline(_ deadline: Instant, _ state: State) {
        guard let token = state.token else { return }
        reactor.setDeadline(deadline, token)
    }
}

/// A connection was used after its lease had ended.
struct LeaseEndedError: Error {}
