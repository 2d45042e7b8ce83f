@testable import PGPoolCore

/// Events whose answer the model can judge at once.
extension PoolModel {
    mutating func acquire(_ timeout: Int64, _ holdsLease: Bool) throws {
        let deadline = ModelSettings.later(now, timeout)
        let wasFull = isFull
        let waitersBefore = queue.count
        let idle = machine.acquireIdle(
            on: thread,
            at: Instant(nanoseconds: recent),
            into: &actions
        )
        let decision =
            idle.map { .granted($0) }
            ?? machine.acquire(
                deadline: Instant(nanoseconds: deadline),
                holdsLease: holdsLease,
                on: thread,
                at: instant,
                into: &actions
            )
        switch decision {
        case .granted(let id):
            // Dials that the grant asks for come after it.
            try require(waitersBefore == 0, "granted past \(waitersBefore) waiters")
            try checkIsLastUsed(id)
            try grant(id, at: idle == nil ? now : recent)
        case .queued(let waiter):
            try require(!(holdsLease && wasFull), "a nested acquire waits for itself")
            try require(deadline > now, "queued with a deadline that passed")
            queue.append(Waiter(id: waiter, deadline: deadline))
            earliestWaiterDeadline = min(earliestWaiterDeadline, deadline)
            // The bound holds where the heap grows.
            let live = queue.count + total + actions.count
            try require(
                machine.timers.count <= 2 * live + 64 || deadline == ModelSettings.never,
                "\(machine.timers.count) deadlines for \(live) that live"
            )
        case .refused(let refusal):
            try checkRefusal(refusal, deadline, holdsLease, wasFull)
        }
    }

    func checkRefusal(
        _ refusal: AcquireRefusal,
        _ deadline: Int64,
        _ holdsLease: Bool,
        _ wasFull: Bool
    ) throws {
        let isRight =
            switch refusal {
            case .queueFull: queue.count == machine.settings.maxWaiters
            case .shutDown: phase != .running
            case .nested: holdsLease && wasFull
            case .timedOut: deadline <= now
            case .endpointLost: admission == 0 && !machine.settings.holdsCallers
            }
        try require(isRight, "refused without cause: \(refusal)")
    }

    /// The caller's thread: it changes with the time.
    var thread: UInt32 { UInt32(truncatingIfNeeded: now / 3 % threads) }

    /// The lease must be the one used last among those that need no round trip: of those given back on
    /// the caller's thread, if one of them is near the top of the stack, else of all.
    func checkIsLastUsed(_ id: ConnectionID) throws {
        let granted = connections[Int(id.index)]
        let isOfThread = thread != 0 && granted.thread == thread
        for (index, other) in connections.enumerated()
        where other.state == .idle && other.lastUsed > granted.lastUsed {
            try require(
                other.expiresAt <= now || isOfThread && other.thread != thread,
                "\(id) was granted, but \(self.id(at: index)) was used later"
            )
        }
        guard thread != 0, !isOfThread else { return }
        // None that was used at the same time makes it doubtful which is on top.
        let ofThread = connections.filter { $0.state == .idle && $0.thread == thread }
        guard let last = ofThread.max(by: { $0.lastUsed < $1.lastUsed }),
            ofThread.count(where: { $0.lastUsed == last.lastUsed }) == 1,
            connections.count(where: { $0.state == .idle && $0.lastUsed >= last.lastUsed }) <= 8
        else { return }
        try require(
            last.expiresAt <= now || now - last.provenAt >= settings.validationBypass,
            "\(id) was granted on thread \(thread), but \(last) was given back on it"
        )
    }

    /// What the world says of a connection.
    mutating func feedConnection(_ event: SimulatedEvent) throws {
        switch event {
        case .connected(let id): try connected(id)
        case .connectFailed(let id, let failure): try connectFailed(id, failure)
        case .closed(let id):
            if isCurrent(id), connections[Int(id.index)].state == .closing {
                move(Int(id.index), to: .free)
            }
            machine.closed(id, at: instant, into: &actions)
        case .lost(let id):
            // A dial fails or is answered; only what was open can be lost.
            if isCurrent(id), connections[Int(id.index)].state != .opening {
                connections[Int(id.index)].isLost = true
            }
            machine.connectionLost(id, at: instant, into: &actions)
        case .quarantineEnded(let id, let isUsable):
            if isCurrent(id), case .quarantined = connections[Int(id.index)].state {
                let index = Int(id.index)
                move(index, to: .idle)
                connections[index].provenAt = now
                connections[index].isDirty = false
                connections[index].isSpoilt = !isUsable
            }
            machine.quarantineEnded(id, isUsable: isUsable, at: instant, into: &actions)
        default:
            break
        }
    }

    private mutating func connected(_ id: ConnectionID) throws {
        let index = Int(id.index)
        let isAnswer = isCurrent(id) && connections[index].state == .opening
        if isAnswer {
            move(index, to: .idle)
            connections[index].lastUsed = now
            connections[index].provenAt = now
            isFailing = false
        }
        machine.connected(id, at: instant, into: &actions)
        if isAnswer {
            // Drawn by the machine; the model only knows the bounds.
            let expiresAt = machine.slots.slots[index].expiresAt.nanoseconds
            connections[index].expiresAt = expiresAt
            guard settings.maxLifetime != ModelSettings.never else { return }
            let latest = now + settings.maxLifetime
            try require(
                expiresAt <= latest && expiresAt >= latest - settings.maxLifetime / 4,
                "expires at \(expiresAt), at most \(latest)"
            )
        }
    }

    private mutating func connectFailed(_ id: ConnectionID, _ failure: ConnectFailure) throws {
        let index = Int(id.index)
        let state = isCurrent(id) ? connections[index].state : .free
        if state == .opening || state == .closing {
            move(index, to: .free)
        }
        machine.connectFailed(id, failure, at: instant, into: &actions)
        if state == .opening {
            try noteFailure()
        }
    }

    /// The endpoint failed: an attempt must be held back from now on, and not for too long.
    mutating func noteFailure() throws {
        isFailing = true
        let until = machine.backoffUntil?.nanoseconds ?? now
        try require(
            until > now && until <= now + max(settings.backoffMaximum, settings.backoffMinimum),
            "a dial failed at \(now) and the back-off ends at \(until)"
        )
    }
}
