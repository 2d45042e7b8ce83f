internal import CLibPQ
internal import DequeModule
internal import PGPoolCore

/// A pipeline's way out and in. It is sent as the socket takes it, so that neither a batch of any
/// size nor its answers need to fit into a buffer.
extension Session {
    /// The most statements that are handed to libpq in one go: nobody else has the session's lock,
    /// or this thread, meanwhile.
    private static let statementsPerTurn = 128
    /// libpq keeps what the socket does not take; past this much it is asked to hand it on.
    private static let bytesBetweenFlushes = 65_536

    /// Whether the last of what was sent is a batch that is not sent whole: nothing goes before its
    /// rest.
    @inline(__always)
    func isSendingBatch(_ state: State) -> Bool {
        state.sent.last?.batch.map { !$0.isSent } ?? false
    }

    func beginBatch(
        _ operation: Operation,
        _ connection: OpaquePointer,
        _ state: inout State
    ) -> Bool {
        guard let batch = operation.batch, enterPipeline(connection, &state) else { return false }
        batch.startPhase = operation.phase
        return sendMore(of: batch, operation, connection, &state)
    }

    /// Sends what the socket had no room for.
    func continueBatch(_ state: inout State) {
        guard let connection = state.connection, !state.wantsToWrite,
            let operation = state.sent.last, let batch = operation.batch, !batch.isSent
        else { return }
        if sendMore(of: batch, operation, connection, &state) {
            if batch.isSent { flush(connection, &state) }
        } else {
            noteLost(&state, message: ErrorReport.trimmed(PQerrorMessage(connection)))
        }
    }

    private func sendMore(
        of batch: StatementBatch,
        _ operation: Operation,
        _ connection: OpaquePointer,
        _ state: inout State
    ) -> Bool {
        // Where libpq sends at every sync: without this, a packet for each statement.
        setCork(1, state)
        defer { setCork(0, state) }
        let end = min(batch.nextToSend + Self.statementsPerTurn, batch.items.count)
        while batch.nextToSend < end {
            guard send(batch.nextToSend, of: batch, operation, connection, &state) else {
                return false
            }
            if batch.isIsolated && !Self.keepsSyncs || batch.unflushed > Self.bytesBetweenFlushes {
                batch.unflushed = 0
                flush(connection, &state)
                if state.wantsToWrite, batch.nextToSend < batch.items.count { return true }
            }
        }
        guard batch.nextToSend == batch.items.count else {
            // The rest comes in the reactor's next turn.
            flush(connection, &state)
            watchForRoom(true, &state)
            return true
        }
        return endSending(of: batch, connection)
    }

    /// Nothing more is sent but the sync that the batch may still need.
    private func endSending(of batch: StatementBatch, _ connection: OpaquePointer) -> Bool {
        batch.isSent = true
        guard !batch.isIsolated || batch.syncsAnswered == batch.syncsSent else { return true }
        batch.syncsSent += 1
        return pgpool_sync(connection) == 1
    }

    private func send(
        _ index: Int,
        of batch: StatementBatch,
        _ operation: Operation,
        _ connection: OpaquePointer,
        _ state: inout State
    ) -> Bool {
        let query = batch.items[index].query
        let isUnnamed = batch.items[index].isUnnamed
        batch.nextToSend += 1
        batch.items[index].phase = batch.startPhase
        if StatementText.isCommit(query.sql) {
            batch.items[index].phase = .commit
            operation.phase = .commit
        }
        if !StatementText.isPlain(query.sql), batch.startPhase == .inTransaction {
            // From here on nobody knows whether there is a transaction.
            batch.startPhase = .autocommit
        }
        batch.unflushed += 64 + query.sql.utf8.count + query.parameters.bytes.count
        var sending = StatementSending()
        defer { batch.items[index].sending = sending }
        if index == 0, let begin = operation.begin {
            guard send(begin, isUnnamed: isUnnamed, &sending, connection, &state) else {
                return false
            }
        } else if !batch.isIsolated, index == 0, !StatementText.isPlain(query.sql) {
            // What commits by itself, as VACUUM does, is refused behind another statement.
            guard sendAside("SELECT", &sending, connection) else { return false }
        }
        guard sendStatement(query, isUnnamed: isUnnamed, &sending, connection, &state) else {
            return false
        }
        guard batch.isIsolated else { return true }
        batch.syncsSent += 1
        return pgpool_sync(connection) == 1
    }

    /// Nobody waits for the rest of a batch any more: what was not sent is not sent. What was sent
    /// without its sync must not take effect, so it gets a last statement that fails.
    func stopSending(_ operation: Operation, _ state: inout State) {
        guard let batch = operation.batch, let connection = state.connection, !batch.isSent,
            !state.isLost
        else { return }
        batch.wasStopped = true
        let isUndone =
            batch.isIsolated
            || PQsendQueryParams(connection, "pgpool_batch_stopped", 0, nil, nil, nil, nil, 0) == 1
        guard isUndone, endSending(of: batch, connection) else {
            noteLost(&state, message: ErrorReport.trimmed(PQerrorMessage(connection)))
            return
        }
        flush(connection, &state)
    }

    // MARK: - Answers

