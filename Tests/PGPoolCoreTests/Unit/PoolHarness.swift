@testable import PGPoolCore

/// A state machine with a clock of its own, for tests that look at one decision.
///
/// A class, since `#expect` cannot call what mutates a value.
final class PoolHarness {
    var machine: PoolStateMachine
    var now: Duration = .zero
    /// What the last event asked for.
    var actions: [PoolAction] = []

    /// A pool of the given size without upkeep; `change` turns on what a test is about.
    init(
        _ maxConnections: Int,
        seed: UInt64 = 1,
        _ change: (inout PoolSettings) -> Void = { _ in }
    ) {
        var settings = PoolSettings(maxConnections: maxConnections)
        settings.maxLifetime = nil
        settings.idleTimeout = nil
        settings.validationBypass = .seconds(1_000)
        settings.keepAliveInterval = nil
        settings.longLeaseThreshold = nil
        change(&settings)
        machine = PoolStateMachine(settings: settings, seed: seed)
    }

    var instant: Instant { at(.zero) }

    /// The instant that lies `delay` ahead.
    func at(_ delay: Duration) -> Instant {
        Instant(nanoseconds: 0) + (now + delay)
    }

    var counts: SlotCounts { machine.counts }

    @discardableResult
    func acquire(
        _ timeout: Duration = .seconds(5),
        holdsLease: Bool = false,
        on thread: UInt32 = 0
    ) -> AcquireDecision {
        actions = []
        return machine.acquire(
            deadline: at(timeout),
            holdsLease: holdsLease,
            on: thread,
            at: instant,
            into: &actions
        )
    }

    @discardableResult
    func cancel(_ waiter: WaiterID) -> Bool {
        actions = []
        return machine.cancel(waiter, at: instant, into: &actions)
    }

    func release(
        _ id: ConnectionID,
        _ outcome: ReleaseOutcome = .reusable,
        on thread: UInt32 = 0
    ) {
        feed { $0.release(id, outcome, on: thread, at: $1, into: &$2) }
    }

    func connected(_ id: ConnectionID) {
        feed { $0.connected(id, at: $1, into: &$2) }
    }

    func connectFailed(_ id: ConnectionID, _ failure: ConnectFailure = .transient) {
        feed { $0.connectFailed(id, failure, at: $1, into: &$2) }
    }

    func closed(_ id: ConnectionID) {
        feed { $0.closed(id, at: $1, into: &$2) }
    }

    func lost(_ id: ConnectionID) {
        feed { $0.connectionLost(id, at: $1, into: &$2) }
    }

    func quarantineEnded(_ id: ConnectionID, isUsable: Bool = true) {
        feed { $0.quarantineEnded(id, isUsable: isUsable, at: $1, into: &$2) }
    }

    func timerFired() {
        feed { $0.timerFired(at: $1, into: &$2) }
    }

    /// Time passes, and the timer is served.
    func pass(_ duration: Duration) {
        now += duration
        timerFired()
    }

    func drain(queue: Duration, leases: Duration) {
        let (queueUntil, leasesUntil) = (at(queue), at(leases))
        feed {
            $0.drain(queueUntil: queueUntil, leasesUntil: leasesUntil, at: $1, into: &$2)
        }
    }

    func feed(
        _ event: (inout PoolStateMachine, Instant, inout [PoolAction]) -> Void
    ) {
        actions = []
        event(&machine, instant, &actions)
    }

    /// Opens `count` connections and leases them all: slots 0..<count.
    func leaseNew(_ count: Int) {
        let first = machine.slots.slots.count
        for index in first..<(first + count) {
            acquire()
            connected(.first(index))
        }
    }

    /// Opens `count` connections that lie idle, the last one used last.
    func openIdle(_ count: Int) {
        let first = machine.slots.slots.count
        leaseNew(count)
        for index in first..<(first + count) {
            release(.first(index))
        }
    }
}

extension ConnectionID {
    /// The first connection that a slot ever held.
    static func first(_ index: Int) -> ConnectionID {
        ConnectionID(index: UInt32(index), serial: 1)
    }

    static func nth(_ serial: Int, _ index: Int) -> ConnectionID {
        ConnectionID(index: UInt32(index), serial: UInt32(serial))
    }
}

extension WaiterID {
    /// The first waiter that an entry of the queue ever held.
    static func first(_ index: Int) -> WaiterID {
        WaiterID(index: UInt32(index), serial: 1)
    }

    static func nth(_ serial: Int, _ index: Int) -> WaiterID {
        WaiterID(index: UInt32(index), serial: UInt32(serial))
    }
}
