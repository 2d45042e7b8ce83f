import Foundation
import Testing

@testable import PGPoolTesting

struct UptimeTests {
    @Test func anUptimeNamesTheInstantOfItsReading() throws {
        let before = ContinuousClock.now
        let text = try String(contentsOfFile: "/proc/uptime", encoding: .utf8)
        let after = ContinuousClock.now
        let uptime = try #require(text.split(separator: " ").first)
        let instant = Supervisor.instant(ofUptime: String(uptime))
        // It has hundredths, rounded down, and the two clocks are not read at once.
        #expect(instant > before - .milliseconds(12) && instant < after + .milliseconds(2))
    }

    @Test func whatIsNoUptimeIsNow() {
        let before = ContinuousClock.now
        #expect(Supervisor.instant(ofUptime: "") >= before)
        #expect(Supervisor.instant(ofUptime: "99999999999") >= before)
    }
}
