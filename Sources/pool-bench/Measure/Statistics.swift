/// The few statistics that the results need.
enum Statistics {
    /// The middle value, or the mean of the two middle ones; `nil` for no values.
    static func median(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2)
            ? (sorted[middle - 1] + sorted[middle]) / 2
            : sorted[middle]
    }

    /// The smallest, the middle and the largest value; zeros for no values.
    static func spread(_ values: [Int]) -> Spread {
        Spread(
            min: values.min() ?? 0,
            median: Int((median(values.map(Double.init)) ?? 0).rounded()),
            max: values.max() ?? 0
        )
    }
}

/// The extremes and the middle of the workers' operations.
struct Spread: Codable, Equatable, Sendable {
    var min: Int
    var median: Int
    var max: Int
}