    func take(
        _ result: OpaquePointer,
        for batch: StatementBatch,
        of operation: Operation,
        _ connection: OpaquePointer,
        _ state: inout State,
        into finished: inout [Operation]
    ) {
        let index = batch.current
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            guard index < batch.nextToSend else { break }
            guard batch.items[index].sending.precedingResults > 0 else {
                let item = batch.items[index]
                noteTag(
                    result,
                    of: operation,
                    changesSession: item.sending.changesSession,
                    sql: item.query.sql,
                    &state
                )
                if !batch.isIsolated { batch.current += 1 }
                // An abandoned batch keeps nothing.
                guard operation.outcome == nil else { break }
                batch.items[index].result = ResultHandle.keep(result)
                return
            }
            notePreceding(result, &batch.items[index].sending, of: operation, &state)
        case PGRES_PIPELINE_SYNC:
            batch.syncsAnswered += 1
            if batch.isIsolated, index < batch.nextToSend {
                closeItem(index, of: batch, operation, &state)
                batch.current += 1
            }
            if batch.isSent, batch.syncsAnswered == batch.syncsSent {
                complete(&state, into: &finished)
            }
        case PGRES_PIPELINE_ABORTED:
            break
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            refuseCopy(result, operation, connection, &state)
        default:
            noteError(result, batch, operation, &state)
        }
        PQclear(result)
    }

    private func closeItem(
        _ index: Int,
        of batch: StatementBatch,
        _ operation: Operation,
        _ state: inout State
    ) {
        // An abandoned batch belongs to whoever reads its results.
        if operation.outcome == nil, batch.items[index].error == nil {
            batch.items[index].error = doubt(
                phase: batch.items[index].phase,
                result: batch.items[index].result,
                sql: batch.items[index].query.sql,
                state
            )
        }
        forgetUnusable(batch.items[index].sending, of: batch.items[index].query, &state)
    }

    private func noteError(
        _ result: OpaquePointer,
        _ batch: StatementBatch,
        _ operation: Operation,
        _ state: inout State
    ) {
        let index = batch.current
        guard index < batch.nextToSend else {
            // In answer to the sync, which is the implicit transaction's commit.
            let phase = batch.startPhase == .autocommit ? FailurePhase.commit : batch.startPhase
            let error = error(
                of: result,
                phase: phase,
                sql: nil,
                failureContext(phase, sql: nil, operation.kind, state),
                &state
            )
            if operation.error == nil { operation.error = error }
            return
        }
        let phase = batch.lossPhase(batch.items[index].phase, isLoss: Self.isLoss(result))
        let sql = batch.items[index].query.sql
        let context = context(
            of: result,
            &batch.items[index].sending,
            wasRepaired: batch.wasRepaired,
            failureContext(phase, sql: sql, operation.kind, state)
        )
        let error = error(
            of: result,
            phase: phase,
            sql: batch.items[index].query.sql,
            context,
            &state
        )
        if index == 0, batch.items[0].error == nil {
            noteLedgerFailure(error, operation, batch.items[0].sending)
        }
        // What a lost connection means for one transaction is found when all is known.
        guard batch.isIsolated || !state.isLost else { return }
        if batch.items[index].error == nil { batch.items[index].error = error }
        batch.items[index].result = nil
        guard !batch.isIsolated, batch.failure == nil else { return }
        batch.failure = (index, error)
        // The server skips the rest up to the sync: it is not worth sending.
        guard !batch.isSent, let connection = state.connection else { return }
        if endSending(of: batch, connection) {
            flush(connection, &state)
        } else {
            noteLost(&state, message: ErrorReport.trimmed(PQerrorMessage(connection)))
        }
    }

    /// Whether the batch, just answered, goes out once more, or the rest of it from the first
    /// statement that the server did not know. Nothing may overtake: where another one ran behind
    /// that, its error stands.
    func repair(_ batch: StatementBatch, of operation: Operation, _ state: inout State) -> Bool {
        if !batch.isIsolated {
            for item in batch.items[..<batch.nextToSend] {
                forgetUnusable(item.sending, of: item.query, &state)
            }
        }
        if repairToken(operation, &state) { return true }
        if let first = batch.items.firstIndex(where: { $0.sending.unusable != nil }),
            mayRepeat(operation, state), state.sent.isEmpty, !batch.wasRepaired
        {
            let isAlone = batch.items[first...].allSatisfy { $0.sending.unusable != nil }
            if !batch.isIsolated || isAlone {
                let error = batch.items[first].error
                if !batch.isIsolated { forgetAll(of: batch, like: first, &state) }
                batch.rewind(to: batch.isIsolated ? first : 0)
                sendAgain(operation, error, &state)
                return true
            }
        }
        finish(batch, of: operation, state)
        return false
    }

    /// One transaction says so of the first only; the others will be found in the same state.
    private func forgetAll(of batch: StatementBatch, like index: Int, _ state: inout State) {
        for item in batch.items[..<batch.nextToSend] {
            var sending = item.sending
            sending.unusable = batch.items[index].sending.unusable
            forgetUnusable(sending, of: item.query, &state)
        }
    }

    /// Gives every statement of the batch what is true for it.
    func finish(_ batch: StatementBatch, of operation: Operation, _ state: State) {
        guard operation.outcome == nil else { return }
        if batch.wasStopped, !batch.isIsolated, batch.failure == nil, !state.isLost {
            batch.failAll {
                Self.timeout(of: $0, $1 == .nothingSent ? .notExecuted : .rolledBack)
            }
        } else if let error = operation.error, batch.failure == nil, !batch.isIsolated {
            batch.failAll { _, _ in error }
        } else {
            batch.settle { phase, sql in
                operation.didTimeOut && !state.isLost
                    ? Self.timeout(of: sql, phase == .nothingSent ? .notExecuted : .rolledBack)
                    : lostError(state, phase: batch.lossPhase(phase, isLoss: true), sql: sql)
            }
        }
        operation.error = nil
        guard operation.didTimeOut else { return }
        for index in batch.items.indices
        where batch.items[index].error?.sqlState == .queryCanceled {
            let sql = batch.items[index].query.sql
            let failureClass = batch.items[index].error?.failureClass ?? .rolledBack
            batch.items[index].error = Self.timeout(of: sql, failureClass)
        }
    }
}
