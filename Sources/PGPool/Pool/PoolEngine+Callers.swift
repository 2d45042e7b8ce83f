internal import PGPoolCore
internal import Synchronization

/// The callers' side: acquire, cancel, release.
extension PoolEngine {
    /// Takes a connection, at once if one is idle.
    func acquire(_ timeout: Duration?, _ site: RawCallSite) async throws -> Lease {
        let now = Instant.now
        let deadline = now + (timeout ?? configuration.acquire.timeout)
        let held = heldLease()
        var effects: [PoolEffect] = []
        let answer = state.withLock { state -> Answer in
            let decision = state.machine.acquire(
                deadline: deadline,
                holdsLease: held != nil,
                at: now,
                into: &state.actions
            )
            let answer = settle(decision, site, nil, held, at: now, &state)
            collect(&state, into: &effects)
            return answer
        }
        if !effects.isEmpty { perform(effects) }
        switch answer {
        case .lease(let lease):
            observe(.leaseAcquired(waitTime: .zero))
            return lease
        case .refused(let error):
            observe(.acquireFailed(code: error.code, waitTime: .zero))
            throw error
        case .waiting(let waiter):
            return try await wait(waiter)
        }
    }

    /// Takes a connection for one statement, which is sent the moment there is one.
    func start(_ run: StatementRun, _ timeout: Duration?, _ site: RawCallSite) {
        let now = Instant.now
        let deadline = now + (timeout ?? configuration.acquire.timeout)
        let held = heldLease()
        var effects: [PoolEffect] = []
        let answer = state.withLock { state -> Answer in
            let decision = state.machine.acquire(
                deadline: deadline,
                holdsLease: held != nil,
                at: now,
                into: &state.actions
            )
            let answer = settle(decision, site, run, held, at: now, &state)
            collect(&state, into: &effects)
            return answer
        }
        if !effects.isEmpty { perform(effects) }
        switch answer {
        case .lease(let lease):
            observe(.leaseAcquired(waitTime: .zero))
            run.waitEnded(.success(lease))
        case .refused(let error):
            observe(.acquireFailed(code: error.code, waitTime: .zero))
            run.waitEnded(.failure(error))
        case .waiting(let waiter):
            run.isWaiting(as: waiter)
        }
    }

    private enum Answer {
        case lease(Lease)
        case waiting(Waiter)
        case refused(PoolError)
    }

    private func settle(
        _ decision: AcquireDecision,
        _ site: RawCallSite,
        _ run: StatementRun?,
        _ held: HeldLease?,
        at now: Instant,
        _ state: inout State
    ) -> Answer {
        switch decision {
        case .granted(let id):
            guard let lease = beginLease(id, site, at: now, &state) else {
                return .refused(refusal(.shutDown, site, held, at: now, state))
            }
            return .lease(lease)
        case .queued(let id):
            let waiter = Waiter(site: site, enqueuedAt: now, statement: run)
            state.setWaiter(waiter, id)
            return .waiting(waiter)
        case .refused(let reason):
            return .refused(refusal(reason, site, held, at: now, state))
        }
    }

    /// The lease of this pool that the current task, or one it is a child of, holds.
    private func heldLease() -> HeldLease? {
        guard configuration.acquire.detectsNesting else { return nil }
        var held = HeldLease.current
        let engine = ObjectIdentifier(self)
        while let lease = held, lease.engine != engine { held = lease.outer }
        return held
    }

    private func wait(_ waiter: Waiter) async throws -> Lease {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let isOver = state.withLock { _ in
                    waiter.continuation = continuation
                    return waiter.outcome != nil
                }
                // Whoever set the outcome before this found no continuation to resume.
                if isOver { continuation.resume() }
            }
        } onCancel: {
            cancel(waiter)
        }
        switch waiter.outcome {
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
    func cancel(_ waiter: Waiter) {
        var continuation: UnsafeContinuation<Void, Never>?
        var effects: [PoolEffect] = []
        let isCancelled = state.withLock { state in
            guard let id = waiter.id,
                state.machine.cancel(id, at: .now, into: &state.actions)
            else { return false }
            _ = state.takeWaiter(id)
            waiter.outcome = .failure(CancellationError())
            continuation = waiter.continuation
            collect(&state, into: &effects)
            return true
        }
        guard isCancelled else { return }
        perform(effects)
        if let statement = waiter.statement {
            statement.wasCancelledWhileWaiting()
        } else {
            continuation?.resume()
        }
    }

    func beginLease(
        _ id: ConnectionID,
        _ site: RawCallSite?,
        at now: Instant,
        _ state: inout State
    ) -> Lease? {
        let index = Int(id.index)
        guard let session = state.entry(id)?.session else { return nil }
        state.entries[index]?.leasedAt = now
        state.entries[index]?.site = site
        return Lease(session: session, id: id, number: session.beginLease())
    }

    /// Takes a lease back: the connection goes to the next waiter, or to rest, or is cleaned or
    /// closed, as its condition says.
    func release(_ lease: Lease) {
        let condition = lease.session.endLease()
        let now = Instant.now
        var effects: [PoolEffect] = []
        let leasedAt = state.withLock { state -> Instant in
            let leasedAt = state.endLease(lease.id) ?? now
            state.machine.release(
                lease.id,
                Self.outcome(condition),
                at: now,
                into: &state.actions
            )
            collect(&state, into: &effects)
            return leasedAt
        }
        if !effects.isEmpty { perform(effects) }
        observe(.leaseReleased(useTime: now - leasedAt))
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
