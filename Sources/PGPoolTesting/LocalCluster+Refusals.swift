extension LocalCluster {
    /// Why a node refuses to be connected to.
    public enum Refusal: Sendable, Hashable, CaseIterable {
        /// All its connections are taken: 53300 for everybody but superusers.
        case tooManyConnections
        /// It is still starting: 57P03 for everybody. What was connected is gone, as the server
        /// restarts for this.
        case startingUp
    }

    /// Lets a node refuse new connections, until ``acceptConnections(on:)``.
    ///
    /// - Parameters:
    ///   - node: The writer or one of ``readers``. Default: the present writer.
    ///   - refusal: Why it refuses.
    /// - Throws: ``LocalClusterError``: `faultActive` during a fault or another refusal of this
    ///   node's, `unknownNode`, or `serverFailed`.
    public func refuseConnections(on node: Node? = nil, with refusal: Refusal) async throws {
        try requireNoOutage()
        let server = try node.map(serverNode) ?? writerServer
        let isFirst = state.read {
            $0.refusals.updateValue(.starting, forKey: server.number) == nil
        }
        guard isFirst else {
            throw LocalClusterError(
                code: .faultActive,
                message: "node \(server.id) refuses already: acceptConnections(on:) ends it"
            )
        }
        do {
            let running: RunningRefusal
            switch refusal {
            case .tooManyConnections: running = .full(try await server.fillUp())
            case .startingUp:
                let isWriter = server.number == state.read { $0.writer }
                try await server.stop(mode: .immediate, timeout: configuration.timeout)
                try server.set(["hot_standby": "off"])
                // A standby that isn't hot tells everybody that it isn't ready yet.
                try await server.setStandby(true)
                _ = try await server.launch()
                try await server.waitUntilRefusing(timeout: configuration.timeout)
                running = .recovering(isWriter: isWriter)
            }
            state.read { $0.refusals[server.number] = running }
        } catch {
            state.read { $0.refusals[server.number] = nil }
            throw error
        }
    }

    /// Ends what ``refuseConnections(on:with:)`` began, and returns when the node answers. A node
    /// that didn't refuse stays as it is.
    ///
    /// - Parameter node: Which node. Default: the present writer.
    /// - Throws: ``LocalClusterError``: `unknownNode`, or what a start throws.
    public func acceptConnections(on node: Node? = nil) async throws {
        let server = try node.map(serverNode) ?? writerServer
        let refusal = state.read { $0.refusals.removeValue(forKey: server.number) }
        guard case .recovering(let isWriter) = refusal else { return }
        try await server.stop(mode: .immediate, timeout: configuration.timeout)
        try server.set(["hot_standby": nil])
        if isWriter { try await server.setStandby(false) }
        try await server.start(timeout: configuration.timeout)
        let (writer, readers) = (writerServer, state.read { $0.readers })
        try await writer.waitUntilFollowed(
            by: isWriter ? readers : [server],
            timeout: configuration.timeout
        )
    }
}

/// What keeps a node from taking connections.
enum RunningRefusal: Sendable {
    case starting
    case full(SessionHolder)
    case recovering(isWriter: Bool)
}

extension ServerNode {
    /// Opens sessions until an ordinary role would get none.
    func fillUp() async throws -> SessionHolder {
        try await session { first in
            let limit = """
                SELECT current_setting('max_connections')::int
                - current_setting('superuser_reserved_connections')::int
                - coalesce(current_setting('reserved_connections', true)::int, 0)
                """
            let taken = """
                SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'
                """
            let room = Int(try first.query(limit).first?.first ?? "") ?? 0
            var sessions: [ServerSession] = []
            while try room > Int(first.query(taken).first?.first ?? "") ?? room {
                sessions.append(try self.openSession())
            }
            // The one that counted is about to end.
            sessions.append(try self.openSession())
            return SessionHolder(sessions)
        }
    }
}
