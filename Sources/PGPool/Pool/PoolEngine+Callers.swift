internal import PGPoolCore
internal import Synchronization

/// The callers' side: acquire, cancel, release.
extension PoolEngine {
    /// Takes a connection, at once if one is idle.
    func acquire(_ timeout: Duration?, _ site: RawCallSite) async throws -> Lease {
        switch ask(timeout, site, nil) {
        case .lease(let lease): return lease
        case .refused(let error): throw error.value
        case .waiting(let waiter, _): return try await wait(waiter)
        }
    }

    /// Takes a connection for one statement, which is sent the moment there is one.
    func start(
        _ run: StatementRun,
        _ timeout: Duration?,
        _ site: RawCallSite,
        at now: Instant = .now
    ) {
        switch ask(timeout, site, run, at: now) {
        case .lease(let lease): run.start(by: lease)
        case .refused(let error): run.end(with: error.value)
        case .waiting(_, let id): run.isWaiting(as: id)
        }
    }

    /// The answer to a caller. It is handed on, never copied: what it refers to is counted by all
    /// threads in one place.
    enum Answer: ~Copyable {
        case lease(Lease)
        case waiting(Waiter, WaiterID)
        /// Boxed: an error is ten times as large as a lease.
        case refused(Boxed<PoolError>)
    }

    /// Asks the state machine for a connection. Never suspends.
    ///
    /// - Parameter time: the present, if it is known; it is read when it is needed.
    func ask(
        _ timeout: Duration?,
        _ site: RawCallSite,
        _ run: StatementRun?,
        at time: Instant? = nil
    ) -> Answer {
        // What is granted at once needs no exact time, unless somebody is told of it.
        var now = time ?? (observers.isEmpty ? .recent : .now)
        let task = HeldLease.currentTask
        let reactor = Reactor.current
        let thread = reactor?.number ?? 0
        let isShareable = run?.isShareable ?? false
        if isShareable,
            let session = reactor?.places.take(of: self, after: changes.load(ordering: .relaxed))
        {
            observe(.leaseAcquired(waitTime: .zero))
            return .lease(Lease(sharing: session, startedAt: now))
        }
        // Else the caller would wait for places that are kept for it.
        if let reactor, !reactor.places.isEmpty { reactor.giveBackPlaces(of: self) }
        var effects = PoolEffects()
        let answer = state.withLock { state -> Answer in
            let decision: AcquireDecision
            var held: ConnectionID?
            if !isShareable,
                let id = state.machine.acquireIdle(on: thread, at: now, into: &state.actions)
            {
                decision = .granted(id)
            } else {
                now = time ?? .now
                held = state.machine.isFull ? heldLease(task, state) : nil
                let deadline =
                    timeout.map { now + $0 }
                    ?? Instant(nanoseconds: now.nanoseconds &+ acquireTimeout)
                decision =
                    isShareable
                    ? state.machine.acquireShared(
                        deadline: deadline,
                        holdsLease: held != nil,
                        on: thread,
                        at: now,
                        into: &state.actions
                    )
                    : state.machine.acquire(
                        deadline: deadline,
                        holdsLease: held != nil,
                        on: thread,
                        at: now,
                        into: &state.actions
                    )
            }
            let answer: Answer
            switch decision {
            case .granted(let id):
                let lease =
                    isShareable
                    ? state.joinLease(id, at: now)
                    : state.beginLease(id, site, task, isStatement: run != nil, at: now)
                if let lease {
                    answer = .lease(lease)
                } else {
                    answer = .refused(Boxed(refusal(.shutDown, site, nil, at: now, state)))
                }
            case .queued(let id):
                let waiter = state.spareWaiters.make(
                    site: site,
                    task: task,
                    enqueuedAt: now,
                    statement: run
                )
                state.setWaiter(waiter, id)
                answer = .waiting(waiter, id)
            case .refused(let reason):
                answer = .refused(Boxed(refusal(reason, site, held, at: now, state)))
            }
            if !state.actions.isEmpty { collect(&state, into: &effects) }
            return answer
        }
        if !effects.isEmpty { perform(effects) }
        if !observers.isEmpty { observe(answer) }
        return answer
    }

    private func observe(_ answer: borrowing Answer) {
        switch answer {
        case .lease: observe(.leaseAcquired(waitTime: .zero))
        case .refused(let error): observe(.acquireFailed(code: error.value.code, waitTime: .zero))
        case .waiting: break
        }
    }

    /// The connection of this pool that the present task holds, or a task that it is a child of.
    @inline(__always)
    private func heldLease(_ task: UInt, _ state: State) -> ConnectionID? {
        guard configuration.acquire.detectsNesting else { return nil }
        if task != 0, let slot = state.holders.firstIndex(of: task) {
            return state.connections[slot]?.id
        }
        guard state.boundLeases > 0 else { return nil }
        var held = HeldLease.binding.get()
        let engine = ObjectIdentifier(self)
        while let lease = held {
            // The lease may have ended: a task that is no child may have outlived it.
            if lease.engine == engine, state.connection(lease.id)?.site != nil { return lease.id }
            held = lease.outer
        }
        return nil
    }

