/// Leads one fault after the other through its phases.
struct RoundDirector: Sendable {
    let crew: DrillCrew
    let control: any FaultControl
    let log: DrillLog

    /// Throughput counts as back when half of what it was is acknowledged in such a span.
    private static let window: UInt64 = 500_000_000
    private static let steadyTime = Duration.seconds(1)
    private static let steadyLimit = Duration.seconds(60)

    private var recorder: DrillRecorder { crew.recorder }
    private var limit: Duration { crew.plan.roundLimit }

    /// One round: steady load, the fault, the promotion, the first write, throughput back, healed.
    ///
    /// - Throws: ``LoadNeverFlowed``; what the control throws; `CancellationError`.
    func play(_ fault: DrillFault) async throws {
        log.enter("steady load")
        let rate = try await waitUntilSteady()
        log.enter(fault == .manual ? "waiting for a failover" : fault.rawValue)
        log.note(recorder.outage)
        recorder.beginOutage()
        let injected = MonotonicClock.now()
        do {
            try await control.inject(fault)
            let (promotion, back) = try await follow(fault, rate)
            recorder.endOutage()
            log.enter("healing")
            try await control.heal()
            log.add(round(fault, injected, promotion, back))
        } catch {
            recorder.endOutage()
            throw error
        }
    }

    /// The round's figures, whose failures may still grow until the next one begins.
    private func round(
        _ fault: DrillFault,
        _ injected: UInt64,
        _ promotion: Promotion?,
        _ back: UInt64?
    ) -> DrillRound {
        let began = promotion?.faultBegan ?? injected
        let detected = crew.target.events.firstSuspicion(since: began)
        let first = promotion.flatMap { recorder.firstAcknowledgement(since: $0.promoted) }
        func milliseconds(_ from: UInt64?, _ to: UInt64?) -> Double? {
            guard let from, let to else { return nil }
            return MonotonicClock.seconds(from: from, to: to) * 1e3
        }
        let outage = recorder.outage
        return DrillRound(
            fault: fault,
            began: recorder.seconds(at: began),
            detected: milliseconds(began, detected),
            promoted: milliseconds(promotion?.faultBegan, promotion?.promoted),
            firstWrite: milliseconds(promotion?.promoted, first),
            throughputBack: milliseconds(promotion?.promoted, back),
            recovered: back != nil,
            failedOperations: outage.failed,
            unknown: outage.unknown,
            // A task that wakes late seems inside a transaction for longer than its connection was.
            inFlight: min(outage.inFlight, crew.plan.poolSize)
        )
    }

    /// Waits until operations flow, and returns how many a second.
    private func waitUntilSteady() async throws -> Double {
        let deadline = ContinuousClock.now + Self.steadyLimit
        while ContinuousClock.now < deadline {
            let (acknowledged, failed) = (recorder.acknowledged, recorder.failed)
            let start = MonotonicClock.now()
            try await Task.sleep(for: Self.steadyTime)
            let seconds = MonotonicClock.seconds(from: start, to: MonotonicClock.now())
            let rate = Double(recorder.acknowledged - acknowledged) / seconds
            if recorder.failed == failed, rate >= 1 { return rate }
        }
        throw LoadNeverFlowed(limit: Self.steadyLimit)
    }

    /// Waits for the promotion and for throughput, each within the limit. By hand it may take as
    /// long as it takes until a failover begins.
    private func follow(
        _ fault: DrillFault,
        _ rate: Double
    ) async throws -> (Promotion?, UInt64?) {
        var deadline = fault == .manual ? nil : ContinuousClock.now + limit
        var promotion: Promotion?
        let wanted = Int(rate / 2 * Double(Self.window) / 1e9)
        while deadline.map({ ContinuousClock.now < $0 }) ?? true {
            try await Task.sleep(for: .milliseconds(20))
            if promotion == nil, let happened = control.promotion {
                promotion = happened
                log.enter("\(fault.rawValue), promoted")
                deadline = ContinuousClock.now + limit
            }
            guard let promotion else { continue }
            let back = recorder.recovery(
                since: promotion.promoted,
                window: Self.window,
                count: wanted
            )
            if let back { return (promotion, back) }
        }
        return (promotion, nil)
    }
}

/// Nothing was acknowledged, or something always failed, without any fault.
struct LoadNeverFlowed: Error, CustomStringConvertible {
    let limit: Duration

    var description: String {
        "no second without failures within \(BenchDuration.describe(limit)), with no fault under way"
    }
}
