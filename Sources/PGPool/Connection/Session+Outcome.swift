internal import CLibPQ
internal import DequeModule
internal import PGPoolCore

/// What became of statements: what else is known when one fails, what warnings and tags say of one
/// that did not, and what the end of the connection means for all.
extension Session {
    /// What is known besides the phase. Asked for when something failed only.
    func failureContext(
        _ phase: FailurePhase,
        sql: String?,
        _ kind: Operation.Kind,
        _ state: State
    ) -> FailureContext {
        var context = FailureContext(firstError: state.transaction.firstError)
        if phase == .autocommit, let sql, StatementScan.isDivisible(sql) {
            context.work = .divisible
        } else if state.transaction.isReadOnly, phase == .inTransaction || phase == .commit {
            context.work = .readOnly
        }
        if let value = PQparameterStatus(state.connection, "in_hot_standby"),
            String(cString: value) == "on"
        {
            context.role = .reader
        }
        return context
    }

    /// Whether a result is libpq's own: the server said nothing.
    static func isLoss(_ result: OpaquePointer) -> Bool {
        PQresultErrorField(result, Int32(UInt8(ascii: "C"))) == nil
    }

    /// What a loss means for a statement of a transaction whose COMMIT was sent behind it: that may
    /// have been carried out.
    func lossPhase(_ operation: Operation, _ state: State) -> FailurePhase {
        guard operation.phase == .inTransaction,
            state.sent.contains(where: { $0.phase == .commit })
        else { return operation.phase }
        return .commit
    }

    // MARK: - Answered

    /// A statement is answered: what its warnings and its tag say, and what its transaction has to
    /// know. Costs a load and two comparisons where there is nothing to say.
    func settle(_ operation: Operation, _ state: inout State) {
        if operation.error == nil, !warnings.isEmpty || operation.phase == .commit {
            operation.error = doubt(
                phase: operation.phase,
                result: operation.earlierResults.isEmpty ? operation.result : nil,
                sql: operation.query.sql,
                state
            )
        }
        guard operation.phase == .inTransaction else { return }
        let isIdle = PQtransactionStatus(state.connection) == PQTRANS_IDLE
        noteTransaction(operation, isIdle: isIdle, &state)
    }

    /// What makes a success none: a warning that the commit did not reach a standby, or COMMIT
    /// answered with ROLLBACK.
    func doubt(
        phase: FailurePhase,
        result: (any KeptResult)?,
        sql: String,
        _ state: State
    ) -> PostgresError? {
        let isCommit = phase == .commit && StatementText.isCommit(sql)
        guard isCommit || !warnings.isEmpty else { return nil }
        var evidence = OutcomeEvidence(
            phase: phase,
            context: FailureContext(firstError: state.transaction.firstError)
        )
        warnings.take(into: &evidence)
        if let result { evidence.completed(tag: isCommit ? result.commandTag : "") }
        evidence.synced()
        guard case .failed(let verdict) = evidence.outcome else { return nil }
        guard verdict.failureClass == .outcomeUnknown else {
            return PostgresError(
                sqlState: .inFailedSQLTransaction,
                message: "a statement of the transaction had failed, so COMMIT rolled it back",
                failureClass: verdict.failureClass,
                sql: sql
            )
        }
        return PostgresError(
            sqlState: .statementCompletionUnknown,
            severity: "WARNING",
            message: "the server warned that the commit may not have reached a standby",
            failureClass: .outcomeUnknown,
            sql: sql
        )
    }

    // MARK: - Lost

    /// Takes every statement out with the class that is true for it: the connection is gone.
    func takeAll(_ state: inout State) -> [Operation] {
        var finished: [Operation] = []
        for (operation, wasSent) in state.sent.map({ ($0, true) })
            + state.pending.map({ ($0, false) })
        where operation.outcome == nil || operation.isAbandoned {
            finished.append(operation)
            if operation.isAbandoned { continue }
            if let batch = operation.batch {
                finish(batch, of: operation, state)
                operation.outcome = .success
                continue
            }
            let phase = wasSent ? lossPhase(operation, state) : .nothingSent
            let error =
                operation.error
                ?? lostError(state, phase: phase, sql: operation.query.sql, operation.kind)
            operation.outcome = .failure(error)
        }
        state.sent.removeAll()
        state.pending.removeAll()
        return finished
    }

    /// The error for a statement that met the end of the connection.
    func lostError(
        _ state: State,
        phase: FailurePhase,
        sql: String?,
        _ kind: Operation.Kind = .extended
    ) -> PostgresError {
        let first = state.fatalError
        let verdict = FailureClassifier.classify(
            first?.sqlState,
            isFatal: true,
            phase: phase,
            context: failureContext(phase, sql: sql, kind, state)
        )
        return PostgresError(
            sqlState: first?.sqlState,
            severity: "FATAL",
            message: first?.message ?? "the connection was closed",
            detail: first?.detail,
            hint: first?.hint,
            failureClass: verdict.failureClass,
            sql: sql
        )
    }
}
