internal import CLibPQ
internal import DequeModule
internal import PGPoolCore
internal import Synchronization

/// Cancellation: the caller goes on at once, the connection only when nothing can reach it late.
extension Session {
    /// The task that waits for the statement was cancelled.
    func cancel(_ operation: Operation) {
        var ending = Ending()
        state.withLock { state in
            operation.isCancelled = true
            guard operation.outcome == nil else { return }
            if let index = state.pending.firstIndex(where: { $0 === operation }) {
                state.pending.remove(at: index)
                operation.outcome = .failure(CancellationError())
                ending.finished.append(operation)
            } else if operation.exchange != nil, state.sent.contains(where: { $0 === operation }) {
                ending.request = abandon(operation, CancellationError(), mustCancel: true, &state)
                ending.finished.append(operation)
                settleStopped(&state, &ending)
            } else if state.sent.contains(where: { $0 === operation }) {
                operation.outcome = .failure(CancellationError())
                ending.finished.append(operation)
                ending.request = beginCancel(of: operation, &state)
                stopSending(operation, &state)
                if ending.request == nil { cancelLater(&state) }
                settleSent(&state, &ending)
            }
        }
        end(ending)
    }

    /// The task that waits for a shared statement was cancelled. A cancel request could reach a
    /// neighbour, so what was sent goes on, and its answer is thrown away, unless it is alone: then
    /// it is cancelled, and whoever joins it waits until nothing can reach them.
    func abandon(_ operation: Operation) {
        enum Place { case elsewhere, pending, sent }
        var ending = Ending()
        let place = state.withLock { state -> Place in
            operation.isCancelled = true
            guard operation.outcome == nil else { return .elsewhere }
            if leaveInbox(operation) {
                operation.outcome = .failure(CancellationError())
                return .pending
            }
            if let index = state.pending.firstIndex(where: { $0 === operation }) {
                state.pending.remove(at: index)
                operation.outcome = .failure(CancellationError())
                return .pending
            }
            guard state.sent.contains(where: { $0 === operation }) else { return .elsewhere }
            operation.outcome = .failure(CancellationError())
            operation.isAbandoned = true
            if state.sent.count == 1, state.pending.isEmpty {
                ending.request = beginCancel(of: operation, &state)
                settleSent(&state, &ending)
            }
            return .sent
        }
        end(ending)
        switch place {
        case .elsewhere: break
        case .pending: operation.finish()
        case .sent: operation.wake()
        }
    }

    /// A statement's time is over: cancel it, and let the server's answer tell what became of it.
    func deadlinePassed() {
        let now = Instant.now
        var ending = Ending()
        var isGone = false
        var isStopped = false
        state.withLock { state in
            guard state.connection != nil else {
                isGone = state.lingering >= 0
                return
            }
            guard !state.isLost else { return }
            for operation in state.pending where operation.deadline <= now {
                operation.outcome = .failure(Self.timeout(of: operation, .notExecuted))
                ending.finished.append(operation)
            }
            state.pending.removeAll { $0.outcome != nil }
            for operation in state.sent where operation.outcome == nil && operation.deadline <= now
            {
                if operation.didTimeOut {
                    if let next = operation.cancelGrace.extend(at: now, readings: state.readings) {
                        operation.deadline = next
                        continue
                    }
                    // The server does not even answer the cancel request.
                    noteLost(&state, message: "no answer to a cancel request")
                } else if !mayCancel(operation, state) {
                    isStopped = isStopped || operation.exchange != nil
                    ending.finished.append(operation)
                    giveUp(operation, &state)
                } else {
                    operation.didTimeOut = true
                    operation.deadline = operation.cancelGrace.begin(
                        at: now,
                        readings: state.readings
                    )
                    isStopped = isStopped || operation.exchange != nil
                    stopKeeping(operation, &state)
                    ending.request = ending.request ?? beginCancel(of: operation, &state)
                    stopSending(operation, &state)
                }
            }
            if state.cancelPatience.end <= now, let connection = state.connection {
                let host = Self.address(of: connection)
                let lastTaken = BlockingThreads.canceller.lastEnd(for: host)
                if state.cancelPatience.isOver(at: now, lastTaken: lastTaken) {
                    noteLost(&state, message: "a cancel request was not answered")
                }
            }
            if state.cancelAgainAt <= now {
                state.cancelAgainAt = .distantFuture
                ending.request = ending.request ?? cancelAgain(&state)
            }
            if isStopped {
                settleStopped(&state, &ending)
            } else {
                settleSent(&state, &ending)
            }
            armNextDeadline(state)
        }
        end(ending)
        if isGone { finishLingering() }
    }

    static func timeout(of operation: Operation, _ failureClass: FailureClass) -> PostgresError {
        timeout(of: operation.query.sql, failureClass)
    }

    static func timeout(of sql: String, _ failureClass: FailureClass) -> PostgresError {
        PostgresError(
            sqlState: .queryCanceled,
            message: "the statement's timeout passed",
            failureClass: failureClass,
            sql: sql
        )
    }

    func armNextDeadline(_ state: State) {
        let next = (state.sent + state.pending)
            .lazy.filter { $0.outcome == nil }.map(\.deadline).min()
        armDeadline(
            min(next ?? .distantFuture, state.cancelAgainAt, state.cancelPatience.end),
            state
        )
    }

