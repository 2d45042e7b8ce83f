/// Callers: acquire, cancel, release.
extension PoolStateMachine {
    /// A caller wants a connection for itself.
    ///
    /// `deadline` is when the caller gives up; it covers queueing, validation and opening.
    /// `holdsLease` says whether the caller's task already holds a lease of this pool. `thread` names the
    /// thread that serves the caller; 0 if none does in particular.
    package mutating func acquire(
        deadline: Instant,
        holdsLease: Bool = false,
        on thread: UInt32 = 0,
        at now: Instant,
        into actions: inout Actions
    ) -> AcquireDecision {
        if let id = acquireIdle(on: thread, at: now, into: &actions) { return .granted(id) }
        guard lifecycle == .running else { return .refused(.shutDown) }
        if let refusal = reasonToRefuse(deadline, holdsLease, at: now) {
            // What was found too old above is replaced all the same.
            provision(at: now, into: &actions)
            return .refused(refusal)
        }
        let waiter = waiters.append(deadline: deadline, at: now)
        schedule(.waiter(waiter), at: deadline, into: &actions)
        provision(at: now, into: &actions)
        return .queued(waiter)
    }

    /// Grants an idle connection, if the caller can have one at once. Else nothing is decided but that
    /// connections which outlived their time are closed, and `acquire` must follow.
    ///
    /// `now` may lag a few milliseconds behind the other events', as `releaseIdle`'s may.
    package mutating func acquireIdle(
        on thread: UInt32 = 0,
        at now: Instant,
        into actions: inout Actions
    ) -> ConnectionID? {
        guard lifecycle == .running, waiters.isEmpty, !isPaused, mayLeaseMore,
            let id = takeFreshIdle(on: thread, at: now, into: &actions)
        else { return nil }
        lease(id, at: now, into: &actions)
        return id
    }

    mutating func reasonToRefuse(
        _ deadline: Instant,
        _ holdsLease: Bool,
        at now: Instant
    ) -> AcquireRefusal? {
        if admission == 0, !settings.holdsCallers { return .endpointLost }
        if holdsLease, isFull { return .nested }
        if deadline <= now { return .timedOut }
        return waiters.count < settings.maxWaiters ? nil : .queueFull
    }

    /// Whether an acquire made now would have to wait for a lease to come back. What is shared comes back by
    /// itself.
    package var isFull: Bool {
        // Not because it changes anything: see the type.
        mutating get { counts.leased >= limit }
    }

    /// A caller stops waiting; when it was the last one that a drain served, the drain goes on.
    ///
    /// False: it was resolved already, and a lease it was granted must come back through `release`.
    package mutating func cancel(
        _ waiter: WaiterID,
        at now: Instant,
        into actions: inout Actions
    ) -> Bool {
        guard waiters.remove(waiter) else { return false }
        finishQueueIfDrained(at: now, into: &actions)
        return true
    }

    /// A lease comes back.
    ///
    /// A lease that was closed by force meanwhile is no longer known; then nothing happens.
    package mutating func release(
        _ id: ConnectionID,
        _ outcome: ReleaseOutcome,
        on thread: UInt32 = 0,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard slots.isCurrent(id), slots[id].state == .leased else { return }
        slots[id].thread = thread
        slots[id].lastUsed = now
        slots[id].lastProven = now
        if let reason = reasonToRetire(id, outcome, at: now) {
            close(id, reason, at: now, into: &actions)
            provision(at: now, into: &actions)
        } else if outcome == .needsReset {
            quarantine(id, .reset, at: now, into: &actions)
            // One lease less: the endpoint may admit another.
            if admission < .max { provision(at: now, into: &actions) }
        } else {
            makeAvailable(id, at: now, into: &actions)
        }
    }

    /// Lays a connection on the idle stack that comes back clean and that nobody waits for. False: nothing
    /// is decided, and `release` must follow.
    package mutating func releaseIdle(
        _ id: ConnectionID,
        on thread: UInt32 = 0,
        at now: Instant,
        into actions: inout Actions
    ) -> Bool {
        guard waiters.isEmpty, !isPaused, slots.isCurrent(id), slots[id].state == .leased,
            slots[id].doom == nil, reasonToRetire(id, at: now) == nil
        else { return false }
        slots[id].thread = thread
        // Others may have come back by a clock that is ahead of the caller's.
        slots[id].lastUsed = max(now, slots.topIdle.map { slots[$0].lastUsed } ?? now)
        slots[id].lastProven = now
        layIdle(id, at: now, into: &actions)
        return true
    }

