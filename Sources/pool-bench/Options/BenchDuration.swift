import ArgumentParser

/// A duration as it is typed on the command line: `20s`, `150ms`, `1.5s`, `2m`.
enum BenchDuration {
    static let help = "a number and a unit (us, ms, s, m, h), such as 20s or 150ms"

    private static let nanosecondsPerUnit: [String: Double] = [
        "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9,
    ]

    /// Reads a duration, or says what one looks like.
    static func parse(_ text: String) throws -> Duration {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = String(text.dropFirst(digits.count))
        guard
            let factor = nanosecondsPerUnit[unit],
            digits.first?.isNumber == true, digits.last?.isNumber == true,
            let number = Double(digits),
            number * factor < 1e18
        else {
            throw ValidationError("a duration is \(help)")
        }
        return .nanoseconds(Int64((number * factor).rounded()))
    }

    /// Writes a duration in the largest unit that needs no fraction.
    static func describe(_ duration: Duration) -> String {
        let nanoseconds = duration.wholeNanoseconds
        let units: [(String, Int64)] = [
            ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
            ("ms", 1_000_000), ("us", 1_000),
        ]
        for (name, size) in units where nanoseconds >= size && nanoseconds % size == 0 {
            return "\(nanoseconds / size)\(name)"
        }
        return nanoseconds == 0 ? "0s" : "\(Double(nanoseconds) / 1e3)us"
    }
}

extension Duration {
    /// The duration in nanoseconds; what is below a nanosecond is dropped.
    var wholeNanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }

    /// The duration in seconds.
    var inSeconds: Double { Double(wholeNanoseconds) / 1e9 }
}
