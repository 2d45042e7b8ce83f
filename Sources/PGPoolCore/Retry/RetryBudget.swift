/// The tokens that the retries of a pool take. See ``RetryPolicy/Budget`` for the bound.
///
/// A retry may reserve a token that is not there yet and wait for it, so an empty bucket slows
/// callers down and fails only those whose deadline comes first.
package struct RetryBudget: Sendable {
    private let capacity: Double
    private let perSuccess: Double
    private let perNanosecond: Double
    /// Negative while tokens are owed to callers that wait.
    private var tokens: Double
    private var updatedAt: Instant?

    package init(_ settings: RetryPolicy.Budget) {
        capacity = Double(max(1, settings.capacity))
        perSuccess = max(0, settings.perSuccess)
        perNanosecond = max(0, settings.perSecond) / 1e9
        tokens = capacity
    }

    /// The whole tokens that are there.
    package var available: Int { max(0, Int(tokens)) }

    package mutating func succeeded() {
        tokens = min(capacity, tokens + perSuccess)
    }

    /// Takes a token and says when it may be used; takes none if that is not before `deadline`.
    package mutating func reserve(at now: Instant, before deadline: Instant) -> Instant? {
        refill(at: now)
        guard tokens < 1 else {
            tokens -= 1
            return now
        }
        guard perNanosecond > 0 else { return nil }
        let wait = ((1 - tokens) / perNanosecond).rounded(.up)
        guard wait < Double(Int64.max / 4) else { return nil }
        let usable = now + .nanoseconds(Int64(wait))
        guard usable < deadline else { return nil }
        tokens -= 1
        return usable
    }

    private mutating func refill(at now: Instant) {
        defer { updatedAt = max(updatedAt ?? now, now) }
        guard let updatedAt, now > updatedAt else { return }
        let elapsed = Double(now.nanoseconds - updatedAt.nanoseconds)
        tokens = min(capacity, tokens + elapsed * perNanosecond)
    }
}
