/// Delays between attempts to reach an endpoint that fails: exponential, with full jitter.
///
/// Full jitter (a uniform draw below the exponential ceiling) spreads the retries of a fleet best;
/// see "Exponential Backoff And Jitter", AWS Architecture Blog. A floor keeps a draw near zero from
/// becoming a busy loop.
package struct Backoff: Sendable {
    package let base: Duration
    package let maximum: Duration
    package let minimum: Duration

    package init(base: Duration, maximum: Duration, minimum: Duration = .milliseconds(5)) {
        self.base = base
        self.maximum = maximum
        self.minimum = minimum
    }

    /// The delay before the next attempt, after `failures` failures in a row (at least 1).
    package func delay(
        afterFailures failures: Int,
        using generator: inout SeededGenerator
    ) -> Duration {
        let exponent = min(max(failures - 1, 0), 20)
        let ceiling = max(min(base * (1 << exponent), maximum), minimum)
        let drawn = Int64.random(in: 0...max(0, ceiling.wholeNanoseconds), using: &generator)
        return max(minimum, .nanoseconds(drawn))
    }
}
