extension PostgresINET: LosslessStringConvertible {
    /// Reads `192.0.2.1`, `192.0.2.0/24`, `2001:db8::1/64`.
    ///
    /// - Returns: an `inet`; `nil` for other text.
    public init?(_ description: String) {
        let parts = description.split(separator: "/", omittingEmptySubsequences: false)
        var prefixLength: Int?
        if parts.count == 2 {
            guard let length = Self.decimal(parts[1], upTo: 128) else { return nil }
            prefixLength = length
        }
        guard parts.count <= 2, let text = parts.first,
            let address = text.contains(":") ? Self.parseIPv6(text) : Self.parseIPv4(text)
        else { return nil }
        self.init(address: address, prefixLength: prefixLength)
    }

    private static func decimal(_ text: Substring, upTo limit: Int) -> Int? {
        guard (1...3).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }),
            let number = Int(text), number <= limit
        else { return nil }
        return number
    }

    private static func parseIPv4(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { decimal($0, upTo: 255).map { UInt8($0) } }
        return parts.count == 4 && bytes.count == 4 ? bytes : nil
    }

    private static func parseIPv6(_ text: Substring) -> [UInt8]? {
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        guard halves.count <= 2, let front = words(halves[0]) else { return nil }
        guard halves.count == 2 else { return front.count == 16 ? front : nil }
        guard let back = words(halves[1]), front.count + back.count <= 14 else { return nil }
        return front + [UInt8](repeating: 0, count: 16 - front.count - back.count) + back
    }

    /// The bytes of groups with colons between them, the last of which may be an IPv4 address.
    private static func words(_ text: Substring) -> [UInt8]? {
        guard !text.isEmpty else { return [] }
        var bytes: [UInt8] = []
        let groups = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, group) in groups.enumerated() {
            if index == groups.count - 1, group.contains(".") {
                guard let address = parseIPv4(group) else { return nil }
                bytes += address
            } else {
                guard (1...4).contains(group.utf8.count), group.first != "+",
                    let word = UInt16(group, radix: 16)
                else { return nil }
                bytes += [UInt8(word >> 8), UInt8(word & 0xFF)]
            }
        }
        return bytes.count <= 16 ? bytes : nil
    }

    /// As the server writes it: an `inet` that is a host alone without its prefix.
    public var description: String {
        let text = isIPv6 ? textOfIPv6 : Self.textOfIPv4(address[...])
        return isCIDR || prefixLength < 8 * address.count ? "\(text)/\(prefixLength)" : text
    }

    private static func textOfIPv4(_ bytes: ArraySlice<UInt8>) -> String {
        bytes.map { String($0) }.joined(separator: ".")
    }

    /// The longest run of zeros is left out, and addresses that hold one of IPv4 show it
    /// (`inet_net_ntop_ipv6` in `src/port/inet_net_ntop.c`).
    private var textOfIPv6: String {
        let words = stride(from: 0, to: 16, by: 2).map {
            UInt16(address[$0]) << 8 | UInt16(address[$0 + 1])
        }
        guard let gap = Self.longestGap(words) else {
            return Self.hexadecimal(words[...])
        }
        let holdsIPv4 =
            gap.lowerBound == 0
            && (gap.count == 6 || (gap.count == 5 && words[5] == 0xFFFF))
        guard holdsIPv4 else {
            return Self.hexadecimal(words[..<gap.lowerBound]) + "::"
                + Self.hexadecimal(words[gap.upperBound...])
        }
        let prefix = gap.count == 5 ? "::ffff:" : "::"
        return prefix + Self.textOfIPv4(address[12...])
    }

    private static func hexadecimal(_ words: ArraySlice<UInt16>) -> String {
        words.map { String($0, radix: 16) }.joined(separator: ":")
    }

    /// The first of the longest runs of at least two zeros.
    private static func longestGap(_ words: [UInt16]) -> Range<Int>? {
        var longest: Range<Int>?
        var start = 0
        for (index, word) in words.enumerated() {
            if word != 0 {
                start = index + 1
            } else if index > start, index + 1 - start > longest?.count ?? 0 {
                longest = start..<(index + 1)
            }
        }
        return longest
    }
}
