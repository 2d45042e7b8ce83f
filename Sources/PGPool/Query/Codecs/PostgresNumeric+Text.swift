extension PostgresNumeric: LosslessStringConvertible, ExpressibleByIntegerLiteral {
    /// An integer.
    public init(integerLiteral value: Int) {
        self.init(value)
    }

    /// Reads what the server reads: `-12.50`, `1e-3`, `NaN`, `Infinity`, `-inf`.
    ///
    /// - Returns: `nil` for other text, and for more digits than the server takes.
    public init?(_ description: String) {
        switch description.lowercased() {
        case "nan": self = .nan
        case "infinity", "+infinity", "inf", "+inf": self = .infinity
        case "-infinity", "-inf": self = .negativeInfinity
        default:
            guard let parsed = Self.parse(description.utf8) else { return nil }
            self = parsed
        }
    }

    private static func parse(_ text: String.UTF8View) -> PostgresNumeric? {
        var rest = text[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        var decimals: [UInt8] = []
        var point: Int?
        scan: while let byte = rest.first {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): decimals.append(byte - UInt8(ascii: "0"))
            case UInt8(ascii: ".") where point == nil: point = decimals.count
            case UInt8(ascii: "e"), UInt8(ascii: "E"): break scan
            default: return nil
            }
            rest.removeFirst()
        }
        guard !decimals.isEmpty else { return nil }
        var exponent = 0
        if !rest.isEmpty {
            guard let value = Int(Substring(rest.dropFirst())),
                (-1_000_000...1_000_000).contains(value)
            else {
                return nil
            }
            exponent = value
        }
        return make(isNegative, decimals, point: (point ?? decimals.count) + exponent)
    }

    /// - Parameter point: how many of the decimals are before the point; it may lie outside them.
    private static func make(_ isNegative: Bool, _ decimals: [UInt8], point: Int) -> Self? {
        let scale = max(0, decimals.count - point)
        let leadingZeros = decimals.prefix { $0 == 0 }.count
        guard scale <= maximumScale,
            leadingZeros == decimals.count || point - leadingZeros <= maximumIntegerDigits
        else { return nil }
        // The first group of four ends where the point allows it to.
        let groupsBeforePoint = (point >= 0 ? point + 3 : point) / 4
        var place = 4 * groupsBeforePoint - point
        var groups: [UInt16] = []
        var group: UInt16 = 0
        for decimal in decimals {
            group = group * 10 + UInt16(decimal)
            place += 1
            if place % 4 == 0 {
                groups.append(group)
                group = 0
            }
        }
        while place % 4 != 0 {
            group *= 10
            place += 1
            if place % 4 == 0 { groups.append(group) }
        }
        return PostgresNumeric(
            isNegative: isNegative,
            digits: groups,
            weight: groupsBeforePoint - 1,
            scale: scale
        )
    }

    /// The text that the server writes.
    public var description: String {
        switch kind {
        case .nan: return "NaN"
        case .infinity: return "Infinity"
        case .negativeInfinity: return "-Infinity"
        case .positive, .negative: break
        }
        var text: [UInt8] = []
        text.reserveCapacity(4 * max(1, weight + 1) + scale + 2)
        if kind == .negative { text.append(UInt8(ascii: "-")) }
        appendIntegerPart(to: &text)
        if scale > 0 { appendFraction(to: &text) }
        return String(decoding: text, as: UTF8.self)
    }

    private func appendIntegerPart(to text: inout [UInt8]) {
        guard weight >= 0, !digits.isEmpty else {
            text.append(UInt8(ascii: "0"))
            return
        }
        for position in 0...weight {
            let group = position < digits.count ? digits[position] : 0
            if position == 0 {
                text.append(contentsOf: String(group).utf8)
            } else {
                Self.append(group, to: &text)
            }
        }
    }

    private func appendFraction(to text: inout [UInt8]) {
        text.append(UInt8(ascii: "."))
        let end = text.count + scale
        var position = weight + 1
        if position < 0 {
            // Zeros between the point and the first digit; the server's weights reach far below.
            let zeros = min(scale, -4 * position)
            text.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: zeros))
            position = 0
        } else if digits.isEmpty {
            position = 0
        }
        while text.count < end {
            Self.append(position < digits.count ? digits[position] : 0, to: &text)
            position += 1
        }
        text.removeLast(text.count - end)
    }

    private static func append(_ group: UInt16, to text: inout [UInt8]) {
        for divisor: UInt16 in [1000, 100, 10, 1] {
            text.append(UInt8(ascii: "0") + UInt8(group / divisor % 10))
        }
    }
}
