/// How a result is written and read.
extension BenchResult {
    /// Writes the object; `acquire_ms` is there also when it is unknown.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(scenario, forKey: .scenario)
        try container.encode(settings, forKey: .settings)
        try container.encode(seed, forKey: .seed)
        try container.encode(seconds, forKey: .seconds)
        try container.encode(operations, forKey: .operations)
        try container.encode(throughput, forKey: .throughput)
        try container.encode(errors, forKey: .errors)
        try container.encode(latency, forKey: .latency)
        try container.encode(acquire, forKey: .acquire)
        try container.encode(clientCPUSeconds, forKey: .clientCPUSeconds)
        try container.encode(peakResidentBytes, forKey: .peakResidentBytes)
        try container.encode(connectionsOpened, forKey: .connectionsOpened)
        try container.encode(connectionsPeak, forKey: .connectionsPeak)
        try container.encode(operationsPerWorker, forKey: .operationsPerWorker)
        try container.encode(series, forKey: .series)
        try container.encode(histogram, forKey: .histogram)
        try container.encodeIfPresent(baselines, forKey: .baselines)
        try container.encodeIfPresent(throughputRatio, forKey: .throughputRatio)
        try container.encodeIfPresent(burst, forKey: .burst)
        try container.encodeIfPresent(rounds, forKey: .rounds)
        try container.encodeIfPresent(timeline, forKey: .timeline)
        try container.encodeIfPresent(soak, forKey: .soak)
        if let ledger { try encode(ledger, into: &container) }
    }

    /// The totals stand beside the other keys, not in an object of their own.
    private func encode(
        _ totals: LedgerTotals,
        into container: inout KeyedEncodingContainer<CodingKeys>
    ) throws {
        try container.encode(totals.acknowledged, forKey: .acknowledged)
        try container.encode(totals.present, forKey: .present)
        try container.encode(totals.lost, forKey: .lost)
        try container.encode(totals.duplicated, forKey: .duplicated)
        try container.encode(totals.phantom, forKey: .phantom)
        try container.encode(totals.unknown, forKey: .unknown)
        try container.encode(totals.unknownPresent, forKey: .unknownPresent)
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        scenario = try container.decode(String.self, forKey: .scenario)
        settings = try container.decode(BenchSettings.self, forKey: .settings)
        seed = try container.decode(UInt64.self, forKey: .seed)
        seconds = try container.decode(Double.self, forKey: .seconds)
        operations = try container.decode(Int.self, forKey: .operations)
        throughput = try container.decode(Double.self, forKey: .throughput)
        errors = try container.decode([String: Int].self, forKey: .errors)
        latency = try container.decode(LatencySummary.self, forKey: .latency)
        acquire = try container.decodeIfPresent(LatencySummary.self, forKey: .acquire)
        clientCPUSeconds = try container.decode(Double.self, forKey: .clientCPUSeconds)
        peakResidentBytes = try container.decode(Int.self, forKey: .peakResidentBytes)
        connectionsOpened = try container.decode(Int.self, forKey: .connectionsOpened)
        connectionsPeak = try container.decode(Int.self, forKey: .connectionsPeak)
        operationsPerWorker = try container.decode(Spread.self, forKey: .operationsPerWorker)
        series = try container.decode([SeriesEntry].self, forKey: .series)
        histogram = try container.decode(LatencyDistribution.self, forKey: .histogram)
        baselines = try container.decodeIfPresent([BaselineResult].self, forKey: .baselines)
        throughputRatio = try container.decodeIfPresent(Double.self, forKey: .throughputRatio)
        burst = try container.decodeIfPresent(Double.self, forKey: .burst)
        rounds = try container.decodeIfPresent([DrillRound].self, forKey: .rounds)
        timeline = try container.decodeIfPresent(Timeline.self, forKey: .timeline)
        soak = try container.decodeIfPresent(SoakFigures.self, forKey: .soak)
        ledger = try Self.ledger(in: container)
    }

    private static func ledger(
        in container: KeyedDecodingContainer<CodingKeys>
    ) throws -> LedgerTotals? {
        guard container.contains(.acknowledged) else { return nil }
        return LedgerTotals(
            acknowledged: try container.decode(Int.self, forKey: .acknowledged),
            present: try container.decode(Int.self, forKey: .present),
            lost: try container.decode(Int.self, forKey: .lost),
            duplicated: try container.decode(Int.self, forKey: .duplicated),
            phantom: try container.decode(Int.self, forKey: .phantom),
            unknown: try container.decode(Int.self, forKey: .unknown),
            unknownPresent: try container.decode(Int.self, forKey: .unknownPresent)
        )
    }
}
