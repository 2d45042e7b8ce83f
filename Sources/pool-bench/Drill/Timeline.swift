/// How much was acknowledged and how much failed, in equal spans of time from the drill's beginning.
///
/// A picture has no use for more than some thousand spans: when there are more, two become one.
struct Timeline: Codable, Equatable, Sendable {
    static let maxSpans = 4096

    /// The length of a span, in milliseconds.
    private(set) var span: Double
    private(set) var acknowledged: [Int] = []
    private(set) var failed: [Int] = []

    enum CodingKeys: String, CodingKey {
        case acknowledged, failed
        case span = "span_ms"
    }

    init(span: Duration = .milliseconds(100)) {
        self.span = span.inSeconds * 1e3
    }

    /// Notes the end of an operation, so many seconds after the beginning.
    mutating func add(at seconds: Double, hasFailed: Bool) {
        while seconds * 1e3 / span >= Double(Self.maxSpans) { merge() }
        let index = max(0, Int(seconds * 1e3 / span))
        while acknowledged.count <= index {
            acknowledged.append(0)
            failed.append(0)
        }
        if hasFailed { failed[index] += 1 } else { acknowledged[index] += 1 }
    }

    /// The steps of one of the two, as operations a second over seconds.
    func rates(_ counts: KeyPath<Timeline, [Int]>) -> [(x: Double, y: Double)] {
        let width = span / 1e3
        return self[keyPath: counts].enumerated().flatMap { index, count in
            let rate = Double(count) / width
            return [(Double(index) * width, rate), (Double(index + 1) * width, rate)]
        }
    }

    private mutating func merge() {
        span *= 2
        acknowledged = Self.paired(acknowledged)
        failed = Self.paired(failed)
    }

    private static func paired(_ counts: [Int]) -> [Int] {
        stride(from: 0, to: counts.count, by: 2).map { index in
            counts[index] + (index + 1 < counts.count ? counts[index + 1] : 0)
        }
    }
}
