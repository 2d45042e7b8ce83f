internal import Logging
internal import PGPoolCore
internal import Synchronization

/// What was decided is done here, one step after the other, without a lock.
extension EndpointMonitor {
    func perform(_ step: Step) {
        switch step {
        case .endpoint(let action): perform(action)
        case .follow(let generation, let writer, let grace): follow(generation, writer, grace)
        case .topology(let action): perform(action)
        case .host(let action): perform(action)
        }
    }

    // MARK: - Endpoint

    private func perform(_ action: EndpointAction) {
        switch action {
        case .startProbe(let host, let id, let deadline): probe(host, id, deadline)
        case .cancelProbe(let host, _):
            state.withLock { $0.probes.removeValue(forKey: host) }?.close()
        case .setGeneration: break
        case .setAdmission(let admission): engine.admit(admission.count)
        case .pollTopology(let isFast):
            guard scope == .cluster else { return }
            feed { state in
                state.feedTopology { $0.paceChanged(isFast: isFast, at: .now, into: &$1) }
            }
        case .armTimer(let instant): setTimer(.endpoint, instant)
        case .stateChanged(let state): stateChanged(to: state)
        case .noWriter(let reason): noWriter(reason)
        }
    }

    private func probe(_ host: HostID, _ id: ProbeID, _ deadline: Instant) {
        ask(host, on: \.probes, deadline) { [self] state, result in
            let now = Instant.now
            switch result {
            case .success(let answer):
                state.flavors[host] = answer.flavor
                let report = report(answer, of: host, state)
                state.feedEndpoint(grace: settings.leaseGrace) {
                    $0.probeAnswered(id, by: host, report, at: now, into: &$1)
                }
            case .failure(let failure):
                state.feedEndpoint(grace: settings.leaseGrace) {
                    $0.probeFailed(id, on: host, failure.kind, at: now, into: &$1)
                }
            }
        }
    }

    /// Asks a host what it is, on the connection that there is to it for this purpose.
    private func ask(
        _ host: HostID,
        on group: WritableKeyPath<State, [HostID: ProbeConnection]>,
        _ deadline: Instant,
        then change:
            @escaping @Sendable (
                inout State, Result<NodeAnswer, ProbeConnection.Failure>
            ) -> Void
    ) {
        let connection = state.withLock { state -> ProbeConnection? in
            guard !state.hasEnded else { return nil }
            if let open = state[keyPath: group][host] { return open }
            let new = makeConnection(to: host, state)
            state[keyPath: group][host] = new
            return new
        }
        connection?.ask(deadline: deadline) { [self] result in
            if case .failure(let failure) = result, let dial = failure.dial {
                engine.noteProbeFailure(dial)
            }
            feed { change(&$0, result) }
        }
    }

    /// What the answer means for the endpoint: where any role will do, who answers is taken.
    func report(_ answer: NodeAnswer, of host: HostID, _ state: State) -> NodeReport {
        guard state.wantsWriter else { return NodeReport(isInRecovery: false) }
        return answer.report(of: host, in: state.topology)
    }

    private func makeConnection(to host: HostID, _ state: State) -> ProbeConnection? {
        guard let address = state.address(of: host) else { return nil }
        return ProbeConnection(
            base.aimed(at: address, asking: true),
            reactor: engine.reactor,
            flavor: scope != .cluster && !state.wantsWriter ? .minimal : nil
        )
    }

    private func follow(_ generation: UInt64, _ writer: HostID?, _ grace: Duration) {
        let target = state.withLock { state -> DialTarget? in
            guard let writer, let address = state.address(of: writer) else { return nil }
            // A single host keeps all that its URL says, and so does whoever wants no writer.
            if scope != .cluster, base.hosts.count == 1 || !state.wantsWriter { return base }
            return base.aimed(at: address, asking: false)
        }
        logger.info(
            "the endpoint leads elsewhere",
            metadata: [
                "pool": "\(engine.configuration.name)", "generation": "\(generation)",
                "writer": "\(target.map { "\($0.hosts[0].name):\($0.hosts[0].port)" } ?? "none")",
            ]
        )
        engine.follow(target, generation: generation, severAfter: grace)
        if let writer { watch(writer) } else { stopPinging() }
    }

