import Testing

@testable import PGPoolCore

@Suite struct InstantTests {
    @Test("Adding saturates instead of overflowing")
    func saturates() {
        let late = Instant(nanoseconds: .max - 5)
        #expect(late + .seconds(1) == .distantFuture)
        #expect(Instant(nanoseconds: 0) + .seconds(Int64.max) == .distantFuture)
        #expect(
            Instant(nanoseconds: .min) + .seconds(-1) == Instant(nanoseconds: .min)
        )
    }

    @Test("A difference is a duration, with its sign")
    func difference() {
        let (early, late) = (Instant(nanoseconds: 3), Instant(nanoseconds: 10))
        #expect(late - early == .nanoseconds(7))
        #expect(early - late == .nanoseconds(-7))
    }

    @Test(
        "Durations become whole nanoseconds, clamped to 64 bits",
        arguments: [
            (Duration.nanoseconds(1), Int64(1)), (.seconds(-2), -2_000_000_000),
            (.seconds(Int64.max), .max), (.seconds(Int64.min), .min), (.zero, 0),
        ]
    )
    func wholeNanoseconds(duration: Duration, nanoseconds: Int64) {
        #expect(duration.wholeNanoseconds == nanoseconds)
    }
}
