/// What the owner of a host monitor is to do.
package enum HostMonitorAction: Hashable, Sendable {
    /// Run a round trip on the monitor's own connection, opening it first if there is none. Answer
    /// with `pingAnswered` or `pingFailed`.
    case startPing(ProbeID, deadline: Instant)
    /// Give the ping up and close its connection: the next one connects afresh, so that a broken
    /// connection alone never condemns a host.
    case cancelPing(ProbeID)
    /// The host has not answered for `misses` pings in a row. Said once until it answers again.
    case reportHung
    /// A ping ended at once with an error: the host refuses or its connection broke.
    case reportLost
    /// The host answers again.
    case reportAnswering
    /// Call `timerFired` at this instant; replaces what was asked for before.
    case armTimer(Instant)
}

/// How a host is monitored.
package struct HostMonitorSettings: Sendable {
    /// The pause between pings, and the longest that one may take.
    package var interval: Duration
    /// So many unanswered pings in a row make a hung host; at least 1.
    package var misses: Int

    /// The defaults find a host that hangs within 2 s.
    package init(interval: Duration = .milliseconds(500), misses: Int = 3) {
        self.interval = interval
        self.misses = misses
    }

    /// The longest time from the moment a host hangs until it is reported: the pause before the next
    /// ping, and then as many intervals as pings may be missed.
    package var longestDetection: Duration { interval * (max(1, misses) + 1) }
}

/// Finds a host that hangs without a reset: frozen, cut off, or behind a network that swallows bytes.
///
/// Runs beside the pool on a connection of its own. An error is an answer: only silence makes a host
/// hung.
package struct HostMonitorStateMachine: Sendable {
    package typealias Actions = [HostMonitorAction]

    package let settings: HostMonitorSettings
    package private(set) var isRunning = false
    package private(set) var isHung = false
    private let interval: Int64
    private var flight: (id: ProbeID, deadline: Int64)?
    private var nextAt: Int64?
    private var missed = 0
    private var serial: UInt64 = 0

    package init(settings: HostMonitorSettings = HostMonitorSettings()) {
        self.settings = settings
        interval = min(max(1, settings.interval.wholeNanoseconds), .max / 4)
    }

    package mutating func start(at now: Instant, into actions: inout Actions) {
        guard !isRunning else { return }
        isRunning = true
        isHung = false
        missed = 0
        ping(at: now.nanoseconds, into: &actions)
    }

    package mutating func stop(into actions: inout Actions) {
        guard isRunning else { return }
        isRunning = false
        nextAt = nil
        if let flight { actions.append(.cancelPing(flight.id)) }
        flight = nil
    }

    package mutating func pingAnswered(
        _ id: ProbeID,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard land(id) else { return }
        hearFrom(into: &actions)
        pause(at: now.nanoseconds, into: &actions)
    }

    /// The ping ended with an error: a refused connection, a reset, a message from the server.
    package mutating func pingFailed(
        _ id: ProbeID,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard land(id) else { return }
        hearFrom(into: &actions)
        actions.append(.reportLost)
        pause(at: now.nanoseconds, into: &actions)
    }

    package mutating func timerFired(at now: Instant, into actions: inout Actions) {
        guard isRunning else { return }
        if let flight {
            guard now.nanoseconds >= flight.deadline else {
                actions.append(.armTimer(Instant(nanoseconds: flight.deadline)))
                return
            }
            actions.append(.cancelPing(flight.id))
            missed += 1
            if missed >= max(1, settings.misses), !isHung {
                isHung = true
                actions.append(.reportHung)
            }
            ping(at: now.nanoseconds, into: &actions)
        } else if let nextAt {
            if now.nanoseconds >= nextAt {
                ping(at: now.nanoseconds, into: &actions)
            } else {
                actions.append(.armTimer(Instant(nanoseconds: nextAt)))
            }
        }
    }

    // MARK: - Helpers

    private mutating func land(_ id: ProbeID) -> Bool {
        guard isRunning, flight?.id == id else { return false }
        flight = nil
        return true
    }

    private mutating func hearFrom(into actions: inout Actions) {
        missed = 0
        guard isHung else { return }
        isHung = false
        actions.append(.reportAnswering)
    }

    private mutating func ping(at now: Int64, into actions: inout Actions) {
        serial += 1
        let id = ProbeID(serial: serial)
        flight = (id, now + interval)
        nextAt = nil
        let deadline = Instant(nanoseconds: now + interval)
        actions.append(.startPing(id, deadline: deadline))
        actions.append(.armTimer(deadline))
    }

    private mutating func pause(at now: Int64, into actions: inout Actions) {
        nextAt = now + interval
        actions.append(.armTimer(Instant(nanoseconds: now + interval)))
    }
}
