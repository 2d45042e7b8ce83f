import Testing

@testable import pool_bench

@Suite struct DrillVerdictTests {
    private func shortcomings(
        maxErrors: Int = 0,
        _ change: (inout BenchResult) -> Void = { _ in }
    ) -> [String] {
        var result = SampleResult.drill()
        change(&result)
        return DrillVerdict.shortcomings(of: result, maxErrors: maxErrors)
    }

    @Test func aDrillThatKeptItsPromisesHasNone() {
        #expect(shortcomings() == [])
    }

    @Test func whatIsLostDuplicatedOrPhantomIsSaid() {
        let said = shortcomings { result in
            result.ledger?.lost = 1
            result.ledger?.duplicated = 2
            result.ledger?.phantom = 3
        }
        #expect(said == ["lost: 1", "duplicated: 2", "phantom: 3"])
    }

    @Test func unknownOutcomesAreErrorsOnlyOfVerifiedCommits() {
        let change = { (result: inout BenchResult) in
            result.errors = ["connectionLost": 3]
            result.ledger?.unknown = 3
        }
        #expect(shortcomings(change) == ["3 errors, --max-errors is 0", "unknown: 3"])
        let plain = shortcomings { result in
            change(&result)
            result.settings.commit = .plain
        }
        #expect(plain == [])
        let one = shortcomings { result in
            change(&result)
            result.settings.commit = .plain
            result.errors["25006"] = 1
        }
        #expect(one == ["1 errors, --max-errors is 0"])
        #expect(shortcomings(maxErrors: 4) { $0.errors = ["x": 4] } == [])
    }

    @Test func moreUnknownOutcomesThanWereInFlightAreALie() {
        let change = { (result: inout BenchResult) in
            result.settings.commit = .plain
            result.rounds?[0].inFlight = 16
            result.rounds?[0].unknown = 17
        }
        #expect(
            shortcomings(change) == ["round 1: 17 outcomes unknown, more than the 16 in flight"]
        )
        let twice = shortcomings { result in
            change(&result)
            result.rounds?[0].fault = .restartPromoted
        }
        #expect(twice == [])
    }

    @Test func aRoundThatNeverRecoveredIsSaid() {
        #expect(
            shortcomings { $0.rounds?[1].recovered = false } == ["1 of 2 rounds didn't recover"]
        )
    }

    @Test func aLedgerThatNobodyReadIsSaid() {
        #expect(shortcomings { $0.ledger = nil } == ["the ledger wasn't audited"])
    }

    @Test func aSoakIsJudgedByItsServersAndItsProcess() {
        #expect(shortcomings { $0.soak = SampleResult.soak } == [])
        let said = shortcomings { result in
            var soak = SampleResult.soak
            soak.serverConnections.add(17)
            soak.memory.isFlat = false
            soak.descriptors.isFlat = false
            result.soak = soak
        }
        #expect(
            said == [
                "17 connections on a server, the limit is 16", "memory grew",
                "open descriptors grew",
            ]
        )
    }
}
