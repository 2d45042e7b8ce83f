// Format: `src/backend/utils/adt/timestamp.c`.

/// A `timestamp without time zone`: what a calendar and a clock on a wall show, or ±infinity.
public struct PostgresTimestamp: Hashable, Sendable, PostgresCodable {
    /// Microseconds since 2000-01-01 00:00:00; the extremes stand for the infinities.
    public var microseconds: Int64

    /// A timestamp by microseconds since 2000-01-01 00:00:00.
    public init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// A timestamp by its parts.
    ///
    /// - Parameter year: astronomical: 0 is 1 BC. From -4712 (4713 BC) to 294276.
    /// - Returns: `nil` when there is no such day or time.
    public init?(
        year: Int,
        month: Int,
        day: Int,
        hour: Int = 0,
        minute: Int = 0,
        second: Int = 0,
        microsecond: Int = 0
    ) {
        guard (-4712...294_276).contains(year),
            let date = PostgresDate(year: year, month: month, day: day),
            let time = PostgresTime(
                hour: hour,
                minute: minute,
                second: second,
                microsecond: microsecond
            )
        else { return nil }
        microseconds = Int64(date.days) * Self.day + time.microseconds
    }

    /// Later than all others.
    public static let infinity = PostgresTimestamp(microseconds: .max)
    /// Earlier than all others.
    public static let negativeInfinity = PostgresTimestamp(microseconds: .min)
    /// Whether it is neither infinity.
    public var isFinite: Bool { microseconds != .max && microseconds != .min }

    static let day: Int64 = 86_400_000_000

    /// The day; of an infinity, that infinity.
    public var date: PostgresDate {
        if self == .infinity { return .infinity }
        if self == .negativeInfinity { return .negativeInfinity }
        return PostgresDate(days: Int32(microseconds.dividedDown(by: Self.day)))
    }

    /// The time of day; of an infinity, midnight.
    public var time: PostgresTime {
        guard isFinite else { return PostgresTime(unchecked: 0) }
        let remainder = microseconds % Self.day
        return PostgresTime(unchecked: remainder < 0 ? remainder + Self.day : remainder)
    }

    /// `timestamp without time zone`.
    public static var postgresType: PostgresType { .timestamp }
    /// Appends eight bytes.
    public func encode(into bytes: inout [UInt8]) { microseconds.appendBigEndian(to: &bytes) }
    /// Reads `timestamp without time zone`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard type == .timestamp else { throw PostgresDecodingError.Reason.typeMismatch }
        microseconds = try Int64(bigEndianBytes: bytes)
    }

    func text(zone: String) -> String {
        guard isFinite else { return self == .infinity ? "infinity" : "-infinity" }
        let civil = date.civil
        return "\(civil.text) \(time)\(zone)\(civil.era)"
    }
}

extension PostgresTimestamp: Comparable, CustomStringConvertible {
    /// Whether it is earlier.
    public static func < (left: Self, right: Self) -> Bool {
        left.microseconds < right.microseconds
    }

    /// As the server writes it: `2026-02-03 04:05:06.7`.
    public var description: String { text(zone: "") }
}

/// A `timestamp with time zone`: a moment, or ±infinity. The server keeps no zone with it.
///
/// `Date` serves as well where neither infinity nor the last microsecond matters.
public struct PostgresTimestampTZ: Hashable, Sendable, PostgresCodable {
    /// Microseconds since 2000-01-01 00:00:00 UTC; the extremes stand for the infinities.
    public var microseconds: Int64

    /// A moment by microseconds since 2000-01-01 00:00:00 UTC.
    public init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// The moment when clocks in UTC show a time.
    public init(utc: PostgresTimestamp) {
        microseconds = utc.microseconds
    }

    /// What calendar and clock show in UTC.
    public var utc: PostgresTimestamp { PostgresTimestamp(microseconds: microseconds) }

    /// Later than all others.
    public static let infinity = PostgresTimestampTZ(microseconds: .max)
    /// Earlier than all others.
    public static let negativeInfinity = PostgresTimestampTZ(microseconds: .min)
    /// Whether it is neither infinity.
    public var isFinite: Bool { microseconds != .max && microseconds != .min }

    /// `timestamp with time zone`.
    public static var postgresType: PostgresType { .timestamptz }
    /// Appends eight bytes.
    public func encode(into bytes: inout [UInt8]) { microseconds.appendBigEndian(to: &bytes) }
    /// Reads `timestamp with time zone`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard type == .timestamptz else { throw PostgresDecodingError.Reason.typeMismatch }
        microseconds = try Int64(bigEndianBytes: bytes)
    }
}

extension PostgresTimestampTZ: Comparable, CustomStringConvertible {
    /// Whether it is earlier.
    public static func < (left: Self, right: Self) -> Bool {
        left.microseconds < right.microseconds
    }

    /// As the server writes it in UTC: `2026-02-03 04:05:06.7+00`.
    public var description: String { utc.text(zone: "+00") }
}
