internal import Logging
internal import PGPoolCore
internal import Synchronization

/// The connections' side: dial, probe, close, and what sessions report.
extension PoolEngine: SessionEvents, ReactorHandler {
    func makeDial(_ connection: PooledConnection, to target: DialTarget) -> Dial {
        let statements = SessionStatements(
            cacheSize: configuration.statementCacheSize,
            mode: configuration.statementMode,
            counters: statementCounters,
            results: configuration.results,
            trustsFunctions: configuration.onConnect != nil
        )
        let reactors = configuration.reactors
        let id = connection.id
        let reactor = reactors[Int(id.index) % reactors.count]
        return Dial(
            target,
            makeSession: { [self] open in
                Session(
                    open,
                    id: id,
                    reactor: reactor,
                    peers: reactors,
                    events: self,
                    statements: statements
                )
            },
            completion: { [self] outcome in
                switch outcome {
                case .success(let session): dialSucceeded(id, session)
                case .failure(let failure): dialFailed(id, failure)
                }
            }
        )
    }

    private func dialSucceeded(_ id: ConnectionID, _ session: Session) {
        guard session.start() else {
            dialFailed(
                id,
                DialFailure(
                    phase: .setUp,
                    message: "the socket cannot be watched",
                    elapsed: .zero
                )
            )
            return
        }
        let (isWanted, watcher, generation) = state.withLock { state in
            // From here on the session can be closed from outside, which ends what runs on it. Who wanted
            // it closed before found nothing to close.
            let connection = state.connection(id)
            connection?.session = session
            return (state.machine.isOpening(id), state.watcher, connection?.endpointGeneration)
        }
        guard isWanted else {
            // `sessionClosed` frees its slot.
            session.close()
            return
        }
        guard let watcher, let generation else {
            setUp(id, session)
            return
        }
        watcher.check(session, generation: generation) { [self] problem in
            guard let problem else { return setUp(id, session) }
            setUpFailed(
                id,
                session,
                DialFailure(phase: .setUp, message: problem, elapsed: .zero)
            )
        }
    }

    private func setUp(_ id: ConnectionID, _ session: Session) {
        guard let hook = configuration.onConnect else {
            opened(id, session)
            return
        }
        Task { [self] in
            let started = Instant.now
            do {
                try await prepare(session, hook)
                opened(id, session)
            } catch {
                setUpFailed(
                    id,
                    session,
                    DialFailure(
                        phase: .setUp,
                        message: error is UnsettledError
                            ? "onConnect left a transaction or a statement open"
                            : "onConnect failed",
                        sqlState: (error as? PostgresError)?.sqlState,
                        elapsed: Instant.now - started
                    )
                )
            }
        }
    }

    /// The slot is free when the server has let go of the session.
    private func setUpFailed(_ id: ConnectionID, _ session: Session, _ failure: DialFailure) {
        state.withLock { $0.connection(id)?.failure = failure }
        session.close()
    }

    /// Has the caller's hook make its settings, which are the session's own from then on.
    private func prepare(
        _ session: Session,
        _ hook: @Sendable (PostgresConnection) async throws -> Void
    ) async throws {
        let connection = PostgresConnection(session: session, leaseNumber: session.beginLease())
        try await hook(connection)
        // What it cancelled, or left early, is over before anybody else's statement is sent.
        if !session.isSettled { try await connection.run(Operation(Query(""), .simple)) }
        let isSettled = session.isSettled
        _ = session.endLease()
        guard isSettled else { throw UnsettledError() }
        session.acceptAsClean()
    }

    private func opened(_ id: ConnectionID, _ session: Session) {
        let now = Instant.now
        var effects = PoolEffects()
        let took = state.withLock { state -> Duration? in
            guard state.machine.isOpening(id), let connection = state.connection(id) else {
                return nil
            }
            let took = now - connection.startedAt
            connection.dial = nil
            connection.session = session
            state.lastConnectFailure = nil
            state.totals.openedTotal += 1
            state.machine.connected(id, at: now, into: &state.actions)
            collect(&state, into: &effects)
            return took
        }
        guard let took else {
            // It was given up meanwhile; `sessionClosed` frees its slot.
            session.close()
            return
        }
        logger.debug("connection opened", metadata: metadata(session, "took", took.brief))
        observe(.connectionOpened(createTime: took))
        perform(effects)
        noteOpen()
        // Who found it lost before had nobody to tell.
        if session.isLost { run { $0.machine.connectionLost(id, at: .now, into: &$0.actions) } }
    }

    private func dialFailed(_ id: ConnectionID, _ failure: DialFailure) {
        var isNews = false
        self.report(failure.verdict, of: id)
        run { state in
            // A dial that the pool gave up by itself says nothing of the server.
            isNews = failure.didTimeOut || state.machine.isOpening(id)
            if isNews { state.note(failure) }
            state.remove(id)
            state.machine.connectFailed(
                id,
                failure.isDeterministic ? .deterministic : .transient,
                at: .now,
                into: &state.actions
            )
        }
        if isNews { announce(failure) }
    }

