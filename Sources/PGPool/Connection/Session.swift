internal import CLibPQ
internal import DequeModule
internal import PGPoolCore
internal import Synchronization

/// One connection to a server, once it is open.
///
/// Statements are sent from whatever thread submits them and answered on the reactor's; a lock
/// orders the two. libpq runs non-blocking throughout. Each extension of it, in a file of its own,
/// has one direction: send, receive, cancel, close.
final class Session: ReactorHandler {
    struct State {
        /// Nil once it is closed.
        var connection: OpaquePointer?
        var token: ReactorToken?
        var descriptor: Int32
        var isPipelining = false
        var wantsToWrite = false
        /// The sync of the statement sent last is still to be sent, with all that goes with it.
        var isSyncDue = false
        /// Several statements are being put into libpq's buffer, to leave together.
        var isBatching = false
        /// Sent, in the order in which their answers come.
        var sent = Deque<Operation>()
        /// To be sent when what was sent is answered.
        var pending = Deque<Operation>()
        /// Statements that share follow when no more than so many are under way: in batches, which
        /// cost both sides less, and with enough under way for the server never to wait.
        var refillAt = Session.smallBatch
        var statements: StatementCache
        var transaction = TransactionState()
        /// How many there were.
        var transactions: UInt32 = 0
        /// The session was changed in a way that the next lease would notice.
        var isDirty = false
        /// Prepared by the caller by name: `DISCARD ALL` is needed.
        var needsDiscard = false
        /// Cancel requests that may still reach the server.
        var cancelsInFlight = 0
        /// How long the server's host has to take them.
        var cancelPatience = CancelPatience()
        /// When it is repeated.
        var cancelAgainAt = Instant.distantFuture
        /// A cancel request was sent: nothing else may be until a round trip passed.
        var mustSettle = false
        var settling: Operation?
        /// Times that input came.
        var readings: UInt64 = 0
        /// The stream or COPY that the lease has open: nothing else may be submitted.
        var open: Operation?
        /// Taken from libpq and not yet handed on.
        var notifications: [PostgresNotification] = []
        /// The consumer of a stream is behind: the socket is not watched for input.
        var isReadingPaused = false
        var isLost = false
        /// What an error said of the host, to be told once the lock is free.
        var doubt: FailureVerdict?
        /// Nobody is to use it after this lease.
        var isRetired = false
        /// The first error that ended the connection.
        var fatalError: PostgresError?
        var isClosing = false
        var locality = Locality()
        /// The descriptor that outlives libpq's, to see the server's end of the connection close.
        var lingering: Int32 = -1
    }

    /// So many statements that share are under way without waiting for one another.
    static let smallBatch = 4

    /// Names it to the pool that owns it.
    let id: ConnectionID
    /// Whose thread watches the socket. It changes under the lock of `state`, with `State.token`.
    let watcher: Mutex<Reactor>
    /// That reactor's number, for those who need no more.
    let thread: Atomic<UInt32>
    /// Those that it may move to.
    let peers: [Reactor]
    let events: any SessionEvents
    let state: Mutex<State>
    /// Statements that share and are still to be put behind what is to be sent. Its lock is held
    /// only for that, inside the other one or alone.
    let inbox = Mutex<[Operation]>([])
    /// The server process's id, as the server told at login.
    let backendPID: Int32
    let serverVersion: Int
    let trustsFunctions: Bool
    /// Raised when a lease begins and when it ends.
    let leaseNumber = Atomic<UInt64>(0)
    /// Whether anything was submitted since the lease began: if not, its end needs no lock.
    let isTouched = Atomic<Bool>(false)
    /// How statements are sent that don't say.
    let statementMode: StatementMode
    /// How much of their results is kept.
    let results: ConnectionPool.Configuration.Results
    let statementCounters: StatementCounters
    let statementHits: StatementCounters.Hits
    /// Warnings since the last answer. Not in `state`: libpq reports them while that is locked.
    let warnings = CommitWarnings()

    /// Takes over a connection whose login is complete.
    init(
        _ open: OpenConnection,
        id: ConnectionID,
        reactor: Reactor,
        peers: [Reactor] = [],
        events: any SessionEvents,
        statements: SessionStatements
    ) {
        self.id = id
        watcher = Mutex(reactor)
        thread = Atomic(reactor.number)
        self.peers = peers
        self.events = events
        statementMode = statements.mode
        results = statements.results
        statementCounters = statements.counters
        statementHits = statements.counters.makeHits()
        trustsFunctions = statements.trustsFunctions
        let connection = open.pointer
        backendPID = PQbackendPID(connection)
        serverVersion = Int(PQserverVersion(connection))
        PQsetnonblocking(connection, 1)
        let descriptor = PQsocket(connection)
        state = Mutex(
            State(
                connection: connection,
                descriptor: descriptor,
                statements: StatementCache(capacity: statements.cacheSize)
            )
        )
        installNoticeReceiver()
    }

    /// Starts to watch the socket. False when the system refuses, or it is closed already.
    func start() -> Bool {
        state.withLock { state in
            guard state.connection != nil, !state.isClosing else { return false }
            state.token = reactor.register(self, descriptor: state.descriptor)
            return state.token != nil
        }
    }

    deinit {
        statementCounters.end(statementHits)
        state.withLock { state in
            if let connection = state.connection { PQfinish(connection) }
            if state.lingering >= 0 { closeDescriptor(state.lingering) }
        }
    }

