extension LocalCluster {
    /// Makes a node a standby of the writer, from a copy of the writer's data, and returns when it
    /// has caught up.
    func join(_ node: ServerNode) async throws {
        let writer = writerServer
        let timeout = configuration.timeout
        try await node.cloneData(of: writer, timeout: timeout)
        try node.writeLoginRules()
        try node.follow(writer)
        // The functions must not lack their file for a moment.
        let view = state.read { $0.topology(for: node) }
        try ServerSettings.write(
            try view.json(),
            to: "\(node.directory)/\(TopologyFunctions.file)"
        )
        try await node.start(timeout: timeout)
        try await writer.waitUntilFollowed(by: [node], timeout: timeout)
        try await setSynchronous(true, on: writer)
    }

    /// Has the writer's commits wait for any one standby, or for none.
    ///
    /// A writer without standbys must not wait: it would wait for ever, and nobody cancels a
    /// COMMIT that waits.
    func setSynchronous(_ isSynchronous: Bool, on writer: ServerNode) async throws {
        try writer.set(["synchronous_standby_names": isSynchronous ? ServerNode.anyOne : nil])
        try await writer.reload()
    }

    /// Delays a reader's replay, so that it lags behind the writer by that much, and says so in the
    /// topology. Acknowledgements don't wait for replay and stay as fast as they are. A failover
    /// ends it.
    ///
    /// - Parameters:
    ///   - node: One of ``readers``.
    ///   - delay: How long a commit takes to be seen there; `.zero` ends it.
    /// - Throws: ``LocalClusterError``: `unknownNode` when it is no reader.
    public func delayReplay(of node: Node, by delay: Duration) async throws {
        let server = try state.read { state in
            guard let server = state.readers.first(where: { $0.id == node.id }) else {
                throw LocalClusterError(
                    code: .unknownNode,
                    message: "node \(node.id) is no reader of this cluster"
                )
            }
            state.delays[server.number] = delay == .zero ? nil : delay
            return server
        }
        let milliseconds = Int(delay / .milliseconds(1))
        try server.set(["recovery_min_apply_delay": delay == .zero ? nil : "\(milliseconds)ms"])
        try await server.reload()
        try publishTopology()
    }

    func serverNode(_ node: Node) throws -> ServerNode {
        try state.read { state in
            guard let server = state.nodes.first(where: { $0.id == node.id }) else {
                throw LocalClusterError(
                    code: .unknownNode,
                    message: "node \(node.id) is not, or no longer, one of this cluster's"
                )
            }
            return server
        }
    }

    func requireNoOutage() throws {
        let fault = state.read { $0.outage?.fault }
        guard let fault else { return }
        throw LocalClusterError(
            code: .faultActive,
            message: "the fault \(fault) is under way: heal() ends it"
        )
    }
}
