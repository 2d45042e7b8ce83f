@testable import PGPoolCore

/// Every order of events up to a depth, from one state on. A state that was met before with as many
/// steps left is not searched again.
struct PoolSearch {
    /// What may happen besides what connections and waiters do by themselves.
    struct Alphabet: Sendable {
        var settings: PoolSettings
        var timeouts: [Int64]
        var maxWaiters = 3
        var hasLevers = false
        var hasDrain = false
        var hasStatements = false
        var hasFailover = false
    }

    let alphabet: Alphabet
    private(set) var eventCount = 0
    private(set) var path: [SimulatedEvent] = []
    private var met: [StateKey: Int8] = [:]

    init(_ alphabet: Alphabet) {
        self.alphabet = alphabet
    }

    var stateCount: Int { met.count }

    mutating func run(depth: Int) throws {
        var model = PoolModel(settings: alphabet.settings, seed: 1)
        path = [.start]
        try model.apply(.start)
        try search(model, depth: depth)
    }

    private mutating func search(_ model: PoolModel, depth: Int) throws {
        guard depth > 0 else { return }
        let key = model.key
        if let searched = met[key], searched >= depth { return }
        met[key] = Int8(depth)
        for event in events(in: model) {
            var next = model
            eventCount += 1
            path.append(event)
            if event == .timerFired, let armedAt = next.armedAt {
                try next.apply(.advance(max(0, armedAt - next.now)))
            }
            try next.apply(event)
            try search(next, depth: depth - 1)
            path.removeLast()
        }
    }

    /// All that may happen next.
    private func events(in model: PoolModel) -> [SimulatedEvent] {
        if model.phase == .finished { return [] }
        var events: [SimulatedEvent] = []
        if model.queue.count < alphabet.maxWaiters {
            for timeout in alphabet.timeouts {
                if alphabet.hasStatements {
                    events.append(.acquireShared(timeout: timeout, holdsLease: false))
                }
                events.append(.acquire(timeout: timeout, holdsLease: false))
            }
            if model.leased == model.limit {
                events.append(.acquire(timeout: 5, holdsLease: true))
            }
        }
        for waiter in model.queue { events.append(.cancel(waiter.id)) }
        for index in model.connections.indices { addAnswers(of: index, in: model, to: &events) }
        if model.armedAt != nil { events.append(.timerFired) }
        if alphabet.hasLevers { addLevers(in: model, to: &events) }
        if alphabet.hasFailover { addFailover(in: model, to: &events) }
        if alphabet.hasDrain {
            events.append(.drain(queue: 5, leases: 9))
            events.append(.drain(queue: 0, leases: model.phase == .draining ? 0 : 7))
        }
        return events
    }

    private func addAnswers(
        of index: Int,
        in model: PoolModel,
        to events: inout [SimulatedEvent]
    ) {
        let id = model.id(at: index)
        switch model.connections[index].state {
        case .free:
            break
        case .opening:
            events.append(.connected(id))
            events.append(.connectFailed(id, .transient))
            events.append(.connectFailed(id, .deterministic))
        case .idle:
            events.append(.lost(id))
        case .leased:
            events.append(.release(id, .reusable))
            events.append(.release(id, .needsReset))
            events.append(.release(id, .unusable(.unusable)))
            if !model.connections[index].isLost { events.append(.lost(id)) }
        case .shared:
            events.append(.releaseShared(id, .reusable))
            events.append(.releaseShared(id, .needsReset))
            events.append(.releaseShared(id, .unusable(.unusable)))
            events.append(.releaseKeeping(id, count: 1))
            if model.connections[index].load > 1 {
                events.append(.releaseKeeping(id, count: model.connections[index].load))
            }
            if !model.connections[index].isLost { events.append(.lost(id)) }
            events.append(.advance(3))
        case .quarantined:
            events.append(.quarantineEnded(id, isUsable: true))
            events.append(.quarantineEnded(id, isUsable: false))
        case .closing:
            events.append(.closed(id))
        }
    }

    private func addFailover(in model: PoolModel, to events: inout [SimulatedEvent]) {
        for count in [0, 1, .max] where count != model.admission { events.append(.admit(count)) }
        events.append(.evictSevering(0))
        events.append(.evictSevering(3))
        if model.isFailing { events.append(.forgetFailures) }
    }

    private func addLevers(in model: PoolModel, to events: inout [SimulatedEvent]) {
        events.append(.evict)
        events.append(model.isPaused ? .resume : .pause)
        events.append(.resize(model.limit == 2 ? 1 : 2))
    }
}