    // MARK: - Leases

    /// Begins a lease; its number goes with every use of the connection.
    func beginLease() -> UInt64 {
        isTouched.store(false, ordering: .relaxed)
        return leaseNumber.wrappingAdd(1, ordering: .relaxed).newValue
    }

    /// Ends the lease and says in what condition the session is. Uses of it from now on fail.
    func endLease() -> SessionCondition {
        // Whoever submits marks the session first and compares numbers then: either it sees this
        // number, or its mark is seen here.
        leaseNumber.wrappingAdd(1, ordering: .sequentiallyConsistent)
        guard isTouched.load(ordering: .sequentiallyConsistent) else { return .clean }
        let left = state.withLock { state -> SessionCondition? in
            state.transaction = TransactionState()
            return state.open == nil ? condition(state) : nil
        }
        return left ?? endLeaseAndLeave()
    }

    /// The lease left a stream or a COPY open.
    private func endLeaseAndLeave() -> SessionCondition {
        var ending = Ending()
        let left = state.withLock { state in
            if let open = state.open { leave(open, mustCancel: true, &state, &ending) }
            return condition(state)
        }
        end(ending)
        return left
    }

    /// Has the connection closed when its lease ends.
    func retire() {
        state.withLock { $0.isRetired = true }
        isTouched.store(true, ordering: .sequentiallyConsistent)
    }

    @inline(__always)
    private func condition(_ state: State) -> SessionCondition {
        guard let connection = state.connection, !state.isLost else { return .lost }
        if state.isRetired { return .busy }
        if state.mustSettle || state.cancelsInFlight > 0 { return .needsReset }
        if !state.sent.isEmpty || !state.pending.isEmpty {
            // What nobody waits for is read to its end by whoever resets the session.
            let isAwaited =
                state.sent.contains(where: \.isAwaited)
                || state.pending.contains(where: \.isAwaited)
            return isAwaited ? .busy : .needsReset
        }
        switch PQtransactionStatus(connection) {
        case PQTRANS_IDLE: return state.isDirty ? .needsReset : .clean
        case PQTRANS_INTRANS, PQTRANS_INERROR: return .needsReset
        case PQTRANS_ACTIVE: return .busy
        default: return .lost
        }
    }

    /// In what condition the session is after one of the statements that share it.
    func sharedCondition() -> SessionCondition {
        state.withLock { sharedCondition($0) }
    }

    @inline(__always)
    func sharedCondition(_ state: State) -> SessionCondition {
        guard state.connection != nil, !state.isLost else { return .lost }
        if state.sent.isEmpty, state.pending.isEmpty { return condition(state) }
        return state.isDirty ? .needsReset : .clean
    }

    /// Whether it is alive, and neither in a transaction nor at work.
    var isSettled: Bool {
        state.withLock { state in
            guard let connection = state.connection, !state.isLost, !state.mustSettle else {
                return false
            }
            return state.sent.isEmpty && state.pending.isEmpty && state.transaction.pending == nil
                && PQtransactionStatus(connection) == PQTRANS_IDLE
        }
    }

    var isLost: Bool { state.withLock { $0.isLost } }

    /// Whether the session is inside a transaction block.
    var isInTransaction: Bool {
        state.withLock { state in
            guard let connection = state.connection else { return false }
            let status = PQtransactionStatus(connection)
            return status == PQTRANS_INTRANS || status == PQTRANS_INERROR
        }
    }

    /// What makes the session as it was after the login, and proves that it answers; and whether that
    /// undoes settings, those of `onConnect` among them.
    func resetStatements() -> (statements: [String], undoesSettings: Bool) {
        state.withLock { state in
            var statements: [String] = []
            if let connection = state.connection, PQtransactionStatus(connection) != PQTRANS_IDLE {
                statements.append("ROLLBACK")
            }
            if state.needsDiscard {
                statements.append("DISCARD ALL")
                state.statements.removeAll()
            } else if state.isDirty {
                statements.append(Self.resetQuery)
            }
            let undoesSettings = state.isDirty || state.needsDiscard
            state.isDirty = false
            state.needsDiscard = false
            return (statements.isEmpty ? [""] : statements, undoesSettings)
        }
    }

    /// `DISCARD ALL` without what it does to prepared statements (PostgreSQL manual, DISCARD).
    private static let resetQuery = """
        CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
        SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES
        """

    /// What was done to the session so far belongs to it: a reset will not undo it knowingly.
    func acceptAsClean() {
        state.withLock { state in
            state.isDirty = false
            state.needsDiscard = false
        }
    }

    /// The host and the port that it was opened to, of those that were given.
    var peer: (host: String, port: String)? {
        state.withLock { state in
            guard let connection = state.connection, let host = PQhost(connection),
                let port = PQport(connection)
            else { return nil }
            return (String(cString: host), String(cString: port))
        }
    }

    /// The value of a parameter that the server reports by itself (PostgreSQL manual, 55.2.7).
    func parameterStatus(_ name: String) -> String? {
        state.withLock { state in
            state.connection.flatMap { PQparameterStatus($0, name) }.map { String(cString: $0) }
        }
    }

    // MARK: - Reactor

    func reactorReady(_ readiness: Readiness, _ finished: inout [Operation]) {
        receive(readiness, &finished)
    }

    func reactorDeadlinePassed() {
        deadlinePassed()
    }
}
