/// Time: deadlines of waiters, duties of connections, the idle window, back-off and drain.
extension PoolStateMachine {
    /// The instant that was asked for with `scheduleTimer` has come.
    package mutating func timerFired(at now: Instant, into actions: inout Actions) {
        // Nothing asks for a timer while what is due is worked off; the loop comes to it itself.
        armedAt = Instant(nanoseconds: .min)
        while let entry = timers.first, entry.deadline <= now {
            _ = timers.popFirst()
            guard isLive(entry) else { continue }
            fire(entry.subject, at: now, into: &actions)
        }
        armedAt = .distantFuture
        // Stale entries are dropped here, so that a timer is not asked for in vain.
        while let entry = timers.first, !isLive(entry) {
            _ = timers.popFirst()
        }
        armTimer(into: &actions)
    }

    private mutating func fire(
        _ subject: TimerSubject,
        at now: Instant,
        into actions: inout Actions
    ) {
        switch subject {
        case .waiter(let waiter):
            waiters.remove(waiter)
            actions.append(.fail(waiter, .timedOut))
            finishQueueIfDrained(at: now, into: &actions)
        case .connection(let id):
            slots[id].timerAt = .distantFuture
            performDuty(of: id, at: now, into: &actions)
        case .backoff:
            isBackoffArmed = false
            provision(at: now, into: &actions)
        case .idleWindow:
            isIdleWindowArmed = false
            closeUnneeded(at: now, into: &actions)
        case .drainQueue:
            endQueue(at: now, into: &actions)
        case .drainLeases:
            endLeases(at: now, into: &actions)
        }
    }

    /// Works out what a connection's time has come for.
    private mutating func performDuty(
        of id: ConnectionID,
        at now: Instant,
        into actions: inout Actions
    ) {
        let since = slots[id].since
        switch slots[id].state {
        case .opening:
            guard isDue(id, since + settings.openingTimeout, at: now, into: &actions)
            else { return }
            noteFailure(at: now)
            close(id, .openingTimeout, at: now, into: &actions)
            provision(at: now, into: &actions)
        case .quarantined(let purpose):
            guard isDue(id, since + settings.quarantineTimeout, at: now, into: &actions)
            else { return }
            close(id, purpose.closeReason, at: now, into: &actions)
            provision(at: now, into: &actions)
        case .leased, .shared:
            performLeaseDuty(of: id, at: now, into: &actions)
        case .idle:
            performIdleDuty(of: id, at: now, into: &actions)
        case .closing, .free:
            break
        }
    }

    private mutating func performLeaseDuty(
        of id: ConnectionID,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard now < slots[id].severAt else {
            close(id, .severed, at: now, into: &actions)
            provision(at: now, into: &actions)
            return
        }
        wake(id, at: slots[id].severAt, into: &actions)
        guard slots[id].state == .leased, let threshold = settings.longLeaseThreshold,
            !slots[id].longLeaseReported,
            isDue(id, slots[id].since + threshold, at: now, into: &actions)
        else { return }
        slots[id].longLeaseReported = true
        actions.append(.reportLongLease(id))
    }

    /// Whether `deadline` has come; asks to be woken then if it has not.
    private mutating func isDue(
        _ id: ConnectionID,
        _ deadline: Instant,
        at now: Instant,
        into actions: inout Actions
    ) -> Bool {
        guard now < deadline else { return true }
        wake(id, at: deadline, into: &actions)
        return false
    }

    /// When an idle connection next needs attention.
    @inline(__always)
    func nextIdleDuty(of id: ConnectionID) -> Instant? {
        var due = slots[id].expiresAt
        if let keepAliveInterval {
            let probe = slots[id].lastProven.nanoseconds &+ keepAliveInterval
            due = min(due, Instant(nanoseconds: probe))
        }
        return due == .distantFuture ? nil : due
    }

    private mutating func performIdleDuty(
        of id: ConnectionID,
        at now: Instant,
        into actions: inout Actions
    ) {
        if now >= slots[id].expiresAt {
            close(id, .lifetime, at: now, into: &actions)
            provision(at: now, into: &actions)
        } else if let interval = settings.keepAliveInterval,
            slots[id].lastProven + interval <= now
        {
            quarantine(id, .keepAlive, at: now, into: &actions)
        } else if let due = nextIdleDuty(of: id) {
            wake(id, at: due, into: &actions)
        }
    }

    /// Opens a window in which the fewest idle connections are noted.
    mutating func armIdleWindow(at now: Instant, into actions: inout Actions) {
        guard let window = settings.idleTimeout, !isIdleWindowArmed,
            slots.unneeded > settings.minIdle
        else { return }
        isIdleWindowArmed = true
        fewestIdle = slots.unneeded
        schedule(.idleWindow, at: now + window, into: &actions)
    }

    /// Closes what stayed idle all through the window: nobody needed it, so its loss makes no dial.
    private mutating func closeUnneeded(at now: Instant, into actions: inout Actions) {
        // Callers may be waiting for what is being kept alive.
        guard waiters.isEmpty else {
            armIdleWindow(at: now, into: &actions)
            return
        }
        var surplus = min(fewestIdle, slots.unneeded - settings.minIdle)
        while surplus > 0, let id = slots.bottomIdle {
            close(id, .idle, at: now, into: &actions)
            surplus -= 1
        }
        // The rest is just being kept alive, for nothing.
        for id in slots.all where surplus > 0 && slots[id].state == .quarantined(.keepAlive) {
            close(id, .idle, at: now, into: &actions)
            surplus -= 1
        }
        armIdleWindow(at: now, into: &actions)
    }
}
