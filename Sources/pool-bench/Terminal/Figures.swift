import Foundation

/// Writes numbers so that people can compare them.
enum Figures {
    /// A count or a rate: `41,234`, `2.84 M`.
    static func count(_ value: Double) -> String {
        if value >= 1e9 { return "\(fixed(value / 1e9, 2)) G" }
        if value >= 1e6 { return "\(fixed(value / 1e6, 2)) M" }
        return grouped(Int(value.rounded()))
    }

    static func grouped(_ value: Int) -> String {
        let digits = String(value.magnitude)
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index).isMultiple(of: 3) { result += "," }
            result.append(digit)
        }
        return value < 0 ? "-" + result : result
    }

    /// Milliseconds in the unit that suits their size: `212 ns`, `45.2 µs`, `1.31 ms`, `2.05 s`.
    static func time(milliseconds: Double) -> String {
        switch milliseconds {
        case ..<0.001: "\(significant(milliseconds * 1e6)) ns"
        case ..<1: "\(significant(milliseconds * 1e3)) µs"
        case ..<1000: "\(significant(milliseconds)) ms"
        default: "\(significant(milliseconds / 1e3)) s"
        }
    }

    static func bytes(_ value: Int) -> String {
        value >= 1 << 30
            ? "\(fixed(Double(value) / Double(1 << 30), 2)) GiB"
            : "\(fixed(Double(value) / Double(1 << 20), 1)) MiB"
    }

    static func fixed(_ value: Double, _ decimals: Int) -> String {
        String(format: "%.\(decimals)f", value)
    }

    /// Three significant digits, no exponent.
    static func significant(_ value: Double) -> String {
        switch abs(value) {
        case 100...: fixed(value, 0)
        case 10..<100: fixed(value, 1)
        default: value == 0 ? "0" : fixed(value, 2)
        }
    }
}
