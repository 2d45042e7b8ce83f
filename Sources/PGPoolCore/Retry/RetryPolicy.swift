/// When failed work is repeated, and how often.
///
/// Repeated is only what is known not to have taken effect: ``FailureClass/notExecuted``, and whole
/// transactions that were ``FailureClass/rolledBack`` (serialization failures and deadlocks among
/// them; PostgreSQL manual, "Serialization Failure Handling"). Work whose outcome is unknown is never
/// repeated, unless its commit was verified or the caller declared it idempotent. All attempts
/// together stay within the caller's deadline.
///
/// Delays are exponential with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog).
public struct RetryPolicy: Hashable, Sendable {
    /// The most attempts, the first one included; 1 never repeats. Default 10, at least 1.
    public var maxAttempts: Int
    /// The ceiling of the first delay; it doubles with each attempt. Default 20 ms.
    public var baseDelay: Duration
    /// The ceiling of all delays. Default 1 s.
    public var maxDelay: Duration
    /// Whether work that the server never began is repeated. Default `true`.
    public var repeatsNotExecuted: Bool
    /// Whether transactions that the server undid are repeated. Their closure runs again, so it must
    /// not have effects of its own outside the database. Default `true`.
    public var repeatsRolledBack: Bool
    /// What bounds the retries of all callers of a pool together.
    public var budget: Budget

    /// A bucket of tokens, one for each retry, that all callers of a pool share.
    ///
    /// In any span of `t` seconds with `s` successes a pool makes at most
    /// `capacity + perSuccess × s + perSecond × t` retries, whatever its callers do. In an outage
    /// nothing succeeds, so the load that retries add falls to `perSecond`.
    public struct Budget: Hashable, Sendable {
        /// The tokens that a rested bucket holds. Default 200, at least 1.
        public var capacity: Int
        /// The tokens that each success adds. Default 0.2: a fifth of the load.
        public var perSuccess: Double
        /// The tokens that each second adds. Default 20.
        public var perSecond: Double

        /// A budget with the given bounds.
        public init(capacity: Int = 200, perSuccess: Double = 0.2, perSecond: Double = 20) {
            self.capacity = capacity
            self.perSuccess = perSuccess
            self.perSecond = perSecond
        }
    }

    /// A policy; what is left out has its default.
    public init(
        maxAttempts: Int = 10,
        baseDelay: Duration = .milliseconds(20),
        maxDelay: Duration = .seconds(1),
        repeatsNotExecuted: Bool = true,
        repeatsRolledBack: Bool = true,
        budget: Budget = Budget()
    ) {
        self.maxAttempts = maxAttempts
        self.baseDelay = baseDelay
        self.maxDelay = maxDelay
        self.repeatsNotExecuted = repeatsNotExecuted
        self.repeatsRolledBack = repeatsRolledBack
        self.budget = budget
    }

    /// Never repeats anything.
    public static let never = RetryPolicy(maxAttempts: 1)

    /// What is wrong with the values, each problem naming its field and bound; empty if nothing is.
    public var problems: [String] {
        var problems: [String] = []
        if maxAttempts < 1 {
            problems.append("maxAttempts is \(maxAttempts), at least 1 is needed")
        }
        if baseDelay < .zero { problems.append("baseDelay is \(baseDelay), at least 0 is needed") }
        if maxDelay < baseDelay {
            problems.append("maxDelay is \(maxDelay), less than baseDelay, \(baseDelay)")
        }
        if budget.capacity < 1 {
            problems.append("budget.capacity is \(budget.capacity), at least 1 is needed")
        }
        if !(0...1_000_000).contains(budget.perSuccess) {
            problems.append("budget.perSuccess is \(budget.perSuccess), 0 to 1,000,000 may be")
        }
        if !(0...1_000_000).contains(budget.perSecond) {
            problems.append("budget.perSecond is \(budget.perSecond), 0 to 1,000,000 may be")
        }
        return problems
    }
}
