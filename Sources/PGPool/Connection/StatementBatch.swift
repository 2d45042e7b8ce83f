internal import PGPoolCore

/// The statements of a pipeline, on their way through a session together.
///
/// Proof of sendability: as an operation's, whose part it is.
final class StatementBatch: @unchecked Sendable {
    struct Item {
        let query: Query
        var isUnnamed: Bool
        var sending = StatementSending()
        var phase = FailurePhase.nothingSent
        var result: (any KeptResult)?
        var error: PostgresError?
    }

    /// Whether a sync follows each statement, or the last one only.
    let isIsolated: Bool
    var items: [Item]
    /// The first that libpq has not got yet.
    var nextToSend = 0
    /// The one that the next answer is about.
    var current = 0
    /// Whether libpq has all that it will get, syncs included.
    var isSent = false
    /// Whether its task or its time ended before all of it was sent.
    var wasStopped = false
    var syncsSent = 0
    var syncsAnswered = 0
    var startPhase = FailurePhase.autocommit
    /// The error at which a batch without syncs in between stopped.
    var failure: (index: Int, error: PostgresError)?
    var wasRepaired = false
    /// Bytes for libpq since it was last asked to hand on what it holds.
    var unflushed = 0

    init(_ items: [Item], isIsolated: Bool) {
        self.items = items
        self.isIsolated = isIsolated
    }

    /// Whether there is no answer to wait for, though there is more to send.
    var isAllAnswered: Bool {
        !isSent && (isIsolated ? syncsAnswered == syncsSent : current == nextToSend)
    }

    /// Begins again, with an item that was answered before.
    func rewind(to index: Int) {
        for index in index..<items.count {
            items[index] = Item(query: items[index].query, isUnnamed: items[index].isUnnamed)
        }
        nextToSend = index
        current = index
        isSent = false
        syncsSent = 0
        syncsAnswered = 0
        failure = nil
        wasRepaired = true
    }

    /// What is true of every item once the session knows no more: `lost` makes the error of one that
    /// was not answered, from how far it had got.
    func settle(lost: (FailurePhase, String) -> PostgresError) {
        if let failure {
            undo(around: failure.index)
        } else if isIsolated {
            for index in current..<items.count where items[index].error == nil {
                items[index].result = nil
                items[index].error = lost(items[index].phase, items[index].query.sql)
            }
        } else if !(isSent && syncsAnswered == syncsSent) {
            for index in items.indices {
                items[index].result = nil
                items[index].error = lost(lossPhase(index), items[index].query.sql)
            }
        }
    }

    /// What a loss means for a statement in a transaction whose COMMIT is on its way, too: that may
    /// have been carried out.
    func lossPhase(_ phase: FailurePhase, isLoss: Bool) -> FailurePhase {
        let isCommitting = isLoss && items.contains { $0.phase == .commit }
        return phase == .inTransaction && isCommitting ? .commit : phase
    }

    /// Whether a cancel request can do no more than undo what was to be undone.
    func mayCancel(_ startPhase: FailurePhase) -> Bool {
        let sent = items[min(isIsolated ? current : 0, nextToSend)..<nextToSend]
        // One transaction is committed by its sync, which is not sent yet.
        if !isIsolated, !isSent, startPhase == .autocommit { return true }
        return sent.allSatisfy {
            $0.phase.mayCancel(onlyReads: StatementText.onlyReads($0.query.sql))
        }
    }

    /// Without its sync the server cannot have committed the implicit transaction.
    private func lossPhase(_ index: Int) -> FailurePhase {
        let phase = items[index].phase
        return phase == .autocommit && !isSent ? .inTransaction : phase
    }

    /// One failed: those before it are undone, those behind it never began (PostgreSQL manual,
    /// 34.5.1.3).
    private func undo(around failed: Int) {
        for index in items.indices where index != failed {
            let isBefore = index < failed
            items[index].result = nil
            items[index].error = PostgresError(
                sqlState: .inFailedSQLTransaction,
                message: "statement \(failed) of the batch failed, so this one was "
                    + (isBefore ? "undone" : "not run"),
                failureClass: isBefore ? .rolledBack : .notExecuted,
                sql: items[index].query.sql
            )
        }
    }

    /// All of it is undone, for one reason: the implicit transaction's end failed, as it does when a
    /// deferred constraint is violated, or never came.
    func failAll(_ error: (String, FailurePhase) -> PostgresError) {
        for index in items.indices {
            items[index].result = nil
            items[index].error = error(items[index].query.sql, items[index].phase)
        }
    }
}
