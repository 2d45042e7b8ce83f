/// Statements that share connections when every connection is taken.
///
/// A shared connection carries single statements of several callers, each a transaction of its own.
/// Callers that want a connection for themselves are not starved: for each of them that waits, one
/// shared connection takes no further statements, and goes to the oldest waiter when it is empty.
/// Nor are statements: a connection that becomes free goes to the oldest waiter of either kind, and
/// if that is a statement, others that may share come along.
extension PoolStateMachine {
    /// A caller wants one statement run, on a connection that may carry others.
    ///
    /// `granted` means that the statement goes onto the connection now; it comes back through
    /// `releaseShared`.
    package mutating func acquireShared(
        deadline: Instant,
        holdsLease: Bool = false,
        on thread: UInt32 = 0,
        at now: Instant,
        into actions: inout Actions
    ) -> AcquireDecision {
        guard settings.sharedDepth > 1 else {
            return acquire(
                deadline: deadline,
                holdsLease: holdsLease,
                on: thread,
                at: now,
                into: &actions
            )
        }
        guard lifecycle == .running else { return .refused(.shutDown) }
        if !isPaused {
            if waiters.isEmpty, mayLeaseMore,
                let id = takeFreshIdle(on: thread, at: now, into: &actions)
            {
                begin(id, at: now, into: &actions)
                return .granted(id)
            }
            if waiters.shareableCount == 0, let id = joinable(at: now) {
                slots[id].load += 1
                return .granted(id)
            }
        }
        if let refusal = reasonToRefuse(deadline, holdsLease, at: now) {
            provision(at: now, into: &actions)
            return .refused(refusal)
        }
        let waiter = waiters.append(deadline: deadline, isShareable: true, at: now)
        schedule(.waiter(waiter), at: deadline, into: &actions)
        provision(at: now, into: &actions)
        return .queued(waiter)
    }

    /// Statements are over, and others may still be on the connection.
    ///
    /// Who is about to run the tasks that wait for them may keep places for what these ask for next, so
    /// that not each of them comes here. A kept place counts as a statement that is under way, until it is
    /// released as one. None is kept while anybody waits, nor where another connection carries less.
    ///
    /// - Parameters:
    ///   - count: how many.
    ///   - keeps: whether to keep places.
    ///   - isAnswered: whether the server has just answered; else places come back that were kept.
    /// - Returns: how many places are kept.
    @discardableResult
    package mutating func releaseShared(
        _ id: ConnectionID,
        _ outcome: ReleaseOutcome,
        count: Int = 1,
        keeps: Bool = false,
        isAnswered: Bool = true,
        on thread: UInt32 = 0,
        at now: Instant,
        into actions: inout Actions
    ) -> Int {
        guard slots.isCurrent(id), slots[id].state == .shared else { return 0 }
        slots[id].thread = thread
        let kept = keeps && outcome == .reusable ? placesToKeep(of: count, on: id, at: now) : 0
        slots[id].load -= count - kept
        if slots[id].load <= settings.sharedDepth / 2 { slots[id].isFull = false }
        if isAnswered {
            slots[id].lastUsed = now
            slots[id].lastProven = now
        }
        if outcome == .needsReset { slots[id].isDirty = true }
        if case .unusable(let reason) = outcome {
            close(id, reason, at: now, into: &actions)
            provision(at: now, into: &actions)
        } else if slots[id].load > 0 {
            serveShareable(at: now, into: &actions)
        } else if let reason = slots[id].doom ?? reasonToRetire(id, at: now) {
            close(id, reason, at: now, into: &actions)
            provision(at: now, into: &actions)
        } else if slots[id].isDirty {
            quarantine(id, .reset, at: now, into: &actions)
            if admission < .max { provision(at: now, into: &actions) }
        } else {
            makeAvailable(id, at: now, into: &actions)
        }
        return kept
    }

    /// As many as leave no other connection with less to do.
    private func placesToKeep(of count: Int, on id: ConnectionID, at now: Instant) -> Int {
        guard lifecycle == .running, !isPaused, waiters.isEmpty, mayShareMore,
            counts.leased + counts.shared <= admission, isSound(id.index, at: now)
        else { return 0 }
        var least = Int.max
        for index in slots.shared where index != id.index && moves(index, at: now) {
            least = min(least, slots.slots[Int(index)].load)
        }
        return min(count, max(0, least - (slots[id].load - count)))
    }

