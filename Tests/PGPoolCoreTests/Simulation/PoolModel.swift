@testable import PGPoolCore

/// A pool's state machine beside a plain account of the world it acts in.
///
/// The model performs each action on its own account, written without a look at the machine's, and
/// rejects what is illegal there. After each event it compares the two. It holds no randomness: a
/// driver chooses the events. It is a value, so a search can go back to any state.
struct PoolModel: Sendable {
    struct Connection: Sendable {
        var serial: UInt32 = 0
        var state = SlotState.free
        var generation: UInt64 = 0
        var since: Int64 = 0
        var lastUsed: Int64 = 0
        var thread: UInt32 = 0
        var provenAt: Int64 = 0
        var expiresAt = ModelSettings.never
        var isLost = false
        /// It came back from its lease and must be cleaned before anything else.
        var isDirty = false
        /// It came back from its lease in a state that cannot be cleaned.
        var isSpoilt = false
        var isReported = false
        var severAt = ModelSettings.never
        /// The statements on it while it is shared.
        var load = 0
        /// Statements that waited filled it, and more than half of what it carries is not over.
        var isFull = false
        /// A statement on it changed the session.
        var wasChanged = false
    }

    struct Waiter: Sendable {
        let id: WaiterID
        let deadline: Int64
        var isShareable = false
    }

    struct Grant: Sendable {
        let connection: ConnectionID
        let waiter: WaiterID
        var isShared = false
    }

    enum Phase: Hashable, Sendable {
        case running
        case draining
        case finished
    }

    var machine: PoolStateMachine
    let settings: ModelSettings
    var now: Int64 = 0
    /// How far the clock lags that callers are granted idle connections by, and give them back by.
    var lag: Int64 = 0
    /// How many threads callers come from, in turn.
    var threads: Int64 = 1
    var actions: [PoolAction] = []

    var connections: [Connection] = []
    var total = 0
    var opening = 0
    var leased = 0
    /// The callers that wait, oldest first.
    var queue: [Waiter] = []
    var earliestWaiterDeadline = ModelSettings.never
    /// When the machine wants to be called; nil: not asked for.
    var armedAt: Int64?

    var limit: Int
    var generation: UInt64 = 0
    var isPaused = false
    var admission = Int.max
    var phase = Phase.running
    var queueUntil = ModelSettings.never
    var leasesUntil = ModelSettings.never
    var isFailing = false
    /// The connections that began to be shared during the present event.
    var newlyShared: [ConnectionID] = []
    /// Leases given from the queue during the last event.
    var grants: [Grant] = []
    /// The last event.
    var event = SimulatedEvent.start

    init(settings: PoolSettings, seed: UInt64) {
        machine = PoolStateMachine(settings: settings, seed: seed)
        self.settings = ModelSettings(settings)
        limit = settings.maxConnections
    }

    var instant: Instant { Instant(nanoseconds: now) }

    /// What the lagging clock says, which some callers do not ask.
    var recent: Int64 { (now / 7).isMultiple(of: 3) ? now : max(0, now - lag) }

    var isTimerDue: Bool {
        guard let armedAt else { return false }
        return armedAt <= now
    }

    func isCurrent(_ id: ConnectionID) -> Bool {
        let index = Int(id.index)
        return index < connections.count && connections[index].serial == id.serial
            && connections[index].state != .free
    }

    func id(at index: Int) -> ConnectionID {
        ConnectionID(index: UInt32(index), serial: connections[index].serial)
    }

    /// Lets the event happen, performs what the machine asks for, checks everything.
    mutating func apply(_ event: SimulatedEvent) throws {
        self.event = event
        actions.removeAll(keepingCapacity: true)
        grants.removeAll(keepingCapacity: true)
        newlyShared.removeAll(keepingCapacity: true)
        let wasFinished = phase == .finished
        let totalBefore = total
        try feed(event)
        if wasFinished {
            try require(actions.isEmpty, "after the pool finished it still acts: \(actions)")
        }
        try performAll()
        try require(
            total <= max(limit, totalBefore),
            "\(total) connections, limit \(limit), \(totalBefore) before"
        )
        try checkInvariants()
    }