    private func stateChanged(to endpointState: EndpointState) {
        engine.observe(.endpointChanged(endpointState.health))
        logger.info(
            "the endpoint's state changed",
            metadata: [
                "pool": "\(engine.configuration.name)", "state": "\(endpointState.health)",
            ]
        )
        guard endpointState == .healthy else { return }
        // Nobody is asked in peace.
        let idle = state.withLock { state in
            defer { state.probes.removeAll() }
            return Array(state.probes.values)
        }
        for probe in idle { probe.closeWhenIdle() }
    }

    private func noWriter(_ reason: NoWriter) {
        logger.warning(
            "no writer",
            metadata: ["pool": "\(engine.configuration.name)", "reason": "\(reason.text)"]
        )
        guard reason != .unreachable else { return }
        engine.noteTrouble(EndpointTrouble(reason: reason.text))
    }

    // MARK: - Topology

    private func perform(_ action: TopologyAction) {
        switch action {
        case .ask(let host, let id, let deadline): ask(host, id, deadline)
        case .cancel(let host, _):
            state.withLock { $0.askers.removeValue(forKey: host) }?.close()
        case .changed(let members, let writer): topologyChanged(to: members, writer)
        case .refreshed(let members, let writer): topologyChanged(members, writer)
        case .unreachable(_, let address):
            logger.warning(
                "a host that the topology names has never answered: is the pattern right?",
                metadata: ["pool": "\(engine.configuration.name)", "host": "\(address)"]
            )
        case .armTimer(let instant): setTimer(.topology, instant)
        }
    }

    private func ask(_ host: HostID, _ id: ProbeID, _ deadline: Instant) {
        ask(host, on: \.askers, deadline) { [self] state, result in
            let now = Instant.now
            switch result {
            case .success(let answer):
                state.feedTopology {
                    $0.answered(id, by: host, answer.topology, at: now, into: &$1)
                }
                if answer.isInRecovery {
                    let generation = state.endpoint.generation
                    state.endpoint.hostSeenAsReader(host, generation: generation)
                }
                beginIfKnown(&state)
            case .failure:
                state.feedTopology { $0.failed(id, on: host, at: now, into: &$1) }
            }
        }
    }

    /// Somebody answered: now the hosts are known, and the writer among them is sought.
    private func beginIfKnown(_ state: inout State) {
        guard !state.isWatching else { return }
        state.isWatching = true
        let hosts = state.topology.probeTargets
        state.feedEndpoint(grace: settings.leaseGrace) {
            $0.topologyChanged(hosts: hosts, named: nil, at: .now, into: &$1)
            $0.start(at: .now, into: &$1)
        }
    }

    private func topologyChanged(to members: [TopologyMember], _ writer: HostID?) {
        topologyChanged(members, writer)
        feed { state in
            guard state.isWatching else { return }
            let hosts = state.topology.probeTargets
            state.feedEndpoint(grace: settings.leaseGrace) {
                $0.topologyChanged(hosts: hosts, named: writer, at: .now, into: &$1)
            }
        }
    }

    // MARK: - Time

    func setTimer(_ clockwork: Clockwork, _ instant: Instant) {
        state.withLock { state in
            guard !state.hasEnded else { return }
            state.timers[clockwork] = instant
            arm(state)
        }
    }
}

extension Admission {
    /// Leases at once.
    fileprivate var count: Int {
        switch self {
        case .held: 0
        case .limited(let count): count
        case .open: .max
        }
    }
}

extension EndpointState {
    fileprivate var health: EndpointHealth {
        switch self {
        case .healthy: .healthy
        case .suspect: .suspect
        case .failingOver: .failingOver
        case .recovering: .recovering
        }
    }
}

extension NoWriter {
    fileprivate var text: String {
        switch self {
        case .unreachable: "no host answers"
        case .onlyReaders: "every host that answers is a reader"
        case .refused(let refusal): refusal.text
        }
    }
}

extension WriterRefusal {
    /// In a sentence that ends "the host that answers as one …".
    var text: String {
        switch self {
        case .inRecovery: "the host is a reader"
        case .foreignSystem: "the host belongs to another cluster"
        case .namesAnother: "the host names another one as the writer"
        case .staleTimeline: "the host was left behind by a promotion"
        case .staleKnowledge: "what the host knows is out of date"
        case .superseded: "the host was replaced as the writer"
        case .contradicted: "another host has newer knowledge of another writer"
        }
    }
}
