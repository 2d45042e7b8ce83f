import Foundation
import Testing

@testable import pool_bench

/// The keys are read by dashboards and scripts: a change here is a change of a promise.
@Suite struct ResultKeyTests {
    private static let always: Set<String> = [
        "scenario", "settings", "seed", "seconds", "operations", "throughput", "errors",
        "latency_ms", "acquire_ms", "client_cpu_seconds", "peak_rss_bytes", "connections_opened",
        "connections_peak", "operations_per_worker", "series", "histogram",
    ]

    private func object(_ result: BenchResult) throws -> [String: Any] {
        let text = try Output.json(result)
        #expect(text.hasSuffix("}\n"))
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
        return try #require(object as? [String: Any])
    }

    private func keys(_ object: [String: Any], _ name: String) throws -> Set<String> {
        Set(try #require(object[name] as? [String: Any]).keys)
    }

    @Test func everyResultHasTheSameKeys() throws {
        let result = try object(SampleResult.run())
        #expect(Set(result.keys) == Self.always)
        let percentiles: Set<String> = ["p50", "p95", "p99", "p999", "max"]
        #expect(try keys(result, "latency_ms") == percentiles)
        #expect(try keys(result, "acquire_ms") == percentiles)
        #expect(try keys(result, "operations_per_worker") == ["min", "median", "max"])
        #expect(try keys(result, "histogram") == ["unit", "sampled_every", "buckets"])
        let series = try #require(result["series"] as? [[String: Any]])
        #expect(
            Set(try #require(series.first).keys)
                == ["seconds", "operations", "errors", "connections"]
        )
    }

    @Test func anUnknownAcquireTimeIsNull() throws {
        var result = SampleResult.run()
        result.acquire = nil
        #expect(try object(result)["acquire_ms"] is NSNull)
    }

    @Test func baselinesAddTheirs() throws {
        let result = try object(SampleResult.run(baselines: [SampleResult.baseline]))
        #expect(Set(result.keys) == Self.always.union(["baselines", "throughput_ratio"]))
        let baselines = try #require(result["baselines"] as? [[String: Any]])
        #expect(
            Set(try #require(baselines.first).keys)
                == ["name", "throughput", "client_cpu_seconds", "operations", "throughput_ratio"]
        )
        #expect(result["throughput_ratio"] as? Double == 0.893)
    }

    @Test func aSpikeAddsItsBurst() throws {
        var result = SampleResult.run()
        result.burst = 27.5
        #expect(Set(try object(result).keys) == Self.always.union(["burst_ms"]))
    }

    @Test func errorsAreCodesWithCounts() throws {
        let result = try object(SampleResult.run(errors: ["acquireTimeout": 3, "57P01": 1]))
        #expect(result["errors"] as? [String: Int] == ["acquireTimeout": 3, "57P01": 1])
    }

    @Test func whatIsWrittenCanBeRead() throws {
        let result = SampleResult.run(errors: ["x": 1], baselines: [SampleResult.baseline])
        let data = Data(try Output.json(result).utf8)
        #expect(try JSONDecoder().decode(BenchResult.self, from: data) == result)
    }
}
