/// Whom to ask, and when.
extension TopologyStateMachine {
    /// Asks: in a hurry, without snapshots, and while there is no writer everybody, else the writer
    /// alone, whose view is the freshest. A host that is being asked is not asked twice.
    mutating func startRound(at now: Int64, into actions: inout Actions) {
        let deadline = now + max(1, settings.timeout.wholeNanoseconds)
        let asksAll = isFast || !hasSnapshots || writer == nil || hasFailed(writer)
        for index in hosts.indices where hosts[index].flight == nil {
            guard asksAll || hosts[index].member.id == writer else { continue }
            serial += 1
            let id = ProbeID(serial: serial)
            hosts[index].flight = (id, deadline)
            let instant = Instant(nanoseconds: deadline)
            actions.append(.ask(hosts[index].member.id, id, deadline: instant))
        }
        scheduleRound(at: now)
    }

    private func hasFailed(_ id: HostID?) -> Bool {
        hosts.first { $0.member.id == id }.map { $0.failures > 0 } ?? true
    }

    mutating func scheduleRound(at now: Int64) {
        let interval = isFast ? settings.fastInterval : settings.slowInterval
        let pause = max(1, interval.wholeNanoseconds)
        // Up to a quarter earlier, so that a fleet does not ask in step.
        let jitter = UInt64(pause / 4)
        nextRoundAt = now + pause - Int64(jitter == 0 ? 0 : generator.next() % jitter)
    }

    mutating func arm(into actions: inout Actions) {
        var due = nextRoundAt ?? .max
        for host in hosts { due = min(due, host.flight?.deadline ?? .max) }
        guard due != .max, due < armedAt ?? .max else { return }
        armedAt = due
        actions.append(.armTimer(Instant(nanoseconds: due)))
    }
}
