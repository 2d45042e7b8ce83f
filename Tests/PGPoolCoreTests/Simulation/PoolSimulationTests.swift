import Foundation
import Testing

@testable import PGPoolCore

/// Millions of events over many seeds.
///
/// Environment: `SEED=n` replays one seed; `SIMULATION_EVENTS=n` says how many events are lived
/// through in total (6 million unless said); `SIMULATION_FIRST_SEED=n` says where seeds begin.
@Suite struct PoolSimulationTests {
    private static let batches = 8
    private static let stepsPerSeed = 3_000

    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    private static var replayedSeed: UInt64? { number("SEED") }

    @Test(
        "Every promise holds through the seeds that once failed",
        arguments: replayedSeed.map { [$0] } ?? FailedSeeds.all
    )
    func holdsThroughFailedSeeds(seed: UInt64) throws {
        _ = try Self.live(seed)
    }

    @Test(
        "Every promise holds through millions of events",
        .disabled(if: replayedSeed != nil, "one seed is replayed"),
        arguments: 0..<batches
    )
    func holdsThroughMillions(batch: Int) throws {
        let total = Self.number("SIMULATION_EVENTS") ?? 6_000_000
        let wanted = Int(total) / Self.batches
        let first = Self.number("SIMULATION_FIRST_SEED") ?? 1
        var seed = first + UInt64(batch)
        var events = 0
        while events < wanted {
            events += try Self.live(seed)
            seed += UInt64(Self.batches)
        }
        #expect(events >= wanted)
    }

    /// Lives one seed and returns how many events it had. A seed that fails is lived again with
    /// its events recorded.
    private static func live(_ seed: UInt64) throws -> Int {
        do {
            var simulation = PoolSimulation(seed: seed)
            try simulation.run(steps: stepsPerSeed)
            return simulation.eventCount
        } catch {
            var simulation = PoolSimulation(seed: seed, isRecording: true)
            try? simulation.run(steps: stepsPerSeed)
            throw Violation(report(error, simulation))
        }
    }

    private static func report(_ error: any Error, _ simulation: PoolSimulation) -> String {
        let lines = simulation.history.map {
            "\($0.number) at \($0.at): \($0.event) → \($0.actions)"
        }
        return """
            seed \(simulation.seed): \(error)
            limit \(simulation.model.limit), settings \(simulation.model.machine.settings)
            the last \(lines.count) events:
            \(lines.joined(separator: "\n"))
            replay: SEED=\(simulation.seed) scripts/test simulation
            """
    }
}
