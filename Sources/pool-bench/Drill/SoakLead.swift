import PGPoolTesting

/// Leads a soak: faults at random until the time is over, while connections and memory are watched.
struct SoakLead: Sendable {
    let duration: Duration
    let faults: [DrillFault]
    /// Between a healed fault and the next.
    let pause: ClosedRange<Duration>
    let limit: Int

    func run(_ session: DrillSession, on cluster: LocalCluster) async throws -> SoakFigures? {
        let census = try ConnectionCensus(cluster, limit: limit)
        let samples = Box(ProcessSamples())
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await census.run() }
            group.addTask {
                while !Task.isCancelled {
                    samples.update { $0.take() }
                    try? await Task.sleep(for: .milliseconds(250))
                }
            }
            defer { group.cancelAll() }
            try await lead(session)
            let taken = samples.value
            // A tenth, or what the allocator and its caches make of the same load twice.
            guard
                let memory = Trend(taken.memory, slack: 16 * 1024 * 1024),
                let descriptors = Trend(taken.descriptors, slack: 8)
            else { return nil }
            return SoakFigures(
                serverConnections: census.result,
                memory: memory,
                descriptors: descriptors
            )
        }
    }

    /// Another table after each fault: what was written in its time is audited then.
    private func lead(_ session: DrillSession) async throws {
        var dice = SoakDice(seed: session.plan.seed)
        let end = ContinuousClock.now + duration
        var segment = 1
        while ContinuousClock.now < end {
            let rest = end - ContinuousClock.now
            session.log.enter("steady load")
            try await Task.sleep(for: min(rest, dice.pause(in: pause)))
            guard ContinuousClock.now < end else { break }
            guard try await session.play(dice.fault(of: faults)) else { break }
            try await session.turnPage(segment: segment)
            segment += 1
        }
    }
}

/// Draws the same faults and pauses for the same seed.
struct SoakDice {
    private var generator: SplitMix

    init(seed: UInt64) { generator = SplitMix(state: seed) }

    mutating func fault(of faults: [DrillFault]) -> DrillFault {
        faults.randomElement(using: &generator) ?? .kill
    }

    mutating func pause(in range: ClosedRange<Duration>) -> Duration {
        let share = Double.random(in: 0...1, using: &generator)
        return range.lowerBound + (range.upperBound - range.lowerBound) * share
    }
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
