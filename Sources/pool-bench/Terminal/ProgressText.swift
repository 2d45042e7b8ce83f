/// What the progress line says.
enum ProgressText {
    static func line(
        plan: LoadPlan,
        entry: SeriesEntry,
        reading: LoadMonitor.Reading
    ) -> String {
        let gauges = reading.gauges
        let rate = entry.seconds > 0 ? Double(entry.operations) / entry.seconds : 0
        var parts = ["\(plan.workload.mode.rawValue)"]
        let elapsed = Int(reading.seconds.rounded())
        parts.append("\(elapsed) s of \(BenchDuration.describe(plan.duration))")
        parts.append("\(Figures.count(rate))/s")
        parts.append("\(reading.errors) errors")
        parts.append(
            "\(gauges.leased) leased, \(gauges.idle) idle, \(gauges.opening) opening,"
                + " \(gauges.waiters) waiting"
        )
        return parts.joined(separator: " · ")
    }
}
