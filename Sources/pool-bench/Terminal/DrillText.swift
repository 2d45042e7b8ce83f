/// What a terminal shows of a drill.
enum DrillText {
    static func progress(
        _ scenario: String,
        _ log: DrillLog,
        _ planned: Int?,
        _ entry: SeriesEntry,
        _ reading: LoadMonitor.Reading
    ) -> String {
        let rate = entry.seconds > 0 ? Double(entry.operations) / entry.seconds : 0
        let round = log.rounds.count + 1
        let parts = [
            planned.map { "\(scenario) round \(min(round, $0)) of \($0)" }
                ?? "\(scenario) round \(round)",
            log.phase,
            "\(Int(reading.seconds.rounded())) s",
            "\(Figures.count(rate))/s",
            "\(reading.errors) errors",
            "\(reading.gauges.leased) leased, \(reading.gauges.waiters) waiting",
        ]
        return parts.joined(separator: " · ")
    }

    /// A line for each round, under a heading.
    static func table(_ rounds: [DrillRound]) -> [[String]] {
        let heading = [
            "round", "fault", "detected", "promoted", "first write", "throughput back", "failed",
            "unknown",
        ]
        func time(_ milliseconds: Double?) -> String {
            milliseconds.map { Figures.time(milliseconds: $0) } ?? "–"
        }
        return [heading]
            + rounds.enumerated().map { index, round in
                [
                    "\(index + 1)", round.fault.rawValue, time(round.detected),
                    time(round.promoted), time(round.firstWrite),
                    round.recovered ? time(round.throughputBack) : "never",
                    Figures.grouped(round.failedOperations),
                    "\(Figures.grouped(round.unknown)) of \(Figures.grouped(round.inFlight))",
                ]
            }
    }
}