    /// Whether the endpoint admits one lease more.
    @inline(__always)
    var mayLeaseMore: Bool { counts.leased + counts.shared < admission }

    /// Whether it admits a lease of this connection, which may be at the end of one.
    @inline(__always)
    private func mayLease(_ id: ConnectionID) -> Bool {
        let isInUse = slots[id].state == .leased || slots[id].state == .shared
        return counts.leased + counts.shared - (isInUse ? 1 : 0) < admission
    }

    @inline(__always)
    private func reasonToRetire(
        _ id: ConnectionID,
        _ outcome: ReleaseOutcome,
        at now: Instant
    ) -> CloseReason? {
        if case .unusable(let reason) = outcome { return reason }
        return slots[id].doom ?? reasonToRetire(id, at: now)
    }

    /// Why a connection that is open must not be used for a further lease, if there is a reason.
    @inline(__always)
    func reasonToRetire(_ id: ConnectionID, at now: Instant) -> CloseReason? {
        switch lifecycle {
        case .closing, .closed: return .shutdown
        case .running, .draining: break
        }
        if slots[id].generation != generation { return .evicted }
        if counts.total - counts.closing > limit { return .surplus }
        if now >= slots[id].expiresAt { return .lifetime }
        return nil
    }

    /// The idle connection used last, if it can be handed out without a round trip; the one used last
    /// on the caller's thread, if there is one: its answers need not be handed to another.
    ///
    /// Connections that have outlived their time are closed on the way.
    mutating func takeFreshIdle(
        on thread: UInt32,
        at now: Instant,
        into actions: inout Actions
    ) -> ConnectionID? {
        if thread != 0, let id = slots.topIdle(on: thread), now < slots[id].expiresAt,
            isFresh(id, at: now)
        {
            return id
        }
        while let id = slots.topIdle {
            if now >= slots[id].expiresAt {
                close(id, .lifetime, at: now, into: &actions)
                continue
            }
            return isFresh(id, at: now) ? id : nil
        }
        return nil
    }

    /// Whether the server was heard of so lately that a round trip can be saved.
    @inline(__always)
    func isFresh(_ id: ConnectionID, at now: Instant) -> Bool {
        max(0, now.nanoseconds - slots[id].lastProven.nanoseconds) < validationBypass
    }

    /// Gives the connection to a caller.
    mutating func lease(_ id: ConnectionID, at now: Instant, into actions: inout Actions) {
        slots.move(id, to: .leased, at: now)
        slots[id].longLeaseReported = false
        fewestIdle = min(fewestIdle, slots.unneeded)
        if let threshold = longLeaseThreshold {
            wake(id, at: Instant(nanoseconds: now.nanoseconds &+ threshold), into: &actions)
        }
        if counts.idle < settings.minIdle {
            provision(at: now, into: &actions)
        }
    }

    /// Hands the connection to the oldest waiter, or lays it on the idle stack.
    mutating func makeAvailable(
        _ id: ConnectionID,
        at now: Instant,
        into actions: inout Actions
    ) {
        let maySwap = !isPaused && mayLease(id)
        if maySwap, waiters.isFirstShareable {
            share(id, at: now, into: &actions)
            return
        }
        if maySwap, let waiter = waiters.popFirst() {
            // First this grant: the lease may ask for supply, and that may grant to those behind.
            actions.append(.grant(id, to: waiter))
            lease(id, at: now, into: &actions)
            finishQueueIfDrained(at: now, into: &actions)
            return
        }
        layIdle(id, at: now, into: &actions)
    }

    private mutating func layIdle(
        _ id: ConnectionID,
        at now: Instant,
        into actions: inout Actions
    ) {
        slots.move(id, to: .idle, at: now)
        if let due = nextIdleDuty(of: id) {
            wake(id, at: due, into: &actions)
        }
        armIdleWindow(at: now, into: &actions)
    }
}
