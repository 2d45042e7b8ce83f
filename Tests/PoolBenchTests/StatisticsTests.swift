import Histogram
import Testing

@testable import pool_bench

@Suite struct StatisticsTests {
    @Test func findsTheMedian() {
        #expect(Statistics.median([]) == nil)
        #expect(Statistics.median([3]) == 3)
        #expect(Statistics.median([5, 1, 3]) == 3)
        #expect(Statistics.median([4, 1, 3, 2]) == 2.5)
    }

    @Test func findsTheSpread() {
        #expect(Statistics.spread([]) == Spread(min: 0, median: 0, max: 0))
        #expect(Statistics.spread([9, 2, 4]) == Spread(min: 2, median: 4, max: 9))
    }

    @Test func summarisesInMilliseconds() {
        let ledger = LatencyLedger()
        var buffer = SampleBuffer()
        for milliseconds in 1...1000 {
            buffer.append(latency: UInt64(milliseconds) * 1_000_000, acquire: nil)
        }
        ledger.add(buffer)
        let summary = LatencySummary(ledger.contents.latency)
        #expect(abs(summary.p50 - 500) < 1)
        #expect(abs(summary.p95 - 950) < 1)
        #expect(abs(summary.p99 - 990) < 1)
        #expect(abs(summary.p999 - 999) < 1)
        #expect(abs(summary.max - 1000) < 1)
        #expect(ledger.contents.acquire.totalCount == 0)
    }

    @Test func keepsEveryOperationInTheDistribution() throws {
        var histogram = LatencyLedger.histogram()
        for value in stride(from: UInt64(100), to: 5_000_000_000, by: 7_777_777) {
            histogram.record(value)
        }
        let distribution = LatencyDistribution(histogram, sampledEvery: 4)
        #expect(distribution.count == histogram.totalCount)
        let bounds = distribution.buckets.map(\.upTo)
        #expect(bounds == bounds.sorted())
        #expect(Set(bounds).count == bounds.count)
        #expect(bounds.last == Double(histogram.maxRecorded) / 1e6)
        #expect(distribution.cumulative.last?.share == 1)
    }

    @Test func cutsOffEndlessLatencies() {
        let ledger = LatencyLedger()
        var buffer = SampleBuffer()
        buffer.append(latency: .max, acquire: .max)
        ledger.add(buffer)
        #expect(ledger.contents.latency.totalCount == 1)
    }

    @Test func takesTheMedianOfPairsNotTheRatioOfSums() throws {
        let plan = LoadPlan(
            workload: try Workload(mode: .exclusive),
            workers: 1,
            poolSize: 1,
            duration: .seconds(3),
            pairs: 3,
            seed: 1
        )
        var measured = Measured(plan: plan)
        for (ours, theirs) in [(100, 200.0), (300, 200.0), (180, 200.0)] {
            let own = OwnSlice(operations: ours, seconds: 1, cpuSeconds: 0.5)
            measured.add(own)
            let slice = BaselineSlice(
                operations: Int(theirs * 2),
                throughput: theirs,
                clientCPUSeconds: 0.25
            )
            measured.add(slice, of: .pgbench, against: own)
        }
        let baseline = try #require(measured.baselineResults.first)
        #expect(baseline.throughputRatio == 0.9)
        #expect(baseline.operations == 1200)
        #expect(baseline.throughput == 200)
        #expect(baseline.clientCPUSeconds == 0.75)
    }
}
