/// What is to be repeated.
package struct RetryQuestion: Sendable {
    /// What the caller asked for.
    package enum Work: Hashable, Sendable {
        /// One statement in its own implicit transaction.
        case statement
        /// A whole transaction.
        case transaction
        /// A statement inside a transaction: only the whole can be repeated.
        case partOfTransaction
    }

    package var verdict: FailureVerdict
    package var work: Work
    /// The caller says that applying it twice does what applying it once does.
    package var isIdempotent: Bool
    /// Attempts made so far, at least 1.
    package var attempts: Int
    package var deadline: Instant
    /// Callers of the endpoint are held: the next attempt waits with them and is let in at the
    /// endpoint's pace, so it needs neither a delay nor a token.
    package var isHeld: Bool

    package init(
        verdict: FailureVerdict,
        work: Work,
        isIdempotent: Bool = false,
        attempts: Int,
        deadline: Instant,
        isHeld: Bool = false
    ) {
        self.verdict = verdict
        self.work = work
        self.isIdempotent = isIdempotent
        self.attempts = attempts
        self.deadline = deadline
        self.isHeld = isHeld
    }
}

/// Whether failed work is repeated.
package enum RetryDecision: Hashable, Sendable {
    case retry(at: Instant)
    case giveUp(Reason)

    package enum Reason: Hashable, Sendable {
        /// Repeating cannot help.
        case deterministic
        /// It may have been committed.
        case outcomeUnknown
        /// The policy, or the kind of failure, leaves it to the caller.
        case leftToCaller
        /// Only the whole transaction can be repeated.
        case partOfTransaction
        case attemptsExhausted
        /// The next attempt would begin at or after the deadline.
        case deadline
        /// No token of the pool's budget comes before the deadline.
        case budget
    }
}

extension RetryPolicy {
    /// Decides, and takes a token of `budget` if the answer is to repeat.
    package func decide(
        _ question: RetryQuestion,
        at now: Instant,
        budget: inout RetryBudget,
        using generator: inout SeededGenerator
    ) -> RetryDecision {
        if let reason = refusal(question) { return .giveUp(reason) }
        guard question.attempts < maxAttempts else { return .giveUp(.attemptsExhausted) }
        guard now < question.deadline else { return .giveUp(.deadline) }
        if question.isHeld { return .retry(at: now) }
        let backoff = Backoff(base: baseDelay, maximum: maxDelay, minimum: .zero)
        let delay = backoff.delay(afterFailures: question.attempts, using: &generator)
        guard now + delay < question.deadline else { return .giveUp(.deadline) }
        guard let usable = budget.reserve(at: now, before: question.deadline) else {
            return .giveUp(.budget)
        }
        return .retry(at: max(now + delay, usable))
    }

    /// Why the work must not or shall not be repeated, whatever the time.
    private func refusal(_ question: RetryQuestion) -> RetryDecision.Reason? {
        let verdict = question.verdict
        if verdict.isPartial || verdict.failureClass == .deterministic { return .deterministic }
        if question.work == .partOfTransaction {
            return verdict.failureClass == .outcomeUnknown ? .outcomeUnknown : .partOfTransaction
        }
        if verdict.remedy == .leaveToCaller { return .leftToCaller }
        switch verdict.failureClass {
        case .deterministic: return .deterministic
        case .outcomeUnknown: return question.isIdempotent ? nil : .outcomeUnknown
        case .notExecuted: return repeatsNotExecuted ? nil : .leftToCaller
        case .rolledBack: return repeatsRolledBack ? nil : .leftToCaller
        }
    }
}
