internal import CLibPQ
internal import DequeModule
internal import PGPoolCore
internal import Synchronization

/// The way in: answers, in the order of what was sent; notices; the end of the connection.
extension Session {
    /// The socket is ready.
    func receive(_ readiness: Readiness, _ finished: inout [Operation]) {
        var news: News?
        var isGone = false
        let first = finished.count
        var condition = SessionCondition.clean
        state.withLock { state in
            guard let connection = state.connection else {
                isGone = state.lingering >= 0 && lingeringEnded(&state)
                return
            }
            if readiness.contains(.readable) {
                state.readings &+= 1
                noteHangUp(&state)
            }
            if readiness.contains(.readable), !state.isReadingPaused,
                PQconsumeInput(connection) == 0
            {
                noteLost(&state, message: ErrorReport.trimmed(PQerrorMessage(connection)))
            } else if state.wantsToWrite {
                flush(connection, &state)
            }
            news = digest(connection, &state, into: &finished)
            if finished.last?.isShared ?? false { condition = sharedCondition(state) }
            // Once it has moved another thread may read on, and would tell its news before ours.
            if news == nil { followProcessor(&state) }
        }
        if let news { tell(news) }
        giveBack(finished[first...], condition)
        if isGone { events.sessionClosed(self) }
    }

    /// Gives back the leases of statements that shared, all at once: the pool's lock costs more than
    /// what it guards.
    private func giveBack(_ answered: ArraySlice<Operation>, _ condition: SessionCondition) {
        guard !answered.isEmpty, answered.allSatisfy(\.isShared) else { return }
        events.sessionAnswered(self, answered, condition)
        for operation in answered { operation.isGivenBack = true }
    }

    /// What reading brought that is to be told without the lock.
    struct News {
        /// Why the connection is lost, if it was lost just now.
        var loss: PostgresError?
        /// The task of the open stream can go on. Whoever cancels that task holds a lock of the
        /// runtime, which resuming it takes too, and asks for ours: so it is resumed outside ours.
        /// Of notifications and the task that reads them the same is true.
        var progress: Signal?
        /// What an error said of the host.
        var doubt: FailureVerdict?
        var notifications: [PostgresNotification] = []

        func followed(by other: News) -> News {
            News(
                loss: loss ?? other.loss,
                progress: progress ?? other.progress,
                doubt: doubt ?? other.doubt,
                notifications: notifications + other.notifications
            )
        }
    }

    func tell(_ news: News) {
        for notification in news.notifications { events.sessionNotified(self, notification) }
        news.progress?.raise()
        if let doubt = news.doubt { events.sessionDoubts(self, doubt) }
        if let loss = news.loss { events.sessionLost(self, loss) }
    }

    /// Reads what libpq holds and sends what may follow.
    func digest(
        _ connection: OpaquePointer,
        _ state: inout State,
        into finished: inout [Operation]
    ) -> News? {
        readResults(connection, &state, into: &finished)
        if PQstatus(connection) == CONNECTION_BAD { noteLost(&state, message: "") }
        takeInbox(&state, into: &finished)
        sendPending(&state)
        return digestSent(&state, into: &finished)
    }

    /// Sees to what sending brought, of which the socket will not tell.
    ///
    /// libpq reads when the socket takes no more, so that both sides cannot wait for each other: what
    /// came that way is in its buffer. And when it finds the connection lost, it closes the descriptor.
    func digestSent(_ state: inout State, into finished: inout [Operation]) -> News? {
        if let connection = state.connection,
            // A result that is still to come is waited for, unless libpq has given up.
            state.wantsToWrite && !state.isLost || PQstatus(connection) == CONNECTION_BAD
        {
            readResults(connection, &state, into: &finished)
        }
        var news = takeNews(&state)
        guard state.isLost, !state.isClosing else { return news }
        news = news ?? News()
        news?.loss = lostError(state, phase: .nothingSent, sql: nil)
        finished += takeAll(&state)
        return news
    }

