import Histogram

/// Adds up the slices of a load and of its baselines.
struct Measured: Sendable {
    private struct BaselineSum {
        var name: BaselineName
        var operations = 0
        var seconds = 0.0
        var cpuSeconds = 0.0
        var ratios: [Double] = []
    }

    private let plan: LoadPlan
    private var own = OwnSlice(operations: 0, seconds: 0, cpuSeconds: 0)
    private var baselines: [BaselineSum] = []

    init(plan: LoadPlan) {
        self.plan = plan
    }

    mutating func add(_ slice: OwnSlice) {
        own.operations += slice.operations
        own.seconds += slice.seconds
        own.cpuSeconds += slice.cpuSeconds
    }

    /// Adds a baseline's slice and its ratio to the pool's slice of the same pair.
    mutating func add(_ slice: BaselineSlice, of name: BaselineName, against own: OwnSlice) {
        guard slice.throughput > 0 else { return }
        let index: Int
        if let known = baselines.firstIndex(where: { $0.name == name }) {
            index = known
        } else {
            index = baselines.count
            baselines.append(BaselineSum(name: name))
        }
        baselines[index].operations += slice.operations
        baselines[index].seconds += Double(slice.operations) / slice.throughput
        baselines[index].cpuSeconds += slice.clientCPUSeconds
        baselines[index].ratios.append(own.throughput / slice.throughput)
    }

    /// The baselines' results, in the order in which they were asked for.
    var baselineResults: [BaselineResult] {
        baselines.map { sum in
            BaselineResult(
                name: sum.name.rawValue,
                throughput: sum.seconds > 0 ? Double(sum.operations) / sum.seconds : 0,
                clientCPUSeconds: sum.cpuSeconds,
                operations: sum.operations,
                throughputRatio: Statistics.median(sum.ratios) ?? 0
            )
        }
    }

    func result(
        workers: [WorkerCounters],
        contents: LatencyLedger.Contents,
        warmUpErrors: [String: Int],
        series: [SeriesEntry],
        gauges: PoolGauges,
        wasInterrupted: Bool
    ) -> BenchResult {
        let compared = baselineResults
        let hasAcquire = contents.acquire.totalCount > 0
        var settings = plan.settings
        settings.wasInterrupted = wasInterrupted
        return BenchResult(
            scenario: "run",
            settings: settings,
            seed: plan.seed,
            seconds: own.seconds,
            operations: own.operations,
            throughput: own.throughput,
            errors: contents.errors.merging(warmUpErrors, uniquingKeysWith: +),
            latency: LatencySummary(contents.latency),
            acquire: hasAcquire ? LatencySummary(contents.acquire) : nil,
            clientCPUSeconds: own.cpuSeconds,
            peakResidentBytes: ProcessUsage.peakResidentBytes(),
            connectionsOpened: gauges.opened,
            connectionsPeak: max(gauges.peak, series.map(\.connections).max() ?? 0),
            operationsPerWorker: Statistics.spread(workers.map(\.operations)),
            series: series,
            histogram: LatencyDistribution(
                contents.latency,
                sampledEvery: plan.workload.mode.sampledEvery
            ),
            baselines: compared.isEmpty ? nil : compared,
            throughputRatio: compared.first?.throughputRatio
        )
    }
}
