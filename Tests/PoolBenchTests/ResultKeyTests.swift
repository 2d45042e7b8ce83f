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

    @Test func aDrillAddsItsRoundsAndTotals() throws {
        let result = try object(SampleResult.drill())
        let totals: Set<String> = [
            "acknowledged", "present", "lost", "duplicated", "phantom", "unknown",
            "unknown_present",
        ]
        #expect(Set(result.keys) == Self.always.union(totals).union(["rounds", "timeline"]))
        let rounds = try #require(result["rounds"] as? [[String: Any]])
        let always: Set<String> = [
            "fault", "began_s", "detected_ms", "promoted_ms", "first_write_ms",
            "throughput_back_ms", "recovered", "failed_operations", "unknown", "in_flight",
        ]
        for round in rounds { #expect(Set(round.keys) == always) }
        #expect(rounds[1]["detected_ms"] is NSNull)
        #expect(try keys(result, "timeline") == ["span_ms", "acknowledged", "failed"])
    }

    @Test func anUnauditedDrillClaimsNothing() throws {
        var result = SampleResult.drill()
        result.ledger = nil
        #expect(Set(try object(result).keys) == Self.always.union(["rounds", "timeline"]))
    }

    @Test func aSoakAddsWhatItWatched() throws {
        var result = SampleResult.drill()
        result.soak = SampleResult.soak
        let soak = try #require(try object(result)["soak"] as? [String: Any])
        #expect(Set(soak.keys) == ["server_connections", "memory", "descriptors"])
        #expect(
            try keys(soak, "server_connections") == [
                "limit", "peak", "samples", "violations", "ghosts", "watchers",
            ]
        )
        #expect(try keys(soak, "memory") == ["early", "late", "peak", "flat"])
    }

    @Test func errorsAreCodesWithCounts() throws {
        let result = try object(SampleResult.run(errors: ["acquireTimeout": 3, "57P01": 1]))
        #expect(result["errors"] as? [String: Int] == ["acquireTimeout": 3, "57P01": 1])
    }

    @Test func whatIsWrittenCanBeRead() throws {
        let result = SampleResult.run(errors: ["x": 1], baselines: [SampleResult.baseline])
        let data = Data(try Output.json(result).utf8)
        #expect(try JSONDecoder().decode(BenchResult.self, from: data) == result)
        var drill = SampleResult.drill()
        drill.soak = SampleResult.soak
        let written = Data(try Output.json(drill).utf8)
        #expect(try JSONDecoder().decode(BenchResult.self, from: written) == drill)
    }
}
