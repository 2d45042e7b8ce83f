import Synchronization

/// One table of the ledger, and what the callers of its operations were told.
///
/// An operation is one byte here, and a long drill begins a new book now and then, so that what it
/// remembers doesn't look like the pool's memory growing.
final class LedgerBook: Sendable {
    private struct State {
        var outcomes: [[LedgerOutcome]]
        var open = 0
    }

    let table: LedgerTable
    private let state: Mutex<State>

    init(table: LedgerTable, workers: Int) {
        self.table = table
        state = Mutex(State(outcomes: Array(repeating: [], count: workers)))
    }

    /// Begins a worker's next operation and returns its number, from 0.
    func begin(worker: Int) -> Int {
        state.withLock { state in
            state.outcomes[worker].append(.open)
            state.open += 1
            return state.outcomes[worker].count - 1
        }
    }

    /// Notes what an operation's caller was told.
    func end(worker: Int, number: Int, _ outcome: LedgerOutcome) {
        state.withLock { state in
            state.outcomes[worker][number] = outcome
            state.open -= 1
        }
    }

    /// Whether all operations that were begun have ended.
    var isSettled: Bool { state.withLock { $0.open == 0 } }

    /// By worker, by number.
    var outcomes: [[LedgerOutcome]] { state.withLock { $0.outcomes } }
}
