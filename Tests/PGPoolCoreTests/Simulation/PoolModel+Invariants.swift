@testable import PGPoolCore

/// What must hold after each event.
extension PoolModel {
    func checkInvariants() throws {
        let earliest = try checkConnections()
        try checkQueue()
        try checkSupply()
        try checkLifecycle()
        try checkTimer(min(earliest, earliestWaiterDeadline))
    }

    /// Compares slot by slot, recounts, and returns the earliest instant at which a connection
    /// needs attention.
    private func checkConnections() throws -> Int64 {
        var counts = SlotCounts()
        var earliest = ModelSettings.never
        try require(
            machine.slots.slots.count == connections.count,
            "\(machine.slots.slots.count) slots, the world knows \(connections.count)"
        )
        for index in connections.indices {
            let connection = connections[index]
            let slot = machine.slots.slots[index]
            try require(
                slot.state == connection.state && slot.serial == connection.serial,
                "slot \(index) is \(slot.state) \(slot.serial), the world says \(connection)"
            )
            counts.add(1, to: connection.state)
            try require(
                connection.state != .shared
                    || slot.load == connection.load
                        && 1...max(2, machine.settings.sharedDepth) ~= slot.load,
                "slot \(index) carries \(slot.load), the world says \(connection.load)"
            )
            earliest = min(earliest, nextDuty(connection))
            if connection.generation < generation {
                try require(connection.state != .opening, "slot \(index) still dials")
                try require(
                    connection.state != .idle && connection.state != .quarantined(.validation),
                    "slot \(index) is \(connection.state), of an old generation"
                )
            }
        }
        try require(counts == machine.counts, "counted \(counts), kept \(machine.counts)")
        try require(machine.slots.idle.count == counts.idle, "the idle stack is wrong")
        return earliest
    }

    /// When the machine must be called for this connection.
    private func nextDuty(_ connection: Connection) -> Int64 {
        switch connection.state {
        case .free, .closing:
            return ModelSettings.never
        case .shared:
            return connection.severAt
        case .opening:
            return connection.since + settings.openingTimeout
        case .quarantined:
            return connection.since + settings.quarantineTimeout
        case .leased:
            if connection.isReported { return connection.severAt }
            return min(
                connection.severAt,
                ModelSettings.later(connection.since, settings.longLeaseThreshold)
            )
        case .idle:
            let probe = ModelSettings.later(connection.provenAt, settings.keepAliveInterval)
            return min(probe, connection.expiresAt)
        }
    }

    private func checkQueue() throws {
        try require(
            machine.waiters.count == queue.count && machine.waiters.first == queue.first?.id,
            "\(machine.waiters.count) waiters, the world knows \(queue)"
        )
        try require(queue.count <= machine.settings.maxWaiters, "\(queue.count) waiters")
        try require(
            admission > 0 || machine.settings.holdsCallers || queue.isEmpty,
            "\(queue.count) wait for an endpoint that is lost"
        )
        if event == .timerFired, earliestWaiterDeadline <= now {
            throw Violation("a waiter still waits past \(earliestWaiterDeadline)")
        }
    }

    /// Demand is served, or on its way, or there is a reason why it cannot be.
    private func checkSupply() throws {
        guard phase != .finished, !isPaused, admission > 0 else { return }
        let counts = machine.counts
        if !queue.isEmpty, leased < admission {
            try require(
                counts.idle == 0 || counts.quarantined >= queue.count,
                "\(queue.count) wait beside \(counts.idle) idle, \(counts.quarantined) held back"
            )
        }
        let spare = phase == .running ? machine.settings.minIdle : 0
        let supply = counts.idle + counts.opening + counts.quarantined
        if supply >= queue.count + spare || total >= limit { return }
        if isFailing {
            if counts.opening > 0 { return }
            let until = machine.backoffUntil?.nanoseconds ?? .max
            try require(
                (armedAt ?? .max) <= max(until, now),
                "nobody tries to open and no timer is asked for; the back-off ends at \(until)"
            )
        } else {
            try require(
                counts.opening >= min(machine.settings.maxConcurrentOpenings, admission),
                "\(queue.count) wait, \(spare) spare wanted, and only \(counts) of \(limit)"
            )
        }
    }

    private func checkLifecycle() throws {
        switch machine.lifecycle {
        case .running:
            try require(phase == .running, "runs while \(phase)")
        case .draining:
            try require(phase == .draining, "drains while \(phase)")
            try require(!queue.isEmpty, "serves a queue that is empty")
            try require(
                event != .timerFired || queueUntil > now,
                "serves the queue past \(queueUntil)"
            )
        case .closing:
            try require(phase == .draining && queue.isEmpty, "closes with \(queue)")
            let counts = machine.counts
            try require(
                total == counts.leased + counts.shared + counts.closing,
                "closes with \(counts)"
            )
            try require(total > 0, "has nothing to close and does not finish")
            try require(
                event != .timerFired || leasesUntil > now || counts.leased + counts.shared == 0,
                "waits for leases past \(leasesUntil)"
            )
        case .closed:
            try require(phase == .finished, "closed without a finish")
        }
    }

    /// A timer is asked for no later than the earliest instant that matters.
    private func checkTimer(_ earliestDuty: Int64) throws {
        var earliest = earliestDuty
        if phase == .draining {
            earliest = min(earliest, queue.isEmpty ? .max : queueUntil)
            if leased > 0, queue.isEmpty { earliest = min(earliest, leasesUntil) }
        }
        if earliest != ModelSettings.never {
            try require(
                (armedAt ?? .max) <= earliest,
                "a deadline at \(earliest), a timer at \(String(describing: armedAt))"
            )
        }
        if event == .timerFired {
            try require((armedAt ?? .max) > now, "asks for a timer in the past again")
        }
    }
}
