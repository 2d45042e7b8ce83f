import ArgumentParser
import Testing

@testable import pool_bench

@Suite struct DurationTests {
    @Test(
        arguments: [
            ("20s", Duration.seconds(20)), ("150ms", .milliseconds(150)),
            ("1.5s", .milliseconds(1500)), ("2m", .seconds(120)), ("1h", .seconds(3600)),
            ("250us", .microseconds(250)), ("0s", .zero),
        ]
    )
    func readsNumberAndUnit(_ text: String, _ duration: Duration) throws {
        #expect(try BenchDuration.parse(text) == duration)
    }

    @Test(
        arguments: [
            "", "20", "s", "-5s", "+5s", "20 s", "1.s", ".5s", "1.2.3s", "5S", "5d", "1e3s", "٣s",
            "99999999999999999999h", "nan", "infs",
        ]
    )
    func refusesEverythingElse(_ text: String) {
        #expect(throws: ValidationError.self) { try BenchDuration.parse(text) }
    }

    @Test(arguments: ["20s", "150ms", "2m", "1h", "250us", "0s", "1500ms"])
    func writesWhatItReads(_ text: String) throws {
        #expect(BenchDuration.describe(try BenchDuration.parse(text)) == text)
    }
}
