internal import Logging
internal import PGPoolCore
internal import Synchronization

/// Feeds the state machine and performs what it decides.
///
/// The state machine sits behind a lock, so acquiring and releasing need no hop. Under the lock
/// decisions are made and turned into effects; the effects are performed after it. Each extension of
/// it, in a file of its own, serves one side: callers, connections, the owner.
final class PoolEngine: Sendable {
    struct State {
        var machine: PoolStateMachine
        var actions: [PoolAction] = []
        /// By slot.
        var connections: [PooledConnection?] = []
        /// The tasks that hold them, by slot; 0 where none does.
        var holders: [UInt] = []
        /// Leases that their tasks, and children of these, can find again.
        var boundLeases = 0
        var waiters: [Waiter?] = []
        var spareWaiters = SpareWaiters()
        var timerToken: ReactorToken?
        var lastConnectFailure: PoolError.ConnectFailure?
        var finishing: [UnsafeContinuation<Void, Never>] = []
        var readiness: [ReadinessWaiter] = []
        var totals = PoolSnapshot()
        /// Where connections are opened to.
        var target: DialTarget
        /// Names that target to whoever watches over it.
        var endpointGeneration: UInt64 = 0
        var watcher: (any EndpointWatcher)?
        var trouble: EndpointTrouble?
    }

    /// Counts what may have ended the right to join a connection, so that places that were kept before are
    /// not taken any more. In front of what is written all the time.
    let changes = Atomic<UInt64>(0)
    let configuration: ConnectionPool.Configuration
    let observers: [any PoolObserver]
    let logger: Logger
    /// Keeps the pool's deadlines.
    let reactor: Reactor
    /// The configuration's, in nanoseconds: it is added up on every acquire.
    let acquireTimeout: Int64
    let sharing = SharingCache()
    let retries: Retries
    let state: Mutex<State>
    let statementCounters = StatementCounters()

    init(
        configuration: ConnectionPool.Configuration,
        observers: [any PoolObserver],
        logger: Logger
    ) {
        self.configuration = configuration
        self.observers = observers
        self.logger = logger
        reactor = configuration.reactors[0]
        // Far below what 64 bits hold, so that a sum cannot overflow.
        acquireTimeout = min(configuration.acquire.timeout.wholeNanoseconds, .max / 4)
        let seed = configuration.seed ?? .random(in: .min ... .max)
        retries = Retries(configuration.retry, seed: seed &+ 1)
        state = Mutex(
            State(
                machine: PoolStateMachine(settings: configuration.settings, seed: seed),
                target: configuration.target
            )
        )
    }

    /// Begins the upkeep.
    ///
    /// - Parameter isHeld: whether callers wait until the watcher admits them.
    func start(watchedBy watcher: (any EndpointWatcher)? = nil, isHeld: Bool = false) {
        state.withLock { state in
            state.timerToken = reactor.register(self)
            state.watcher = watcher
        }
        run { state in
            if isHeld { state.machine.admit(0, at: .now, into: &state.actions) }
            state.machine.start(at: .now, into: &state.actions)
        }
    }

    /// Makes a change to the state machine and performs what follows from it.
    func run(_ change: (inout State) -> Void) {
        var effects = PoolEffects()
        state.withLock { state in
            change(&state)
            changes.wrappingAdd(1, ordering: .relaxed)
            collect(&state, into: &effects)
        }
        perform(effects)
    }

    /// Turns actions, which name things, into effects, which hold them. Called under the lock.
    func collect(_ state: inout State, into effects: inout PoolEffects) {
        guard !state.actions.isEmpty else { return }
        // By index: a loop over the array would count a reference to it, which all threads do.
        for index in state.actions.indices {
            collect(state.actions[index], &state, into: &effects)
        }
        state.actions.removeAll(keepingCapacity: true)
        state.totals.peak = max(state.totals.peak, state.machine.slots.counts.total)
    }

