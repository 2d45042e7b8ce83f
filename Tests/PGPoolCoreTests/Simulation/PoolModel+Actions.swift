@testable import PGPoolCore

/// What the world lets the pool do.
extension PoolModel {
    mutating func performAll() throws {
        for action in actions {
            try require(phase != .finished, "acts after it finished: \(action)")
            switch action {
            case .connect(let id): try connect(id)
            case .close(let id, let reason): try close(id, reason)
            case .probe(let id, let purpose): try probe(id, purpose)
            case .grant(let id, let waiter): try grant(id, to: waiter)
            case .join(let id, let waiter): try join(id, waiter)
            case .fail(let waiter, let failure): try fail(waiter, failure)
            case .scheduleTimer(let deadline): try schedule(deadline.nanoseconds)
            case .reportLongLease(let id): try report(id)
            case .finish: try finish()
            }
        }
    }

    private mutating func connect(_ id: ConnectionID) throws {
        let index = Int(id.index)
        try require(index <= connections.count, "slot \(index) of \(connections.count)")
        if index == connections.count { connections.append(Connection()) }
        try require(
            connections[index].state == .free && connections[index].serial &+ 1 == id.serial,
            "connect(\(id)) for a slot that is \(connections[index])"
        )
        try require(total < limit, "connect(\(id)) with \(total) of \(limit)")
        try require(
            opening < min(machine.settings.maxConcurrentOpenings, admission),
            "connect(\(id)) with \(opening) opening, \(admission) admitted"
        )
        if isFailing {
            try require(opening == 0, "two probers of an endpoint that fails")
            let until = machine.backoffUntil?.nanoseconds ?? .max
            try require(until <= now, "connect(\(id)) during the back-off until \(until)")
        }
        let serial = id.serial
        connections[index] = Connection()
        connections[index].serial = serial
        connections[index].generation = generation
        move(index, to: .opening)
    }

    private mutating func close(_ id: ConnectionID, _ reason: CloseReason) throws {
        let index = Int(id.index)
        try require(
            isCurrent(id) && connections[index].state != .closing,
            "close(\(id), \(reason)) of what is gone or being closed"
        )
        let connection = connections[index]
        if connection.state == .leased || connection.state == .shared, !connection.isSpoilt,
            reason != .severed
        {
            try require(
                reason == .shutdown && phase == .draining && leasesUntil <= now
                    && (queueUntil <= now || queue.isEmpty),
                "close(\(id), \(reason)) of a lease"
            )
        }
        try require(isCause(reason, of: connection), "close(\(id), \(reason)) of \(connection)")
        if connection.state == .opening, reason == .openingTimeout { try noteFailure() }
        move(index, to: .closing)
    }

    private func isCause(_ reason: CloseReason, of connection: Connection) -> Bool {
        switch reason {
        case .lifetime: now >= connection.expiresAt || settings.maxLifetime == 0
        case .idle:
            (connection.state == .idle || connection.state == .quarantined(.keepAlive))
                && idleOrProbed > machine.settings.minIdle
        case .evicted: connection.generation < generation
        case .severed:
            connection.generation < generation && connection.severAt <= now
        case .surplus: total > limit
        case .lost: connection.isLost
        case .unusable, .reset: connection.isSpoilt || isProbeOver(connection, .reset)
        case .validation: connection.isSpoilt || isProbeOver(connection, .validation)
        case .keepAlive: connection.isSpoilt || isProbeOver(connection, .keepAlive)
        case .openingTimeout:
            connection.state == .opening && connection.since + settings.openingTimeout <= now + lag
        case .shutdown: phase == .draining
        }
    }

    private func isProbeOver(_ connection: Connection, _ purpose: QuarantinePurpose) -> Bool {
        connection.state == .quarantined(purpose)
            && connection.since + settings.quarantineTimeout <= now
    }

    private var idleOrProbed: Int {
        var count = 0
        for index in connections.indices {
            let state = connections[index].state
            if state == .idle || state == .quarantined(.keepAlive) { count += 1 }
        }
        return count
    }

