internal import CLibPQ
internal import DequeModule
internal import PGPoolCore
internal import Synchronization

/// Cancellation: the caller goes on at once, the connection only when nothing can reach it late.
extension Session {
    /// The task that waits for the statement was cancelled.
    func cancel(_ operation: Operation) {
        var isFinished = false
        var request: CancelRequest?
        state.withLock { state in
            operation.isCancelled = true
            guard operation.outcome == nil else { return }
            if let index = state.pending.firstIndex(where: { $0 === operation }) {
                state.pending.remove(at: index)
                operation.outcome = .failure(CancellationError())
                isFinished = true
            } else if operation.exchange != nil, state.sent.contains(where: { $0 === operation }) {
                request = abandon(operation, CancellationError(), mustCancel: true, &state)
                isFinished = true
            } else if state.sent.contains(where: { $0 === operation }) {
                operation.outcome = .failure(CancellationError())
                isFinished = true
                request = beginCancel(of: operation, &state)
                stopSending(operation, &state)
                if request == nil { cancelLater(operation, &state) }
            }
        }
        if let request { send(request) }
        if isFinished { operation.finish() }
    }

    /// The task that waits for a shared statement was cancelled. A cancel request could reach a
    /// neighbour, so what was sent goes on, and its answer is thrown away, unless it is alone: then
    /// it is cancelled, and whoever joins it waits until nothing can reach them.
    func abandon(_ operation: Operation) {
        enum Place { case elsewhere, pending, sent }
        var request: CancelRequest?
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
                request = beginCancel(of: operation, &state)
            }
            return .sent
        }
        if let request { send(request) }
        switch place {
        case .elsewhere: break
        case .pending: operation.finish()
        case .sent: operation.wake()
        }
    }

    /// A statement's time is over: cancel it, and let the server's answer tell what became of it.
    func deadlinePassed() {
        let now = Instant.now
        var finished: [Operation] = []
        var request: CancelRequest?
        var isGone = false
        var loss: PostgresError?
        state.withLock { state in
            guard state.connection != nil else {
                isGone = state.lingering >= 0
                return
            }
            for operation in state.pending where operation.deadline <= now {
                operation.outcome = .failure(Self.timeout(of: operation, .notExecuted))
                finished.append(operation)
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
                    loss = lostError(state, phase: .nothingSent, sql: nil)
                } else if !mayCancel(operation, state) {
                    finished.append(operation)
                    giveUp(operation, &state)
                } else {
                    operation.didTimeOut = true
                    operation.deadline = operation.cancelGrace.begin(
                        at: now,
                        readings: state.readings
                    )
                    stopKeeping(operation, &state)
                    request = request ?? beginCancel(of: operation, &state)
                    stopSending(operation, &state)
                }
            }
            if state.cancelAgainAt <= now {
                state.cancelAgainAt = .distantFuture
                request = request ?? cancelAgain(&state)
            }
            if state.isLost { finished += takeAll(&state) }
            armNextDeadline(state)
        }
        if let request { send(request) }
        for operation in finished { operation.finish() }
        if let loss { events.sessionLost(self, loss) }
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
        armDeadline(min(next ?? .distantFuture, state.cancelAgainAt), state)
    }

    /// Asks libpq for a request, unless the statement is one that must not be cancelled.
    func beginCancel(of operation: Operation, _ state: inout State) -> CancelRequest? {
        // A request that overtook its statement would be lost.
        sendSync(&state)
        guard mayCancel(operation, state), let connection = state.connection,
            let pointer = PQgetCancel(connection)
        else { return nil }
        state.cancelsInFlight += 1
        state.mustSettle = true
        return CancelRequest(pointer)
    }

    /// Whether a request can hit nothing that commits: it hits whatever runs when it comes, so all
    /// that was sent behind the statement counts.
    private func mayCancel(_ operation: Operation, _ state: State) -> Bool {
        state.sent.drop { $0 !== operation }.allSatisfy { sent in
            sent.batch.map { $0.mayCancel(sent.phase) }
                ?? sent.phase.mayCancel(onlyReads: StatementText.onlyReads(sent.query.sql))
        }
    }

    /// The time of what must not be cancelled is over: its caller is told that it may have happened,
    /// and the connection waits for the answer without it.
    private func giveUp(_ operation: Operation, _ state: inout State) {
        operation.didTimeOut = true
        stopKeeping(operation, &state)
        stopSending(operation, &state)
        if state.open === operation { state.open = nil }
        let phase = lossPhase(operation, state)
        let verdict = FailureClassifier.classify(
            nil,
            isFatal: true,
            phase: operation.batch == nil ? phase : .commit,
            context: failureContext(phase, sql: operation.query.sql, operation.kind, state)
        )
        operation.outcome = .failure(Self.timeout(of: operation, verdict.failureClass))
        cancelLater(operation, &state)
    }

    /// What must not be cancelled of a batch may be over soon, and the rest can be cancelled then.
    private func cancelLater(_ operation: Operation, _ state: inout State) {
        guard operation.batch != nil else { return }
        state.cancelAgainAt = .now + Self.cancelInterval
        armNextDeadline(state)
    }

    /// `PQcancel` blocks, so it has a thread of its own.
    func send(_ request: CancelRequest) {
        BlockingThreads.canceller.run {
            request.send()
            self.state.withLock { state in
                state.cancelsInFlight -= 1
                self.settleIfPossible(&state)
                if state.mustSettle, state.settling == nil, !state.sent.isEmpty {
                    state.cancelAgainAt = .now + Self.cancelInterval
                    self.armNextDeadline(state)
                }
            }
        }
    }

    /// A request that comes before the server has begun the statement is lost, so it is repeated.
    static let cancelInterval = Duration.milliseconds(250)

    private func cancelAgain(_ state: inout State) -> CancelRequest? {
        guard state.cancelsInFlight == 0, state.settling == nil,
            let operation = state.sent.first, operation.outcome != nil || operation.didTimeOut,
            state.mustSettle || operation.batch != nil
        else { return nil }
        let request = beginCancel(of: operation, &state)
        if request == nil { cancelLater(operation, &state) }
        return request
    }

    /// Once no cancel request is in the air and all answers are in, one round trip proves that none
    /// can reach a later statement.
    func settleIfPossible(_ state: inout State) {
        guard state.mustSettle, state.cancelsInFlight == 0, state.sent.isEmpty,
            state.settling == nil, !state.isLost, !state.isClosing
        else { return }
        let sentinel = Operation(Query(""), .simple)
        state.settling = sentinel
        send(sentinel, &state)
    }
}

/// Owns a `PGcancel`.
struct CancelRequest: @unchecked Sendable {
    // Proof: a PGcancel is made for use from another thread, and only `send` uses it, once.
    private let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    func send() {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            // A request that fails found no server to cancel at: the socket tells the rest.
            _ = PQcancel(pointer, buffer.baseAddress, Int32(buffer.count))
        }
        PQfreeCancel(pointer)
    }
}
