/// The result as people read it on a terminal.
enum Summary {
    static func text(of result: BenchResult) -> String {
        var lines = [BenchTitle.long(result), ""]
        var rows = result.headlines.map { [$0.name, $0.value] }
        rows.append(["latency", percentiles(result.latency)])
        if let acquire = result.acquire { rows.append(["acquire", percentiles(acquire)]) }
        if !result.errors.isEmpty { rows.append(["errors", result.errorText]) }
        lines += table(rows)
        if let baselines = result.baselines {
            lines += [""] + table(comparison(result, baselines))
        }
        if let rounds = result.rounds, !rounds.isEmpty {
            lines += [""] + table(DrillText.table(rounds))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func comparison(
        _ result: BenchResult,
        _ baselines: [BaselineResult]
    ) -> [[String]] {
        func cpu(_ seconds: Double?) -> String { seconds.map { Figures.fixed($0, 2) } ?? "-" }
        let header = ["", "per second", "CPU s per 100 k", "ours / theirs"]
        let own = [
            "PGPool", Figures.count(result.throughput), cpu(result.cpuPerHundredThousand), "",
        ]
        let theirs = baselines.map { baseline in
            [
                baseline.name, Figures.count(baseline.throughput),
                cpu(baseline.cpuPerHundredThousand), Figures.fixed(baseline.throughputRatio, 3),
            ]
        }
        return [header, own] + theirs
    }

    private static func percentiles(_ summary: LatencySummary) -> String {
        summary.percentiles
            .map { "\($0.name) \(Figures.time(milliseconds: $0.milliseconds))" }
            .joined(separator: ", ")
    }

    /// Lines of aligned cells, indented by two.
    static func table(_ rows: [[String]]) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            let cells = row.enumerated().map { index, cell in
                cell + String(repeating: " ", count: max(0, widths[index] - cell.count))
            }
            let line = "  " + cells.joined(separator: "   ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
