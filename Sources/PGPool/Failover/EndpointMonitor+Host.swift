internal import PGPoolCore
internal import Synchronization

/// The host that the pool uses: pinged, and checked on each new connection.
extension EndpointMonitor {
    // MARK: - Pings

    /// From now on this host is pinged, and no other.
    func watch(_ host: HostID) {
        let former = state.withLock { state -> ProbeConnection? in
            guard state.pinged != host else { return nil }
            defer { state.pinger = nil }
            return state.pinger
        }
        former?.close()
        feed { state in
            if state.pinged != host {
                state.feedHost { $0.stop(into: &$1) }
                state.pinged = host
                state.host = HostMonitorStateMachine(
                    settings: HostMonitorSettings(
                        interval: settings.pingInterval,
                        misses: settings.pingMisses
                    )
                )
            }
            state.feedHost { $0.start(at: .now, into: &$1) }
        }
    }

    func stopPinging() {
        let former = state.withLock { state in
            state.pinged = nil
            state.timers[.host] = nil
            var ignored: [HostMonitorAction] = []
            state.host.stop(into: &ignored)
            defer { state.pinger = nil }
            return state.pinger
        }
        former?.close()
    }

    func perform(_ action: HostMonitorAction) {
        switch action {
        case .startPing(let id, let deadline): ping(id, deadline)
        case .cancelPing:
            let pinger = state.withLock { state in
                defer { state.pinger = nil }
                return state.pinger
            }
            pinger?.close()
        case .reportHung:
            feed { state in
                guard let host = state.pinged else { return }
                state.feedEndpoint(grace: .zero) { $0.hostHung(host, at: .now, into: &$1) }
            }
        case .reportLost:
            let doubt = FailureVerdict(
                failureClass: .notExecuted,
                connection: .retire,
                endpoint: .suspect
            )
            failed(doubt, generation: state.withLock { $0.endpoint.generation })
        case .reportAnswering: break
        case .armTimer(let instant): setTimer(.host, instant)
        }
    }

    private func ping(_ id: ProbeID, _ deadline: Instant) {
        // A pool at rest needs no pings; its next connection begins them again.
        if scope != .cluster, engine.hasNoConnections { return stopPinging() }
        let pinger = state.withLock { state -> ProbeConnection? in
            if let pinger = state.pinger { return pinger }
            guard !state.hasEnded, let host = state.pinged, let address = state.address(of: host)
            else { return nil }
            let pinger = ProbeConnection(
                base.aimed(at: address, asking: true),
                reactor: engine.reactor,
                flavor: .minimal
            )
            state.pinger = pinger
            return pinger
        }
        pinger?.ask(deadline: deadline) { [weak self] result in
            guard let self else { return }
            feed { state in
                switch result {
                case .success(let answer):
                    state.feedHost { $0.pingAnswered(id, at: .now, into: &$1) }
                    guard state.wantsWriter, answer.isInRecovery else { break }
                    let generation = state.endpoint.generation
                    state.feedEndpoint(grace: self.settings.leaseGrace) {
                        $0.failureReported(
                            Self.mayBeReader,
                            generation: generation,
                            at: .now,
                            into: &$1
                        )
                    }
                case .failure(let failure) where failure.kind == .busy:
                    // It answers, and has no room for us.
                    state.feedHost { $0.pingAnswered(id, at: .now, into: &$1) }
                case .failure(let failure) where failure.kind == .timedOut:
                    // Silence is what the monitor listens for; its own deadline is here, too.
                    break
                case .failure:
                    state.feedHost { $0.pingFailed(id, at: .now, into: &$1) }
                }
            }
        }
    }

    private static let mayBeReader = FailureVerdict(
        failureClass: .notExecuted,
        connection: .retire,
        endpoint: .maybeDemoted
    )

    // MARK: - New connections

    func check(
        _ session: Session,
        generation: UInt64,
        _ completion: @escaping @Sendable (String?) -> Void
    ) {
        switch scope {
        case .pool, .reader: completion(checkRole(of: session, generation))
        case .cluster: checkByAsking(session, generation, completion)
        }
    }

    /// A server since version 14 says by itself whether it is a standby (PostgreSQL manual, 55.2.7).
    private func checkRole(of session: Session, _ generation: UInt64) -> String? {
        let isReader = session.parameterStatus("in_hot_standby") == "on"
        let peer = session.peer
        var host: HostID?
        var wantsWriter = true
        feed { state in
            if !state.isWatching { adopt(peer, isReader, &state) }
            host = state.pinged == nil ? state.endpoint.writer : nil
            wantsWriter = state.wantsWriter
        }
        if isReader, wantsWriter {
            failed(Self.mayBeReader, generation: generation)
            return "the host is a reader, and a writer is wanted"
        }
        if let host { watch(host) }
        return nil
    }

    /// The first connection says what the endpoint is.
    private func adopt(
        _ peer: (host: String, port: String)?,
        _ isReader: Bool,
        _ state: inout State
    ) {
        guard let peer, let port = UInt16(peer.port),
            let host = state.topology.id(of: HostAddress(host: peer.host, port: port))
        else { return }
        state.isWatching = true
        state.wantsWriter = !isReader && !asksForReader
        state.feedEndpoint(grace: settings.leaseGrace) {
            $0.adopt(host, at: .now, into: &$1)
        }
    }

    /// Whether the URL asks for something else than a writer (PostgreSQL manual, 34.1.2).
    private var asksForReader: Bool {
        ["read-only", "standby", "prefer-standby"].contains(
            base.parameters["target_session_attrs"]
        )
    }

    /// A cluster's node is asked what it is: its name may lead to the former writer.
    private func checkByAsking(
        _ session: Session,
        _ generation: UInt64,
        _ completion: @escaping @Sendable (String?) -> Void
    ) {
        let (host, flavor) = state.withLock { state in
            (state.endpoint.writer, state.endpoint.writer.flatMap { state.flavors[$0] })
        }
        guard let host, let flavor else { return completion(nil) }
        let check = RoleCheck(flavor) { [weak self] answer in
            guard let self, let answer else { return completion("the host did not say its role") }
            let refusal = state.withLock { state in
                let report = self.report(answer, of: host, state)
                return state.endpoint.refusal(of: report, on: host)
            }
            if refusal != nil { failed(Self.mayBeReader, generation: generation) }
            completion(refusal?.text)
        }
        check.ask(on: session)
    }
}

/// The question of what a node is, asked on a pool's own connection.
private final class RoleCheck: OperationCompletion {
    private let flavor: NodeFlavor
    private let completion: @Sendable (NodeAnswer?) -> Void

    init(_ flavor: NodeFlavor, _ completion: @escaping @Sendable (NodeAnswer?) -> Void) {
        self.flavor = flavor
        self.completion = completion
    }

    func ask(on session: Session) {
        let operation = Operation(Query(NodeQuestion.sql(flavor)), .extended)
        operation.isUnnamed = true
        operation.completion = self
        session.submit(operation)
    }

    func operationFinished(_ operation: Operation) {
        guard case .success? = operation.outcome else { return completion(nil) }
        let rows = Rows(storage: operation.result ?? EmptyResult.shared)
        completion((try? NodeQuestion.read(rows, flavor)) ?? nil)
    }
}
