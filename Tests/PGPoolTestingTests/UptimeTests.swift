import Foundation
import Testing

@testable import PGPoolTesting

struct UptimeTests {
    @Test func anUptimeNamesTheInstantOfItsReading() throws {
        var earliest = Duration.seconds(1)
        for _ in 0..<50 {
            let before = ContinuousClock.now
            let text = try String(contentsOfFile: "/proc/uptime", encoding: .utf8)
            let after = ContinuousClock.now
            let uptime = try #require(text.split(separator: " ").first)
            let instant = Supervisor.instant(ofUptime: String(uptime))
            #expect(instant <= after, "it must not be later than its reading")
            earliest = min(earliest, before - instant)
        }
        // It has hundredths, rounded down; another thread may take the processor in between.
        #expect(earliest < .milliseconds(11))
    }

    @Test func whatIsNoUptimeIsNow() {
        let before = ContinuousClock.now
        #expect(Supervisor.instant(ofUptime: "") >= before)
        #expect(Supervisor.instant(ofUptime: "99999999999") >= before)
    }
}
