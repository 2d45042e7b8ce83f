/// Connections: what is opened and probed for whom, and what becomes of the answers.
extension PoolStateMachine {
    /// Does what the present demand asks for: grants, probes, dials.
    ///
    /// Demand is the queue, and the idle connections that the configuration wants to see. Supply is
    /// what is on its way: opening or in quarantine.
    package mutating func provision(at now: Instant, into actions: inout Actions) {
        guard servesQueue else { return }
        while !waiters.isEmpty, mayLeaseMore, let id = slots.topIdle {
            if now >= slots[id].expiresAt {
                close(id, .lifetime, at: now, into: &actions)
            } else if isFresh(id, at: now) {
                makeAvailable(id, at: now, into: &actions)
            } else if waiters.count > counts.quarantined {
                quarantine(id, .validation, at: now, into: &actions)
            } else {
                break
            }
        }
        while wantsToOpen {
            guard mayOpen(at: now, into: &actions) else { return }
            open(at: now, into: &actions)
        }
    }

    private var servesQueue: Bool {
        switch lifecycle {
        case .running: !isPaused && admission > 0
        case .draining: admission > 0
        case .closing, .closed: false
        }
    }

    private var wantsToOpen: Bool {
        guard counts.total < limit else { return false }
        let spare = lifecycle == .running ? settings.minIdle : 0
        return counts.idle + counts.opening + counts.quarantined < waiters.count + spare
    }

    /// Whether a dial may start now. While the endpoint fails there is one prober at a time, and a
    /// pause before it.
    private mutating func mayOpen(at now: Instant, into actions: inout Actions) -> Bool {
        guard consecutiveFailures > 0 else {
            return counts.opening < min(settings.maxConcurrentOpenings, admission)
        }
        if let until = backoffUntil, now < until {
            if !isBackoffArmed {
                isBackoffArmed = true
                schedule(.backoff, at: until, into: &actions)
            }
            return false
        }
        return counts.opening == 0
    }

    private mutating func open(at now: Instant, into actions: inout Actions) {
        let id = slots.open(generation: generation, at: now)
        actions.append(.connect(id))
        wake(id, at: now + settings.openingTimeout, into: &actions)
    }

    /// Whether the identifier names a dial that the pool still waits for.
    package func isOpening(_ id: ConnectionID) -> Bool {
        slots.isCurrent(id) && slots[id].state == .opening
    }

    /// A dial succeeded.
    package mutating func connected(
        _ id: ConnectionID,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard slots.isCurrent(id), slots[id].state == .opening else { return }
        consecutiveFailures = 0
        backoffUntil = nil
        isBackoffArmed = false
        if let lifetime = settings.maxLifetime {
            let shave = Int64.random(
                in: 0...max(0, (lifetime / 4).wholeNanoseconds),
                using: &generator
            )
            slots[id].expiresAt = now + (lifetime - .nanoseconds(shave))
        }
        slots[id].lastUsed = now
        slots[id].lastProven = now
        if let reason = reasonToRetire(id, at: now) {
            close(id, reason, at: now, into: &actions)
        } else {
            makeAvailable(id, at: now, into: &actions)
        }
        provision(at: now, into: &actions)
    }

    /// A dial failed; nothing of it is left.
    package mutating func connectFailed(
        _ id: ConnectionID,
        _ failure: ConnectFailure,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard slots.isCurrent(id) else { return }
        switch slots[id].state {
        case .opening: noteFailure(at: now)
        case .closing: break
        case .free, .idle, .leased, .shared, .quarantined: return
        }
        slots.move(id, to: .free, at: now)
        if failure == .deterministic, counts.open == 0 {
            failAllWaiters(.connectFailed, into: &actions)
            finishQueueIfDrained(at: now, into: &actions)
        }
        settle(at: now, into: &actions)
    }

    /// Counts a failure and sets the instant of the next attempt.
    mutating func noteFailure(at now: Instant) {
        // Dials that were under way together fail together: they are one failure of the endpoint.
        if let until = backoffUntil, now < until { return }
        consecutiveFailures += 1
        isBackoffArmed = false
        backoffUntil =
            now + settings.backoff.delay(afterFailures: consecutiveFailures, using: &generator)
    }

    /// A connection is closed for good.
    package mutating func closed(
        _ id: ConnectionID,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard slots.isCurrent(id), slots[id].state == .closing else { return }
        slots.move(id, to: .free, at: now)
        settle(at: now, into: &actions)
    }

    /// The server or the network ended a connection, or libpq found it bad.
    package mutating func connectionLost(
        _ id: ConnectionID,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard slots.isCurrent(id) else { return }
        switch slots[id].state {
        case .idle, .quarantined:
            close(id, .lost, at: now, into: &actions)
            provision(at: now, into: &actions)
        case .leased, .shared:
            slots[id].doom = slots[id].doom ?? .lost
        case .opening, .closing, .free:
            break
        }
    }

    /// A probe or a reset is over.
    package mutating func quarantineEnded(
        _ id: ConnectionID,
        isUsable: Bool,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard slots.isCurrent(id), case .quarantined(let purpose) = slots[id].state else { return }
        slots[id].lastProven = now
        if !isUsable {
            close(id, purpose.closeReason, at: now, into: &actions)
        } else if let reason = reasonToRetire(id, at: now) {
            close(id, reason, at: now, into: &actions)
        } else {
            makeAvailable(id, at: now, into: &actions)
        }
        provision(at: now, into: &actions)
    }

    /// Holds the connection back until a round trip passed.
    mutating func quarantine(
        _ id: ConnectionID,
        _ purpose: QuarantinePurpose,
        at now: Instant,
        into actions: inout Actions
    ) {
        slots.move(id, to: .quarantined(purpose), at: now)
        fewestIdle = min(fewestIdle, slots.unneeded)
        actions.append(.probe(id, purpose))
        wake(id, at: now + settings.quarantineTimeout, into: &actions)
    }

    mutating func close(
        _ id: ConnectionID,
        _ reason: CloseReason,
        at now: Instant,
        into actions: inout Actions
    ) {
        slots.move(id, to: .closing, at: now)
        fewestIdle = min(fewestIdle, slots.unneeded)
        actions.append(.close(id, reason))
    }

    mutating func failAllWaiters(_ failure: WaiterFailure, into actions: inout Actions) {
        while let waiter = waiters.popFirst() {
            actions.append(.fail(waiter, failure))
        }
    }
}
