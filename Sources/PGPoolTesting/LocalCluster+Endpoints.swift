extension LocalCluster {
    /// The address of the cluster endpoint, which leads to the writer and follows a change of the
    /// writer ``Configuration/endpointLag`` later.
    ///
    /// It is a forwarder: each new connection goes where the endpoint leads at that moment, and
    /// stays there. Where there is no server, it is reset at once.
    public var clusterEndpoint: String { plan.clusterAddress }

    /// The address of the reader endpoint, which deals new connections out to the readers in turn,
    /// or to the writer when there are none; otherwise as ``clusterEndpoint``.
    public var readerEndpoint: String { plan.readerAddress }

    /// The name of the cluster endpoint, formed as Aurora forms it. ``resolve(_:)`` knows it, and
    /// no real DNS does.
    public var clusterEndpointName: String { plan.clusterName }

    /// The name of the reader endpoint, as ``clusterEndpointName``.
    public var readerEndpointName: String { plan.readerName }

    /// The ordinary role's connection URL to the cluster endpoint's address.
    public var clusterEndpointURL: String { url(for: .application, host: clusterEndpoint) }

    /// The ordinary role's connection URL to the reader endpoint's address.
    public var readerEndpointURL: String { url(for: .application, host: readerEndpoint) }

    /// Answers as the cluster's DNS would right now: a resolver for tests.
    ///
    /// After a change of roles the endpoints' names keep their old addresses for
    /// ``Configuration/endpointLag``. The reader endpoint's name gives all readers, another one
    /// first each time.
    ///
    /// - Parameter host: ``clusterEndpointName``, ``readerEndpointName``, a node's
    ///   ``Node/name``, or an address.
    /// - Returns: The addresses of nodes; an address for itself; none for other names.
    public func resolve(_ host: String) -> [String] {
        let name = host.lowercased()
        if name == plan.clusterName { return Self.lead(.cluster, state).map(plan.host) }
        if name == plan.readerName { return Self.lead(.readers, state).map(plan.host) }
        if let node = nodes.first(where: { $0.name == name }) { return [node.host] }
        let isAddress = name.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (48...57).contains($0) }
        return isAddress && !name.isEmpty ? [name] : []
    }

    /// Lets the cluster endpoint lead back to the writer before the present one for a while, as
    /// DNS servers that disagree do.
    ///
    /// - Parameter duration: How long. Default: 2 s.
    /// - Throws: ``LocalClusterError``: `unknownNode` when there was no failover, or the old
    ///   writer was removed.
    public func flapEndpoint(for duration: Duration = .seconds(2)) throws {
        try state.read { state in
            guard
                let old = state.lastFailover?.oldWriter,
                let node = state.nodes.first(where: { $0.id == old.id })
            else {
                throw LocalClusterError(
                    code: .unknownNode,
                    message: "there is no former writer to flap back to"
                )
            }
            let now = ContinuousClock.now
            state.clusterEndpoint.lead(to: [node.number], from: now)
            state.clusterEndpoint.lead(to: [state.writer], from: now + duration)
        }
    }

    enum Endpoint: Sendable { case cluster, readers }

    /// The nodes' numbers that an endpoint leads to now.
    static func lead(_ endpoint: Endpoint, _ state: ClusterState) -> [Int] {
        state.read { state in
            let now = ContinuousClock.now
            let writers = state.clusterEndpoint.nodes(at: now)
            guard endpoint == .readers else { return writers }
            let readers = state.readerEndpoint.nodes(at: now)
            guard !readers.isEmpty else { return writers }
            state.readerTurn = (state.readerTurn + 1) % readers.count
            return Array(readers[state.readerTurn...] + readers[..<state.readerTurn])
        }
    }

    /// Lets the endpoints follow the present roles after a while.
    func scheduleEndpoints(after lag: Duration) {
        state.read { state in
            let now = ContinuousClock.now
            state.clusterEndpoint.compact(at: now)
            state.readerEndpoint.compact(at: now)
            state.clusterEndpoint.lead(to: [state.writer], from: now + lag)
            state.readerEndpoint.lead(to: state.readers.map(\.number), from: now + lag)
        }
    }

    // MARK: Gates

    /// Opens the forwarders of the endpoints and, where there are any, of the nodes.
    func openGates() async throws {
        let (state, plan) = (state, plan)
        for (endpoint, host) in [(Endpoint.cluster, clusterEndpoint), (.readers, readerEndpoint)] {
            let gate = Forwarder.Gate(
                name: host,
                address: LoopbackAddress(host: host, port: plan.port),
                route: {
                    Self.lead(endpoint, state).first.map {
                        LoopbackAddress(host: plan.host(of: $0), port: plan.port)
                    }
                },
                readsMessages: false
            )
            try await forwarder.perform(.open(gate))
        }
        for node in state.read({ $0.nodes }) { try await openGate(of: node) }
    }

    func openGate(of node: ServerNode) async throws {
        guard plan.forwards else { return }
        let target = LoopbackAddress(host: node.serverHost, port: node.port)
        let gate = Forwarder.Gate(
            name: node.name,
            address: LoopbackAddress(host: node.host, port: node.port),
            route: { target },
            readsMessages: true
        )
        try await forwarder.perform(.open(gate))
    }

    func closeGate(of node: ServerNode) async throws {
        guard plan.forwards else { return }
        try await forwarder.perform(.close(node.name))
    }
}
