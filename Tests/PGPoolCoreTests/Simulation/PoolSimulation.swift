@testable import PGPoolCore

/// One seed's life of a pool: draws settings and events, and at the end makes the world healthy and
/// sees that everything comes to rest.
struct PoolSimulation {
    /// How the endpoint behaves at present.
    enum Weather: Sendable {
        case healthy
        case flaky
        /// Every dial fails at once.
        case refusing
        /// Every dial fails in a way that waiting cannot mend.
        case rejecting
        /// Nothing answers: no dial, no probe.
        case silent
    }

    struct Recorded {
        let number: Int
        let at: Int64
        let event: SimulatedEvent
        let actions: [PoolAction]
    }

    let seed: UInt64
    var model: PoolModel
    var generator: SeededGenerator
    var weather = Weather.healthy
    private(set) var eventCount = 0
    /// The last events, newest last; kept only when `isRecording`.
    private(set) var history: [Recorded] = []
    let isRecording: Bool

    /// The longest time that callers are ready to wait, in milliseconds.
    var patience: Int64 = 0
    var acquireWeight = 30
    var controlWeight = 2
    /// How many of a hundred callers want one statement run.
    var statementShare = 50
    /// Grants to callers that are being cancelled.
    var racing: [PoolModel.Grant] = []
    /// Names of what is gone, for events that come too late.
    var stale: ConnectionID?
    var formerWaiter: WaiterID?

    init(seed: UInt64, isRecording: Bool = false) {
        self.seed = seed
        self.isRecording = isRecording
        generator = SeededGenerator(seed: seed &* 0x9E37_79B9 &+ 1)
        let settings = Self.drawSettings(using: &generator)
        model = PoolModel(settings: settings, seed: generator.next())
        drawHabits()
    }

    /// Lives through about `steps` events, then comes to rest.
    mutating func run(steps: Int) throws {
        try apply(.start)
        while eventCount < steps {
            try step()
            if model.phase == .finished {
                try probeTheDead()
                replacePool()
                try apply(.start)
            }
        }
        try comeToRest()
        try probeTheDead()
    }

    mutating func apply(_ event: SimulatedEvent) throws {
        eventCount += 1
        defer { record(event) }
        try model.apply(event)
        if case .closed(let id) = event, !model.isCurrent(id) { stale = id }
        for grant in model.grants {
            formerWaiter = grant.waiter
            if chance(10) { racing.append(grant) }
        }
    }

    private mutating func record(_ event: SimulatedEvent) {
        guard isRecording else { return }
        history.append(
            Recorded(number: eventCount, at: model.now, event: event, actions: model.actions)
        )
        if history.count > 50 { history.removeFirst() }
    }

    // MARK: - Draws

    /// A number in 0..<bound. The standard library's `random(in:using:)` is slow in a debug build.
    mutating func draw(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: generator.next() % UInt64(max(1, bound)))
    }

    mutating func chance(_ percent: Int) -> Bool {
        draw(100) < percent
    }

    mutating func milliseconds(_ bound: Int) -> Int64 {
        Int64(draw(bound)) * 1_000_000
    }

    static func drawSettings(using generator: inout SeededGenerator) -> PoolSettings {
        func pick<Value>(_ values: [Value]) -> Value {
            values[Int(generator.next() % UInt64(values.count))]
        }
        var settings = PoolSettings(maxConnections: pick([1, 1, 2, 2, 3, 4, 5, 8, 13, 32]))
        settings.minIdle = pick([0, 0, 0, 1, 2, settings.maxConnections])
        settings.minIdle = min(settings.minIdle, settings.maxConnections)
        settings.maxWaiters = pick([1, 3, 10, 40])
        settings.maxConcurrentOpenings = pick([1, 2, 4])
        settings.openingTimeout = pick([.milliseconds(20), .milliseconds(100), .seconds(1)])
        settings.maxLifetime = pick([nil, .milliseconds(80), .milliseconds(500), .seconds(2)])
        settings.idleTimeout = pick([nil, .milliseconds(50), .milliseconds(400)])
        settings.holdsCallers = pick([true, true, false])
        settings.sharedDepth = pick([0, 2, 3, 8])
        settings.sharedPatience = pick([.zero, .milliseconds(2), .seconds(5)])
        settings.validationBypass = pick([.zero, .milliseconds(5), .milliseconds(50), .seconds(1)])
        settings.keepAliveInterval = pick([nil, .milliseconds(40), .milliseconds(300)])
        settings.quarantineTimeout = pick([.milliseconds(10), .milliseconds(100)])
        settings.longLeaseThreshold = pick([nil, .milliseconds(60)])
        settings.backoff = Backoff(
            base: pick([.milliseconds(1), .milliseconds(10)]),
            maximum: pick([.milliseconds(10), .milliseconds(200)])
        )
        return settings
    }

    private mutating func drawHabits() {
        patience = [5, 60, 400, 3_000][draw(4)]
        acquireWeight = [15, 30, 45][draw(3)]
        model.lag = [0, 0, 4_000_000][draw(3)]
        model.threads = 3
        controlWeight = [1, 2, 6][draw(3)]
        statementShare = [0, 20, 60, 95][draw(4)]
    }

    private mutating func replacePool() {
        let settings = Self.drawSettings(using: &generator)
        let now = model.now
        model = PoolModel(settings: settings, seed: generator.next())
        model.now = now
        racing.removeAll()
        drawHabits()
    }
}

