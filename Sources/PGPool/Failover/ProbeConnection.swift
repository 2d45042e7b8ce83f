internal import PGPoolCore
internal import Synchronization

/// A connection beside the pool's that asks one host what it is, one question at a time.
///
/// It is opened by the first question and again by the next after a failure, and has no deadline of
/// its own once it is open: whoever asks gives up by closing it, which ends it for good.
final class ProbeConnection: SessionEvents, OperationCompletion {
    struct Failure: Error, Sendable {
        var kind: ProbeFailure
        /// Set if there was no connection to ask on.
        var dial: DialFailure?
    }

    typealias Completion = @Sendable (Result<NodeAnswer, Failure>) -> Void

    private struct State {
        var dial: Dial?
        var session: Session?
        var flavor: NodeFlavor?
        var completion: Completion?
        var isClosed = false
        var closesWhenIdle = false
    }

    private let target: DialTarget
    private let reactor: Reactor
    private let state: Mutex<State>
    private let counters = StatementCounters()

    /// - Parameter flavor: asked for first unless it is given.
    init(_ target: DialTarget, reactor: Reactor, flavor: NodeFlavor? = nil) {
        self.target = target
        self.reactor = reactor
        state = Mutex(State(flavor: flavor))
    }

    /// Asks. The completion is called once, on any thread, unless the connection is closed first.
    func ask(deadline: Instant, _ completion: @escaping Completion) {
        enum Start { case none, open(Session), dial(Dial) }
        let start = state.withLock { state -> Start in
            guard !state.isClosed, state.completion == nil else { return .none }
            state.completion = completion
            if let session = state.session { return .open(session) }
            let dial = makeDial()
            state.dial = dial
            return .dial(dial)
        }
        switch start {
        case .none: break
        case .open(let session): submit(on: session)
        case .dial(let dial): dial.start(deadline: deadline)
        }
    }

    /// Closes it once what is under way is over.
    func closeWhenIdle() {
        let isIdle = state.withLock { state in
            state.closesWhenIdle = true
            return state.completion == nil
        }
        if isIdle { close() }
    }

    /// Gives up what is under way; nothing is told of it.
    func close() {
        let (dial, session) = state.withLock { state in
            state.isClosed = true
            state.completion = nil
            defer { (state.dial, state.session) = (nil, nil) }
            return (state.dial, state.session)
        }
        dial?.abandon(didTimeOut: false)
        session?.close(lingers: false)
    }

    // MARK: - Steps

    private func makeDial() -> Dial {
        let statements = SessionStatements(
            cacheSize: 0,
            mode: .unnamed,
            counters: counters,
            trustsFunctions: true
        )
        return Dial(
            target,
            makeSession: { [self] open in
                Session(
                    open,
                    id: ConnectionID(index: 0, serial: 0),
                    reactor: reactor,
                    events: self,
                    statements: statements
                )
            },
            completion: { [self] outcome in dialEnded(outcome) }
        )
    }

    private func dialEnded(_ outcome: Dial.Outcome) {
        switch outcome {
        case .failure(let failure):
            state.withLock { $0.dial = nil }
            finish(.failure(Failure(kind: ProbeFailure(failure), dial: failure)))
        case .success(let session):
            let isWanted = state.withLock { state in
                state.dial = nil
                guard !state.isClosed else { return false }
                state.session = session
                return true
            }
            guard isWanted, session.start() else {
                session.close(lingers: false)
                return finish(.failure(Failure(kind: .unreachable)))
            }
            submit(on: session)
        }
    }

    private func submit(on session: Session) {
        let flavor = state.withLock { $0.flavor }
        let operation = Operation(
            Query(flavor.map(NodeQuestion.sql) ?? NodeQuestion.flavor),
            .extended
        )
        operation.isUnnamed = true
        operation.completion = self
        session.submit(operation)
    }

    func operationFinished(_ operation: Operation) {
        let flavor = state.withLock { $0.flavor }
        guard case .success? = operation.outcome else {
            return failed(operation.error ?? Self.error(of: operation), flavor)
        }
        let rows = Rows(storage: operation.result ?? EmptyResult.shared)
        guard let flavor else {
            let word = try? rows.decode(String.self).first
            let told = word.flatMap { NodeFlavor(rawValue: $0) } ?? .plain
            return askAgain(as: told)
        }
        guard let answer = try? NodeQuestion.read(rows, flavor) else {
            return finish(.failure(Failure(kind: .unreachable)))
        }
        finish(.success(answer))
    }

    private static func error(of operation: Operation) -> PostgresError? {
        guard case .failure(let error)? = operation.outcome else { return nil }
        return error as? PostgresError
    }

    private func failed(_ error: PostgresError?, _ flavor: NodeFlavor?) {
        // The control file is not for everybody everywhere.
        if flavor == .plain, error?.sqlState == .insufficientPrivilege {
            return askAgain(as: .minimal)
        }
        let session = state.withLock { state in
            defer { state.session = nil }
            return state.session
        }
        session?.close(lingers: false)
        finish(.failure(Failure(kind: ProbeFailure(error?.sqlState))))
    }

    private func askAgain(as flavor: NodeFlavor) {
        let session = state.withLock { state in
            state.flavor = flavor
            return state.session
        }
        guard let session else { return finish(.failure(Failure(kind: .unreachable))) }
        submit(on: session)
    }

    private func finish(_ result: Result<NodeAnswer, Failure>) {
        let (completion, isLast) = state.withLock { state in
            defer { state.completion = nil }
            return (state.completion, state.closesWhenIdle)
        }
        if isLast { close() }
        completion?(result)
    }

    // MARK: - The session's reports

    func sessionLost(_ session: Session, _ error: PostgresError) {
        state.withLock { state in
            if state.session === session { state.session = nil }
        }
        session.close(lingers: false)
    }

    func sessionClosed(_ session: Session) {}

    func sessionNotice(_ session: Session, severity: String, sqlState: String, message: String) {}
}

extension ProbeFailure {
    init(_ failure: DialFailure) {
        self = failure.didTimeOut ? .timedOut : ProbeFailure(failure.sqlState)
    }

    init(_ sqlState: SQLState?) {
        switch sqlState {
        case .tooManyConnections?: self = .busy
        case .cannotConnectNow?: self = .startingUp
        case .invalidAuthorizationSpecification?, .invalidPassword?: self = .loginRefused
        default: self = .unreachable
        }
    }
}
