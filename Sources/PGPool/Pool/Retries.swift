internal import PGPoolCore
internal import Synchronization

/// The budget that the retries of a pool share.
final class Retries: Sendable {
    private let state: Mutex<(budget: RetryBudget, generator: SeededGenerator)>

    init(_ policy: RetryPolicy, seed: UInt64) {
        state = Mutex((RetryBudget(policy.budget), SeededGenerator(seed: seed)))
    }

    func succeeded() {
        state.withLock { $0.budget.succeeded() }
    }

    /// When a transaction that failed is to be repeated; `nil`: not.
    func next(
        _ policy: RetryPolicy,
        _ error: PostgresError,
        _ attempts: Int,
        _ deadline: Instant,
        isHeld: Bool
    ) -> Instant? {
        let question = RetryQuestion(
            verdict: error.verdict,
            work: .transaction,
            attempts: attempts,
            deadline: deadline,
            isHeld: isHeld
        )
        let decision = state.withLock { state in
            policy.decide(
                question,
                at: .now,
                budget: &state.budget,
                using: &state.generator
            )
        }
        guard case .retry(let instant) = decision else { return nil }
        return instant
    }
}

extension PostgresError {
    /// What the error means for a whole transaction, from what it carries itself.
    fileprivate var verdict: FailureVerdict {
        var verdict = FailureVerdict(
            failureClass: failureClass,
            connection: .keep,
            endpoint: .fine
        )
        // Somebody wanted it to end.
        if sqlState == .queryCanceled { verdict.remedy = .leaveToCaller }
        return verdict
    }
}