    private mutating func probe(_ id: ConnectionID, _ purpose: QuarantinePurpose) throws {
        let index = Int(id.index)
        try require(
            isCurrent(id) && connections[index].state == .idle && !connections[index].isSpoilt,
            "probe(\(id), \(purpose)) of what is not idle"
        )
        let silence = now - connections[index].provenAt
        switch purpose {
        case .validation:
            try require(!queue.isEmpty, "a validation for nobody")
            try require(silence >= settings.validationBypass, "validated after \(silence)")
        case .keepAlive:
            try require(silence >= settings.keepAliveInterval, "kept alive after \(silence)")
        case .reset:
            try require(connections[index].isDirty, "reset of a clean connection")
        }
        move(index, to: .quarantined(purpose))
    }

    /// A lease begins, whether the caller waited or not.
    mutating func grant(_ id: ConnectionID, at now: Int64) throws {
        let index = Int(id.index)
        try require(isCurrent(id), "grant of \(id), which is gone")
        let connection = connections[index]
        try require(connection.state == .idle, "grant of \(id), which is \(connection.state)")
        try require(connection.generation == generation, "grant of \(id), which was evicted")
        try require(
            !connection.isDirty && !connection.isSpoilt && !connection.isLost,
            "grant of \(id), which is not usable: \(connection)"
        )
        try require(now < connection.expiresAt, "grant of \(id), which outlived its time")
        let silence = now - connection.provenAt
        try require(
            silence == 0 || max(0, silence) < settings.validationBypass,
            "grant of \(id) without a round trip after \(silence)"
        )
        try require(!isPaused, "grant of \(id) while paused")
        try require(leased < admission, "grant of \(id) as lease \(leased + 1) of \(admission)")
        try require(total - closing <= limit, "grant of \(id), which is surplus")
        move(index, to: .leased)
        connections[index].isReported = false
    }

    var closing: Int {
        var count = 0
        for index in connections.indices where connections[index].state == .closing { count += 1 }
        return count
    }

    private mutating func grant(_ id: ConnectionID, to waiter: WaiterID) throws {
        try require(queue.first?.id == waiter, "grant to \(waiter), the queue is \(queue)")
        try grant(id, at: now)
        removeWaiter(at: 0)
        grants.append(Grant(connection: id, waiter: waiter))
    }

    private mutating func fail(_ waiter: WaiterID, _ failure: WaiterFailure) throws {
        guard let place = queue.firstIndex(where: { $0.id == waiter }) else {
            throw Violation("fail(\(waiter), \(failure)), which does not wait")
        }
        switch failure {
        case .timedOut:
            try require(
                event == .timerFired && queue[place].deadline <= now,
                "\(waiter) timed out at \(now), its deadline is \(queue[place].deadline)"
            )
        case .connectFailed:
            guard case .connectFailed(_, .deterministic) = event else {
                throw Violation("\(waiter) failed for a dial that did not fail for good")
            }
            try require(total - opening - closing == 0, "failed, but a connection is open")
        case .shutDown:
            try require(phase == .draining, "\(waiter) failed for a shutdown that is none")
            try require(queueUntil <= now, "the queue was to be served until \(queueUntil)")
        case .endpointLost:
            try require(
                admission == 0 && !machine.settings.holdsCallers,
                "\(waiter) failed for an endpoint that admits \(admission)"
            )
        }
        removeWaiter(at: place)
    }

    private mutating func schedule(_ deadline: Int64) throws {
        if let armedAt {
            try require(deadline < armedAt, "timer at \(deadline), asked for \(armedAt) already")
        }
        armedAt = deadline
    }

    private mutating func report(_ id: ConnectionID) throws {
        let index = Int(id.index)
        try require(
            isCurrent(id) && connections[index].state == .leased
                && !connections[index].isReported
                && now + lag - connections[index].since >= settings.longLeaseThreshold,
            "report of \(id), which is \(connections[index]), at \(now)"
        )
        connections[index].isReported = true
    }

    private mutating func finish() throws {
        try require(phase == .draining, "finish while \(phase)")
        try require(total == 0 && queue.isEmpty, "finish with \(total), \(queue.count) waiters")
        phase = .finished
        armedAt = nil
    }
}
