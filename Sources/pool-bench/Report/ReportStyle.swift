/// The page's style sheet; nothing is loaded from elsewhere.
enum ReportStyle {
    /// Told apart also by those who see few colours; used round and round.
    private static let colors = [
        "#1f5fa8", "#d1600a", "#1d8a5f", "#9b3f8f", "#8a6d00", "#4a5a6a",
    ]

    /// A report of more results repeats the colours.
    private static let maxResults = 24

    static let css =
        """
        *{box-sizing:border-box}
        body{margin:0;background:#f5f6f8;color:#1c2733;
        font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
        main{max-width:940px;margin:0 auto;padding:32px 20px 64px}
        h1{font-size:28px;line-height:1.2;margin:0 0 6px}
        h2{font-size:17px;margin:0 0 10px}
        .about{margin:0;color:#51606f}
        code{font:14px ui-monospace,"DejaVu Sans Mono",monospace;background:#e8ebef;
        padding:1px 5px;border-radius:4px;color:#1c2733}
        section{background:#fff;border:1px solid #dfe3e8;border-radius:10px;
        padding:18px 22px;margin:18px 0 0}
        .cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:10px;
        background:none;border:0;padding:0}
        .card{background:#fff;border:1px solid #dfe3e8;border-radius:10px;
        padding:12px 16px}
        .card strong{display:block;font-size:22px;line-height:1.25;white-space:nowrap;
        font-variant-numeric:tabular-nums}
        .card span{color:#51606f;font-size:13px}
        .legend{margin:18px 0 0}
        .key{margin-right:22px;white-space:nowrap}
        .swatch{display:inline-block;width:22px;height:4px;border-radius:2px;margin:0 8px 4px 0;
        vertical-align:middle}
        svg{display:block;width:100%;height:auto}
        svg text{font-family:inherit;fill:#51606f}
        .tick{font-size:12.5px}
        .title{font-size:13px}
        .name{font-size:14px}
        .value{font-size:13px}
        svg text.name,svg text.value{fill:#1c2733}
        .major{stroke:#dde2e7;stroke-width:1}
        .minor{stroke:#f0f2f5;stroke-width:1}
        .line{fill:none;stroke-width:2;stroke-linejoin:round}
        .band.outage{fill:#c0392b;fill-opacity:.16}
        .band.promotion{fill:#c0392b;fill-opacity:.6}
        .band.recovery{fill:#e0a800;fill-opacity:.3}
        .area{stroke:none;fill-opacity:.1}
        .bar{fill:#b4bfca}
        .bar.ours{fill:#1f5fa8}
        .note{margin:8px 0 0;color:#51606f;font-size:13.5px}
        table{border-collapse:collapse;width:100%;font-size:14.5px;
        font-variant-numeric:tabular-nums}
        th,td{text-align:left;padding:6px 12px 6px 0;border-top:1px solid #e7eaee;
        vertical-align:top}
        thead th,thead td{border-top:0}
        tbody th{font-weight:400;color:#51606f;white-space:nowrap}
        @media print{body{background:#fff}section{break-inside:avoid}}

        """ + colorRules

    private static var colorRules: String {
        (0..<maxResults).map { index in
            let color = colors[index % colors.count]
            return ".line.c\(index){stroke:\(color)}"
                + ".area.c\(index),.mark.c\(index){fill:\(color)}"
                + "i.c\(index){background:\(color)}"
        }.joined(separator: "\n")
    }
}
