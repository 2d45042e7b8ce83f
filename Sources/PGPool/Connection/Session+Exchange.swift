internal import CLibPQ
internal import DequeModule
internal import PGPoolCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Streams and COPY, as seen by the task that uses them: take, leave; and when reading pauses.
extension Session {
    /// What there is for the task.
    enum Taken {
        case piece(Exchange.Piece)
        /// The server waits for a COPY's data.
        case wantsData
        case nothing
        case over(Operation.Outcome)
    }

    /// What is to be done without the lock.
    struct Ending {
        var finished: [Operation] = []
        var request: CancelRequest?
        var news: News?
    }

    func end(_ ending: Ending) {
        if let request = ending.request { send(request) }
        if let news = ending.news { tell(news) }
        for operation in ending.finished { operation.finish() }
    }

    /// The next piece; resumes reading once half of what was read ahead is gone.
    func take(_ operation: Operation) -> Taken {
        guard let exchange = operation.exchange else { return .nothing }
        var ending = Ending()
        let taken = state.withLock { state -> Taken in
            // After a cancellation or the end of the lease nothing is left to be taken.
            if let piece = exchange.take() {
                if state.isReadingPaused, state.sent.first === operation, exchange.isHalfEmpty {
                    resumeReading(&state, &ending)
                }
                return .piece(piece)
            }
            if let outcome = operation.outcome {
                if state.open === operation { state.open = nil }
                return .over(outcome)
            }
            return exchange.copy == .sending ? .wantsData : .nothing
        }
        end(ending)
        return taken
    }

    /// The task takes no more: its iterator is gone, or it was never asked for.
    func leave(_ operation: Operation) {
        var ending = Ending()
        state.withLock { leave(operation, mustCancel: false, &$0, &ending) }
        end(ending)
    }

    func leave(
        _ operation: Operation,
        mustCancel: Bool,
        _ state: inout State,
        _ ending: inout Ending
    ) {
        operation.exchange?.discard()
        if state.open === operation { state.open = nil }
        guard operation.outcome == nil else { return }
        if let index = state.pending.firstIndex(where: { $0 === operation }) {
            state.pending.remove(at: index)
            operation.outcome = .failure(LeaseEndedError())
        } else if state.sent.contains(where: { $0 === operation }) {
            // It may have ended in what is here already.
            if operation.exchange?.purpose != .copyIn { resumeReading(&state, &ending) }
            guard operation.outcome == nil else { return }
            ending.request = abandon(
                operation,
                LeaseEndedError(),
                mustCancel: mustCancel,
                &state
            )
            settleStopped(&state, &ending)
        }
        ending.finished.append(operation)
    }

    /// Sets the outcome of a statement that runs; what it still sends is forgotten.
    ///
    /// It is cancelled on the server only where that undoes nothing that was to stay: a transaction
    /// would fail, and a write that commits by itself would be undone.
    func abandon(
        _ operation: Operation,
        _ error: any Error,
        mustCancel: Bool,
        _ state: inout State
    ) -> CancelRequest? {
        operation.outcome = .failure(error)
        if state.open === operation { state.open = nil }
        stopKeeping(operation, &state)
        operation.exchange?.discard()
        let isRead = StatementText.onlyReads(operation.query.sql)
        let isTransaction = operation.exchange?.endPhase != .autocommit
        guard mustCancel ? isTransaction || isRead : isRead && !isTransaction else {
            // CopyFail alone ends a COPY to the server, unless that waits for something else.
            return mustCancel && operation.exchange?.purpose == .copyIn
                ? beginCancel(of: operation, &state) : nil
        }
        return beginCancel(of: operation, &state)
    }

    /// What comes from now on is not kept, so that the server's last word is read soon.
    func stopKeeping(_ operation: Operation, _ state: inout State) {
        guard let exchange = operation.exchange else { return }
        exchange.isDiscarding = true
        if exchange.copy == .sending { failCopy(operation, "the client gave up", &state) }
        if state.isReadingPaused {
            state.isReadingPaused = false
            applyInterest(state)
        }
    }

    /// Reads on after a stream or a COPY was stopped: its end may be here already, unread, and then the
    /// socket has nothing more to tell.
    func settleStopped(_ state: inout State, _ ending: inout Ending) {
        guard let connection = state.connection, !state.isClosing else { return }
        if let news = digest(connection, &state, into: &ending.finished) {
            ending.news = ending.news?.followed(by: news) ?? news
        }
    }

    /// The answer to statements that come while a stream is open.
    static func busy(_ open: Operation) -> any Error {
        PoolError(
            .connectionBusy,
            "a stream or a COPY is open on this connection: end its loop first, "
                + "or use another connection",
            failureClass: .notExecuted
        )
    }

    // MARK: - Back-pressure

    func pauseReading(_ state: inout State) {
        guard !state.isReadingPaused, !state.isLost else { return }
        state.isReadingPaused = true
        applyInterest(state)
    }

    /// Goes on with what libpq holds already, then with the socket.
    private func resumeReading(_ state: inout State, _ ending: inout Ending) {
        guard let connection = state.connection, !state.isLost, !state.isClosing else { return }
        let wasPaused = state.isReadingPaused
        state.isReadingPaused = false
        ending.news = digest(connection, &state, into: &ending.finished)
        if wasPaused, !state.isReadingPaused { applyInterest(state) }
    }

    func applyInterest(_ state: State) {
        guard let token = state.token, isSocketOpen(state) else { return }
        reactor.setInterest(state.interest, of: state.descriptor, token)
    }

    /// A paused socket is reported only when its other end is gone altogether. The rest of what it
    /// sent is then read at once: it is bounded by the system's buffer, and else the report would
    /// come again and again.
    func noteHangUp(_ state: inout State) {
        guard state.isReadingPaused else { return }
        var entry = pollfd(fd: state.descriptor, events: 0, revents: 0)
        guard poll(&entry, 1, 0) > 0, entry.revents != 0 else { return }
        state.sent.first?.exchange?.hasHungUp = true
        state.isReadingPaused = false
        applyInterest(state)
    }
}

extension Session.State {
    /// What the socket is watched for.
    var interest: Readiness {
        var interest: Readiness = isReadingPaused ? [] : .readable
        if wantsToWrite { interest.insert(.writable) }
        return interest
    }
}

extension StatementText {
    /// Whether a statement changes nothing, as far as its text tells. Errs on the side of no.
    static func onlyReads(_ sql: String) -> Bool {
        guard ["SELECT", "VALUES", "TABLE", "WITH", "SHOW", "COPY"].contains(firstKeyword(sql))
        else { return false }
        let upper = sql.uppercased()
        return !["INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "FROM STDIN"]
            .contains(where: upper.contains)
    }
}
