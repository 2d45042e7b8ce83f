import Foundation

/// One axis of a plot: which value lies where, and what is written beside it.
struct Axis: Equatable, Sendable {
    /// A mark on the axis; those without a label are fainter.
    struct Tick: Equatable, Sendable {
        var value: Double
        var label: String?
    }

    enum Scale: Equatable, Sendable {
        case linear
        /// Decades of the value.
        case logarithmic
        /// Decades of what is missing to 1: 0.9, 0.99 and 0.999 are equally far apart.
        case percentile
    }

    let title: String
    let scale: Scale
    let range: ClosedRange<Double>
    let ticks: [Tick]

    /// Where a value lies, from 0 to 1; values outside are moved to the nearer end.
    func position(_ value: Double) -> Double {
        let low = stretched(range.lowerBound)
        let high = stretched(range.upperBound)
        guard high > low else { return 0 }
        return min(1, max(0, (stretched(min(value, range.upperBound)) - low) / (high - low)))
    }

    private func stretched(_ value: Double) -> Double {
        switch scale {
        case .linear: value
        case .logarithmic: log10(max(value, 1e-12))
        case .percentile: -log10(max(1 - value, 1e-12))
        }
    }
}

extension Axis {
    /// From 0 to a round number at or above the largest value.
    static func linear(
        _ title: String,
        upTo largest: Double,
        isWhole: Bool = false,
        label: (Double) -> String
    ) -> Axis {
        let wanted = max(largest, isWhole ? 4 : 1e-9)
        let magnitude = pow(10, floor(log10(wanted / 4)))
        let steps = [1, 2, 2.5, 5, 10].map { $0 * magnitude }
        var step = steps.first { wanted / $0 <= 5 } ?? magnitude * 10
        if isWhole { step = max(1, step.rounded(.up)) }
        let count = max(1, Int((wanted / step - 1e-9).rounded(.up)))
        let ticks = (0...count).map { index in
            Tick(value: Double(index) * step, label: label(Double(index) * step))
        }
        return Axis(
            title: title,
            scale: .linear,
            range: 0...(Double(count) * step),
            ticks: ticks
        )
    }

    /// From 0 to exactly the end, for time that has passed.
    static func elapsed(_ title: String, upTo end: Double) -> Axis {
        let full = linear(title, upTo: end) { Figures.plain($0) }
        let ticks = full.ticks.filter { $0.value <= end }
        return Axis(title: title, scale: .linear, range: 0...max(end, 1e-9), ticks: ticks)
    }

    /// Times in milliseconds, from a power of ten to another.
    static func logarithmicTime(_ title: String, _ values: ClosedRange<Double>) -> Axis {
        let low = floor(log10(max(values.lowerBound, 1e-6)) + 1e-9)
        let high = max(low + 1, ceil(log10(max(values.upperBound, 1e-6)) - 1e-9))
        var ticks: [Tick] = []
        for exponent in stride(from: low, through: high, by: 1) {
            let decade = pow(10, exponent)
            ticks.append(Tick(value: decade, label: Figures.roundTime(milliseconds: decade)))
            guard exponent < high else { break }
            for factor in 2...9 { ticks.append(Tick(value: Double(factor) * decade, label: nil)) }
        }
        return Axis(
            title: title,
            scale: .logarithmic,
            range: pow(10, low)...pow(10, high),
            ticks: ticks
        )
    }

    /// Shares of the operations, up to the last that so many can tell apart.
    static func percentile(_ title: String, count: UInt64) -> Axis {
        let finest = min(7, max(2, log10(Double(max(count, 1)))))
        let decades = Int(finest)
        var ticks = [Tick(value: 0, label: "0"), Tick(value: 0.5, label: "50 %")]
        for decade in 1...decades {
            let share = 1 - pow(10, -Double(decade))
            let digits = max(0, decade - 2)
            ticks.append(Tick(value: share, label: "\(Figures.fixed(share * 100, digits)) %"))
        }
        return Axis(
            title: title,
            scale: .percentile,
            range: 0...(1 - pow(10, -finest)),
            ticks: ticks
        )
    }
}

extension Figures {
    /// A number without zeros that say nothing: `2.5`, `10`.
    static func plain(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15
            ? String(Int(value)) : String(format: "%g", value)
    }

    /// A power of ten of milliseconds in its unit: `10 µs`.
    static func roundTime(milliseconds: Double) -> String {
        let units = [(1e-6, "ns"), (1e-3, "µs"), (1.0, "ms"), (1e3, "s")]
        let (size, name) =
            units.last { milliseconds >= $0.0 * 0.999 } ?? (1e-6, "ns")
        return "\(plain((milliseconds / size).rounded())) \(name)"
    }
}
