/// A result and what it is called in a report.
struct NamedResult: Sendable {
    var name: String
    var result: BenchResult
}

/// One self-contained page with pictures and figures, made from results alone.
struct HTMLReport {
    private let results: [NamedResult]
    private let plots: ReportPlots

    init(_ results: [NamedResult]) {
        self.results = results
        plots = ReportPlots(results: results)
    }

    var page: String {
        let head =
            #"<meta charset="utf-8"/>"#
            + #"<meta name="viewport" content="width=device-width, initial-scale=1"/>"#
            + Markup.element("title", text: title)
            + Markup.element("style", [:], ReportStyle.css)
        let body = [header, cards, legend, figures, comparisons, tables].joined(separator: "\n")
        return "<!DOCTYPE html>\n"
            + Markup.element(
                "html",
                ["lang": "en", "xmlns": "http://www.w3.org/1999/xhtml"],
                Markup.element("head", [:], head)
                    + Markup.element("body", [:], Markup.element("main", [:], body))
            ) + "\n"
    }

    private var title: String {
        guard let only = results.first, results.count == 1 else {
            return "pool-bench: \(results.count) results"
        }
        return "pool-bench \(BenchTitle.short(only.result))"
    }

    private var header: String {
        let lines = results.map { item in
            var text = BenchTitle.long(item.result)
            if results.count > 1 { text = "\(item.name): \(text)" }
            var line = Markup.escape(text)
            if let statement = item.result.settings.statement {
                line += " · " + Markup.element("code", text: statement)
            }
            return Markup.element("p", ["class": "about"], line)
        }
        return Markup.element(
            "header",
            [:],
            Markup.element("h1", text: title) + lines.joined()
        )
    }

    /// The first figures that a reader looks for; with several results the table does that.
    private var cards: String {
        guard let result = results.first?.result, results.count == 1 else { return "" }
        var cards: [(name: String, value: String)] = []
        if let burst = result.burst {
            cards.append(("burst", Figures.time(milliseconds: burst)))
        }
        for card in result.drillCards { cards.append((card.name, card.value)) }
        cards.append(("operations per second", Figures.count(result.throughput)))
        for baseline in result.baselines ?? [] {
            cards.append(
                ("throughput by \(baseline.name)’s", Figures.fixed(baseline.throughputRatio, 3))
            )
        }
        cards.append(("median latency", Figures.time(milliseconds: result.latency.p50)))
        cards.append(("99th percentile", Figures.time(milliseconds: result.latency.p99)))
        if let cpu = result.cpuPerHundredThousand {
            cards.append(("client CPU per 100 k", "\(Figures.fixed(cpu, 2)) s"))
        }
        cards.append(("errors", Figures.grouped(result.errorCount)))
        let items = cards.map { card in
            Markup.element(
                "div",
                ["class": "card"],
                Markup.element("strong", text: card.value)
                    + Markup.element("span", text: card.name)
            )
        }
        return Markup.element("section", ["class": "cards"], items.joined())
    }

    private var legend: String {
        guard results.count > 1 else { return "" }
        let items = results.enumerated().map { index, item in
            Markup.element(
                "span",
                ["class": "key"],
                Markup.element("i", ["class": "swatch c\(index)"]) + Markup.escape(item.name)
            )
        }
        return Markup.element("p", ["class": "legend"], items.joined())
    }

    private var figures: String {
        let sampled = results.filter { $0.result.histogram.sampledEvery > 1 }.map { item in
            let name = results.count > 1 ? "\(item.name): one" : "One"
            return "\(name) operation in \(item.result.histogram.sampledEvery) was timed."
        }
        return section(plots.latency, note: sampled.joined(separator: " "))
            + section(plots.bursts) + section(plots.throughput, note: plots.phaseNote)
            + section(plots.errors, note: plots.phaseNote)
    }

    private func section(_ plot: Plot?, note: String = "") -> String {
        guard let plot else { return "" }
        let remark = note.isEmpty ? "" : Markup.element("p", ["class": "note"], text: note)
        return Markup.element(
            "section",
            [:],
            Markup.element("h2", text: plot.title) + plot.svg + remark
        )
    }

    private var comparisons: String {
        results.map { item in
            guard let baselines = item.result.baselines else { return "" }
            let result = item.result
            let ours = BarChart.Bar(
                name: "PGPool",
                value: result.throughput,
                label: label(result.throughput, result.cpuPerHundredThousand, nil),
                isOurs: true
            )
            let theirs = baselines.map { baseline in
                BarChart.Bar(
                    name: baseline.name,
                    value: baseline.throughput,
                    label: label(
                        baseline.throughput,
                        baseline.cpuPerHundredThousand,
                        baseline.throughputRatio
                    ),
                    isOurs: false
                )
            }
            let suffix = results.count > 1 ? ": \(item.name)" : ""
            let chart = BarChart(title: "Beside the baselines\(suffix)", bars: [ours] + theirs)
            let note =
                "Operations a second on the same server with as many connections, interleaved;"
                + " ratios are PGPool's throughput by theirs, the median of the pairs."
            return Markup.element(
                "section",
                [:],
                Markup.element("h2", text: chart.title) + chart.svg
                    + Markup.element("p", ["class": "note"], text: note)
            )
        }.joined()
    }

    private func label(_ rate: Double, _ cpu: Double?, _ ratio: Double?) -> String {
        var parts = [Figures.count(rate)]
        if let cpu { parts.append("\(Figures.fixed(cpu, 2)) s CPU/100 k") }
        if let ratio { parts.append("ratio \(Figures.fixed(ratio, 3))") }
        return parts.joined(separator: " · ")
    }

    private var tables: String {
        Markup.element(
            "section",
            [:],
            Markup.element("h2", text: "Figures") + ReportTable(results: results).html
        ) + results.map(RoundTable.section).joined()
    }
}