// MARK: - Choosing the next event

extension PoolSimulation {
    mutating func step() throws {
        if let race = racing.popLast() {
            // The caller was cancelled after the grant was decided: it hands the lease back.
            try apply(.cancel(race.waiter))
            try apply(
                race.isShared
                    ? .releaseShared(race.connection, .reusable)
                    : .release(race.connection, .reusable)
            )
            return
        }
        if model.isTimerDue, chance(85) {
            try apply(.timerFired)
            return
        }
        let roll = draw(100)
        if roll < acquireWeight {
            try apply(drawAcquire())
        } else if roll < acquireWeight + controlWeight {
            try apply(drawControl())
        } else if chance(35) {
            try apply(.advance(drawPause()))
        } else if let event = drawAnswer() {
            try apply(event)
        }
        if draw(60) == 0 {
            let weathers: [Weather] = [.healthy, .healthy, .flaky, .refusing, .rejecting, .silent]
            weather = weathers[draw(weathers.count)]
        }
    }

    private mutating func drawAcquire() -> SimulatedEvent {
        let timeout: Int64 =
            switch draw(20) {
            case 0: 0
            case 1: -milliseconds(50)
            case 2: ModelSettings.never
            default: milliseconds(Int(patience)) + 1
            }
        let holdsLease = draw(12) == 0
        return chance(statementShare)
            ? .acquireShared(timeout: timeout, holdsLease: holdsLease)
            : .acquire(timeout: timeout, holdsLease: holdsLease)
    }

    private mutating func drawPause() -> Int64 {
        switch draw(40) {
        case 0: return 3_000_000_000
        case 1...4: return max(0, (model.armedAt ?? model.now) - model.now)
        case 5...20: return milliseconds(8)
        default: return Int64(draw(1_500_000))
        }
    }

    /// What callers and the network do next.
    private mutating func drawAnswer() -> SimulatedEvent? {
        let count = model.connections.count
        if chance(8), !model.queue.isEmpty {
            return .cancel(model.queue[draw(model.queue.count)].id)
        }
        if count == 0 { return nil }
        if chance(3) { return drawStale() }
        let first = draw(count)
        for offset in 0..<count {
            let index = (first + offset) % count
            if let event = drawAnswer(of: index) { return event }
        }
        return nil
    }

    private mutating func drawAnswer(of index: Int) -> SimulatedEvent? {
        let id = model.id(at: index)
        if weather != .healthy, draw(25) == 0, model.connections[index].state != .free {
            return .lost(id)
        }
        switch model.connections[index].state {
        case .free, .idle: return nil
        case .opening: return answerDial(id)
        case .quarantined: return answerProbe(id)
        case .closing:
            switch draw(10) {
            case 0...6: return .closed(id)
            case 7: return .connectFailed(id, chance(50) ? .transient : .deterministic)
            // It was too late to give up the dial; `closed` still follows.
            case 8: return .connected(id)
            default: return nil
            }
        case .shared:
            switch draw(30) {
            case 0: return .releaseShared(id, .needsReset)
            case 1: return .releaseShared(id, .unusable(.unusable))
            case 2: return .lost(id)
            case 3...15:
                let load = model.connections[index].load
                return .releaseKeeping(id, count: 1 + draw(load))
            default: return .releaseShared(id, .reusable)
            }
        case .leased:
            switch draw(20) {
            case 0: return .release(id, .needsReset)
            case 1: return .release(id, .unusable(.unusable))
            case 2: return .lost(id)
            default: return .release(id, .reusable)
            }
        }
    }

    private mutating func answerDial(_ id: ConnectionID) -> SimulatedEvent? {
        switch weather {
        case .healthy: .connected(id)
        case .flaky: chance(60) ? .connected(id) : .connectFailed(id, .transient)
        case .refusing: .connectFailed(id, .transient)
        case .rejecting: .connectFailed(id, .deterministic)
        case .silent: nil
        }
    }

