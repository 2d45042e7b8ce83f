/// What a verb measured; the keys of its JSON are a promise to whoever reads it.
struct BenchResult: Codable, Equatable, Sendable {
    var scenario: String
    var settings: BenchSettings
    var seed: UInt64
    /// Seconds under load; those in which baselines ran are left out.
    var seconds: Double
    var operations: Int
    /// Operations a second.
    var throughput: Double
    /// Failed operations by code.
    var errors: [String: Int]
    var latency: LatencySummary
    /// `nil`, written as `null`, where the time to acquire can't be told from the rest.
    var acquire: LatencySummary?
    var clientCPUSeconds: Double
    var peakResidentBytes: Int
    var connectionsOpened: Int
    var connectionsPeak: Int
    var operationsPerWorker: Spread
    var series: [SeriesEntry]
    var histogram: LatencyDistribution
    var baselines: [BaselineResult]?
    var throughputRatio: Double?
    var burst: Double?
    /// A drill's faults, in order.
    var rounds: [DrillRound]?
    /// What the audit of a drill's ledger found; `nil`, and its keys absent, without one.
    var ledger: LedgerTotals?
    /// What was acknowledged and what failed, in finer steps than `series`.
    var timeline: Timeline?
    var soak: SoakFigures?

    enum CodingKeys: String, CodingKey {
        case scenario, settings, seed, seconds, operations, throughput, errors, series, histogram
        case baselines
        case latency = "latency_ms"
        case acquire = "acquire_ms"
        case clientCPUSeconds = "client_cpu_seconds"
        case peakResidentBytes = "peak_rss_bytes"
        case connectionsOpened = "connections_opened"
        case connectionsPeak = "connections_peak"
        case operationsPerWorker = "operations_per_worker"
        case throughputRatio = "throughput_ratio"
        case burst = "burst_ms"
        case rounds, timeline, soak
        case acknowledged, present, lost, duplicated, phantom, unknown
        case unknownPresent = "unknown_present"
    }

    var errorCount: Int { errors.values.reduce(0, +) }

    /// CPU seconds for 100,000 operations; `nil` if there were none.
    var cpuPerHundredThousand: Double? {
        operations > 0 ? clientCPUSeconds / Double(operations) * 100_000 : nil
    }
}

/// What the result is about.
struct BenchSettings: Codable, Equatable, Sendable {
    var mode: LoadMode?
    var workers: Int
    var poolSize: Int
    var executor: LoadExecutor?
    var statement: String?
    var pairs: Int?
    var minIdle: Int?
    var connectDelay: Double?
    var work: Double?
    var rounds: Int?
    var commit: CommitMode?
    var target: DrillTargetName?
    var deadline: Double?
    var faults: [DrillFault]?
    /// Whether the run was stopped before its time.
    var wasInterrupted = false

    enum CodingKeys: String, CodingKey {
        case mode, workers, executor, statement, pairs, rounds
        case commit, target, faults
        case deadline = "deadline_ms"
        case poolSize = "pool_size"
        case minIdle = "min_idle"
        case connectDelay = "connect_delay_ms"
        case work = "work_ms"
        case wasInterrupted = "interrupted"
    }
}

/// One second of load; `seconds` says how long it really was.
struct SeriesEntry: Codable, Equatable, Sendable {
    var seconds: Double
    var operations: Int
    var errors: Int
    var connections: Int
}

/// A baseline that ran interleaved with the load.
struct BaselineResult: Codable, Equatable, Sendable {
    var name: String
    var throughput: Double
    var clientCPUSeconds: Double
    var operations: Int
    /// The load's throughput by the baseline's, the median of all pairs.
    var throughputRatio: Double

    enum CodingKeys: String, CodingKey {
        case name, throughput, operations
        case clientCPUSeconds = "client_cpu_seconds"
        case throughputRatio = "throughput_ratio"
    }

    /// CPU seconds for 100,000 operations; `nil` if there were none.
    var cpuPerHundredThousand: Double? {
        operations > 0 ? clientCPUSeconds / Double(operations) * 100_000 : nil
    }
}