    /// As `digestSent`, for those who only sent, on a connection that was not lost before.
    @inline(__always)
    func settleSent(_ state: inout State, _ ending: inout Ending) {
        guard state.wantsToWrite || state.isLost else { return }
        if let news = digestSent(&state, into: &ending.finished) {
            ending.news = ending.news?.followed(by: news) ?? news
        }
    }

    /// Nil mostly.
    private func takeNews(_ state: inout State) -> News? {
        let progress = state.open.flatMap { open in
            open.exchange.flatMap { $0.hasProgress ? $0.signal : nil }
        }
        guard !state.notifications.isEmpty || state.doubt != nil || progress != nil else {
            return nil
        }
        var news = News(progress: progress, doubt: state.doubt)
        swap(&news.notifications, &state.notifications)
        state.doubt = nil
        return news
    }

    private func readResults(
        _ connection: OpaquePointer,
        _ state: inout State,
        into finished: inout [Operation]
    ) {
        // An error may come before the sync that is held back, and libpq takes that for the end.
        sendSync(&state)
        while let operation = state.sent.first {
            // Nothing is under way while the rest of a batch waits for room in the socket.
            if operation.batch?.isAllAnswered ?? false { return }
            if operation.exchange != nil, !mayReadOn(operation, connection, &state) { return }
            if !state.isLost, PQisBusy(connection) != 0 { return }
            guard let result = PQgetResult(connection) else {
                // What could not even be sent has no results either.
                if operation.kind == .simple, operation.phase != .nothingSent {
                    complete(&state, into: &finished)
                } else if state.isLost || PQstatus(connection) == CONNECTION_BAD {
                    noteLost(&state, message: "")
                    return
                }
                begin(operation, connection)
                continue
            }
            let isCopy = Self.isCopy(result)
            take(result, for: operation, connection, &state, into: &finished)
            // libpq gives this result again and again until the copy is over.
            if isCopy, state.isLost { return }
            if state.isLost, state.sent.first === operation, PQisBusy(connection) != 0 { return }
        }
        discardUnasked(connection, &state)
    }

    private static func isCopy(_ result: OpaquePointer) -> Bool {
        switch PQresultStatus(result) {
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: true
        default: false
        }
    }

    /// Between statements the server sends nothing but notices, notifications, and a last word.
    private func discardUnasked(_ connection: OpaquePointer, _ state: inout State) {
        takeNotifications(connection, &state)
        guard state.sent.isEmpty, PQisBusy(connection) == 0 else { return }
        while let result = PQgetResult(connection) {
            if PQresultStatus(result) == PGRES_FATAL_ERROR { noteError(result, nil, &state) }
            PQclear(result)
        }
    }

