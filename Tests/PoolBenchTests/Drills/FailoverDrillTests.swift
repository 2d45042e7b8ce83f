import Foundation
import Testing

@testable import pool_bench

/// Two rounds of each fault through a cluster: every row is accounted for, and every round recovers.
/// `scripts/failover` drills plain commits with the other faults, too.
@Suite(.serialized, .timeLimit(.minutes(15)))
struct FailoverDrillTests {
    @Test(
        arguments: DrillFault.allCases.filter { ![.cut, .manual].contains($0) }
    )
    func isSurvived(_ fault: DrillFault) async throws {
        try await expectSurvival(of: fault, .verified)
    }

    @Test(arguments: [DrillFault.kill, .freeze, .lostAcknowledgement])
    func isSurvivedWithPlainCommits(_ fault: DrillFault) async throws {
        try await expectSurvival(of: fault, .plain)
    }

    @Test(
        .enabled(if: geteuid() == 0, "only root may drop packets")
    )
    func aCutIsSurvived() async throws {
        try await expectSurvival(of: .cut, .verified)
    }

    private func expectSurvival(of fault: DrillFault, _ commit: CommitMode) async throws {
        let result = try await Drill.failover([
            "--fault", fault.rawValue, "--rounds", "2", "--promote-after", "1s",
            "--commit", commit.rawValue,
        ])
        #expect(DrillVerdict.shortcomings(of: result, maxErrors: 0) == [])
        let rounds = try #require(result.rounds)
        #expect(rounds.count == 2)
        #expect(rounds.allSatisfy { $0.fault == fault && $0.firstWrite != nil })
        #expect(rounds.allSatisfy { $0.detected != nil })
        let ledger = try #require(result.ledger)
        #expect(ledger.acknowledged == result.operations)
        #expect(ledger.present == ledger.acknowledged + ledger.unknownPresent)
    }
}

/// A minute of faults at random.
@Suite(.timeLimit(.minutes(5)))
struct SoakDrillTests {
    @Test func aMinuteOfFaultsLosesNothingAndLeaksNothing() async throws {
        let result = try await Drill.soak([
            "--duration", "60s", "--promote-after", "1s", "--min-pause", "1s", "--max-pause", "4s",
            "--seed", "11", "--commit", "verified",
        ])
        #expect(DrillVerdict.shortcomings(of: result, maxErrors: 0) == [])
        #expect(try #require(result.rounds).count >= 4)
        let server = try #require(result.soak).serverConnections
        #expect(server.samples > 500)
    }
}
