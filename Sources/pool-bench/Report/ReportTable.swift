/// All figures, one column for each result.
struct ReportTable {
    let results: [NamedResult]

    var html: String {
        let columns = results.map { Self.figures($0.result) }
        var names: [String] = []
        for column in columns {
            for figure in column where !names.contains(figure.name) { names.append(figure.name) }
        }
        let rows = names.map { name in
            let cells = columns.map { column in
                Markup.element("td", text: column.first { $0.name == name }?.value ?? "–")
            }
            return Markup.element(
                "tr",
                [:],
                Markup.element("th", ["scope": "row"], text: name) + cells.joined()
            )
        }
        let heads = results.map { Markup.element("th", ["scope": "col"], text: $0.name) }
        let head = Markup.element("tr", [:], Markup.element("td") + heads.joined())
        return Markup.element(
            "table",
            [:],
            Markup.element("thead", [:], head) + Markup.element("tbody", [:], rows.joined())
        )
    }

    private static func figures(_ result: BenchResult) -> [Headline] {
        var figures = result.headlines
        for (kind, summary) in [("latency", result.latency), ("acquire", result.acquire)] {
            for (name, milliseconds) in summary?.percentiles ?? [] {
                figures.append(
                    Headline(
                        name: "\(kind) \(name)",
                        value: Figures.time(milliseconds: milliseconds)
                    )
                )
            }
        }
        figures.append(Headline(name: "errors", value: result.errorText))
        for baseline in result.baselines ?? [] {
            figures.append(
                Headline(
                    name: "throughput by \(baseline.name)’s",
                    value: Figures.fixed(baseline.throughputRatio, 3)
                )
            )
        }
        return figures
    }
}
