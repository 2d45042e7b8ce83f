extension ReportPlots {
    /// What drills did over time, with the phases of each failover; `nil` for other results.
    func overTimeline(
        _ title: String,
        _ unit: String,
        _ counts: KeyPath<Timeline, [Int]>
    ) -> Plot? {
        let drills = indexed { $0.timeline != nil }
        guard drills.count == results.count, !drills.isEmpty else { return nil }
        let lines = drills.map { index, item in
            Plot.Line(
                name: item.name,
                color: index,
                points: item.result.timeline?.rates(counts) ?? [],
                isFilled: drills.count == 1
            )
        }
        let points = lines.flatMap(\.points)
        guard let end = points.map(\.x).max(), let largest = points.map(\.y).max() else {
            return nil
        }
        return Plot(
            title: title,
            x: .elapsed("seconds of load", upTo: end),
            y: .linear(unit, upTo: largest, isWhole: largest < 10, label: Figures.compact),
            lines: lines,
            // Several drills have their faults at different times: nobody could tell whose they are.
            bands: drills.count == 1 ? Self.bands(drills[0].item.result.rounds ?? []) : []
        )
    }

    /// Says what the colours mean; empty where there are none.
    var phaseNote: String {
        guard let only = results.first, results.count == 1, only.result.rounds?.isEmpty == false
        else { return "" }
        return
            "Pale red: from the fault to the new writer's promotion. Red: from there to the first"
            + " row acknowledged. Yellow: from there until throughput was back."
    }

    static func bands(_ rounds: [DrillRound]) -> [Plot.Band] {
        rounds.enumerated().flatMap { index, round -> [Plot.Band] in
            guard let promoted = round.promoted else { return [] }
            let promotion = round.began + promoted / 1e3
            let name = "round \(index + 1): \(round.fault.rawValue)"
            var bands = [
                Plot.Band(kind: .outage, from: round.began, to: promotion, name: name)
            ]
            guard let firstWrite = round.firstWrite else { return bands }
            let written = promotion + firstWrite / 1e3
            bands.append(Plot.Band(kind: .promotion, from: promotion, to: written, name: name))
            guard let throughputBack = round.throughputBack else { return bands }
            let back = promotion + throughputBack / 1e3
            bands.append(Plot.Band(kind: .recovery, from: written, to: back, name: name))
            return bands
        }
    }
}

/// A drill's rounds, a line each.
enum RoundTable {
    static func section(_ item: NamedResult) -> String {
        guard let rounds = item.result.rounds, !rounds.isEmpty else { return "" }
        let rows = DrillText.table(rounds)
        let head = rows[0].map { Markup.element("th", ["scope": "col"], text: $0) }
        let body = rows.dropFirst().map { row in
            Markup.element("tr", [:], row.map { Markup.element("td", text: $0) }.joined())
        }
        return Markup.element(
            "section",
            [:],
            Markup.element("h2", text: "Rounds of \(item.name)")
                + Markup.element(
                    "table",
                    [:],
                    Markup.element("thead", [:], Markup.element("tr", [:], head.joined()))
                        + Markup.element("tbody", [:], body.joined())
                )
        )
    }
}

extension BenchResult {
    /// The figures that a drill's reader looks for first.
    var drillCards: [Headline] {
        guard let rounds else { return [] }
        var cards: [Headline] = []
        if let ledger {
            cards.append(Headline(name: "rows lost", value: Figures.grouped(ledger.lost)))
            cards.append(
                Headline(name: "rows duplicated", value: Figures.grouped(ledger.duplicated))
            )
            cards.append(
                Headline(name: "outcomes unknown", value: Figures.grouped(ledger.unknown))
            )
        }
        if let middle = Statistics.median(rounds.compactMap(\.firstWrite)) {
            cards.append(
                Headline(
                    name: "median to the first write",
                    value: Figures.time(milliseconds: middle)
                )
            )
        }
        return cards
    }
}
