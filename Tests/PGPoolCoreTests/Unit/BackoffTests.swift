import Testing

@testable import PGPoolCore

@Suite struct BackoffTests {
    private let backoff = Backoff(
        base: .milliseconds(50),
        maximum: .seconds(2),
        minimum: .milliseconds(5)
    )

    @Test(
        "A delay lies between the floor and the ceiling of its attempt",
        arguments: [(1, 50), (2, 100), (3, 200), (6, 1_600), (7, 2_000), (1_000, 2_000)]
    )
    func bounds(failures: Int, ceiling: Int) {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<500 {
            let delay = backoff.delay(afterFailures: failures, using: &generator)
            #expect(delay >= .milliseconds(5) && delay <= .milliseconds(ceiling))
        }
    }

    @Test("The jitter is full: delays spread over the whole range")
    func jitter() {
        var generator = SeededGenerator(seed: 7)
        let delays = (0..<500).map { _ in
            backoff.delay(afterFailures: 6, using: &generator)
        }
        #expect(delays.contains { $0 < .milliseconds(160) })
        #expect(delays.contains { $0 > .milliseconds(1_440) })
    }

    @Test("The same seed draws the same delays")
    func replays() {
        var left = SeededGenerator(seed: 3)
        var right = SeededGenerator(seed: 3)
        for failures in 0..<20 {
            let one = backoff.delay(afterFailures: failures, using: &left)
            let other = backoff.delay(afterFailures: failures, using: &right)
            #expect(one == other)
        }
    }
}
