extension BenchResult {
    /// What a drill is about, in the order in which people ask for it; nothing for other results.
    var drillHeadlines: [Headline] {
        guard let rounds else { return [] }
        var lines: [Headline] = []
        if let commit = settings.commit {
            let target = settings.target.map { ", through \($0.rawValue)" } ?? ""
            lines.append(Headline(name: "commit", value: commit.rawValue + target))
        }
        lines.append(Headline(name: "ledger", value: ledgerText))
        let recovered = rounds.filter(\.recovered).count
        lines.append(Headline(name: "rounds", value: "\(recovered) of \(rounds.count) recovered"))
        for (name, values) in Self.phases(rounds) {
            guard let middle = Statistics.median(values), let most = values.max() else { continue }
            let text = "median \(Figures.time(milliseconds: middle)), "
            lines.append(
                Headline(name: name, value: text + "most \(Figures.time(milliseconds: most))")
            )
        }
        if let soak { lines += soak.headlines }
        return lines
    }

    private var ledgerText: String {
        guard let ledger else { return "not audited" }
        let counts = [
            ("acknowledged", ledger.acknowledged), ("present", ledger.present),
            ("lost", ledger.lost), ("duplicated", ledger.duplicated),
            ("phantom", ledger.phantom), ("unknown", ledger.unknown),
        ]
        return counts.map { "\(Figures.grouped($0.1)) \($0.0)" }.joined(separator: ", ")
    }

    private static func phases(_ rounds: [DrillRound]) -> [(String, [Double])] {
        [
            ("detected", rounds.compactMap(\.detected)),
            ("promoted", rounds.compactMap(\.promoted)),
            ("first write", rounds.compactMap(\.firstWrite)),
            ("throughput back", rounds.compactMap(\.throughputBack)),
        ]
    }
}

extension SoakFigures {
    fileprivate var headlines: [Headline] {
        func trend(_ trend: Trend, _ text: (Double) -> String) -> String {
            "\(text(trend.early)) early, \(text(trend.late)) late, \(text(trend.peak)) at most: "
                + (trend.isFlat ? "flat" : "growing")
        }
        let server = serverConnections
        return [
            Headline(
                name: "on a server",
                value: "\(server.peak) connections at most of \(server.limit),"
                    + " \(server.violations) violations in \(Figures.grouped(server.samples))"
                    + " samples; \(server.watchers) watching, \(server.ghosts) whose client had gone"
            ),
            Headline(name: "memory", value: trend(memory) { Figures.bytes(Int($0)) }),
            Headline(name: "descriptors", value: trend(descriptors) { Figures.grouped(Int($0)) }),
        ]
    }
}
