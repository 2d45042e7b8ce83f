internal import CLibPQ
internal import DequeModule
internal import PGPoolCore

/// How the insert of a commit's token was sent.
struct TokenSending {
    /// Which of the answers before the statement's are about it; the last one is the insert's own.
    var answers: ClosedRange<Int>
    /// The name that it runs by, if it has one.
    var name: String?
    /// The server said that the name, or its plan, is of no use.
    var unusable: StatementSending.Unusable?
}

extension StatementSending {
    /// Whether the next answer is about the token's insert.
    var isAboutToken: Bool { token?.answers.contains(answeredPreceding) ?? false }
}

/// What goes in front of a transaction's first statement, and what its answers say.
extension Session {
    /// BEGIN, and the token of a commit that is to be verified. The token goes before the caller's
    /// statement, which might take away the right to insert it (SET ROLE).
    func send(
        _ begin: TransactionBegin,
        isUnnamed: Bool,
        _ sending: inout StatementSending,
        _ connection: OpaquePointer,
        _ state: inout State
    ) -> Bool {
        if begin.endsFailed {
            guard sendAside("ROLLBACK", &sending, connection) else { return false }
        }
        guard sendAside(begin.sql, &sending, connection) else { return false }
        guard let insert = begin.token else { return true }
        let first = sending.precedingResults
        // Names may be unknown where the pool, or the statement behind it, is not sent by name.
        guard statementMode == .cached, !isUnnamed, state.statements.capacity > 0 else {
            sending.token = TokenSending(answers: first...first)
            sending.precedingResults += 1
            return execute(insert, by: nil, connection)
        }
        if let name = state.statements.tokenInsert {
            sending.token = TokenSending(answers: first...first, name: name)
            sending.precedingResults += 1
            return execute(insert, by: name, connection)
        }
        let name = state.statements.newName()
        sending.token = TokenSending(answers: first...first + 1, name: name)
        sending.precedingResults += 2
        return PQsendPrepare(connection, name, insert.sql, 1, [Self.uuid]) == 1
            && execute(insert, by: name, connection)
    }

    /// The type's OID.
    private static let uuid: Oid = 2950

    private func execute(
        _ insert: TokenInsert,
        by name: String?,
        _ connection: OpaquePointer
    ) -> Bool {
        insert.token.id.withBytes { bytes in
            var value = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            var length = Int32(bytes.count)
            var binary: Int32 = 1
            guard let name else {
                var type = Self.uuid
                return PQsendQueryParams(
                    connection,
                    insert.sql,
                    1,
                    &type,
                    &value,
                    &length,
                    &binary,
                    0
                )
            }
            return PQsendQueryPrepared(connection, name, 1, &value, &length, &binary, 0)
        } == 1
    }

    // MARK: - Answers

    /// One of the answers that come before a statement's own.
    func notePreceding(
        _ result: OpaquePointer,
        _ sending: inout StatementSending,
        of operation: Operation,
        _ state: inout State
    ) {
        if sending.isAboutToken, let token = sending.token {
            if sending.answeredPreceding == token.answers.upperBound {
                noteDurability(result, of: operation, &state)
            } else if let name = token.name {
                // It stays prepared even if the transaction is undone.
                state.statements.tokenInsertPrepared(as: name)
            }
        }
        sending.precedingResults -= 1
        sending.answeredPreceding += 1
    }

    /// The answer to a token's insert: whether the commit will wait for what makes it durable.
    private func noteDurability(
        _ result: OpaquePointer,
        of operation: Operation,
        _ state: inout State
    ) {
        guard PQnfields(result) == 1, PQntuples(result) == 1,
            let value = PQgetvalue(result, 0, 0).map({ String(cString: $0) }),
            value == "off" || value == "local"
        else { return }
        let refusal = PostgresError(
            sqlState: .featureNotSupported,
            message: "synchronous_commit is \(value): a commit cannot be verified unless it is on",
            failureClass: .deterministic,
            sql: operation.query.sql
        )
        state.transaction.refusal = refusal
        if operation.error == nil { operation.error = refusal }
    }

    /// The token could not be inserted, or its insert not be prepared.
    func noteLedgerFailure(
        _ error: PostgresError,
        _ operation: Operation,
        _ sending: StatementSending
    ) {
        guard sending.isAboutToken, operation.ledgerFailure == nil, let code = error.sqlState,
            CommitResolution.isUnusable(code)
        else { return }
        operation.ledgerFailure = PoolError.ledgerUnusable(code)
    }

    /// Whether a transaction's first statement, just answered and no longer among those sent, goes
    /// out once more, since the server could not run the insert before it by name. Nothing but BEGIN
    /// has run then, and nothing was sent behind it, so nobody can notice.
    func repairToken(_ operation: Operation, _ state: inout State) -> Bool {
        guard
            let unusable = operation.batch.map({ $0.items.first?.sending.token?.unusable })
                ?? operation.sending.token?.unusable
        else { return false }
        switch unusable {
        case .unknown:
            // Whatever made the server forget this one has hardly left it the others, and within the
            // transaction they could not be mended.
            state.statements.removeAll()
        case .stale:
            state.statements.retireTokenInsert()
        }
        guard var begin = operation.begin, !operation.isTokenRepaired, state.sent.isEmpty,
            isWanted(operation, state), operation.transaction == state.transaction.number
        else { return false }
        begin.endsFailed = true
        state.transaction = TransactionState(
            number: state.transaction.number,
            pending: begin,
            isOpen: true
        )
        operation.isTokenRepaired = true
        operation.result = nil
        operation.earlierResults = []
        if let batch = operation.batch {
            batch.rewind(to: 0)
            // Its own statements have not been tried.
            batch.wasRepaired = false
        }
        sendAgain(operation, &state)
        return true
    }
}
