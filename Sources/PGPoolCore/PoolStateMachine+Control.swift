/// The owner's levers: start, resize, evict, pause, drain.
extension PoolStateMachine {
    /// Opens what the configuration wants idle from the first moment.
    package mutating func start(at now: Instant, into actions: inout Actions) {
        provision(at: now, into: &actions)
    }

    /// Changes the limit. A smaller one closes idle connections at once and leases as they return.
    ///
    /// - Precondition: `limit` is at least 1.
    package mutating func resize(to limit: Int, at now: Instant, into actions: inout Actions) {
        self.limit = limit
        while counts.total - counts.closing > limit, let id = slots.bottomIdle {
            close(id, .surplus, at: now, into: &actions)
        }
        provision(at: now, into: &actions)
    }

    /// Starts a new generation: no connection opened before serves a further lease.
    ///
    /// - Parameter severAfter: how long leases may go on, then their connections are closed under
    ///   them; `nil`: as long as they like.
    package mutating func evict(
        severAfter: Duration? = nil,
        at now: Instant,
        into actions: inout Actions
    ) {
        generation += 1
        let isHostLost = severAfter.map { $0 <= .zero } ?? false
        for id in slots.all {
            switch slots[id].state {
            case .idle, .quarantined, .opening:
                close(id, isHostLost ? .severed : .evicted, at: now, into: &actions)
            case .leased, .shared: sever(id, after: severAfter, at: now, into: &actions)
            case .closing, .free: break
            }
        }
        provision(at: now, into: &actions)
    }

    private mutating func sever(
        _ id: ConnectionID,
        after grace: Duration?,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard let grace else { return }
        guard grace > .zero else { return close(id, .severed, at: now, into: &actions) }
        slots[id].severAt = min(slots[id].severAt, now + grace)
        wake(id, at: slots[id].severAt, into: &actions)
    }

    /// The endpoint admits so many leases at once: none while it has no writer, more and more of
    /// them when one is found. Leases that are out are left alone.
    package mutating func admit(_ count: Int, at now: Instant, into actions: inout Actions) {
        admission = max(0, count)
        if admission == 0, !settings.holdsCallers {
            failAllWaiters(.endpointLost, into: &actions)
            finishQueueIfDrained(at: now, into: &actions)
        }
        provision(at: now, into: &actions)
    }

    /// The endpoint is another one, or known to answer: dials start without a pause.
    package mutating func forgetFailures(at now: Instant, into actions: inout Actions) {
        consecutiveFailures = 0
        backoffUntil = nil
        isBackoffArmed = false
        provision(at: now, into: &actions)
    }

    /// Stops granting. Callers queue, and their deadlines go on.
    ///
    /// A drain serves its queue, so it can't be paused.
    package mutating func pause() {
        if lifecycle == .running { isPaused = true }
    }

    package mutating func resume(at now: Instant, into actions: inout Actions) {
        isPaused = false
        provision(at: now, into: &actions)
    }

    /// Refuses new callers, serves the queue until one instant, waits for leases until another.
    ///
    /// A further call can only bring the instants forward.
    package mutating func drain(
        queueUntil: Instant,
        leasesUntil: Instant,
        at now: Instant,
        into actions: inout Actions
    ) {
        switch lifecycle {
        case .running:
            isPaused = false
            enterDrain(queueUntil, leasesUntil, at: now, into: &actions)
        case .draining(let oldQueue, let oldLeases):
            enterDrain(
                min(queueUntil, oldQueue),
                min(leasesUntil, oldLeases),
                scheduled: oldQueue,
                at: now,
                into: &actions
            )
        case .closing(let oldLeases):
            guard leasesUntil < oldLeases else { return }
            lifecycle = .closing(leasesUntil: leasesUntil)
            scheduleOrEndLeases(at: now, leasesUntil, into: &actions)
        case .closed:
            break
        }
    }

    private mutating func enterDrain(
        _ queueUntil: Instant,
        _ leasesUntil: Instant,
        scheduled: Instant = .distantFuture,
        at now: Instant,
        into actions: inout Actions
    ) {
        lifecycle = .draining(queueUntil: queueUntil, leasesUntil: leasesUntil)
        guard now < queueUntil else {
            endQueue(at: now, into: &actions)
            return
        }
        provision(at: now, into: &actions)
        finishQueueIfDrained(at: now, into: &actions)
        guard case .draining = lifecycle, queueUntil < scheduled else { return }
        schedule(.drainQueue, at: queueUntil, into: &actions)
    }

    /// Ends the first phase of a drain as soon as nobody waits.
    mutating func finishQueueIfDrained(at now: Instant, into actions: inout Actions) {
        if case .draining = lifecycle, waiters.isEmpty {
            endQueue(at: now, into: &actions)
        }
    }

    /// Fails whoever still waits and closes all that is not leased.
    mutating func endQueue(at now: Instant, into actions: inout Actions) {
        guard case .draining(_, let leasesUntil) = lifecycle else { return }
        lifecycle = .closing(leasesUntil: leasesUntil)
        failAllWaiters(.shutDown, into: &actions)
        for id in slots.all {
            switch slots[id].state {
            case .idle, .quarantined, .opening: close(id, .shutdown, at: now, into: &actions)
            case .leased, .shared, .closing, .free: break
            }
        }
        scheduleOrEndLeases(at: now, leasesUntil, into: &actions)
        settle(at: now, into: &actions)
    }

    private mutating func scheduleOrEndLeases(
        at now: Instant,
        _ leasesUntil: Instant,
        into actions: inout Actions
    ) {
        if leasesUntil <= now {
            endLeases(at: now, into: &actions)
        } else if counts.leased + counts.shared > 0 {
            schedule(.drainLeases, at: leasesUntil, into: &actions)
        }
    }

    /// Closes the leases that did not come back in time.
    mutating func endLeases(at now: Instant, into actions: inout Actions) {
        guard case .closing(let leasesUntil) = lifecycle, leasesUntil <= now else { return }
        for id in slots.all where slots[id].state == .leased || slots[id].state == .shared {
            close(id, .shutdown, at: now, into: &actions)
        }
        settle(at: now, into: &actions)
    }

    /// After a slot became free: serves the demand, or ends the pool's life with its last slot.
    mutating func settle(at now: Instant, into actions: inout Actions) {
        guard case .closing = lifecycle else {
            provision(at: now, into: &actions)
            return
        }
        if counts.total == 0 {
            lifecycle = .closed
            timers = TimerHeap()
            actions.append(.finish)
        }
    }
}