    private func announce(_ failure: DialFailure) {
        let report = PoolError.ConnectFailure(failure)
        logger.debug(
            "connect failed",
            metadata: ["pool": "\(configuration.name)", "error": "\(report)"]
        )
        observe(.connectFailed(sqlState: failure.sqlState, elapsed: failure.elapsed))
    }

    func close(_ connection: PooledConnection, _ reason: CloseReason) {
        let (dial, session, hasFailed) = state.withLock { _ in
            (connection.dial, connection.session, connection.failure != nil)
        }
        if let dial {
            dial.abandon(didTimeOut: reason == .openingTimeout)
            if session != nil, reason == .openingTimeout, !hasFailed { setUpTimedOut(connection) }
        } else if let session {
            logger.debug(
                "closing a connection",
                metadata: metadata(session, "reason", reason.rawValue)
            )
            observe(.connectionClosed(reason: reason.rawValue))
        }
        session?.close(lingers: reason != .severed)
    }

    /// The login was done, and what comes behind it, `onConnect` above all, took too long.
    private func setUpTimedOut(_ connection: PooledConnection) {
        let failure = DialFailure(
            phase: .setUp,
            message: "timed out while \(DialFailure.Phase.setUp.rawValue)",
            elapsed: .now - connection.startedAt,
            didTimeOut: true
        )
        state.withLock { $0.note(failure) }
        announce(failure)
    }

    func probe(_ session: Session, _ id: ConnectionID, _ purpose: QuarantinePurpose) {
        let (statements, undoesSettings) =
            purpose == .reset ? session.resetStatements() : ([""], false)
        // What the hook had set is gone with what the lease had set.
        let hook = undoesSettings ? configuration.onConnect : nil
        let probe = Probe(remaining: statements.count) { [self] isUsable in
            // The reset's own SET and RESET are no reason for another.
            if undoesSettings { session.acceptAsClean() }
            guard isUsable, let hook else {
                quarantineEnded(id, isUsable: isUsable)
                return
            }
            Task { [self] in
                do {
                    try await prepare(session, hook)
                    quarantineEnded(id, isUsable: true)
                } catch {
                    quarantineEnded(id, isUsable: false)
                }
            }
        }
        for sql in statements {
            let operation = Operation(Query(sql), .simple)
            operation.completion = probe
            session.submit(operation)
        }
    }

    private func quarantineEnded(_ id: ConnectionID, isUsable: Bool) {
        run { state in
            state.machine.quarantineEnded(
                id,
                isUsable: isUsable,
                at: .now,
                into: &state.actions
            )
        }
    }

    // MARK: - Reports

    func sessionLost(_ session: Session, _ error: PostgresError) {
        logger.debug(
            "connection lost",
            metadata: metadata(session, "error", error.description)
        )
        run { $0.machine.connectionLost(session.id, at: .now, into: &$0.actions) }
        report(
            FailureClassifier.classify(error.sqlState, isFatal: true, phase: .nothingSent),
            of: session.id
        )
    }

    func sessionDoubts(_ session: Session, _ verdict: FailureVerdict) {
        report(verdict, of: session.id)
    }

    func sessionClosed(_ session: Session) {
        if let failure = state.withLock({ $0.connection(session.id)?.failure }) {
            return dialFailed(session.id, failure)
        }
        run { state in
            guard state.connection(session.id) != nil else { return }
            state.totals.closedTotal += 1
            state.remove(session.id)
            state.machine.closed(session.id, at: .now, into: &state.actions)
        }
    }

    func sessionNotice(_ session: Session, severity: String, sqlState: String, message: String) {
        logger.debug(
            "notice",
            metadata: [
                "pool": "\(configuration.name)", "severity": "\(severity)",
                "sqlstate": "\(sqlState)", "message": "\(message)",
            ]
        )
    }

    func reactorReady(_ readiness: Readiness, _ finished: inout [Operation]) {}

    func reactorDeadlinePassed() {
        run { $0.machine.timerFired(at: .now, into: &$0.actions) }
    }

    private func metadata(_ session: Session, _ key: String, _ value: String) -> Logger.Metadata {
        [
            "pool": "\(configuration.name)", "backend": "\(session.backendPID)",
            "\(key)": "\(value)",
        ]
    }
}

/// `onConnect` left the session in a state in which nobody else can use it.
private struct UnsettledError: Error {}

extension PoolEngine.State {
    fileprivate mutating func note(_ failure: DialFailure) {
        lastConnectFailure = PoolError.ConnectFailure(failure)
        totals.connectFailuresTotal += 1
    }
}

/// Counts the answers to the statements of a probe.
private final class Probe: OperationCompletion {
    private let state: Mutex<(remaining: Int, isUsable: Bool)>
    private let completion: @Sendable (Bool) -> Void

    init(remaining: Int, completion: @escaping @Sendable (Bool) -> Void) {
        state = Mutex((remaining, true))
        self.completion = completion
    }

    func operationFinished(_ operation: Operation) {
        let isUsable = state.withLock { state -> Bool? in
            state.remaining -= 1
            if case .failure? = operation.outcome { state.isUsable = false }
            return state.remaining == 0 ? state.isUsable : nil
        }
        if let isUsable { completion(isUsable) }
    }
}
