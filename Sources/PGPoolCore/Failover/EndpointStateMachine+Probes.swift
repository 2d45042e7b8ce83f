/// Probes, their deadlines and every other timer.
extension EndpointStateMachine {
    // MARK: - Flights

    mutating func startFlight(_ index: Int, at now: Int64, into actions: inout Actions) {
        serial += 1
        let id = ProbeID(serial: serial)
        let deadline = now + times.probeTimeout
        hosts[index].flight = (id, deadline)
        hosts[index].nextProbeAt = nil
        let instant = Instant(nanoseconds: deadline)
        actions.append(.startProbe(hosts[index].id, id, deadline: instant))
    }

    mutating func cancelFlight(_ index: Int, into actions: inout Actions) {
        guard let flight = hosts[index].flight else { return }
        hosts[index].flight = nil
        actions.append(.cancelProbe(hosts[index].id, flight.id))
    }

    /// Ends the flight that an answer or a failure belongs to. `nil` for one that was given up.
    mutating func land(_ probe: ProbeID, on id: HostID, at now: Int64) -> Int? {
        guard let index = hosts.firstIndex(where: { $0.id == id }),
            let flight = hosts[index].flight, flight.id == probe
        else { return nil }
        hosts[index].flight = nil
        hosts[index].isHeard = true
        scheduleNext(index, after: flight.deadline - times.probeTimeout, at: now)
        return index
    }

    /// While a writer is sought, and while the one that was found settles in, hosts are asked again.
    /// The pause counts from the last question, so that who answers late is not asked late. It is
    /// four times what the answer took, within bounds: a host that a fleet keeps busy is spared. After
    /// a question that timed out it counts from then.
    private mutating func scheduleNext(_ index: Int, after asked: Int64, at now: Int64) {
        guard state != .healthy else {
            hosts[index].nextProbeAt = nil
            return
        }
        let spared = min(4 * (now - asked), 3 * times.probeInterval)
        let pause = max(pause(at: now), spared)
        hosts[index].nextProbeAt = max(asked + pause, now + pause / 4)
    }

    /// The pause before a host is asked again: short at first, then doubling with each fast period;
    /// the last quarter is jitter, so that a fleet's probes spread.
    private mutating func pause(at now: Int64) -> Int64 {
        var pause = times.probeInterval
        if now - searchSince > times.fastPeriod {
            let periods = (now - searchSince) / max(1, times.fastPeriod)
            pause = min(times.maxProbeInterval, pause << min(periods, 16))
        }
        let jitter = UInt64(pause / 4)
        return pause - Int64(jitter == 0 ? 0 : generator.next() % jitter)
    }

    mutating func noteFailure(
        _ index: Int,
        _ failure: ProbeFailure,
        at now: Int64,
        into actions: inout Actions
    ) {
        hosts[index].report = nil
        // A full server lives; its role will be known when it has room.
        if hosts[index].id == writer, failure != .busy {
            if state == .healthy {
                doubt(at: now, into: &actions)
            } else {
                failOver(at: now, into: &actions)
            }
        }
        seek(at: now, into: &actions)
    }

    /// The hosts to ask are these, and the writer until it is replaced.
    mutating func replaceHosts(_ listed: [HostID], at now: Int64, into actions: inout Actions) {
        for index in hosts.indices.reversed() {
            let id = hosts[index].id
            guard !listed.contains(id), id != writer, id != lastWriter else { continue }
            cancelFlight(index, into: &actions)
            hosts.remove(at: index)
        }
        for id in listed where !hosts.contains(where: { $0.id == id }) {
            hosts.append(Host(id: id))
            if state == .failingOver || state == .suspect {
                startFlight(hosts.count - 1, at: now, into: &actions)
            }
        }
    }

    // MARK: - Timers

    mutating func fireDue(at now: Int64, into actions: inout Actions) {
        for index in hosts.indices {
            if let flight = hosts[index].flight, flight.deadline <= now {
                cancelFlight(index, into: &actions)
                hosts[index].isHeard = true
                scheduleNext(index, after: now, at: now)
                noteFailure(index, .timedOut, at: now, into: &actions)
            }
            if let due = hosts[index].nextProbeAt, due <= now, hosts[index].flight == nil {
                startFlight(index, at: now, into: &actions)
            }
        }
        if let due = doubtAt, due <= now {
            doubtAt = nil
            quietUntil = min(quietUntil, now)
            doubt(at: now, into: &actions)
        }
        if let due = settleAt, due <= now { seek(at: now, into: &actions) }
        if let due = rampAt, due <= now { ramp(at: now, into: &actions) }
    }

    /// Lets twice as many in, or everybody.
    private mutating func ramp(at now: Int64, into actions: inout Actions) {
        rampAt = nil
        guard case .limited(let count) = admission, state == .recovering else { return }
        guard count < settings.rampLimit else {
            admit(.open, into: &actions)
            for index in hosts.indices { hosts[index].nextProbeAt = nil }
            enter(.healthy, into: &actions)
            actions.append(.pollTopology(isFast: false))
            return
        }
        admit(.limited(count * 2), into: &actions)
        rampAt = now + times.rampStep
    }

    private var nextDue: Int64? {
        var due: Int64 = .max
        for host in hosts {
            due = min(due, host.flight?.deadline ?? .max, host.nextProbeAt ?? .max)
        }
        due = min(due, settleAt ?? .max, rampAt ?? .max, doubtAt ?? .max)
        return due == .max ? nil : due
    }

    /// Asks for a timer if the earliest deadline comes before the one that was asked for.
    mutating func arm(into actions: inout Actions) {
        guard let due = nextDue else { return }
        if let armedAt, armedAt <= due { return }
        armedAt = due
        actions.append(.armTimer(Instant(nanoseconds: due)))
    }
}
