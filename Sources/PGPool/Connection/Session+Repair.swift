internal import CLibPQ
internal import DequeModule
internal import PGPoolCore

/// A prepared statement that the server no longer has, or whose plan it can no longer use, is
/// prepared and sent again, once, where nobody can notice: outside a transaction block.
extension Session {
    /// What else is known of an error: whether it is about our having prepared the statement.
    func context(
        of result: OpaquePointer,
        _ sending: inout StatementSending,
        wasRepaired: Bool,
        _ known: FailureContext
    ) -> FailureContext {
        var known = known
        let isToken = sending.isAboutToken
        guard isToken ? sending.token?.name != nil : sending.name != nil && !wasRepaired,
            let unusable = Self.unusable(result)
        else { return known }
        if isToken { sending.token?.unusable = unusable } else { sending.unusable = unusable }
        known.usesPreparedStatement = true
        known.isStalePlan = unusable == .stale
        return known
    }

    private static func unusable(_ result: OpaquePointer) -> StatementSending.Unusable? {
        switch ErrorReport.sqlState(result) {
        case .invalidSQLStatementName?: .unknown
        case .featureNotSupported?
        where ErrorReport.field(result, "R") == "RevalidateCachedQuery": .stale
        default: nil
        }
    }

    /// Called when a statement is answered: what the server does not have is not to be used again.
    func forgetUnusable(_ sending: StatementSending, of query: Query, _ state: inout State) {
        guard let name = sending.name else { return }
        switch sending.unusable {
        case .stale:
            state.statements.retire(query.sql, named: name)
        case .unknown:
            state.statements.remove(query.sql, named: name)
        case nil:
            // What was prepared stays prepared, whatever became of running it.
            if sending.isPreparing, sending.precedingResults > 0 {
                state.statements.remove(query.sql, named: name)
            }
        }
    }

    /// Whether the statement, just answered and no longer among those sent, goes out once more.
    func repair(_ operation: Operation, _ state: inout State) -> Bool {
        if repairToken(operation, &state) { return true }
        guard operation.sending.unusable != nil, mayRepeat(operation, state) else {
            // It may have been in a transaction that failed then: its error is the one to tell.
            if let first = operation.repairedError,
                operation.error?.sqlState == .inFailedSQLTransaction
            {
                operation.error = first
            }
            return false
        }
        // What was sent behind it has run or will run before it. That is no matter unless one of
        // them began a transaction, which this must not become a part of.
        let areAllPlain = state.sent.allSatisfy {
            $0.batch == nil && $0.kind == .extended && StatementText.isPlain($0.query.sql)
        }
        guard state.sent.isEmpty || (areAllPlain && StatementText.isPlain(operation.query.sql))
        else { return false }
        operation.result = nil
        operation.earlierResults = []
        sendAgain(operation, operation.error, &state)
        return true
    }

    func mayRepeat(_ operation: Operation, _ state: State) -> Bool {
        operation.phase == .autocommit && operation.repairedError == nil
            && isWanted(operation, state)
    }

    /// Whether somebody still waits for it, on a connection that can send.
    func isWanted(_ operation: Operation, _ state: State) -> Bool {
        operation.outcome == nil && !operation.isCancelled && !operation.didTimeOut
            && !state.isLost && !state.isClosing && !state.mustSettle
    }

    /// Keeps it to be sent before all others. `sendPending` follows once all answers are read.
    func sendAgain(_ operation: Operation, _ error: PostgresError?, _ state: inout State) {
        operation.repairedError = error
        sendAgain(operation, &state)
    }

    func sendAgain(_ operation: Operation, _ state: inout State) {
        operation.error = nil
        operation.exchange?.isSingleRow = false
        operation.phase = .nothingSent
        state.pending.prepend(operation)
        statementCounters.countRepair()
    }
}

extension StatementText {
    /// Whether it is a statement that neither begins nor ends a transaction.
    static func isPlain(_ sql: String) -> Bool {
        switch firstKeyword(sql) {
        case "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE": true
        default: false
        }
    }

    /// Whether it asks for a commit, as the only statement of its text.
    static func isCommit(_ sql: String) -> Bool {
        StatementScan.mayCommit(sql, isSingle: true)
    }
}
