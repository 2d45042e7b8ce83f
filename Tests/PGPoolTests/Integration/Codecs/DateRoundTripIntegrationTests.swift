import Foundation
import PGPool
import PGPoolCore
import Testing

@Suite("Dates and times to a real server and back")
struct DateRoundTripIntegrationTests {
    /// 4713-11-24 BC and the last microsecond of 294276: the server's limits (manual, 8.5).
    static let timestamps: ClosedRange<Int64> =
        -211_813_488_000_000_000...9_223_371_331_199_999_999

    @Test("timestamp")
    func timestamp() async throws {
        let limits: [PostgresTimestamp] = [
            .infinity, .negativeInfinity, PostgresTimestamp(microseconds: 0),
            PostgresTimestamp(microseconds: -1),
            PostgresTimestamp(microseconds: Self.timestamps.lowerBound),
            PostgresTimestamp(microseconds: Self.timestamps.upperBound),
        ]
        try await RoundTrip(
            generate(40, limits: limits) { PostgresTimestamp(microseconds: $0.microseconds()) },
            "timestamp"
        ).check()
    }

    @Test("timestamp with time zone")
    func timestamptz() async throws {
        let limits: [PostgresTimestampTZ] = [
            .infinity, .negativeInfinity, PostgresTimestampTZ(microseconds: 0),
            PostgresTimestampTZ(microseconds: Self.timestamps.lowerBound),
            PostgresTimestampTZ(microseconds: Self.timestamps.upperBound),
        ]
        try await RoundTrip(
            generate(41, limits: limits) { PostgresTimestampTZ(microseconds: $0.microseconds()) },
            "timestamptz"
        ).check()
    }

    @Test("date, whose every day has its year, month and day")
    func date() async throws {
        let limits: [PostgresDate] = [
            .infinity, .negativeInfinity, PostgresDate(days: -2_451_507),
            PostgresDate(days: 2_145_031_948),
        ]
        try await RoundTrip(
            generate(42, limits: limits) {
                PostgresDate(days: Int32.random(in: -2_451_507...2_145_031_948, using: &$0))
            },
            "date"
        ).check()
        // Every day of four centuries, with both kinds of leap year and the turn of the era.
        let days = (-800_000..<(-650_000)).filter { $0 % 37 == 0 } + Array(-40_000..<1_000)
        try await RoundTrip(days.map { PostgresDate(days: Int32($0)) }, "date").check()
        for day in days {
            let (year, month, day) = PostgresDate(days: Int32(day)).components
            let same = PostgresDate(year: year, month: month, day: day)
            #expect(same?.components ?? (0, 0, 0) == (year, month, day))
        }
    }

    @Test("time and time with time zone")
    func time() async throws {
        let limits = [
            PostgresTime(microseconds: 0), PostgresTime(microseconds: 86_400_000_000),
            PostgresTime(microseconds: 86_399_999_999),
        ].compactMap(\.self)
        let times = generate(43) { generator in
            PostgresTime(microseconds: Int64.random(in: 0...86_400_000_000, using: &generator))
        }.compactMap(\.self)
        #expect(times.count == generatedValues)
        try await RoundTrip(limits + times, "time").check()
        let zoned = zip(
            limits + times,
            generate(44) { generator in
                let unit = [3600, 900, 60, 1].randomElement(using: &generator) ?? 1
                return Int.random(in: (-57_599 / unit)...(57_599 / unit), using: &generator) * unit
            }
        ).compactMap { PostgresTimeTZ($0, utcOffset: $1) }
        #expect(zoned.count >= generatedValues)
        try await RoundTrip(zoned, "timetz").check()
    }

    @Test("interval")
    func interval() async throws {
        let limits = [
            PostgresInterval(), PostgresInterval(months: .min), PostgresInterval(days: .min),
            PostgresInterval(microseconds: .max), PostgresInterval(months: .max, days: .max),
            PostgresInterval(months: -1, days: 1, microseconds: 1),
            PostgresInterval(months: 1, days: -1, microseconds: 1),
        ]
        try await RoundTrip(
            generate(45, limits: limits) { generator in
                PostgresInterval(
                    months: generator.part(),
                    days: generator.part(),
                    microseconds: Int64(generator.part())
                        * Int64.random(in: 0...99, using: &generator)
                )
            },
            "interval"
        ).check()
    }

    @Test("Foundation's Date gives the same microsecond back")
    func foundationDate() async throws {
        let range: ClosedRange<Int64> = -8_500_000_000_000_000...8_500_000_000_000_000
        let values = generate(46) { generator in
            // What the server's own microsecond makes, so that nothing is rounded on the way.
            let microseconds = Int64.random(in: range, using: &generator)
            return Date(timeIntervalSinceReferenceDate: 0)
                + (Double(microseconds / 1_000_000) + Double(microseconds % 1_000_000) / 1e6)
        }
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let rows = try await pool.query(
                """
                SELECT v, v, v AT TIME ZONE 'UTC' FROM unnest(\(values)) WITH ORDINALITY u (v, n) \
                ORDER BY n
                """
            )
            let decoded = try rows.decode((Date, PostgresTimestampTZ, Date).self)
            #expect(decoded.count == values.count)
            var resent: [PostgresTimestampTZ] = []
            for (sent, (received, exact, asTimestamp)) in zip(values, decoded) {
                #expect(abs(sent.timeIntervalSince(received)) < 1e-6)
                #expect(received == asTimestamp)
                resent.append(exact)
            }
            let again = try await pool.query(
                "SELECT v FROM unnest(\(decoded.map(\.0))) WITH ORDINALITY u (v, n) ORDER BY n"
            )
            #expect(try again.decode((PostgresTimestampTZ).self) == resent)
        }
    }

    @Test("Infinity is an error as a Date, and a Date beyond the server's range is one there")
    func foundationLimits() async throws {
        try await withPool(on: Servers.plain.value) { pool in
            for type in ["timestamptz", "timestamp", "date"] {
                let rows = try await pool.query("SELECT 'infinity'::\(unescaped: type)")
                let error = try #require(throws: PostgresDecodingError.self) {
                    try rows[0].decode(Date.self, at: 0)
                }
                #expect(error.reason == .outOfRange)
            }
            let forever = Date(timeIntervalSinceReferenceDate: .infinity)
            let rows = try await pool.query("SELECT \(forever)::text, date '2001-01-01'")
            #expect(try rows[0].decode(String.self, at: 0) == "infinity")
            #expect(try rows[0].decode(Date.self, at: 1).timeIntervalSinceReferenceDate == 0)
            for seconds in [1e13, -1e13, 1e16, -1e16, 1e300, .nan] {
                let date = Date(timeIntervalSinceReferenceDate: seconds)
                let error = try await #require(throws: PostgresError.self) {
                    try await pool.query("SELECT \(date)")
                }
                #expect(error.sqlState?.description == "22008", "\(seconds)")
            }
        }
    }
}

extension SeededGenerator {
    fileprivate mutating func microseconds() -> Int64 {
        let exact = Int64.random(in: DateRoundTripIntegrationTests.timestamps, using: &self)
        switch Int.random(in: 0..<4, using: &self) {
        case 0: return exact
        case 1: return exact / 86_400_000_000 * 86_400_000_000
        case 2: return exact / 1_000_000 * 1_000_000
        default: return integer(Int64.self) >> 8
        }
    }

    fileprivate mutating func part() -> Int32 {
        Int.random(in: 0..<3, using: &self) == 0
            ? 0 : integer(Int32.self)
    }
}