    private mutating func feed(_ event: SimulatedEvent) throws {
        switch event {
        case .start: machine.start(at: instant, into: &actions)
        case .acquire(let timeout, let holdsLease): try acquire(timeout, holdsLease)
        case .acquireShared(let timeout, let holdsLease): try acquireShared(timeout, holdsLease)
        case .cancel(let waiter): try cancel(waiter)
        case .release(let id, let outcome): release(id, outcome)
        case .releaseShared(let id, let outcome): try releaseShared(id, outcome)
        case .releaseKeeping(let id, let count):
            try releaseShared(id, .reusable, count: count, keeps: true)
        case .connected, .connectFailed, .closed, .lost, .quarantineEnded:
            try feedConnection(event)
        case .timerFired: try fireTimer()
        case .advance(let duration): now += duration
        case .resize(let limit):
            self.limit = limit
            machine.resize(to: limit, at: instant, into: &actions)
        case .evict:
            generation += 1
            machine.evict(at: instant, into: &actions)
        case .evictSevering(let grace): evict(severingAfter: grace)
        case .admit(let count):
            admission = count
            machine.admit(count, at: instant, into: &actions)
        case .forgetFailures:
            isFailing = false
            machine.forgetFailures(at: instant, into: &actions)
        case .pause:
            // A drain serves its queue; nothing may stop it.
            if phase == .running { isPaused = true }
            machine.pause()
        case .resume:
            isPaused = false
            machine.resume(at: instant, into: &actions)
        case .drain(let queue, let leases): drain(queue, leases)
        }
    }

    private mutating func evict(severingAfter grace: Int64) {
        generation += 1
        for index in connections.indices {
            switch connections[index].state {
            case .free, .closing: break
            default: connections[index].severAt = min(connections[index].severAt, now + grace)
            }
        }
        machine.evict(severAfter: .nanoseconds(grace), at: instant, into: &actions)
    }

    private mutating func drain(_ queue: Int64, _ leases: Int64) {
        isPaused = false
        if phase == .running { phase = .draining }
        queueUntil = min(queueUntil, ModelSettings.later(now, queue))
        leasesUntil = min(leasesUntil, ModelSettings.later(now, leases))
        machine.drain(
            queueUntil: Instant(nanoseconds: ModelSettings.later(now, queue)),
            leasesUntil: Instant(nanoseconds: ModelSettings.later(now, leases)),
            at: instant,
            into: &actions
        )
    }

    private mutating func fireTimer() throws {
        armedAt = nil
        machine.timerFired(at: instant, into: &actions)
    }

    private mutating func cancel(_ waiter: WaiterID) throws {
        let place = queue.firstIndex { $0.id == waiter }
        let wasWaiting = machine.cancel(waiter, at: instant, into: &actions)
        try require(
            wasWaiting == (place != nil),
            "cancel(\(waiter)) says \(wasWaiting), in the queue at \(String(describing: place))"
        )
        if let place { removeWaiter(at: place) }
    }

    private mutating func release(_ id: ConnectionID, _ outcome: ReleaseOutcome) {
        if isCurrent(id), connections[Int(id.index)].state == .leased {
            let index = Int(id.index)
            move(index, to: .idle)
            connections[index].lastUsed = now
            connections[index].thread = thread
            connections[index].provenAt = now
            connections[index].isDirty = outcome == .needsReset
            if case .unusable = outcome { connections[index].isSpoilt = true }
        }
        let idle = connections.indices.filter {
            connections[$0].state == .idle && $0 != Int(id.index)
        }
        let lastUse = idle.map { connections[$0].lastUsed }.max() ?? 0
        if outcome == .reusable,
            machine.releaseIdle(id, on: thread, at: Instant(nanoseconds: recent), into: &actions)
        {
            connections[Int(id.index)].lastUsed = max(recent, lastUse)
            connections[Int(id.index)].provenAt = recent
        } else {
            machine.release(id, outcome, on: thread, at: instant, into: &actions)
        }
    }

    mutating func removeWaiter(at place: Int) {
        let removed = queue.remove(at: place)
        guard removed.deadline == earliestWaiterDeadline else { return }
        earliestWaiterDeadline = ModelSettings.never
        for waiter in queue where waiter.deadline < earliestWaiterDeadline {
            earliestWaiterDeadline = waiter.deadline
        }
    }

    mutating func move(_ index: Int, to state: SlotState) {
        account(-1, connections[index].state)
        account(1, state)
        connections[index].state = state
        connections[index].since = now
    }

    private mutating func account(_ amount: Int, _ state: SlotState) {
        if state != .free { total += amount }
        if state == .opening { opening += amount }
        if state == .leased || state == .shared { leased += amount }
    }
}
