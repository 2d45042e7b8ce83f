import PGPoolTesting
import Testing

@testable import pool_bench

/// The drills themselves, through a pool on its own, which survives some faults only.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct PoolDrillTests {
    @Test func aKilledWriterIsReplacedAndEveryRowAccountedFor() async throws {
        let result = try await Drill.failover([
            "--target", "pool", "--fault", "kill", "--rounds", "2", "--promote-after", "500ms",
        ])
        #expect(DrillVerdict.shortcomings(of: result, maxErrors: 0) == [])
        let rounds = try #require(result.rounds)
        #expect(rounds.count == 2)
        #expect(rounds.allSatisfy { $0.recovered && $0.firstWrite != nil })
        #expect(rounds.allSatisfy { ($0.promoted ?? 0) > 500 && (1...16).contains($0.inFlight) })
        let ledger = try #require(result.ledger)
        #expect(ledger.acknowledged == result.operations)
        #expect(ledger.present == ledger.acknowledged + ledger.unknownPresent)
        #expect(result.operations > 100)
    }

    @Test func aFailoverByHandIsFollowedByWatchingTheHosts() async throws {
        var configuration = LocalCluster.Configuration()
        configuration.readers = 2
        configuration.promoteAfter = .milliseconds(500)
        try await LocalCluster.with(configuration) { cluster in
            let url = LocalControl(cluster: cluster).allNodesURL
            let hand = Task {
                // Whoever fails it over does so when the drill asks: rows are flowing by then.
                while true {
                    let table = "SELECT 1 FROM pg_stat_user_tables WHERE n_tup_ins > 1000"
                    if try await !cluster.execute(table).isEmpty { break }
                    // Proof: paces polling.
                    try await Task.sleep(for: .seconds(1))
                }
                try await cluster.inject(.kill)
                return try await cluster.promotion()
            }
            let result = try await Drill.failover(["--target", "pool", "--url", url])
            let failover = try await hand.value
            let round = try #require(result.rounds?.first)
            #expect(round.fault == .manual)
            #expect(round.recovered)
            let watched = try #require(round.promoted)
            let told = (failover.promoted - failover.faultBegan).inSeconds * 1e3
            #expect(abs(watched - told) < 2_000, "watched \(watched) ms, was \(told) ms")
            #expect(DrillVerdict.shortcomings(of: result, maxErrors: 0) == [])
            try await cluster.heal()
        }
    }

    @Test func aSoakAuditsEachFaultAndCountsConnections() async throws {
        let result = try await Drill.soak([
            "--target", "pool", "--fault", "kill", "--duration", "10s", "--promote-after", "300ms",
            "--min-pause", "1s", "--max-pause", "2s", "--seed", "5",
        ])
        let rounds = try #require(result.rounds)
        #expect(rounds.count >= 2)
        let ledger = try #require(result.ledger)
        #expect(ledger.acknowledged == result.operations)
        #expect(ledger.lost + ledger.duplicated + ledger.phantom == 0)
        let server = try #require(result.soak).serverConnections
        #expect(server.samples > 50)
        #expect((1...16).contains(server.peak), "\(server)")
    }
}
