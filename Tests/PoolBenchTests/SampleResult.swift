@testable import pool_bench

/// A made-up result for tests of what is done with results.
enum SampleResult {
    static func run(
        errors: [String: Int] = [:],
        baselines: [BaselineResult]? = nil,
        statement: String = "select $1::int"
    ) -> BenchResult {
        let ledger = LatencyLedger()
        var buffer = SampleBuffer()
        for index in 1...2000 {
            let nanoseconds = UInt64(200_000 + index * 700 + (index % 100 == 0 ? 9_000_000 : 0))
            buffer.append(latency: nanoseconds, acquire: nanoseconds / 3)
        }
        ledger.add(buffer)
        var settings = BenchSettings(workers: 256, poolSize: 16)
        settings.mode = .exclusive
        settings.statement = statement
        settings.pairs = 5
        return BenchResult(
            scenario: "run",
            settings: settings,
            seed: 42,
            seconds: 3.2,
            operations: 2000,
            throughput: 625,
            errors: errors,
            latency: LatencySummary(ledger.contents.latency),
            acquire: LatencySummary(ledger.contents.acquire),
            clientCPUSeconds: 1.5,
            peakResidentBytes: 50 << 20,
            connectionsOpened: 16,
            connectionsPeak: 16,
            operationsPerWorker: Spread(min: 5, median: 8, max: 9),
            series: [
                SeriesEntry(seconds: 1, operations: 640, errors: 0, connections: 16),
                SeriesEntry(seconds: 1, operations: 600, errors: 3, connections: 16),
                SeriesEntry(seconds: 1.2, operations: 760, errors: 0, connections: 15),
            ],
            histogram: LatencyDistribution(ledger.contents.latency, sampledEvery: 1),
            baselines: baselines,
            throughputRatio: baselines?.first?.throughputRatio
        )
    }

    static let baseline = BaselineResult(
        name: "pgbench",
        throughput: 700,
        clientCPUSeconds: 2,
        operations: 2100,
        throughputRatio: 0.893
    )

    /// A drill of two rounds in which nothing went wrong.
    static func drill() -> BenchResult {
        var result = run()
        result.scenario = "failover"
        result.settings.mode = nil
        result.settings.commit = .verified
        result.settings.target = .pool
        result.settings.faults = [.kill, .freeze]
        result.rounds = [DrillFault.kill, .freeze].enumerated().map { index, fault in
            DrillRound(
                fault: fault,
                began: Double(index) + 0.4,
                detected: index == 0 ? 12.5 : nil,
                promoted: 110,
                firstWrite: 20,
                throughputBack: 80,
                recovered: true,
                failedOperations: 0,
                unknown: 0,
                inFlight: 16
            )
        }
        result.ledger = LedgerTotals(acknowledged: 2000, present: 2000)
        var timeline = Timeline()
        for index in 0..<2000 { timeline.add(at: Double(index) / 625, hasFailed: index == 900) }
        result.timeline = timeline
        return result
    }

    static let soak = SoakFigures(
        serverConnections: SoakFigures.ServerConnections(
            limit: 16,
            peak: 16,
            samples: 900,
            violations: 0
        ),
        memory: Trend(early: 5e7, late: 5.1e7, peak: 5.2e7, isFlat: true),
        descriptors: Trend(early: 60, late: 61, peak: 80, isFlat: true)
    )
}