    private func collect(
        _ action: PoolAction,
        _ state: inout State,
        into effects: inout PoolEffects
    ) {
        switch action {
        case .connect(let id):
            let connection = PooledConnection(id: id, engine: self, startedAt: .now)
            connection.endpointGeneration = state.endpointGeneration
            let dial = makeDial(connection, to: state.target)
            connection.dial = dial
            state.insert(connection)
            effects.append(.connect(dial))
        case .close(let id, let reason):
            guard let connection = state.connection(id) else { return }
            effects.append(.close(connection, reason))
        case .probe(let id, let purpose):
            guard let session = state.connection(id)?.session else { return }
            effects.append(.probe(session, id, purpose))
        case .grant(let id, let waiterID):
            guard let waiter = state.takeWaiter(waiterID) else { return }
            waiter.prefetch()
            let now = Instant.now
            let lease = state.beginLease(
                id,
                waiter.site,
                waiter.task,
                isStatement: waiter.statement != nil,
                at: now
            )
            guard let lease else { return }
            waiter.outcome = .success(lease)
            effects.append(served(waiter, at: now))
        case .join(let id, let waiterID):
            guard let waiter = state.takeWaiter(waiterID) else { return }
            let now = Instant.now
            guard let lease = state.joinLease(id, at: now) else { return }
            waiter.outcome = .success(lease)
            effects.append(served(waiter, at: now))
        case .fail(let waiterID, let failure):
            guard let waiter = state.takeWaiter(waiterID) else { return }
            let now = Instant.now
            let error = error(failure, waited: now - waiter.enqueuedAt, at: now, state)
            if failure == .timedOut { state.totals.acquireTimeoutsTotal += 1 }
            waiter.outcome = .failure(error)
            effects.append(served(waiter, at: now))
        case .scheduleTimer(let deadline):
            // Under the lock, so that a later request cannot be overtaken by an earlier one.
            if let token = state.timerToken { reactor.setDeadline(deadline, token) }
        case .reportLongLease(let id):
            guard let connection = state.connection(id), let site = connection.site else { return }
            effects.append(.report(site.site, Instant.now - connection.leasedAt))
        case .finish:
            if let token = state.timerToken { reactor.unregister(token) }
            state.timerToken = nil
            effects.append(.finish(state.finishing, state.watcher))
            state.finishing.removeAll()
            state.watcher = nil
        }
    }

    /// What follows from a waiter's outcome. Called under the lock.
    @inline(__always)
    private func served(_ waiter: Waiter, at now: Instant) -> PoolEffect {
        let waited = now - waiter.enqueuedAt
        guard let statement = waiter.statement else { return .resume(waiter, waited) }
        return .serve(statement, waiter, waited)
    }

    /// The pool as it is now.
    var snapshot: PoolSnapshot {
        state.withLock { snapshot($0, at: .now) }
    }

    func snapshot(_ state: State, at now: Instant) -> PoolSnapshot {
        var snapshot = state.totals
        let counts = state.machine.counts
        snapshot.limit = state.machine.limit
        snapshot.opening = counts.opening
        snapshot.idle = counts.idle
        snapshot.leased = counts.leased
        snapshot.shared = counts.shared
        snapshot.quarantined = counts.quarantined
        snapshot.closing = counts.closing
        snapshot.waiters = state.machine.waiters.count
        snapshot.oldestWait = state.machine.waiters.oldestEnqueuedAt.map { now - $0 } ?? .zero
        snapshot.generation = state.machine.generation
        snapshot.isPaused = state.machine.isPaused
        snapshot.isHeld = state.machine.admission == 0
        statementCounters.read(into: &snapshot)
        return snapshot
    }

    func observe(_ event: @autoclosure () -> PoolEvent) {
        guard !observers.isEmpty else { return }
        let event = event()
        for observer in observers { observer.observe(event) }
    }
}

extension PoolEngine.State {
    @inline(__always)
    func connection(_ id: ConnectionID) -> PooledConnection? {
        let index = Int(id.index)
        guard index < connections.count, let connection = connections[index], connection.id == id
        else { return nil }
        return connection
    }

    mutating func insert(_ connection: PooledConnection) {
        let index = Int(connection.id.index)
        while connections.count <= index {
            connections.append(nil)
            holders.append(0)
        }
        connections[index] = connection
    }

    mutating func remove(_ id: ConnectionID) {
        guard connection(id) != nil else { return }
        connections[Int(id.index)] = nil
        holders[Int(id.index)] = 0
    }

    mutating func beginLease(
        _ id: ConnectionID,
        _ site: RawCallSite,
        _ task: UInt,
        isStatement: Bool,
        at now: Instant
    ) -> Lease? {
        guard let connection = connection(id), let session = connection.session else { return nil }
        connection.leasedAt = now
        connection.site = site
        // A statement that is cancelled outlives its task, whose name another task may then have.
        holders[Int(id.index)] = isStatement ? 0 : task
        connection.isBound = machine.isFull && !isStatement
        if connection.isBound { boundLeases += 1 }
        return Lease(
            session: session,
            connection: connection,
            number: session.beginLease(),
            filledPool: connection.isBound,
            startedAt: now
        )
    }

    mutating func endLease(_ connection: PooledConnection) {
        connection.site = nil
        let index = Int(connection.id.index)
        if connections[index] === connection { holders[index] = 0 }
        if connection.isBound { boundLeases -= 1 }
        connection.isBound = false
    }

    /// The right to run one statement on a connection that may carry others.
    @inline(__always)
    func joinLease(_ id: ConnectionID, at now: Instant) -> Lease? {
        guard let session = connection(id)?.session else { return nil }
        return Lease(sharing: session, startedAt: now)
    }

    mutating func setWaiter(_ waiter: Waiter, _ id: WaiterID) {
        waiter.id = id
        let index = Int(id.index)
        while waiters.count <= index { waiters.append(nil) }
        waiters[index] = waiter
    }

    mutating func takeWaiter(_ id: WaiterID) -> Waiter? {
        let index = Int(id.index)
        guard index < waiters.count, let waiter = waiters[index], waiter.id == id else {
            return nil
        }
        waiters[index] = nil
        spareWaiters.append(waiter)
        return waiter
    }
}
