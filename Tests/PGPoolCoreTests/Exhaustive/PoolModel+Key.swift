@testable import PGPoolCore

/// 128 bits that stand for a state: two states with one key go on alike.
struct StateKey: Hashable {
    private(set) var left: UInt64 = 0x9E37_79B9_7F4A_7C15
    private(set) var right: UInt64 = 0xBF58_476D_1CE4_E5B9

    mutating func mix(_ value: Int64) {
        let bits = UInt64(bitPattern: value)
        left = (left ^ bits) &* 0x94D0_49BB_1331_11EB
        left ^= left >> 29
        right = (right &+ bits) &* 0xD6E8_FEB8_6659_FD93
        right ^= right >> 32
    }

    mutating func mix(_ value: Int) { mix(Int64(value)) }

    mutating func mix(_ value: Bool) { mix(value ? 1 as Int64 : 0) }
}

extension PoolModel {
    /// The state without what does not matter for what comes: times count from now, serials and
    /// counters are left out.
    var key: StateKey {
        var key = StateKey()
        key.mix(limit)
        key.mix(isPaused)
        key.mix(admission)
        key.mix(phase == .running ? 0 : phase == .draining ? 1 : 2)
        mixTime(queueUntil, &key)
        mixTime(leasesUntil, &key)
        key.mix(isFailing)
        mixTime(armedAt ?? ModelSettings.never, &key)
        for index in connections.indices { mixConnection(index, &key) }
        key.mix(connections.count)
        for waiter in queue {
            mixTime(waiter.deadline, &key)
            key.mix(waiter.isShareable)
        }
        key.mix(queue.count)
        for index in machine.slots.idle { key.mix(Int(index)) }
        mixTime(max(machine.backoffUntil?.nanoseconds ?? 0, now), &key)
        key.mix(machine.isBackoffArmed)
        key.mix(machine.isIdleWindowArmed)
        key.mix(machine.isIdleWindowArmed ? machine.fewestIdle : 0)
        mixTimers(&key)
        return key
    }

    private func mixTime(_ time: Int64, _ key: inout StateKey) {
        key.mix(time == ModelSettings.never ? time : time - now)
    }

    private func mixConnection(_ index: Int, _ key: inout StateKey) {
        let connection = connections[index]
        key.mix(code(connection.state))
        if connection.state == .free { return }
        let slot = machine.slots.slots[index]
        key.mix(connection.generation == generation)
        mixTime(connection.severAt, &key)
        key.mix(slot.generation == machine.generation)
        key.mix(connection.isLost)
        key.mix(slot.doom != nil)
        key.mix(connection.isReported)
        switch connection.state {
        case .free, .idle, .closing: break
        case .shared:
            key.mix(connection.load)
            key.mix(connection.wasChanged)
            key.mix(connection.isFull)
            mixTime(max(connection.since, connection.lastUsed), &key)
        case .opening, .leased, .quarantined: mixTime(connection.since, &key)
        }
        if isSilenceOfInterest { mixTime(connection.provenAt, &key) }
        // Of the times of use only the order counts.
        for other in connections { key.mix(other.lastUsed < connection.lastUsed) }
        mixTime(connection.expiresAt, &key)
        mixTime(slot.timerAt.nanoseconds, &key)
    }

    /// Whether a search can last until an idle connection must be validated or probed.
    private var isSilenceOfInterest: Bool {
        settings.keepAliveInterval != ModelSettings.never
            || 1...1_000 ~= settings.validationBypass
    }

    private func code(_ state: SlotState) -> Int {
        switch state {
        case .free: 0
        case .opening: 1
        case .idle: 2
        case .leased: 3
        case .quarantined(.validation): 4
        case .quarantined(.keepAlive): 5
        case .quarantined(.reset): 6
        case .closing: 7
        case .shared: 8
        }
    }

    private func mixTimers(_ key: inout StateKey) {
        let entries = machine.timers.entries.sorted { $0.deadline < $1.deadline }
        for entry in entries {
            mixTime(entry.deadline.nanoseconds, &key)
            key.mix(machine.isLive(entry))
            switch entry.subject {
            case .waiter: key.mix(0)
            case .connection(let id): key.mix(1 + Int(id.index))
            case .backoff: key.mix(-1)
            case .idleWindow: key.mix(-2)
            case .drainQueue: key.mix(-3)
            case .drainLeases: key.mix(-4)
            }
        }
    }
}
