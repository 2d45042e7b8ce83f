/// How a result is called.
enum BenchTitle {
    /// `run exclusive`, `spike`.
    static func short(_ result: BenchResult) -> String {
        let settings = result.settings
        var words = [result.scenario, settings.mode?.rawValue].compactMap(\.self)
        words += settings.faults?.map(\.rawValue) ?? []
        return words.joined(separator: " ")
    }

    /// With the numbers of workers and connections.
    static func long(_ result: BenchResult) -> String {
        let settings = result.settings
        let callers = result.scenario == "spike" ? "callers" : "workers"
        let ending = settings.wasInterrupted ? ", interrupted" : ""
        return "\(short(result)): \(Figures.grouped(settings.workers)) \(callers),"
            + " \(Figures.grouped(settings.poolSize)) connections\(ending)"
    }
}

/// A figure with its name, as summary and report show it.
struct Headline: Equatable, Sendable {
    var name: String
    var value: String
}

extension BenchResult {
    /// The figures besides latencies and baselines, in the order in which people ask for them.
    var headlines: [Headline] {
        var lines: [Headline] = []
        func add(_ name: String, _ value: String) {
            lines.append(Headline(name: name, value: value))
        }
        for line in drillHeadlines { add(line.name, line.value) }
        if let burst { add("burst", "\(Figures.time(milliseconds: burst)), median of the rounds") }
        add("throughput", "\(Figures.count(throughput)) per second")
        add("operations", "\(Figures.grouped(operations)) in \(Figures.fixed(seconds, 2)) s")
        let cpu = cpuPerHundredThousand.map { ", \(Figures.fixed($0, 3)) s per 100 k" } ?? ""
        add("client CPU", "\(Figures.fixed(clientCPUSeconds, 2)) s\(cpu)")
        add("peak memory", Figures.bytes(peakResidentBytes))
        add("connections", "\(connectionsOpened) opened, \(connectionsPeak) at once")
        let spread = operationsPerWorker
        add(
            "per worker",
            "min \(Figures.grouped(spread.min)), median \(Figures.grouped(spread.median)),"
                + " max \(Figures.grouped(spread.max))"
        )
        add("seed", "\(seed)")
        return lines
    }

    /// `none`, or each code with its number, the most frequent first.
    var errorText: String {
        guard !errors.isEmpty else { return "none" }
        return errors.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\($0.key) \(Figures.grouped($0.value))" }
            .joined(separator: ", ")
    }
}

extension LatencySummary {
    var percentiles: [(name: String, milliseconds: Double)] {
        [("p50", p50), ("p95", p95), ("p99", p99), ("p99.9", p999), ("max", max)]
    }
}
