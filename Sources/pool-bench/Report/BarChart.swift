/// Horizontal bars with their values: the pool beside its baselines.
struct BarChart {
    struct Bar {
        var name: String
        var value: Double
        var label: String
        var isOurs: Bool
    }

    let title: String
    let bars: [Bar]

    private static let width = 860.0
    private static let rowHeight = 34.0
    private static let left = 150.0
    private static let right = 270.0

    var svg: String {
        let height = Double(bars.count) * Self.rowHeight + 8
        let largest = bars.map(\.value).max() ?? 0
        let rows = bars.enumerated().map { index, bar in
            row(bar, top: Double(index) * Self.rowHeight + 4, largest: largest)
        }
        return Markup.element(
            "svg",
            [
                "viewBox": "0 0 \(Figures.plain(Self.width)) \(Figures.plain(height))",
                "xmlns": "http://www.w3.org/2000/svg", "role": "img", "aria-label": title,
            ],
            rows.joined()
        )
    }

    private func row(_ bar: Bar, top: Double, largest: Double) -> String {
        let room = Self.width - Self.left - Self.right
        let length = largest > 0 ? bar.value / largest * room : 0
        let middle = Figures.fixed(top + Self.rowHeight / 2 + 4, 1)
        return Markup.element(
            "text",
            [
                "class": "name", "x": Figures.plain(Self.left - 12), "y": middle,
                "text-anchor": "end",
            ],
            text: bar.name
        )
            + Markup.element(
                "rect",
                [
                    "class": bar.isOurs ? "bar ours" : "bar", "x": Figures.plain(Self.left),
                    "y": Figures.fixed(top + 5, 1), "width": Figures.fixed(max(length, 1), 1),
                    "height": Figures.fixed(Self.rowHeight - 10, 1), "rx": "3",
                ]
            )
            + Markup.element(
                "text",
                [
                    "class": "value", "x": Figures.fixed(Self.left + length + 10, 1), "y": middle,
                ],
                text: bar.label
            )
    }
}
