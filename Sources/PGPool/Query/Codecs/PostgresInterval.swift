// Format: `src/backend/utils/adt/timestamp.c`.

/// An `interval`: months, days and microseconds, which are kept apart because months and days have
/// no fixed length; or, from PostgreSQL 17 on, ±infinity.
public struct PostgresInterval: Hashable, Sendable, PostgresCodable {
    /// Months, years among them.
    public var months: Int32
    /// Days, weeks among them.
    public var days: Int32
    /// Hours to microseconds.
    public var microseconds: Int64

    /// An interval by its parts, each with a sign of its own.
    public init(months: Int32 = 0, days: Int32 = 0, microseconds: Int64 = 0) {
        self.months = months
        self.days = days
        self.microseconds = microseconds
    }

    /// Longer than all others, from PostgreSQL 17 on; earlier ones take it for a long one.
    public static let infinity = PostgresInterval(months: .max, days: .max, microseconds: .max)
    /// Shorter than all others, from PostgreSQL 17 on; earlier ones take it for a long one.
    public static let negativeInfinity = PostgresInterval(
        months: .min,
        days: .min,
        microseconds: .min
    )
    /// Whether it is neither infinity.
    public var isFinite: Bool { self != .infinity && self != .negativeInfinity }

    /// `interval`.
    public static var postgresType: PostgresType { .interval }

    /// Appends sixteen bytes.
    public func encode(into bytes: inout [UInt8]) {
        microseconds.appendBigEndian(to: &bytes)
        days.appendBigEndian(to: &bytes)
        months.appendBigEndian(to: &bytes)
    }

    /// Reads `interval`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard type == .interval else { throw PostgresDecodingError.Reason.typeMismatch }
        var reader = WireReader(bytes)
        microseconds = try reader.read()
        days = try reader.read()
        months = try reader.read()
        try reader.end()
    }
}

extension PostgresInterval: CustomStringConvertible {
    /// As the server writes it by default: `1 year 2 mons -3 days +04:05:06.7`.
    public var description: String {
        guard isFinite else { return self == .infinity ? "infinity" : "-infinity" }
        var parts: [String] = []
        var followsNegative = false
        for (value, unit) in [
            (Int(months / 12), "year"), (Int(months % 12), "mon"), (Int(days), "day"),
        ] where value != 0 {
            let sign = followsNegative && value > 0 ? "+" : ""
            parts.append("\(sign)\(value) \(unit)\(value == 1 ? "" : "s")")
            followsNegative = value < 0
        }
        if microseconds != 0 || parts.isEmpty {
            let sign = microseconds < 0 ? "-" : followsNegative ? "+" : ""
            parts.append(sign + Self.clock(microseconds.magnitude))
        }
        return parts.joined(separator: " ")
    }

    private static func clock(_ microseconds: UInt64) -> String {
        // The greatest magnitude is one more than an `Int64` holds; hours are cut off first.
        let hour: UInt64 = 3_600_000_000
        let rest = clockText(microseconds: Int64(microseconds % hour))
        return padded(Int(microseconds / hour)) + rest.dropFirst(2)
    }
}
