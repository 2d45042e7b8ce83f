import Synchronization

/// What a drill has to tell so far; kept apart from whoever leads it, so that an interrupted one has
/// something to tell too.
final class DrillLog: Sendable {
    private struct State {
        var phase = "starting"
        var rounds: [DrillRound] = []
        var totals = LedgerTotals()
        var remark: String?
    }

    private let state = Mutex(State())

    /// What the progress line says of now.
    var phase: String { state.withLock { $0.phase } }
    var rounds: [DrillRound] { state.withLock { $0.rounds } }
    var totals: LedgerTotals { state.withLock { $0.totals } }
    /// Why the drill ended before its time.
    var remark: String? { state.withLock { $0.remark } }

    func enter(_ phase: String) { state.withLock { $0.phase = phase } }
    func giveUp(_ remark: String) { state.withLock { $0.remark = remark } }
    func add(_ round: DrillRound) { state.withLock { $0.rounds.append(round) } }
    func add(_ totals: LedgerTotals) { state.withLock { $0.totals = $0.totals + totals } }

    /// Brings the last round's failures up to date: some come after it.
    func note(_ outage: DrillRecorder.Outage) {
        state.withLock { state in
            guard let last = state.rounds.indices.last else { return }
            state.rounds[last].failedOperations = outage.failed
            state.rounds[last].unknown = outage.unknown
        }
    }
}
