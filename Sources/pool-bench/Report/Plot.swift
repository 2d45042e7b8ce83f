/// A line plot as SVG.
struct Plot {
    struct Line {
        var name: String
        /// Which colour, by the order of the results.
        var color: Int
        var points: [(x: Double, y: Double)]
        /// Whether the area below is tinted.
        var isFilled = false
        var isMarked = false
    }

    let title: String
    let x: Axis
    let y: Axis
    let lines: [Line]
    var bands: [Band] = []

    /// A stretch of the x axis that is tinted, and named where it begins.
    struct Band: Equatable, Sendable {
        enum Kind: String, Sendable { case outage, promotion, recovery }

        var kind: Kind
        var from: Double
        var to: Double
        var name: String?
    }

    private static let width = 860.0
    private static let height = 330.0
    private static let left = 78.0
    private static let right = 40.0
    private static let top = 16.0
    private static let bottom = 58.0

    private var plotWidth: Double { Self.width - Self.left - Self.right }
    private var plotHeight: Double { Self.height - Self.top - Self.bottom }
    private var baseline: Double { Self.top + plotHeight }

    var svg: String {
        Markup.element(
            "svg",
            [
                "viewBox": "0 0 \(coordinate(Self.width)) \(coordinate(Self.height))",
                "xmlns": "http://www.w3.org/2000/svg", "role": "img", "aria-label": title,
            ],
            bands.map(draw).joined() + verticalTicks + horizontalTicks + axisTitles
                + lines.map(draw).joined()
        )
    }

    private func place(_ point: (x: Double, y: Double)) -> (Double, Double) {
        (
            Self.left + x.position(point.x) * plotWidth,
            Self.top + (1 - y.position(point.y)) * plotHeight
        )
    }

    private func draw(_ line: Line) -> String {
        guard !line.points.isEmpty else { return "" }
        let places = line.points.map(place)
        let path = places.map { "\(coordinate($0.0)),\(coordinate($0.1))" }.joined(separator: " ")
        var result = ""
        if line.isFilled, let first = places.first, let last = places.last {
            let floor = coordinate(baseline)
            let area =
                "\(coordinate(first.0)),\(floor) \(path) \(coordinate(last.0)),\(floor)"
            result += Markup.element("polygon", ["class": "area c\(line.color)", "points": area])
        }
        result += Markup.element("polyline", ["class": "line c\(line.color)", "points": path])
        if line.isMarked {
            for (x, y) in places {
                result += Markup.element(
                    "circle",
                    [
                        "class": "mark c\(line.color)", "cx": coordinate(x), "cy": coordinate(y),
                        "r": "3",
                    ]
                )
            }
        }
        return Markup.element("g", [:], Markup.element("title", text: line.name) + result)
    }

    private func draw(_ band: Band) -> String {
        let left = Self.left + x.position(band.from) * plotWidth
        let right = Self.left + x.position(band.to) * plotWidth
        let tint = Markup.element(
            "rect",
            [
                "class": "band \(band.kind.rawValue)", "x": coordinate(left),
                "y": coordinate(Self.top), "width": coordinate(max(right - left, 0.8)),
                "height": coordinate(plotHeight),
            ]
        )
        guard let name = band.name else { return tint }
        return Markup.element("g", [:], Markup.element("title", text: name) + tint)
    }

    private var horizontalTicks: String {
        y.ticks.map { tick in
            let level = Self.top + (1 - y.position(tick.value)) * plotHeight
            let line = rule(
                (Self.left, level),
                (Self.left + plotWidth, level),
                isFaint: tick.label == nil
            )
            guard let label = tick.label else { return line }
            return line + text(label, at: (Self.left - 10, level + 4.5), anchor: "end")
        }.joined()
    }

    private var verticalTicks: String {
        x.ticks.map { tick in
            let place = Self.left + x.position(tick.value) * plotWidth
            let line = rule((place, Self.top), (place, baseline), isFaint: tick.label == nil)
            guard let label = tick.label else { return line }
            return line + text(label, at: (place, baseline + 20), anchor: "middle")
        }.joined()
    }

    private var axisTitles: String {
        let middle = Self.top + plotHeight / 2
        return text(
            x.title,
            at: (Self.left + plotWidth / 2, Self.height - 10),
            anchor: "middle",
            kind: "title"
        )
            + Markup.element(
                "text",
                [
                    "class": "title", "text-anchor": "middle",
                    "transform": "translate(16 \(coordinate(middle))) rotate(-90)",
                ],
                text: y.title
            )
    }

    private func rule(_ from: (Double, Double), _ to: (Double, Double), isFaint: Bool) -> String {
        Markup.element(
            "line",
            [
                "class": isFaint ? "minor" : "major", "x1": coordinate(from.0),
                "y1": coordinate(from.1), "x2": coordinate(to.0), "y2": coordinate(to.1),
            ]
        )
    }

    private func text(
        _ text: String,
        at place: (Double, Double),
        anchor: String,
        kind: String = "tick"
    ) -> String {
        Markup.element(
            "text",
            [
                "class": kind, "x": coordinate(place.0), "y": coordinate(place.1),
                "text-anchor": anchor,
            ],
            text: text
        )
    }

    private func coordinate(_ value: Double) -> String { Figures.fixed(value, 1) }
}