    private func take(
        _ result: OpaquePointer,
        for operation: Operation,
        _ connection: OpaquePointer,
        _ state: inout State,
        into finished: inout [Operation]
    ) {
        if let batch = operation.batch {
            take(result, for: batch, of: operation, connection, &state, into: &finished)
            return
        }
        if operation.exchange != nil, exchange(result, of: operation, connection, &state) { return }
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY, PGRES_SINGLE_TUPLE:
            if operation.sending.precedingResults > 0 {
                notePreceding(result, &operation.sending, of: operation, &state)
                PQclear(result)
            } else {
                noteTag(
                    result,
                    of: operation,
                    changesSession: operation.sending.changesSession,
                    sql: operation.query.sql,
                    &state
                )
                operation.add(ResultHandle.keep(result))
            }
            return
        case PGRES_PIPELINE_SYNC:
            complete(&state, into: &finished)
        case PGRES_PIPELINE_ABORTED:
            break
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            refuseCopy(result, operation, connection, &state)
        default:
            noteError(result, operation, &state)
        }
        PQclear(result)
    }

    /// The first statement of `sent` is answered.
    func complete(_ state: inout State, into finished: inout [Operation]) {
        let operation = state.sent.removeFirst()
        settle(operation, &state)
        if state.transaction.refusal != nil { refusePending(&state, into: &finished) }
        if let batch = operation.batch {
            if repair(batch, of: operation, &state) { return }
        } else {
            if operation.sending.needsCare {
                forgetUnusable(operation.sending, of: operation.query, &state)
            }
            if operation.error != nil, repair(operation, &state) { return }
        }
        if operation === state.settling {
            state.settling = nil
            state.mustSettle = state.cancelsInFlight > 0
        }
        // One that was cancelled has its outcome: its task has gone on already.
        guard operation.outcome == nil else {
            if operation.isAbandoned { finished.append(operation) }
            return
        }
        if operation.didTimeOut, let error = operation.error, error.sqlState == .queryCanceled {
            operation.outcome = .failure(Self.timeout(of: operation, error.failureClass))
        } else if operation.didTimeOut, operation.error == nil,
            operation.exchange?.isDiscarding ?? false
        {
            // The server had sent all when the cancel request came, and not all of it was kept.
            operation.outcome = .failure(Self.timeout(of: operation, .outcomeUnknown))
        } else if let failure = operation.ledgerFailure {
            operation.outcome = .failure(failure)
        } else {
            operation.outcome = operation.error.map { .failure($0) } ?? .success
        }
        operation.continuation?.prefetch()
        finished.append(operation)
    }

    /// Keeps the first error; a fatal one ends the connection.
    private func noteError(
        _ result: OpaquePointer,
        _ operation: Operation?,
        _ state: inout State
    ) {
        guard let operation else {
            _ = error(of: result, phase: .nothingSent, sql: nil, FailureContext(), &state)
            return
        }
        let phase = Self.isLoss(result) ? lossPhase(operation, state) : operation.phase
        let context = context(
            of: result,
            &operation.sending,
            wasRepaired: operation.repairedError != nil,
            failureContext(phase, sql: operation.query.sql, operation.kind, state)
        )
        let error = error(
            of: result,
            phase: phase,
            sql: operation.query.sql,
            context,
            &state
        )
        if operation.error == nil {
            operation.error = error
            noteLedgerFailure(error, operation, operation.sending)
        }
    }

    /// The error that a result carries, noted if it ends the connection.
    func error(
        of result: OpaquePointer,
        phase: FailurePhase,
        sql: String?,
        _ context: FailureContext,
        _ state: inout State
    ) -> PostgresError {
        let (error, verdict) = ErrorReport.error(result, phase: phase, sql: sql, context: context)
        if verdict.endpoint != .fine { state.doubt = verdict }
        // What is a reader, or may be one, still answers, so that its transaction can be ended in
        // order.
        if verdict.connection != .keep, verdict.endpoint != .maybeDemoted,
            verdict.endpoint != .demoted
        {
            if state.fatalError == nil { state.fatalError = error }
            state.isLost = true
        }
        return error
    }

    /// COPY has an API of its own. Here it is ended at once, so that the connection stays usable.
    func refuseCopy(
        _ result: OpaquePointer,
        _ operation: Operation,
        _ connection: OpaquePointer,
        _ state: inout State
    ) {
        if operation.error == nil, operation.didTimeOut {
            operation.error = Self.timeout(of: operation, .rolledBack)
        } else if operation.error == nil {
            operation.error = PostgresError(
                sqlState: .featureNotSupported,
                message: "COPY to or from the client cannot be run as a query",
                failureClass: .deterministic,
                sql: operation.query.sql
            )
        }
        guard operation.kind == .simple, PQresultStatus(result) == PGRES_COPY_IN else {
            // In a pipeline the server waits for data and libpq for the server.
            noteLost(&state, message: "COPY in a pipeline")
            return
        }
        PQputCopyEnd(connection, "refused by the client")
        flush(connection, &state)
    }

    func noteLost(_ state: inout State, message: String) {
        guard !state.isLost else { return }
        state.isLost = true
        if state.fatalError == nil, !message.isEmpty {
            state.fatalError = PostgresError(
                sqlState: nil,
                severity: "FATAL",
                message: message,
                failureClass: .notExecuted
            )
        }
    }
}
