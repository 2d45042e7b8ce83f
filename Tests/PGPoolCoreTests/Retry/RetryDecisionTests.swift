import Testing

@testable import PGPoolCore

@Suite("Whether failed work is repeated")
struct RetryDecisionTests {
    private let now = Instant(nanoseconds: 1_000_000_000)
    private var generator = SeededGenerator(seed: 5)
    private var budget = RetryBudget(RetryPolicy.Budget())

    private mutating func decide(
        _ failureClass: FailureClass,
        _ work: RetryQuestion.Work = .transaction,
        policy: RetryPolicy = RetryPolicy(),
        remedy: FailureRemedy = .none,
        attempts: Int = 1,
        within: Duration = .seconds(5),
        isIdempotent: Bool = false,
        isHeld: Bool = false
    ) -> RetryDecision {
        let verdict = FailureVerdict(
            failureClass: failureClass,
            connection: .retire,
            endpoint: .suspect,
            remedy: remedy
        )
        let question = RetryQuestion(
            verdict: verdict,
            work: work,
            isIdempotent: isIdempotent,
            attempts: attempts,
            deadline: now + within,
            isHeld: isHeld
        )
        return policy.decide(question, at: now, budget: &budget, using: &generator)
    }

    private func isRetry(_ decision: RetryDecision) -> Bool {
        if case .retry = decision { return true }
        return false
    }

    @Test("What never began and what was undone is repeated")
    mutating func safe() {
        #expect(isRetry(decide(.notExecuted, .statement)))
        #expect(isRetry(decide(.notExecuted, .transaction)))
        #expect(isRetry(decide(.rolledBack, .transaction)))
        #expect(isRetry(decide(.rolledBack, .statement)))
    }

    @Test("What may have committed is never repeated, unless it is idempotent")
    mutating func unknown() {
        #expect(decide(.outcomeUnknown, .statement) == .giveUp(.outcomeUnknown))
        #expect(decide(.outcomeUnknown, .transaction) == .giveUp(.outcomeUnknown))
        #expect(decide(.outcomeUnknown, isHeld: true) == .giveUp(.outcomeUnknown))
        #expect(isRetry(decide(.outcomeUnknown, .statement, isIdempotent: true)))
    }

    @Test("What is half done is not repeated, whatever its class")
    mutating func partial() {
        var verdict = FailureVerdict(failureClass: .rolledBack, connection: .keep, endpoint: .fine)
        verdict.isPartial = true
        let question = RetryQuestion(
            verdict: verdict,
            work: .statement,
            isIdempotent: true,
            attempts: 1,
            deadline: now + .seconds(5)
        )
        let decision = RetryPolicy()
            .decide(question, at: now, budget: &budget, using: &generator)
        #expect(decision == .giveUp(.deterministic))
    }

    @Test("A statement inside a transaction is not repeated by itself")
    mutating func part() {
        #expect(decide(.rolledBack, .partOfTransaction) == .giveUp(.partOfTransaction))
        #expect(decide(.notExecuted, .partOfTransaction) == .giveUp(.partOfTransaction))
    }

    @Test("Cancelled work and a server in trouble are left to the caller, as the policy can")
    mutating func left() {
        #expect(decide(.rolledBack, remedy: .leaveToCaller) == .giveUp(.leftToCaller))
        let careful = RetryPolicy(repeatsNotExecuted: false, repeatsRolledBack: false)
        #expect(decide(.rolledBack, policy: careful) == .giveUp(.leftToCaller))
        #expect(decide(.notExecuted, policy: careful) == .giveUp(.leftToCaller))
        #expect(decide(.deterministic) == .giveUp(.deterministic))
    }

    @Test("Attempts are counted from the first, and `never` makes one")
    mutating func attempts() {
        #expect(decide(.notExecuted, policy: .never) == .giveUp(.attemptsExhausted))
        let policy = RetryPolicy(maxAttempts: 3)
        #expect(isRetry(decide(.notExecuted, policy: policy, attempts: 2)))
        #expect(decide(.notExecuted, policy: policy, attempts: 3) == .giveUp(.attemptsExhausted))
    }

    @Test("No attempt begins at or after the deadline")
    mutating func deadline() {
        #expect(decide(.notExecuted, within: .zero) == .giveUp(.deadline))
        for _ in 0..<500 {
            guard case .retry(let at) = decide(.notExecuted, attempts: 6, within: .milliseconds(30))
            else { continue }
            #expect(at < now + .milliseconds(30))
        }
    }

    @Test("A held caller takes no token and needs no delay")
    mutating func held() {
        let before = budget.available
        #expect(decide(.notExecuted, isHeld: true) == .retry(at: now))
        #expect(budget.available == before)
    }

    @Test("Values out of bounds are named")
    func problems() {
        let policy = RetryPolicy(
            maxAttempts: 0,
            baseDelay: .seconds(2),
            maxDelay: .seconds(1),
            budget: RetryPolicy.Budget(capacity: 0, perSuccess: -1, perSecond: .nan)
        )
        #expect(policy.problems.count == 5)
        #expect(RetryPolicy().problems.isEmpty)
    }
}

@Suite("The budget of a pool's retries")
struct RetryBudgetTests {
    @Test("An outage cannot be amplified: retries stay within the bound, whatever callers do")
    func bound() {
        for seed in UInt64(1)...20 {
            var generator = SeededGenerator(seed: seed)
            let settings = RetryPolicy.Budget(
                capacity: Int(generator.next() % 50) + 1,
                perSuccess: Double(generator.next() % 10) / 10,
                perSecond: Double(generator.next() % 40)
            )
            var budget = RetryBudget(settings)
            var now = Instant(nanoseconds: 0)
            var granted: [Instant] = []
            var successes = 0
            for _ in 0..<3_000 {
                now = now + .microseconds(Int64(generator.next() % 5_000))
                if generator.next() % 5 == 0 {
                    budget.succeeded()
                    successes += 1
                }
                if let at = budget.reserve(at: now, before: now + .seconds(2)) {
                    granted.append(at)
                }
            }
            let used = granted.count { $0 <= now }
            let seconds = Double(now.nanoseconds) / 1e9
            let bound =
                Double(settings.capacity) + settings.perSuccess * Double(successes)
                + settings.perSecond * seconds + 1
            #expect(Double(used) <= bound, "seed \(seed)")
        }
    }

    @Test("Who finds the bucket empty waits for its token, in order")
    func waits() {
        var budget = RetryBudget(RetryPolicy.Budget(capacity: 1, perSuccess: 0, perSecond: 10))
        let now = Instant(nanoseconds: 0)
        let late = now + .seconds(10)
        #expect(budget.reserve(at: now, before: late) == now)
        #expect(budget.reserve(at: now, before: late) == now + .milliseconds(100))
        #expect(budget.reserve(at: now, before: late) == now + .milliseconds(200))
        #expect(budget.reserve(at: now, before: now + .milliseconds(250)) == nil)
        // The refused one took nothing.
        #expect(budget.reserve(at: now, before: late) == now + .milliseconds(300))
    }

    @Test("Successes refill it, to its capacity and no further")
    func refills() {
        var budget = RetryBudget(RetryPolicy.Budget(capacity: 2, perSuccess: 0.5, perSecond: 0))
        let now = Instant(nanoseconds: 0)
        for _ in 0..<2 { _ = budget.reserve(at: now, before: .distantFuture) }
        #expect(budget.reserve(at: now, before: .distantFuture) == nil)
        for _ in 0..<100 { budget.succeeded() }
        #expect(budget.available == 2)
    }
}
