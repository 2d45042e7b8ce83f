/// A UUID of version 7 (RFC 9562 §5.7): milliseconds since 1970, then random bits. So tokens sort by
/// the time at which they were made, and a table of them can be partitioned by it.
package struct UUIDv7: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    /// The largest time that 48 bits hold; later ones are taken for it, negative ones for 0.
    package static let maxMilliseconds: Int64 = 1 << 48 - 1

    /// - Parameters:
    ///   - milliseconds: since 1970-01-01 00:00 UTC, on the client's clock.
    ///   - random: two draws of 64 bits, of which 74 bits are used. Tokens must not repeat across
    ///     processes, so draw them from the system's generator.
    package init(milliseconds: Int64, random: (UInt64, UInt64)) {
        let time = Self.clamp(milliseconds)
        high = time << 16 | 0x7000 | (random.0 & 0x0FFF)
        low = 0x8000_0000_0000_0000 | (random.1 & 0x3FFF_FFFF_FFFF_FFFF)
    }

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Parses the usual form, 8-4-4-4-12 hexadecimal digits; `nil` for anything else and for UUIDs of
    /// other versions.
    package init?(_ text: some StringProtocol) {
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12],
            groups.allSatisfy({ $0.allSatisfy(\.isHexDigit) }),
            let high = UInt64(groups[0...2].joined(), radix: 16),
            let low = UInt64(groups[3...4].joined(), radix: 16),
            high >> 12 & 0xF == 7, low >> 62 == 2
        else { return nil }
        self.init(high: high, low: low)
    }

    private static func clamp(_ milliseconds: Int64) -> UInt64 {
        UInt64(min(max(0, milliseconds), maxMilliseconds))
    }

    /// When it was made, in milliseconds since 1970.
    package var milliseconds: Int64 { Int64(high >> 16) }

    package static func < (left: UUIDv7, right: UUIDv7) -> Bool {
        left.high == right.high ? left.low < right.low : left.high < right.high
    }

    package var description: String {
        let digits = Self.hex(high) + Self.hex(low)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { text.append("-") }
            text.append(digit)
        }
        return text
    }

    /// Its 16 bytes, as the server takes them in binary.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian), body)
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The least UUID of that time, which no token is smaller than: a bound of a range partition.
    package static func lowerBound(milliseconds: Int64) -> String {
        UUIDv7(high: clamp(milliseconds) << 16, low: 0).description
    }
}

/// The partitions of the token table, each as long as the others, counted from 1970.
package struct LedgerPartitions: Sendable {
    /// One partition: holds the tokens from `from` to below `to`.
    package struct Partition: Hashable, Sendable {
        /// Counted from 1970; also the suffix of its table's name.
        package let number: Int64
        package let from: String
        package let to: String
        /// When its first token may have been made, in milliseconds since 1970.
        package let startMilliseconds: Int64
        /// When its last token may have been made, in milliseconds since 1970.
        package let endMilliseconds: Int64
    }

    private let width: Int64
    private let retention: Int64
    var retentionMilliseconds: Int64 { retention }

    /// - Parameters:
    ///   - width: how much time one partition holds, at least 1 minute.
    ///   - retention: how long tokens are kept.
    package init(width: Duration, retention: Duration) {
        self.width = max(60_000, width.wholeNanoseconds / 1_000_000)
        self.retention = max(0, retention.wholeNanoseconds / 1_000_000)
    }

    package func partition(at milliseconds: Int64) -> Partition {
        let number = min(max(0, milliseconds), UUIDv7.maxMilliseconds) / width
        return Partition(
            number: number,
            from: UUIDv7.lowerBound(milliseconds: number * width),
            to: UUIDv7.lowerBound(milliseconds: (number + 1) * width),
            startMilliseconds: number * width,
            endMilliseconds: (number + 1) * width
        )
    }

    /// The partitions that must exist: the present one, `ahead` to come, and one before, for tokens of
    /// clients whose clocks are behind.
    package func needed(at milliseconds: Int64, ahead: Int) -> [Partition] {
        let present = partition(at: milliseconds).number
        return (max(0, present - 1)...(present + Int64(max(0, ahead)))).map {
            partition(at: $0 * width)
        }
    }

    /// Whether every token of that partition is past its retention, so that it may be detached.
    package func isExpired(_ partition: Partition, at milliseconds: Int64) -> Bool {
        partition.endMilliseconds + retention <= milliseconds
    }
}