    private mutating func answerProbe(_ id: ConnectionID) -> SimulatedEvent? {
        switch weather {
        case .healthy: .quarantineEnded(id, isUsable: true)
        case .flaky, .refusing, .rejecting: .quarantineEnded(id, isUsable: chance(60))
        case .silent: nil
        }
    }

    /// An event that comes too late: nothing may follow from it.
    private mutating func drawStale() -> SimulatedEvent? {
        if chance(30), let formerWaiter { return .cancel(formerWaiter) }
        guard let stale, !model.isCurrent(stale) else { return nil }
        switch draw(8) {
        case 6: return .releaseKeeping(stale, count: 1)
        case 5: return .releaseShared(stale, .needsReset)
        case 0: return .connected(stale)
        case 1: return .connectFailed(stale, .deterministic)
        case 2: return .closed(stale)
        case 3: return .lost(stale)
        case 4: return .quarantineEnded(stale, isUsable: true)
        default: return .release(stale, .reusable)
        }
    }

    private mutating func drawControl() -> SimulatedEvent {
        switch draw(32) {
        case 0...5: return .resize(1 + draw(2 * model.machine.settings.maxConnections))
        case 6...10: return chance(50) ? .evict : .evictSevering(milliseconds(40))
        case 24...25: return .admit(0)
        case 26...28: return .admit(1 + draw(4))
        case 29...30: return .admit(.max)
        case 31: return .forgetFailures
        case 11...15: return .pause
        case 16...21: return .resume
        case 22: return .drain(queue: milliseconds(100), leases: milliseconds(300))
        default:
            let queue = chance(50) ? ModelSettings.never : 0
            return .drain(queue: queue, leases: chance(50) ? ModelSettings.never : 0)
        }
    }
}

// MARK: - The end of a life

extension PoolSimulation {
    /// Makes the world healthy: every waiter is served or times out, and everything comes to rest.
    private mutating func comeToRest() throws {
        weather = .healthy
        try apply(.resume)
        try apply(.admit(.max))
        try settle {
            $0.queue.isEmpty && $0.total == $0.machine.counts.idle
                && $0.total >= min($0.machine.settings.minIdle, $0.limit)
        }
        if model.phase == .running {
            let idle = model.machine.counts.idle
            let wanted = min(model.machine.settings.minIdle, model.limit)
            try require(
                idle >= wanted && idle <= model.limit,
                "at rest \(idle) are idle, wanted \(wanted)...\(model.limit)"
            )
            try trim(to: wanted)
            try apply(.drain(queue: 0, leases: 0))
        }
        try settle { $0.phase == .finished }
    }

    /// Nobody asks for anything any more: the surplus goes.
    private mutating func trim(to wanted: Int) throws {
        guard let window = model.machine.settings.idleTimeout?.wholeNanoseconds else { return }
        let latest = model.now + 4 * window + model.settings.quarantineTimeout
        try settle { $0.total == wanted && $0.machine.counts.idle == wanted || $0.now > latest }
        try require(
            model.now <= latest,
            "nobody needed \(model.machine.counts) for \(window), \(wanted) would do"
        )
    }

    /// Answers everything that is open to an answer, until the pool is done.
    private mutating func settle(until isDone: (PoolModel) -> Bool) throws {
        for _ in 0..<2_000 {
            if isDone(model) || model.phase == .finished { return }
            let before = eventCount
            for index in model.connections.indices {
                let id = model.id(at: index)
                switch model.connections[index].state {
                case .opening: try apply(.connected(id))
                case .leased: try apply(.release(id, .reusable))
                case .shared: try apply(.releaseShared(id, .reusable))
                case .quarantined: try apply(.quarantineEnded(id, isUsable: true))
                case .closing: try apply(.closed(id))
                case .free, .idle: break
                }
            }
            if eventCount == before, let armedAt = model.armedAt {
                try apply(.advance(max(0, armedAt - model.now)))
                try apply(.timerFired)
            }
        }
        throw Violation("the pool does not come to rest: \(model.machine.counts)")
    }

    /// After the end nothing moves, whatever comes.
    private mutating func probeTheDead() throws {
        let events: [SimulatedEvent] = [
            .acquire(timeout: 1_000_000, holdsLease: false), .resize(3), .evict, .pause, .resume,
            .advance(10_000_000_000), .timerFired, .drain(queue: 0, leases: 0),
        ]
        for event in events { try apply(event) }
        try require(model.phase == .finished, "came back to life")
    }
}