    /// Suspends until the waiter is resolved.
    func wait(_ waiter: Waiter) async throws -> Lease {
        let id = waiter.id
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                if !waiter.suspend(continuation) { continuation.resume() }
            }
        } onCancel: {
            if let id { cancel(id) }
        }
        let outcome = waiter.takeOutcome()
        waiter.free()
        switch outcome {
        case .success(let lease)?:
            // A grant that raced the cancellation goes to the next waiter.
            guard Task.isCancelled else { return lease }
            release(lease)
            throw CancellationError()
        case .failure(let error)?:
            throw error
        case nil:
            throw CancellationError()
        }
    }

    /// Takes a waiter out of the queue; nothing happens if it was resolved already.
    func cancel(_ id: WaiterID) {
        var cancelled: Waiter?
        var effects = PoolEffects()
        state.withLock { state in
            guard state.machine.cancel(id, at: .now, into: &state.actions),
                let waiter = state.takeWaiter(id)
            else { return }
            waiter.outcome = .failure(CancellationError())
            cancelled = waiter
            collect(&state, into: &effects)
        }
        perform(effects)
        guard let cancelled else { return }
        if let statement = cancelled.statement {
            cancelled.free()
            statement.wasCancelledWhileWaiting()
        } else {
            cancelled.wake()
        }
    }

    /// Takes a lease back: the connection goes to the next waiter, or to rest, or is cleaned or
    /// closed, as its condition says.
    func release(_ lease: Lease) {
        guard let connection = lease.connection else { return releaseShared(lease) }
        let condition = lease.session.endLease()
        // As in `ask`.
        var now = observers.isEmpty ? Instant.recent : .now
        let thread = lease.session.thread.load(ordering: .relaxed)
        var effects = PoolEffects()
        state.withLock { state in
            state.endLease(connection)
            if condition != .clean
                || !state.machine.releaseIdle(
                    connection.id,
                    on: thread,
                    at: now,
                    into: &state.actions
                )
            {
                now = .now
                state.machine.release(
                    connection.id,
                    Self.outcome(condition),
                    on: thread,
                    at: now,
                    into: &state.actions
                )
            }
            if !state.actions.isEmpty { collect(&state, into: &effects) }
        }
        if !effects.isEmpty { perform(effects) }
        observe(.leaseReleased(useTime: now - lease.startedAt))
    }

    /// A statement that may have neighbours is over, and did not come back with others.
    private func releaseShared(_ lease: Lease) {
        releaseShared(lease.session, 1, lease.session.sharedCondition())
        observe(.leaseReleased(useTime: .now - lease.startedAt))
    }

    func sessionAnswered(
        _ session: Session,
        _ statements: ArraySlice<Operation>,
        _ condition: SessionCondition
    ) {
        releaseShared(session, statements.count, condition, keptBy: Reactor.current)
        guard !observers.isEmpty else { return }
        for case let run as StatementRun in statements {
            if let lease = run.lease { observe(.leaseReleased(useTime: .now - lease.startedAt)) }
        }
    }

    func placesLeft(on session: Session, count: Int) {
        releaseShared(session, count, session.sharedCondition(), isAnswered: false)
    }

    /// Gives places back, or has the reactor, on whose thread this is called, keep them for its tasks.
    private func releaseShared(
        _ session: Session,
        _ count: Int,
        _ condition: SessionCondition,
        keptBy reactor: Reactor? = nil,
        isAnswered: Bool = true
    ) {
        let now = Instant.now
        let thread = session.thread.load(ordering: .relaxed)
        // Not on a connection that has just moved to another thread.
        let keeps = reactor.map { $0.runsTasks && $0.number == thread } ?? false
        var effects = PoolEffects()
        let (kept, change) = state.withLock { state in
            let kept = state.machine.releaseShared(
                session.id,
                Self.outcome(condition),
                count: count,
                keeps: keeps,
                isAnswered: isAnswered,
                on: thread,
                at: now,
                into: &state.actions
            )
            // Nobody is to join it any more.
            if condition != .clean { changes.wrappingAdd(1, ordering: .relaxed) }
            if !state.actions.isEmpty { collect(&state, into: &effects) }
            return (kept, changes.load(ordering: .relaxed))
        }
        if kept > 0 { reactor?.places.keep(kept, on: session, after: change) }
        if !effects.isEmpty { perform(effects) }
    }

    private static func outcome(_ condition: SessionCondition) -> ReleaseOutcome {
        switch condition {
        case .clean: .reusable
        case .needsReset: .needsReset
        case .busy: .unusable(.unusable)
        case .lost: .unusable(.lost)
        }
    }
}
