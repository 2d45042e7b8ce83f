@testable import PGPoolCore

/// Statements that share connections, as the world sees them.
extension PoolModel {
    mutating func acquireShared(_ timeout: Int64, _ holdsLease: Bool) throws {
        guard machine.settings.sharedDepth > 1 else {
            try acquire(timeout, holdsLease)
            return
        }
        let deadline = ModelSettings.later(now, timeout)
        let wasFull = isFull
        let decision = machine.acquireShared(
            deadline: Instant(nanoseconds: deadline),
            holdsLease: holdsLease,
            on: thread,
            at: instant,
            into: &actions
        )
        switch decision {
        case .granted(let id):
            try require(!queue.contains { $0.isShareable }, "granted past \(queue)")
            if isCurrent(id), connections[Int(id.index)].state == .shared {
                // What was found too old on the way is closed before the pool counts as full.
                try performAll()
                actions.removeAll(keepingCapacity: true)
            } else {
                try require(queue.isEmpty, "a connection of its own past \(queue)")
                try checkIsLastUsed(id)
            }
            try carry(id)
        case .queued(let waiter):
            try require(!(holdsLease && wasFull), "a nested acquire waits for itself")
            try require(deadline > now, "queued with a deadline that passed")
            try require(
                queue.contains { $0.isShareable } || isPaused || !hasRoom,
                "waits although a shared connection could take it"
            )
            queue.append(Waiter(id: waiter, deadline: deadline, isShareable: true))
            earliestWaiterDeadline = min(earliestWaiterDeadline, deadline)
        case .refused(let refusal):
            try checkRefusal(refusal, deadline, holdsLease, wasFull)
        }
    }

    mutating func releaseShared(
        _ id: ConnectionID,
        _ outcome: ReleaseOutcome,
        count: Int = 1,
        keeps: Bool = false
    ) throws {
        let mayKeep = keeps ? placesToKeep(of: count, on: id) : 0
        let kept = machine.releaseShared(
            id,
            outcome,
            count: count,
            keeps: keeps,
            on: thread,
            at: instant,
            into: &actions
        )
        try require(
            kept == mayKeep,
            "\(kept) of \(count) places are kept, not \(mayKeep): \(connections), \(queue)"
        )
        guard isCurrent(id), connections[Int(id.index)].state == .shared else { return }
        let index = Int(id.index)
        connections[index].load -= count - kept
        if connections[index].load <= machine.settings.sharedDepth / 2 {
            connections[index].isFull = false
        }
        connections[index].lastUsed = now
        connections[index].thread = thread
        connections[index].provenAt = now
        if outcome == .needsReset { connections[index].wasChanged = true }
        if case .unusable = outcome {
            connections[index].isSpoilt = true
        } else if connections[index].load == 0 {
            move(index, to: .idle)
            connections[index].isDirty = connections[index].wasChanged
            connections[index].wasChanged = false
        }
    }

    /// One after the other, as long as nobody waits and no other connection has less to do.
    private func placesToKeep(of count: Int, on id: ConnectionID) -> Int {
        let index = Int(id.index)
        guard isCurrent(id), queue.isEmpty, phase == .running, !isPaused, isSaturated,
            admission > 0, leased <= admission, total - closing <= limit,
            connections[index].state == .shared,
            isSound(index)
        else { return 0 }
        let others = connections.indices.filter { $0 != index && isMoving($0) }
        var kept = 0
        while kept < count {
            let load = connections[index].load - count + kept
            guard others.allSatisfy({ connections[$0].load > load }) else { break }
            kept += 1
        }
        return kept
    }

    /// A waiter's statement goes onto a connection.
    mutating func join(_ id: ConnectionID, _ waiter: WaiterID) throws {
        guard let place = queue.firstIndex(where: { $0.isShareable }), queue[place].id == waiter
        else {
            throw Violation("join of \(waiter), the queue is \(queue)")
        }
        if isCurrent(id), connections[Int(id.index)].state == .idle {
            try require(place == 0, "a connection of its own for \(waiter), the queue is \(queue)")
        }
        try require(!connections[Int(id.index)].isFull, "\(waiter) joins \(id), which is full")
        let isNew = try carry(id, comesAlong: newlyShared.contains(id))
        let load = connections[Int(id.index)].load
        if !isNew, load == machine.settings.sharedDepth { connections[Int(id.index)].isFull = true }
        if isNew { newlyShared.append(id) }
        removeWaiter(at: place)
        grants.append(Grant(connection: id, waiter: waiter, isShared: true))
    }

    /// A statement goes onto a connection, alone or beside others.
    @discardableResult
    private mutating func carry(_ id: ConnectionID, comesAlong: Bool = false) throws -> Bool {
        let index = Int(id.index)
        try require(isCurrent(id), "a statement on \(id), which is gone")
        guard connections[index].state == .shared else {
            try grant(id, at: now)
            move(index, to: .shared)
            connections[index].load = 1
            connections[index].isFull = false
            connections[index].wasChanged = false
            return true
        }
        // Those that come along with the first of them were chosen before others moved.
        try require(
            comesAlong || mayJoin(index, passingOver: exclusiveWithoutSupply),
            "a statement joins \(id): \(connections[index]), beside \(queue)"
        )
        try require(total - closing <= limit, "shares \(id), which is surplus")
        try require(admission > 0, "shares \(id) while nobody is admitted")
        try require(isSaturated, "shares \(id) although \(machine.counts) of \(limit)")
        try require(
            connections[index].load < machine.settings.sharedDepth,
            "a statement on \(id), full with \(connections[index].load)"
        )
        connections[index].load += 1
        return false
    }

    /// Whether every connection is some caller's own.
    var isFull: Bool { connections.count { $0.state == .leased } >= limit }

    /// Whether a statement that comes now could share.
    private var hasRoom: Bool {
        isSaturated && admission > 0 && total - closing <= limit
            && connections.indices.contains {
                mayJoin($0, passingOver: exclusiveWithoutSupply)
                    && connections[$0].load < machine.settings.sharedDepth
            }
    }

    private var isSaturated: Bool {
        var idle = 0
        for connection in connections where connection.state == .idle { idle += 1 }
        return idle == 0 && (total >= limit || isFailing)
    }

    /// Callers that want a connection of their own, and for whom none is on its way.
    private var exclusiveWithoutSupply: Int {
        var coming = 0
        for connection in connections {
            switch connection.state {
            case .opening, .quarantined: coming += 1
            default: break
            }
        }
        return queue.count { !$0.isShareable } - coming
    }

    /// Whether enough connections with less to do are left alone for callers that wait.
    private func mayJoin(_ index: Int, passingOver: Int) -> Bool {
        guard isMoving(index) else { return false }
        var less = 0
        for other in connections.indices where other != index && isMoving(other) {
            let (mine, its) = (connections[index].load, connections[other].load)
            if its < mine || its == mine && other < index { less += 1 }
        }
        return less == max(0, passingOver)
    }

    private func isMoving(_ index: Int) -> Bool {
        let lastMove = max(connections[index].lastUsed, connections[index].since)
        return isSound(index) && now - lastMove <= settings.sharedPatience
    }

    private func isSound(_ index: Int) -> Bool {
        let connection = connections[index]
        return connection.state == .shared && !connection.isLost && !connection.isSpoilt
            && !connection.wasChanged && connection.generation == generation
            && now < connection.expiresAt
    }
}
