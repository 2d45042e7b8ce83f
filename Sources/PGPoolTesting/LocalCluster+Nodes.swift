extension LocalCluster {
    /// One server of a cluster, as it was when you asked.
    public struct Node: Sendable, Hashable {
        /// What the topology functions call it (Aurora's `server_id`), such as `2`.
        public let id: String

        /// The address where clients reach it, the same for all its life. It ends with ``id``.
        public let host: String

        /// Its name, which ``LocalCluster/resolve(_:)`` knows and no real DNS does.
        public let name: String

        /// The port, which all nodes share.
        public let port: Int

        /// What it did when you asked.
        public let role: Role
    }

    /// The node that writes: after a fault still the old one, until another was promoted.
    public var writer: Node { state.read { $0.publicNode($0.writer) } }

    /// The nodes that follow the writer, by ``Node/id``.
    public var readers: [Node] {
        state.read { state in state.readers.map { state.publicNode($0.number) } }
    }

    /// All nodes that weren't removed, by ``Node/id``, whatever became of them.
    public var nodes: [Node] {
        state.read { state in state.nodes.map { state.publicNode($0.number) } }
    }

    /// The hosts of the instances for clients that make them from the topology's `server_id`: the
    /// `?` of `127.20.3.?` stands for it. It leads to real addresses, so it needs no resolver.
    public var instancePattern: String { "\(plan.network).?" }

    /// As ``instancePattern``, with the names that ``resolve(_:)`` knows.
    public var instanceNamePattern: String { plan.instancePattern }

    /// A node's connection URL, otherwise as ``url``.
    ///
    /// - Parameters:
    ///   - node: One of ``nodes``.
    ///   - login: Whom it logs in. Default: the ordinary role.
    public func url(of node: Node, for login: Login = .application) -> String {
        url(for: login, host: node.host)
    }

    /// Adds a reader and returns when it follows the writer. The topology has it at once, the
    /// reader endpoint after ``Configuration/endpointLag``.
    ///
    /// - Returns: The new reader.
    /// - Throws: ``LocalClusterError``: `faultActive`, `invalidConfiguration` when nine nodes
    ///   were there already, or what a start throws.
    @discardableResult
    public func addReader() async throws -> Node {
        try requireNoOutage()
        let number = try state.read { state in
            let taken = state.joining.union(state.nodes.map(\.number))
            guard let free = (1...AddressPlan.maxNodes).first(where: { !taken.contains($0) }) else {
                throw LocalClusterError(
                    code: .invalidConfiguration,
                    message: "a cluster has room for \(AddressPlan.maxNodes) nodes"
                )
            }
            state.joining.insert(free)
            return free
        }
        defer { state.read { _ = $0.joining.remove(number) } }
        let node = ServerNode(number: number, plan: plan, members: parts)
        do {
            try await join(node)
            try await openGate(of: node)
        } catch {
            try? await node.remove()
            throw error
        }
        state.read { state in
            state.nodes.append(node)
            state.nodes.sort { $0.number < $1.number }
        }
        try publishTopology()
        scheduleEndpoints(after: configuration.endpointLag)
        return state.read { $0.publicNode(number) }
    }

    /// Takes a reader away for good: out of the topology, then out of the world.
    ///
    /// - Parameter node: One of ``readers``.
    /// - Throws: ``LocalClusterError``: `faultActive`, or `unknownNode` when it is no reader.
    public func removeReader(_ node: Node) async throws {
        try requireNoOutage()
        let (server, remaining) = try state.read { state in
            guard let server = state.readers.first(where: { $0.id == node.id }) else {
                throw LocalClusterError(
                    code: .unknownNode,
                    message: "node \(node.id) is no reader of this cluster"
                )
            }
            state.nodes.removeAll { $0.number == server.number }
            return (server, state.readers.count)
        }
        try publishTopology()
        scheduleEndpoints(after: configuration.endpointLag)
        // The last reader that could acknowledge commits is going.
        if remaining == 0 { try await setSynchronous(false, on: writerServer) }
        try await closeGate(of: server)
        try await server.remove()
    }
}

extension LocalCluster.Node {
    /// What a node does.
    public enum Role: String, Sendable, Hashable {
        /// It takes writes.
        case writer
        /// It follows the writer.
        case reader
        /// It was the writer, and hasn't returned as a reader yet.
        case outOfService = "out-of-service"
    }
}

extension ClusterState.Value {
    func publicNode(_ number: Int) -> LocalCluster.Node {
        LocalCluster.Node(
            id: String(number),
            host: plan.host(of: number),
            name: plan.instanceName(of: number),
            port: plan.port,
            role: role(of: number)
        )
    }
}
