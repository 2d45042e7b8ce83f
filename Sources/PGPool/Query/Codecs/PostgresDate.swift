// Formats: `src/backend/utils/adt/date.c`.

/// A `date`, or ±infinity.
public struct PostgresDate: Hashable, Sendable, PostgresCodable {
    /// Days since 2000-01-01; the extremes stand for the infinities.
    public var days: Int32

    /// A date by days since 2000-01-01.
    public init(days: Int32) {
        self.days = days
    }

    /// A date by its parts.
    ///
    /// - Parameter year: astronomical: 0 is 1 BC. From -4712 (4713 BC) to 5874897.
    /// - Returns: `nil` when there is no such day.
    public init?(year: Int, month: Int, day: Int) {
        let civil = CivilDate(year: year, month: month, day: day)
        guard (-4712...5_874_897).contains(year), civil.isValid,
            let days = Int32(exactly: civil.daysSince2000)
        else { return nil }
        self.days = days
    }

    /// Later than all others.
    public static let infinity = PostgresDate(days: .max)
    /// Earlier than all others.
    public static let negativeInfinity = PostgresDate(days: .min)
    /// Whether it is neither infinity.
    public var isFinite: Bool { days != .max && days != .min }

    /// The parts in the Gregorian calendar; those of an infinity mean nothing.
    public var components: (year: Int, month: Int, day: Int) {
        (civil.year, civil.month, civil.day)
    }

    var civil: CivilDate { CivilDate(daysSince2000: Int(days)) }

    /// `date`.
    public static var postgresType: PostgresType { .date }
    /// Appends four bytes.
    public func encode(into bytes: inout [UInt8]) { days.appendBigEndian(to: &bytes) }
    /// Reads `date`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard type == .date else { throw PostgresDecodingError.Reason.typeMismatch }
        days = try Int32(bigEndianBytes: bytes)
    }
}

extension PostgresDate: Comparable, CustomStringConvertible {
    /// Whether it is earlier.
    public static func < (left: Self, right: Self) -> Bool { left.days < right.days }

    /// As the server writes it: `2026-02-03`, `0044-03-15 BC`, `infinity`.
    public var description: String {
        guard isFinite else { return self == .infinity ? "infinity" : "-infinity" }
        return civil.text + civil.era
    }
}

/// A `time without time zone`, from 00:00:00 to 24:00:00.
public struct PostgresTime: Hashable, Sendable, PostgresCodable {
    /// Microseconds since midnight, up to 86,400,000,000.
    public let microseconds: Int64

    /// A time by microseconds since midnight; `nil` beyond 24:00:00.
    public init?(microseconds: Int64) {
        guard (0...PostgresTimestamp.day).contains(microseconds) else { return nil }
        self.microseconds = microseconds
    }

    init(unchecked microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// A time by its parts; `nil` when there is no such time.
    public init?(hour: Int, minute: Int, second: Int = 0, microsecond: Int = 0) {
        guard (0...24).contains(hour), (0..<60).contains(minute), (0..<60).contains(second),
            (0..<1_000_000).contains(microsecond)
        else { return nil }
        let seconds = Int64((hour * 60 + minute) * 60 + second)
        self.init(microseconds: seconds * 1_000_000 + Int64(microsecond))
    }

    /// Hours, minutes, seconds and microseconds.
    public var components: (hour: Int, minute: Int, second: Int, microsecond: Int) {
        let seconds = Int(microseconds / 1_000_000)
        return (seconds / 3600, seconds / 60 % 60, seconds % 60, Int(microseconds % 1_000_000))
    }

    /// `time without time zone`.
    public static var postgresType: PostgresType { .time }
    /// Appends eight bytes.
    public func encode(into bytes: inout [UInt8]) { microseconds.appendBigEndian(to: &bytes) }
    /// Reads `time without time zone`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard type == .time else { throw PostgresDecodingError.Reason.typeMismatch }
        guard let time = Self(microseconds: try Int64(bigEndianBytes: bytes)) else {
            throw PostgresDecodingError.Reason.malformed
        }
        self = time
    }
}

extension PostgresTime: Comparable, CustomStringConvertible {
    /// Whether it is earlier.
    public static func < (left: Self, right: Self) -> Bool {
        left.microseconds < right.microseconds
    }

    /// As the server writes it: `04:05:06.7`.
    public var description: String { clockText(microseconds: microseconds) }
}

/// A `time with time zone`. (PostgreSQL manual, 8.5.1.2, advises against the type.)
public struct PostgresTimeTZ: Hashable, Sendable, PostgresCodable, CustomStringConvertible {
    /// The time where the clock hangs.
    public let time: PostgresTime
    /// Seconds east of UTC.
    public let utcOffset: Int

    /// A time in a zone; `nil` when the offset is sixteen hours or more.
    public init?(_ time: PostgresTime, utcOffset: Int) {
        guard (-57_599...57_599).contains(utcOffset) else { return nil }
        self.time = time
        self.utcOffset = utcOffset
    }

    /// `time with time zone`.
    public static var postgresType: PostgresType { .timetz }

    /// Appends twelve bytes.
    public func encode(into bytes: inout [UInt8]) {
        time.encode(into: &bytes)
        // The server counts to the west.
        Int32(-utcOffset).appendBigEndian(to: &bytes)
    }

    /// Reads `time with time zone`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard type == .timetz else { throw PostgresDecodingError.Reason.typeMismatch }
        var reader = WireReader(bytes)
        let microseconds = try reader.read(Int64.self)
        let offset = -Int(try reader.read(Int32.self))
        try reader.end()
        guard let time = PostgresTime(microseconds: microseconds),
            let value = Self(time, utcOffset: offset)
        else { throw PostgresDecodingError.Reason.malformed }
        self = value
    }

    /// As the server writes it: `04:05:06+05:30`.
    public var description: String {
        let magnitude = abs(utcOffset)
        var zone = (utcOffset < 0 ? "-" : "+") + padded(magnitude / 3600)
        if magnitude % 3600 != 0 { zone += ":" + padded(magnitude / 60 % 60) }
        if magnitude % 60 != 0 { zone += ":" + padded(magnitude % 60) }
        return "\(time)\(zone)"
    }
}