    /// Asks libpq for a request, unless the statement is one that must not be cancelled.
    func beginCancel(of operation: Operation, _ state: inout State) -> CancelRequest? {
        // A request that overtook its statement would be lost.
        sendSync(&state)
        guard mayCancel(operation, state), let connection = state.connection,
            let pointer = PQgetCancel(connection)
        else { return nil }
        state.cancelPatience.queued(at: .now)
        state.cancelsInFlight += 1
        state.mustSettle = true
        armNextDeadline(state)
        return CancelRequest(pointer, host: Self.address(of: connection))
    }

    static func address(of connection: OpaquePointer) -> String {
        let address = PQhostaddr(connection).map { String(cString: $0) } ?? ""
        let host = address.isEmpty ? PQhost(connection).map { String(cString: $0) } : address
        return "\(host ?? ""):\(PQport(connection).map { String(cString: $0) } ?? "")"
    }

    /// Whether a request hits nobody else's statement, and nothing that commits. It hits whatever runs
    /// when it comes: what was sent before, which must be given up, too, or what was sent behind.
    private func mayCancel(_ operation: Operation, _ state: State) -> Bool {
        state.sent.prefix { $0 !== operation }.allSatisfy(Self.isGivenUp)
            && state.sent.allSatisfy(Self.mayCancel)
    }

    private static func mayCancel(_ sent: Operation) -> Bool {
        sent.batch.map { $0.mayCancel(sent.phase) }
            ?? sent.phase.mayCancel(onlyReads: StatementText.onlyReads(sent.query.sql))
    }

    /// Whether its caller went on without it, or its time is over.
    private static func isGivenUp(_ sent: Operation) -> Bool {
        sent.outcome != nil || sent.didTimeOut
    }

    /// The time of what must not be cancelled is over: its caller is told that it may have happened,
    /// and the connection waits for the answer without it.
    private func giveUp(_ operation: Operation, _ state: inout State) {
        operation.didTimeOut = true
        stopKeeping(operation, &state)
        stopSending(operation, &state)
        if state.open === operation { state.open = nil }
        let phase = lossPhase(operation, state)
        // In a transaction it is carried out still, or cancelled when its turn comes.
        let isUnknown = operation.batch != nil || phase == .inTransaction
        let verdict = FailureClassifier.classify(
            nil,
            isFatal: true,
            phase: isUnknown ? .commit : phase,
            context: failureContext(phase, sql: operation.query.sql, operation.kind, state)
        )
        operation.outcome = .failure(Self.timeout(of: operation, verdict.failureClass))
        cancelLater(&state)
    }

    /// Whether it is to be cancelled as soon as that is safe. A stream is given up to be read to its end,
    /// and a shared statement is cancelled at once or not at all.
    private static func isToBeCancelled(_ sent: Operation) -> Bool {
        isGivenUp(sent) && sent.exchange == nil && !sent.isShared
            && (sent.batch != nil || mayCancel(sent))
    }

    /// What must not be cancelled may be over soon, and what was given up behind it, or the rest of a
    /// batch, can be cancelled then.
    private func cancelLater(_ state: inout State) {
        guard state.sent.contains(where: Self.isToBeCancelled) else { return }
        state.cancelAgainAt = .now + Self.cancelInterval
        armNextDeadline(state)
    }

    /// `PQcancel` blocks, so it has a thread of its own.
    func send(_ request: CancelRequest) {
        BlockingThreads.canceller.run(for: request.host) {
            self.state.withLock { state in
                // The deadline of a session that is being closed is another one.
                guard state.connection != nil, !state.isLost else { return }
                state.cancelPatience.began(at: .now)
                self.armNextDeadline(state)
            }
            request.send()
            var ending = Ending()
            self.state.withLock { state in
                state.cancelsInFlight -= 1
                if state.cancelsInFlight == 0 { state.cancelPatience.ended() }
                guard !state.isLost else { return }
                self.settleIfPossible(&state)
                self.settleSent(&state, &ending)
                if state.mustSettle, state.settling == nil, !state.sent.isEmpty {
                    state.cancelAgainAt = .now + Self.cancelInterval
                    self.armNextDeadline(state)
                }
            }
            self.end(ending)
        }
    }

    /// A request that comes before the server has begun the statement is lost, so it is repeated.
    static let cancelInterval = Duration.milliseconds(250)

    private func cancelAgain(_ state: inout State) -> CancelRequest? {
        guard state.cancelsInFlight == 0, state.settling == nil, let first = state.sent.first
        else { return nil }
        let mustEnd =
            state.mustSettle ? Self.isGivenUp(first) : Self.isToBeCancelled(first)
        let request = mustEnd ? beginCancel(of: first, &state) : nil
        if request == nil { cancelLater(&state) }
        return request
    }

    /// Once no cancel request is in the air and all answers are in, one round trip proves that none
    /// can reach a later statement.
    func settleIfPossible(_ state: inout State) {
        guard state.mustSettle, state.cancelsInFlight == 0, state.sent.isEmpty,
            state.settling == nil, !state.isLost, !state.isClosing
        else { return }
        let sentinel = Operation(Query(""), .simple)
        sentinel.isControl = true
        state.settling = sentinel
        send(sentinel, &state)
    }
}

/// Owns a `PGcancel`.
struct CancelRequest: @unchecked Sendable {
    // Proof: a PGcancel is made for use from another thread, and only `send` uses it, once.
    private let pointer: OpaquePointer
    /// Where it goes.
    let host: String

    init(_ pointer: OpaquePointer, host: String) {
        self.pointer = pointer
        self.host = host
    }

    func send() {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            // A request that fails found no server to cancel at: the socket tells the rest.
            _ = PQcancel(pointer, buffer.baseAddress, Int32(buffer.count))
        }
        PQfreeCancel(pointer)
    }
}
