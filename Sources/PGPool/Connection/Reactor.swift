internal import CLibPQ
internal import PGPoolCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// One thread that watches sockets and deadlines for many connections.
///
/// It never blocks on anything but its own wait. It is a `TaskExecutor` too, which runs tasks on its
/// one thread; ``ReactorGroup`` is one of several threads.
///
/// Most programs use those of ``ReactorGroup/shared``. A reactor made by hand keeps its thread until ``shutDown()``.
public final class Reactor: TaskExecutor {
    /// How a reactor learns that a socket is ready.
    public enum Backend: Sendable {
        /// epoll where the system has it, else poll.
        case automatic
        /// `poll(2)`, everywhere.
        case poll
    }

    struct State {
        var registry = ReactorRegistry()
        var jobs: [ReactorJob] = []
        /// Sessions whose inboxes other threads could not empty.
        var unsent: [Session] = []
        /// Until when the thread sleeps; `nil` while it is awake.
        var sleepsUntil: Instant?
        var isShutDown = false
    }

    // Proof: only the reactor's own thread uses them, and no access calls what makes another.
    @exclusivity(unchecked) nonisolated(unsafe) var unsent: [Session] = []
    @exclusivity(unchecked) nonisolated(unsafe) var ownJobs: [ReactorJob] = []
    @exclusivity(unchecked) nonisolated(unsafe) var heldBack: [Session] = []
    // Proof: as above.
    @exclusivity(unchecked) nonisolated(unsafe) var sentOn: [Session] = []
    @exclusivity(unchecked) nonisolated(unsafe) var focus = SocketFocus()
    // Proof: only the reactor's own thread uses it.
    nonisolated(unsafe) var isRunningTasks = false
    // Proof: as above. Turns since there was a task to run.
    nonisolated(unsafe) var turnsWithoutTasks = Reactor.turnsToForget
    // Proof: only the reactor's own thread, which `current` is asked on, uses it; its methods call nothing
    // that makes another access.
    @exclusivity(unchecked) nonisolated(unsafe) var places = KeptPlaces()
    // Proof: only the reactor's own thread, which `current` is asked on, uses it.
    nonisolated(unsafe) var lastSharing: SharingCache.Last?
    let poller: any Poller
    let state = Mutex(State())
    let crew: ReactorCrew?
    private let lastProcessor = Atomic<Int32>(-1)
    /// Names its thread; never 0.
    let number = Reactor.numbers.wrappingAdd(1, ordering: .relaxed).newValue
    private static let numbers = Atomic<UInt32>(0)

    /// Makes a reactor and starts its thread.
    ///
    /// - Parameter backend: how it waits; `.poll` is for tests.
    public convenience init(backend: Backend = .automatic) {
        self.init(backend: backend, crew: nil)
    }

    init(backend: Backend, crew: ReactorCrew?) {
        poller = Self.makePoller(backend)
        self.crew = crew
        startThread(named: "pgpool-reactor") {
            Self.current = self
            self.run()
        }
    }

    private static func makePoller(_ backend: Backend) -> any Poller {
        #if os(Linux)
            if backend == .automatic, let poller = EpollPoller() { return poller }
        #endif
        return PortablePoller() ?? NoPoller()
    }

    /// Ends the thread. Connections that still use the reactor hang: shut their pools down first.
    public func shutDown() {
        state.withLock { $0.isShutDown = true }
        poller.wakeUp()
    }

    /// Runs a job on the reactor's thread.
    public func enqueue(_ job: consuming ExecutorJob) {
        enqueue(ReactorJob(job: UnownedJob(job), executor: asUnownedTaskExecutor(), isBound: true))
    }

    func enqueue(_ job: ReactorJob) {
        // Made runnable by this very thread, as most are: it needs no lock and wakes nobody.
        if Reactor.current === self { return ownJobs.append(job) }
        let mustWake = state.withLock { state in
            state.jobs.append(job)
            return wakesForWork(&state)
        }
        if mustWake { poller.wakeUp() }
    }

    /// Takes jobs off another reactor's hands, if its thread sleeps.
    func accept(_ jobs: ArraySlice<ReactorJob>) -> Bool {
        let accepts = state.withLock { state in
            guard !state.isShutDown, wakesForWork(&state) else { return false }
            state.jobs.append(contentsOf: jobs)
            return true
        }
        if accepts { poller.wakeUp() }
        return accepts
    }

    /// Whether the thread sleeps and must be woken; only the first one to ask does it.
    func wakesForWork(_ state: inout State) -> Bool {
        guard state.sleepsUntil != nil else { return false }
        state.sleepsUntil = nil
        return true
    }

    // MARK: - Registration, from any thread

    /// Adds a handler. Without a descriptor it only has deadlines.
    func register(
        _ handler: any ReactorHandler,
        descriptor: Int32 = -1,
        interest: Readiness = .readable
    ) -> ReactorToken? {
        let token = state.withLock { $0.registry.add(handler, descriptor: descriptor) }
        guard descriptor < 0 || poller.watch(descriptor, interest, token: token.rawValue) else {
            remove(token)
            return nil
        }
        return token
    }

    func setInterest(_ interest: Readiness, of descriptor: Int32, _ token: ReactorToken) {
        poller.rewatch(descriptor, interest, token: token.rawValue)
    }

    /// Forgets a handler. A call to it that has begun goes on.
    ///
    /// - Parameter isClosed: whether its descriptor was closed already: the number may be another's.
    func unregister(_ token: ReactorToken, isClosed: Bool = false) {
        let descriptor = remove(token)
        if let descriptor, descriptor >= 0 {
            poller.unwatch(isClosed ? -1 : descriptor, token: token.rawValue)
        }
    }

    @discardableResult
    private func remove(_ token: ReactorToken) -> Int32? {
        state.withLock { $0.registry.remove(token) }
    }

    /// Sets the one deadline of a handler; a distant one takes it back.
    func setDeadline(_ deadline: Instant, _ token: ReactorToken) {
        let mustWake = state.withLock { state in
            guard state.registry.setDeadline(deadline, token) else { return false }
            guard let until = state.sleepsUntil, deadline < until else { return false }
            return wakesForWork(&state)
        }
        if mustWake { poller.wakeUp() }
    }

    /// The processor that the thread ran on when it last woke; nil where that cannot be known.
    var processor: Int32? {
        let processor = lastProcessor.load(ordering: .relaxed)
        return processor < 0 ? nil : processor
    }

    func noteProcessor() {
        #if os(Linux)
            lastProcessor.store(pgpool_processor(), ordering: .relaxed)
        #endif
    }

    /// How many sockets it watches.
    var load: Int { state.withLock { $0.registry.sockets } }
}

/// What a reactor calls, on its own thread. A handler must not block.
protocol ReactorHandler: AnyObject, Sendable {
    /// Its descriptor is ready. Operations that are over go into `finished`; the reactor tells
    /// whoever waits for them when all handlers have had their turn.
    func reactorReady(_ readiness: Readiness, _ finished: inout [Operation])
    /// Its deadline passed.
    func reactorDeadlinePassed()
}
