/// The pictures of a report, made from the results alone.
struct ReportPlots {
    let results: [NamedResult]

    /// How long which share of the operations took.
    var latency: Plot? {
        let lines = results.enumerated().compactMap { index, item -> Plot.Line? in
            let cumulative = item.result.histogram.cumulative
            guard let first = cumulative.first else { return nil }
            var points = [(x: 0.0, y: first.milliseconds)]
            points += cumulative.map { (x: $0.share, y: $0.milliseconds) }
            return Plot.Line(name: item.name, color: index, points: points)
        }
        let times = lines.flatMap { $0.points.map(\.y) }
        guard let low = times.min(), let high = times.max() else { return nil }
        let count = results.map(\.result.histogram.count).max() ?? 0
        return Plot(
            title: "Latency by percentile",
            x: .percentile("share of operations that took at most this long", count: count),
            y: .logarithmicTime("latency", low...high),
            lines: lines
        )
    }

    /// Operations a second, over the seconds of the load.
    var throughput: Plot? {
        if let drilled = overTimeline("Throughput over time", "operations a second", \.acknowledged)
        {
            return drilled
        }
        return overTime(
            "Throughput over time",
            yTitle: "operations a second",
            isWhole: false,
            value: { $0.seconds > 0 ? Double($0.operations) / $0.seconds : 0 }
        )
    }

    /// Failures in each second of the load.
    var errors: Plot? {
        if let drilled = overTimeline("Errors over time", "errors a second", \.failed) {
            return drilled
        }
        return overTime(
            "Errors over time",
            yTitle: "errors a second",
            isWhole: true,
            value: { $0.seconds > 0 ? Double($0.errors) / $0.seconds : 0 }
        )
    }

    /// How long each round's burst lasted.
    var bursts: Plot? {
        let lines = indexed { $0.scenario == "spike" }.map { index, item in
            let points = item.result.series.enumerated().map { round, entry in
                (x: Double(round + 1), y: entry.seconds * 1e3)
            }
            return Plot.Line(name: item.name, color: index, points: points, isMarked: true)
        }
        let points = lines.flatMap(\.points)
        guard let last = points.map(\.x).max(), let longest = points.map(\.y).max() else {
            return nil
        }
        return Plot(
            title: "Bursts",
            x: .linear("round", upTo: last, isWhole: true) { Figures.plain($0) },
            y: .linear("burst, ms", upTo: longest) { Figures.plain($0) },
            lines: lines
        )
    }

    func indexed(
        _ isWanted: (BenchResult) -> Bool
    ) -> [(index: Int, item: NamedResult)] {
        results.enumerated().filter { isWanted($0.element.result) }
            .map { (index: $0.offset, item: $0.element) }
    }

    private func overTime(
        _ title: String,
        yTitle: String,
        isWhole: Bool,
        value: (SeriesEntry) -> Double
    ) -> Plot? {
        let wanted = indexed { $0.scenario != "spike" && !$0.series.isEmpty }
        guard !wanted.isEmpty else { return nil }
        var end = 0.0
        let lines = wanted.map { index, item in
            var points: [(x: Double, y: Double)] = []
            var time = 0.0
            for entry in item.result.series {
                // A second's value stands from its beginning to its end.
                points.append((time, value(entry)))
                time += entry.seconds
                points.append((time, value(entry)))
            }
            end = max(end, time)
            return Plot.Line(
                name: item.name,
                color: index,
                points: points,
                isFilled: wanted.count == 1
            )
        }
        let largest = lines.flatMap { $0.points.map(\.y) }.max() ?? 0
        return Plot(
            title: title,
            x: .elapsed("seconds of load", upTo: end),
            y: .linear(yTitle, upTo: largest, isWhole: isWhole, label: Figures.compact),
            lines: lines
        )
    }
}

extension Figures {
    /// For a tick: `20 k`, `1.5 M`.
    static func compact(_ value: Double) -> String {
        switch abs(value) {
        case 1e6...: "\(plain(value / 1e6)) M"
        case 1e4...: "\(plain(value / 1e3)) k"
        case 1e3...: grouped(Int(value.rounded()))
        default: plain(value)
        }
    }
}
