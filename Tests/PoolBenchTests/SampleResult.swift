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
}
