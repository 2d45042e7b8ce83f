import Synchronization

/// Everything that happens to a drill's operations, when it happens.
final class DrillRecorder: Sendable {
    /// What one outage did to the operations.
    struct Outage: Equatable, Sendable {
        /// Operations that ended in failure since it began.
        var failed = 0
        /// Those of them whose outcome is unknown.
        var unknown = 0
        /// The most operations that were inside a transaction at once from its beginning to the
        /// throughput of before: no more than these can have an unknown outcome, unless they lose
        /// one writer after the other.
        var inFlight = 0
    }

    private struct State {
        var timeline = Timeline()
        var acknowledged = 0
        var failed = 0
        /// Operations inside a transaction now.
        var executing = 0
        var outage = Outage()
        /// Whether the outage lasts, so that what enters a transaction counts as in flight.
        var isOut = false
        /// When operations were acknowledged since the outage began.
        var acknowledgements: [UInt64] = []
    }

    /// An instant of ``MonotonicClock``: the drill's beginning.
    let began: UInt64
    let latencies = LatencyLedger()
    private let state = Mutex(State())

    init(began: UInt64 = MonotonicClock.now()) {
        self.began = began
    }

    var timeline: Timeline { state.withLock { $0.timeline } }
    var outage: Outage { state.withLock { $0.outage } }
    var acknowledged: Int { state.withLock { $0.acknowledged } }
    var failed: Int { state.withLock { $0.failed } }

    /// The seconds from the beginning to an instant.
    func seconds(at instant: UInt64) -> Double { MonotonicClock.seconds(from: began, to: instant) }

    // MARK: Operations

    /// An operation is inside a transaction.
    func entered() {
        state.withLock { state in
            state.executing += 1
            if state.isOut { state.outage.inFlight = max(state.outage.inFlight, state.executing) }
        }
    }

    /// It no longer is.
    func left() {
        state.withLock { $0.executing -= 1 }
    }

    /// An operation ended.
    ///
    /// - Parameters:
    ///   - outcome: What its caller was told.
    ///   - instant: When.
    func ended(_ outcome: LedgerOutcome, at instant: UInt64) {
        let place = seconds(at: instant)
        state.withLock { state in
            switch outcome {
            case .acknowledged:
                state.acknowledged += 1
                if state.isOut { state.acknowledgements.append(instant) }
            case .open, .withdrawn: return
            case .notExecuted, .rolledBack, .unknown, .deterministic:
                state.failed += 1
                state.outage.failed += 1
                if outcome == .unknown { state.outage.unknown += 1 }
            }
            state.timeline.add(at: place, hasFailed: outcome != .acknowledged)
        }
    }

    // MARK: Outages

    /// A fault is about to be done.
    func beginOutage() {
        state.withLock { state in
            state.outage = Outage(inFlight: state.executing)
            state.isOut = true
            state.acknowledgements.removeAll(keepingCapacity: true)
        }
    }

    /// Throughput is back; failures count on until the next outage.
    func endOutage() {
        state.withLock { $0.isOut = false }
    }

    /// When the first operation was acknowledged at or after an instant of this outage.
    func firstAcknowledgement(since instant: UInt64) -> UInt64? {
        state.withLock { $0.acknowledgements.lazy.filter { $0 >= instant }.min() }
    }

    /// The first span of the window's length at or after the instant, in which as many operations
    /// were acknowledged as wanted: its end.
    func recovery(since instant: UInt64, window: UInt64, count: Int) -> UInt64? {
        let sorted = state.withLock { $0.acknowledgements.filter { $0 >= instant } }.sorted()
        let wanted = max(1, count)
        guard sorted.count >= wanted else { return nil }
        return (wanted - 1..<sorted.count).first { sorted[$0] - sorted[$0 - wanted + 1] <= window }
            .map { sorted[$0] }
    }
}
