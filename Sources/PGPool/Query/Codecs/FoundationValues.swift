#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

// Formats: `src/backend/utils/adt/varlena.c` (bytea), `uuid.c`.

extension Data: PostgresCodable {
    /// `bytea`.
    public static var postgresType: PostgresType { .bytea }
    /// Appends the bytes.
    public func encode(into bytes: inout [UInt8]) { bytes.append(contentsOf: self) }
    /// Reads `bytea`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard type == .bytea else { throw PostgresDecodingError.Reason.typeMismatch }
        self.init(bytes)
    }
}

extension UUID: PostgresCodable {
    /// `uuid`.
    public static var postgresType: PostgresType { .uuid }
    /// Appends sixteen bytes.
    public func encode(into bytes: inout [UInt8]) {
        withUnsafeBytes(of: uuid) { bytes.append(contentsOf: $0) }
    }
    /// Reads `uuid`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard type == .uuid else { throw PostgresDecodingError.Reason.typeMismatch }
        guard bytes.count == 16 else { throw PostgresDecodingError.Reason.malformed }
        self.init(uuid: bytes.loadUnaligned(as: uuid_t.self))
    }
}

extension Date: PostgresCodable {
    /// Seconds from 2000-01-01, PostgreSQL's epoch, to 2001-01-01, Foundation's.
    private static let epochDifference = 31_622_400.0

    /// `timestamp with time zone`.
    public static var postgresType: PostgresType { .timestamptz }

    /// Appends the microseconds since 2000-01-01, rounded.
    ///
    /// ±∞ becomes the server's infinity. What is beyond the server's range, and NaN, is sent as a
    /// number that it refuses (22008).
    public func encode(into bytes: inout [UInt8]) {
        postgresMicroseconds.appendBigEndian(to: &bytes)
    }

    fileprivate var postgresMicroseconds: Int64 {
        let interval = timeIntervalSinceReferenceDate
        if interval == .infinity { return .max }
        if interval == -.infinity { return .min }
        // Apart, so that only the fraction is rounded.
        let whole = interval.rounded(.down)
        guard let seconds = Int64(exactly: whole),
            (-10_000_000_000_000...10_000_000_000_000).contains(seconds)
        else {
            return .max - 1
        }
        let fraction = Int64(((interval - whole) * 1e6).rounded())
        let sum = (seconds + Int64(Self.epochDifference)).multipliedReportingOverflow(by: 1_000_000)
        let (microseconds, overflows) = sum.partialValue.addingReportingOverflow(fraction)
        return sum.overflow || overflows ? .max - 1 : microseconds
    }

    /// Reads `timestamp with time zone`, and as UTC `timestamp` and `date`.
    ///
    /// A date between 1730 and 2272 gives back the same microsecond; others are less precise. Infinity is out of range; ``PostgresTimestampTZ`` has it.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        switch type {
        case .timestamptz, .timestamp:
            let microseconds = try Int64(bigEndianBytes: bytes)
            guard microseconds != .max, microseconds != .min else {
                throw PostgresDecodingError.Reason.outOfRange
            }
            self.init(postgresMicroseconds: microseconds)
        case .date:
            let days = try Int32(bigEndianBytes: bytes)
            guard days != .max, days != .min else {
                throw PostgresDecodingError.Reason.outOfRange
            }
            self.init(timeIntervalSinceReferenceDate: Double(days) * 86_400 - Self.epochDifference)
        default: throw PostgresDecodingError.Reason.typeMismatch
        }
    }

    fileprivate init(postgresMicroseconds microseconds: Int64) {
        // Divided apart, so that the fraction keeps its bits.
        let (seconds, fraction) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        self.init(
            timeIntervalSinceReferenceDate: Double(seconds) - Self.epochDifference
                + Double(fraction) / 1e6
        )
    }
}

extension PostgresTimestampTZ {
    /// The same moment, to the microsecond. ±∞ becomes infinity; what is beyond the server's range,
    /// and NaN, becomes a moment that the server refuses (22008).
    public init(_ date: Date) {
        self.init(microseconds: date.postgresMicroseconds)
    }

    /// The same moment; `nil` for the infinities.
    public var date: Date? {
        isFinite ? Date(postgresMicroseconds: microseconds) : nil
    }
}
