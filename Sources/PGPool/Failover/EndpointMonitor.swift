internal import DequeModule
internal import Logging
internal import PGPoolCore
internal import Synchronization

/// Watches over the host that a pool's connections lead to: asks hosts what they are, feeds the state
/// machines of the endpoint, the topology and the host monitor, and does what they decide.
///
/// Decisions are made under the lock, and performed after it, in their order, by whichever thread is
/// first: what comes meanwhile queues behind.
final class EndpointMonitor: EndpointWatcher, ReactorHandler {
    /// What the monitor knows of the endpoint beforehand.
    enum Scope: Sendable {
        /// One URL: its hosts are all there are, and their role is what it is at first.
        case pool
        /// A cluster: its hosts are discovered, and the writer is wanted.
        case cluster
        /// One of a cluster's readers: its one host is known, and watched from the first dial on.
        case reader
    }

    /// Something decided that is to be done.
    enum Step: Sendable {
        case endpoint(EndpointAction)
        /// `setGeneration`, with the time that leases of before have left.
        case follow(UInt64, writer: HostID?, severAfter: Duration)
        case topology(TopologyAction)
        case host(HostMonitorAction)
    }

    struct State {
        var endpoint: EndpointStateMachine
        /// Whether there is something to watch over yet.
        var isWatching = false
        /// Whether the endpoint is to be a writer; one that began as a reader may be anything.
        var wantsWriter = true
        var topology: TopologyStateMachine
        var host = HostMonitorStateMachine()
        /// The host that is pinged.
        var pinged: HostID?
        var steps = Deque<Step>()
        var isPerforming = false
        var hasEnded = false
        var timers: [Clockwork: Instant] = [:]
        var token: ReactorToken?
        /// By host: who asks it whether it is the writer, and who asks it for the topology.
        var probes: [HostID: ProbeConnection] = [:]
        var askers: [HostID: ProbeConnection] = [:]
        var pinger: ProbeConnection?
        var flavors: [HostID: NodeFlavor] = [:]
    }

    /// Who asked for a timer.
    enum Clockwork: Hashable, Sendable { case endpoint, topology, host }

    let scope: Scope
    let engine: PoolEngine
    let base: DialTarget
    let logger: Logger
    let settings: ConnectionPool.Configuration.Failover
    /// Told of each change of the topology, in order.
    let topologyChanged: @Sendable ([TopologyMember], HostID?) -> Void
    let state: Mutex<State>

    init(
        _ scope: Scope,
        engine: PoolEngine,
        topology: TopologyStateMachine,
        seed: UInt64,
        topologyChanged: @escaping @Sendable ([TopologyMember], HostID?) -> Void = { _, _ in }
    ) {
        self.scope = scope
        self.engine = engine
        self.topologyChanged = topologyChanged
        base = engine.configuration.target
        logger = engine.logger
        settings = engine.configuration.failover
        var endpointSettings = EndpointSettings()
        endpointSettings.probeTimeout = settings.probeTimeout
        endpointSettings.probeInterval = settings.probeInterval
        endpointSettings.maxProbeInterval = settings.probeInterval * 25
        endpointSettings.rampStart = settings.rampStart
        state = Mutex(
            State(
                endpoint: EndpointStateMachine(
                    hosts: topology.members.map(\.id),
                    settings: endpointSettings,
                    seed: seed
                ),
                topology: topology
            )
        )
    }

    /// Begins. A cluster's callers are held from now on until a writer is found; a single pool is
    /// watched over from its first connection on.
    func start() {
        let token = engine.reactor.register(self)
        feed { state in
            state.token = token
            switch scope {
            case .pool: break
            case .cluster: state.feedTopology { $0.start(at: .now, into: &$1) }
            case .reader:
                guard let host = state.topology.members.first?.id else { return }
                state.isWatching = true
                state.wantsWriter = false
                state.feedEndpoint(grace: settings.leaseGrace) {
                    $0.adopt(host, at: .now, into: &$1)
                }
            }
        }
    }

