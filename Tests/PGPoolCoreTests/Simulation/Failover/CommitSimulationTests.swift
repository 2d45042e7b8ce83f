import Foundation
import Testing

@testable import PGPoolCore

/// `SEED=n` replays one seed; `SIMULATION_EVENTS=n` says how many events are lived through (a million
/// unless said).
@Suite struct CommitSimulationTests {
    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    private static var replayedSeed: UInt64? { number("SEED") }

    @Test("A verdict is what survives, whatever befalls the nodes, the answers and the resolvers")
    func truthful() throws {
        if let seed = Self.replayedSeed {
            var simulation = CommitSimulation(seed: seed)
            try simulation.run()
            return
        }
        let total = Int(Self.number("SIMULATION_EVENTS") ?? 1_000_000)
        var seed = Self.number("SIMULATION_FIRST_SEED") ?? 1
        var events = 0
        var verdicts: [CommitVerdict: Int] = [:]
        while events < total {
            var simulation = CommitSimulation(seed: seed)
            do {
                try simulation.run()
            } catch {
                throw Violation(
                    "seed \(seed): \(error)\nreplay: SEED=\(seed) scripts/test simulation"
                )
            }
            for verdict in simulation.verdicts {
                if let verdict { verdicts[verdict, default: 0] += 1 }
            }
            events += simulation.eventCount
            seed += 1
        }
        // A simulation in which nothing is ever settled proves nothing.
        #expect(verdicts[.committed, default: 0] > 50, "\(verdicts)")
        #expect(verdicts[.rolledBack, default: 0] > 50, "\(verdicts)")
    }
}
