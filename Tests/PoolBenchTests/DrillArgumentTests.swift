import ArgumentParser
import PGPoolTesting
import Testing

@testable import pool_bench

@Suite struct DrillArgumentTests {
    private func complaint(_ words: [String]) -> String? {
        do {
            _ = try PoolBench.parseAsRoot(words)
            return nil
        } catch {
            #expect(PoolBench.exitCode(for: error) == .validationFailure)
            return PoolBench.message(for: error)
        }
    }

    @Test(
        arguments: [
            "failover",
            "failover --fault kill,freeze --fault demote --rounds 20 --workers 64 --commit plain",
            "failover --promote-after 3s --pool-size 16 --readers 2 --flavor multi-az --deadline 15s",
            "failover --url postgresql://x@y/z --fault manual --seed 4 --json - --html /tmp/x.html",
            "failover --url postgresql://x@y/z",
            "failover --target pool --round-limit 30s --max-errors 3",
            "soak --duration 15m --fault kill,restart-all --min-pause 1s --max-pause 4s --seed 9",
        ]
    )
    func acceptsTheDocumentedCommandLines(_ line: String) {
        #expect(complaint(line.split(separator: " ").map(String.init)) == nil)
    }

    @Test(
        arguments: [
            ("failover --fault kaboom", "'kaboom' is no fault; there are kill, freeze"),
            ("failover --fault kill,,freeze", "'' is no fault"),
            ("failover --fault kill,kill", "--fault: each may be given once"),
            ("failover --fault manual", "--fault manual: needs a --url"),
            ("failover --url postgresql://x/y --fault kill", "is manual"),
            ("failover --rounds 0", "--rounds 0: must be from 1 to 10000"),
            ("failover --workers 0", "--workers 0: must be from 1 to 10000"),
            ("failover --pool-size 1001", "--pool-size 1001: must be from 1 to 1000"),
            ("failover --readers 9", "--readers 9: must be from 1 to 8"),
            ("failover --deadline 1ms", "--deadline 1ms: must be from 10ms to 1h"),
            ("failover --promote-after 11m", "--promote-after 11m: must be from 0s to 10m"),
            ("failover --round-limit 1ms", "--round-limit 1ms: must be from 1s to 1h"),
            ("failover --commit maybe", "maybe"),
            ("failover --flavor vanilla", "'vanilla' is none of aurora, multi-az, plain"),
            ("failover --target moon", "moon"),
            ("soak --duration 1s", "--duration 1s: must be from 5s to 168h"),
            ("soak --fault manual", "--fault manual"),
            ("soak --url postgresql://x/y", "--url: a soak needs a cluster of its own"),
            ("soak --min-pause 9s --max-pause 3s", "--max-pause 3s: must be from 9s to 1h"),
        ]
    )
    func namesTheOptionAndTheBound(_ line: String, _ expected: String) throws {
        let said = try #require(complaint(line.split(separator: " ").map(String.init)))
        #expect(said.contains(expected), "\(said)")
    }

    @Test func roundsRepeatAllFaultsInTurn() throws {
        let command = try FailoverCommand.parse(["--fault", "kill,freeze", "--rounds", "2"])
        #expect(command.plan.faults == [.kill, .freeze, .kill, .freeze])
    }

    @Test func putsForwardersBeforeNodesOnlyForFaultsThatNeedThem() throws {
        let kill = try FailoverCommand.parse(["--fault", "kill"])
        let stall = try FailoverCommand.parse(["--fault", "kill,stall"])
        #expect(!kill.drill.cluster(for: kill.faults).forwardsNodes)
        #expect(stall.drill.cluster(for: stall.faults).forwardsNodes)
    }

    @Test func everyFaultButTheManualOneIsOneOfLocalClusters() {
        for fault in DrillFault.allCases {
            #expect((fault.local == nil) == (fault == .manual))
        }
    }
}