    /// Makes a change, then does what follows from it.
    func feed(_ change: (inout State) -> Void) {
        let isFirst = state.withLock { state in
            guard !state.hasEnded else { return false }
            change(&state)
            guard !state.isPerforming, !state.steps.isEmpty else { return false }
            state.isPerforming = true
            return true
        }
        guard isFirst else { return }
        while let step = state.withLock({ $0.nextStep() }) { perform(step) }
    }

    // MARK: - The pool's reports

    func failed(_ verdict: FailureVerdict, generation: UInt64) {
        guard verdict.endpoint != .fine, verdict.endpoint != .busy else { return }
        feed { state in
            guard state.isWatching, state.wantsWriter || verdict.endpoint != .demoted,
                state.wantsWriter || verdict.endpoint != .maybeDemoted
            else { return }
            state.feedEndpoint(grace: settings.leaseGrace) {
                $0.failureReported(verdict, generation: generation, at: .now, into: &$1)
            }
        }
    }

    /// A reader that hangs lets nobody in, and nothing else would tell before the dial's time is over.
    func dialling() {
        guard scope == .reader else { return }
        let host = state.withLock { $0.pinged == nil ? $0.endpoint.writer : nil }
        if let host { watch(host) }
    }

    func end() {
        let (all, token) = state.withLock { state in
            state.hasEnded = true
            state.steps.removeAll()
            let all = Array(state.probes.values) + Array(state.askers.values)
            defer {
                (state.probes, state.askers, state.pinger, state.token) = ([:], [:], nil, nil)
            }
            return (all + [state.pinger].compactMap(\.self), state.token)
        }
        if let token { engine.reactor.unregister(token) }
        for connection in all { connection.close() }
    }

    // MARK: - Time

    func reactorReady(_ readiness: Readiness, _ finished: inout [Operation]) {}

    func reactorDeadlinePassed() {
        feed { state in
            let now = Instant.now
            let due = state.timers.filter { $0.value <= now }.keys
            for clockwork in due { state.timers[clockwork] = nil }
            for clockwork in due {
                switch clockwork {
                case .endpoint:
                    state.feedEndpoint(grace: settings.leaseGrace) {
                        $0.timerFired(at: now, into: &$1)
                    }
                case .topology: state.feedTopology { $0.timerFired(at: now, into: &$1) }
                case .host: state.feedHost { $0.timerFired(at: now, into: &$1) }
                }
            }
            arm(state)
        }
    }

    /// Sets the one timer for the earliest of the three.
    func arm(_ state: State) {
        guard let token = state.token, let first = state.timers.values.min() else { return }
        engine.reactor.setDeadline(first, token)
    }
}

extension EndpointMonitor.State {
    mutating func nextStep() -> EndpointMonitor.Step? {
        if let step = steps.popFirst() { return step }
        isPerforming = false
        return nil
    }

    /// - Parameter grace: what leases have left if their host turns out to be no writer and nobody
    ///   has taken its place. Where somebody has, they could only hang.
    mutating func feedEndpoint(
        grace: Duration,
        _ change: (inout EndpointStateMachine, inout [EndpointAction]) -> Void
    ) {
        var actions: [EndpointAction] = []
        change(&endpoint, &actions)
        for action in actions {
            if case .setGeneration(let generation, let writer) = action {
                let left = writer == nil ? grace : .zero
                steps.append(.follow(generation, writer: writer, severAfter: left))
            } else {
                steps.append(.endpoint(action))
            }
        }
    }

    mutating func feedTopology(
        _ change: (inout TopologyStateMachine, inout [TopologyAction]) -> Void
    ) {
        var actions: [TopologyAction] = []
        change(&topology, &actions)
        for action in actions { steps.append(.topology(action)) }
    }

    mutating func feedHost(
        _ change: (inout HostMonitorStateMachine, inout [HostMonitorAction]) -> Void
    ) {
        var actions: [HostMonitorAction] = []
        change(&host, &actions)
        for action in actions { steps.append(.host(action)) }
    }

    func address(of host: HostID) -> HostAddress? { topology.address(of: host) }
}
