public import PGPoolCore

/// What became of a transaction whose COMMIT was not answered.
public enum CommitOutcome: String, Hashable, Sendable, CaseIterable {
    /// It was committed, on the writer that was asked, and for good.
    case committed
    /// It was undone, and cannot be committed any more, wherever it may still be running.
    case rolledBack
    /// It could not be found out: within the time, or ever, if the token is older than half of
    /// ``ConnectionPool/Configuration/CommitLedger/retention``.
    case unknown
}

extension ConnectionPool {
    /// Makes what verified commits need: the schema, the table of tokens and its partitions for the
    /// time to come. What is there stays, so it can be called at every start, and by several at once.
    ///
    /// The first call needs the right to create a schema in the database, or to create tables in it
    /// if it exists; further ones need the table's owner only if partitions are missing. Services
    /// that verify their commits need no more than this grants.
    ///
    /// - Parameter roles: roles to be given USAGE on the schema, and SELECT, INSERT and UPDATE (n) on
    ///   the table. Default: none; the role that makes the table has all rights.
    /// - Throws: ``PostgresError`` where the rights do not suffice; ``PoolError``;
    ///   `CancellationError`. Nothing is left half done.
    public nonisolated func prepareCommitLedger(
        grantingTo roles: [String] = [],
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) async throws {
        try await withConnection(fileID: fileID, line: line) { [ledger] connection in
            try await LedgerUpkeep(ledger: ledger, connection: connection).prepare(roles: roles)
        }
    }

    /// Makes the partitions of tokens that the next time needs, and drops those whose tokens are past
    /// their retention, without stopping those who use the table.
    ///
    /// The pool does so by itself at times, if its role owns the table (or is a member of the role
    /// that does) and ``Configuration/CommitLedger/maintains`` is true. Else let a job call it, or
    /// ``prepareCommitLedger(grantingTo:fileID:line:)``, more often than the partitions last.
    ///
    /// - Returns: false if there is no table, or this role may not alter it; nothing is done then.
    /// - Throws: ``PostgresError``; ``PoolError``; `CancellationError`. A further call goes on where
    ///   one that failed stopped.
    @discardableResult
    public nonisolated func maintainCommitLedger(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) async throws -> Bool {
        try await withConnection(fileID: fileID, line: line) { [ledger] connection in
            try await LedgerUpkeep(ledger: ledger, connection: connection).maintain()
        }
    }

    /// Settles what became of a transaction whose error carries a ``PostgresError/commitToken``.
    ///
    /// If the transaction still runs, or is prepared, this waits for it; if it was not committed, it
    /// cannot be any more. The answer is the same however often and from wherever it is asked. Any
    /// role may ask that may verify commits.
    ///
    /// - Parameters:
    ///   - token: from the error, or made from what was kept of it.
    ///   - timeout: for the whole. Default: the acquire timeout.
    /// - Returns: the outcome; `unknown` when the time passed, or the token is too old.
    /// - Throws: ``PoolError`` with `commitLedgerUnusable`. Cancelling the task does not cut it short.
    public nonisolated func resolve(
        _ token: CommitToken,
        timeout: Duration? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) async throws -> CommitOutcome {
        let verdict = await CommitResolver.resolve(
            token,
            by: .now + (timeout ?? engine.configuration.acquire.timeout),
            engine,
            ledger,
            RawCallSite(fileID: fileID, line: line)
        )
        switch verdict {
        case .committed: return .committed
        case .rolledBack: return .rolledBack
        case .unknown(.ledgerUnusable(let code)): throw PoolError.ledgerUnusable(code)
        case .unknown: return .unknown
        }
    }

    /// Looks after the table of tokens, if it is time to.
    nonisolated func lookAfterLedger() {
        guard ledger.isUpkeepDue() else { return }
        let (engine, ledger) = (engine, ledger)
        Task.detached {
            // Where it fails, the next time or another pool sees to it.
            guard
                let lease = try? await engine.acquire(
                    nil,
                    RawCallSite(fileID: #fileID, line: #line)
                )
            else { return }
            defer { engine.release(lease) }
            let connection = PostgresConnection(session: lease.session, leaseNumber: lease.number)
            _ = try? await LedgerUpkeep(ledger: ledger, connection: connection).maintain()
        }
    }
}

extension PoolError {
    /// The table of tokens cannot be used as it is.
    static func ledgerUnusable(_ code: SQLState) -> PoolError {
        PoolError(
            .commitLedgerUnusable,
            """
            the token of the commit could not be written (\(code)): pool.prepareCommitLedger() makes \
            the table and its partitions, and grants what roles need
            """,
            failureClass: .deterministic
        )
    }
}