    /// A connection that carried nothing carries one statement.
    private mutating func begin(_ id: ConnectionID, at now: Instant, into actions: inout Actions) {
        slots.move(id, to: .shared, at: now)
        slots[id].load = 1
        slots[id].isFull = false
        slots[id].isDirty = false
        fewestIdle = min(fewestIdle, slots.unneeded)
        if counts.idle < settings.minIdle {
            provision(at: now, into: &actions)
        }
    }

    /// The oldest waiter is a statement: it gets the connection, and under saturation its share of
    /// those behind it come along, also past callers that want a connection for themselves.
    mutating func share(_ id: ConnectionID, at now: Instant, into actions: inout Actions) {
        guard let first = waiters.popFirstShareable() else { return }
        actions.append(.join(id, first))
        begin(id, at: now, into: &actions)
        var room = waiters.shareableCount / (1 + counts.opening + counts.quarantined)
        while room > 0, isSaturated, slots[id].load < settings.sharedDepth,
            let waiter = waiters.popFirstShareable()
        {
            join(id, waiter, into: &actions)
            room -= 1
        }
        finishQueueIfDrained(at: now, into: &actions)
    }

    /// One more statement that waited goes onto the connection.
    private mutating func join(_ id: ConnectionID, _ waiter: WaiterID, into actions: inout Actions)
    {
        slots[id].load += 1
        if slots[id].load >= settings.sharedDepth { slots[id].isFull = true }
        actions.append(.join(id, waiter))
    }

    /// Puts statements that wait onto connections that have room.
    private mutating func serveShareable(at now: Instant, into actions: inout Actions) {
        guard waiters.shareableCount > 0, !isPaused else { return }
        while let id = joinable(at: now), !slots[id].isFull,
            let waiter = waiters.popFirstShareable()
        {
            join(id, waiter, into: &actions)
        }
        finishQueueIfDrained(at: now, into: &actions)
    }

    /// Whether no connection is to be had but by sharing: none idle, and no room to grow or an
    /// endpoint that lets nobody in.
    @inline(__always)
    private var isSaturated: Bool {
        slots.idle.isEmpty && (counts.total >= limit || consecutiveFailures > 0)
    }

    /// Whether statements may go onto connections that carry others.
    @inline(__always)
    private var mayShareMore: Bool {
        isSaturated && admission > 0 && counts.total - counts.closing <= limit
    }

    /// The least loaded connection that may take one more statement.
    ///
    /// For each caller that waits for a connection of its own, and for whom none is on its way, the
    /// least loaded one is passed over: it will be empty first.
    private mutating func joinable(at now: Instant) -> ConnectionID? {
        guard !slots.shared.isEmpty, mayShareMore else { return nil }
        let passedOver = waiters.exclusiveCount - counts.opening - counts.quarantined
        var best = leastLoaded(after: nil, at: now)
        var left = passedOver
        while left > 0, let least = best {
            best = leastLoaded(after: least, at: now)
            left -= 1
        }
        guard let best, slots.slots[Int(best)].load < settings.sharedDepth else { return nil }
        return slots.id(at: best)
    }

    /// The next in the order of load, and of slots where that is equal, among those that move.
    @inline(__always)
    private func leastLoaded(after previous: UInt32?, at now: Instant) -> UInt32? {
        var floor: (load: Int, index: UInt32)?
        if let previous { floor = (slots.slots[Int(previous)].load, previous) }
        var best: (load: Int, index: UInt32)?
        for index in slots.shared where moves(index, at: now) {
            let rank = (load: slots.slots[Int(index)].load, index: index)
            if let floor, rank <= floor { continue }
            if let found = best, found <= rank { continue }
            best = rank
        }
        return best?.index
    }

    /// Whether the connection is sound, and answers came lately: what would join a slow statement would
    /// wait for it.
    @inline(__always)
    private func moves(_ index: UInt32, at now: Instant) -> Bool {
        let id = slots.id(at: index)
        let lastMove = max(slots[id].lastUsed.nanoseconds, slots[id].since.nanoseconds)
        return now.nanoseconds - lastMove <= sharedPatience && isSound(index, at: now)
    }

    /// Whether the connection may go on being shared.
    @inline(__always)
    private func isSound(_ index: UInt32, at now: Instant) -> Bool {
        // Field by field: the whole slot would be copied.
        let id = slots.id(at: index)
        return slots[id].doom == nil && !slots[id].isDirty && slots[id].generation == generation
            && now < slots[id].expiresAt
    }
}
