extension LocalCluster {
    /// What can happen to the writer. All but their names is in `docs/local-cluster.md`.
    public enum Fault: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
        /// SIGKILL to the postmaster and all its descendants: connections are refused.
        case kill
        /// SIGSTOP to the same: connections hang, and the kernel goes on acknowledging bytes.
        case freeze
        /// The writer turns read-only: open sessions get 25006, and the topology functions call it
        /// a reader.
        case demote
        /// A forwarder passes no byte any more, while the kernel goes on acknowledging them. Needs
        /// ``Configuration/forwardsNodes``.
        case stall
        /// Packets to and from the writer are dropped. Needs root.
        case cut
        /// The next answer to a COMMIT and all after it are dropped, then the writer is killed.
        /// Needs ``Configuration/forwardsNodes`` and a cluster without TLS.
        case lostAcknowledgement = "lost-ack"
        /// As ``kill``, and the chosen reader restarts while it is promoted.
        case restartPromoted = "restart-promoted"
        /// All nodes are killed, and one comes back as the writer.
        case restartAll = "restart-all"
        /// As ``kill``, and the endpoint keeps its old address for 20 s, where the old writer is
        /// soon back as a reader.
        case staleEndpoint = "stale-endpoint"

        /// The fault's name, as `pool-bench` and `local-cluster` take it.
        public var description: String { rawValue }
    }

    /// Does a fault to the writer and, like a managed service, promotes a reader
    /// ``Configuration/promoteAfter`` later; ``promotion()`` waits for that.
    ///
    /// ``Fault/lostAcknowledgement`` is armed when this returns, and happens with the next COMMIT
    /// that passes a node's forwarder.
    ///
    /// - Returns: When the fault began: the last moment, to 10 ms, before its effect.
    /// - Throws: ``LocalClusterError``: `faultActive` when the one before wasn't healed, `noReader`,
    ///   `needsRoot`, `needsForwarders`, `invalidConfiguration` for a lost acknowledgement under
    ///   TLS, or `serverFailed`.
    @discardableResult
    public func inject(_ fault: Fault) async throws -> ContinuousClock.Instant {
        try await checkPossible(fault)
        let old = writerServer
        let began = ContinuousClock.now
        let happened = OneShot()
        let promotion = Task.detached { [self] in
            try await happened.wait()
            return try await failOver(from: old, fault)
        }
        let settlement = Task.detached { [self] in
            try await settle(try await promotion.value)
        }
        let outage = Outage(
            fault: fault,
            node: old.number,
            began: began,
            hasBegun: fault != .lostAcknowledgement,
            promotion: promotion,
            settlement: settlement
        )
        let isFirst = state.read { state in
            guard state.outage == nil else { return false }
            state.outage = outage
            return true
        }
        do {
            guard isFirst else {
                throw LocalClusterError(code: .faultActive, message: "another fault came first")
            }
            if let struck = try await harm(old, fault, happened) {
                let began = max(began, struck)
                state.read { $0.outage?.began = began }
                happened.succeed()
            }
        } catch {
            happened.fail(error)
            if isFirst { state.read { $0.outage = nil } }
            throw error
        }
        return state.read { $0.outage?.began } ?? began
    }

    private func checkPossible(_ fault: Fault) async throws {
        try requireNoOutage()
        guard state.read({ !$0.readers.isEmpty }) else {
            throw LocalClusterError(
                code: .noReader,
                message: "no reader could replace the writer: start the cluster with readers"
            )
        }
        switch fault {
        case .cut: try packetFilter.checkPossible()
        case .stall, .lostAcknowledgement:
            guard plan.forwards else {
                throw LocalClusterError(
                    code: .needsForwarders,
                    message: "\(fault) happens in forwarders: set forwardsNodes"
                )
            }
            guard fault == .stall || configuration.tls == .off else {
                throw LocalClusterError(
                    code: .invalidConfiguration,
                    message: "\(fault) reads what servers say, which TLS hides"
                )
            }
        default: break
        }
    }

    /// Does what harms the writer, and returns a moment before its effect; nil if that is to come, and
    /// then sees to `happened` itself.
    private func harm(
        _ old: ServerNode,
        _ fault: Fault,
        _ happened: OneShot
    ) async throws -> ContinuousClock.Instant? {
        let start = ContinuousClock.now
        switch fault {
        case .kill, .restartPromoted, .staleEndpoint:
            return try await kill(old)
        case .freeze:
            return try await old.freeze()
        case .demote:
            try old.set(["default_transaction_read_only": "on"])
            let struck = try await old.reload()
            try publishTopology()
            return struck
        case .stall:
            try await forwarder.perform(.stall(old.name, true))
            return start
        case .cut:
            try await packetFilter.cut(LoopbackAddress(host: old.host, port: old.port))
            return start
        case .restartAll:
            return try await killAll(old)
        case .lostAcknowledgement:
            let onLoss: @Sendable () -> Void = { [weak self] in
                guard let self, noteLoss() else { return }
                Task.detached { [self] in
                    do {
                        try await kill(old)
                        happened.succeed()
                    } catch {
                        happened.fail(error)
                    }
                }
            }
            try await forwarder.perform(.loseAcknowledgements(old.name, onLoss))
            return nil
        }
    }

    /// Notes that an acknowledgement was lost; `false` when that was called off a moment ago, or
    /// isn't the first.
    private func noteLoss() -> Bool {
        state.read { state in
            guard state.outage?.hasBegun == false else { return false }
            state.outage?.began = ContinuousClock.now
            state.outage?.hasBegun = true
            return true
        }
    }

    /// Kills a server. A forwarder before it then refuses connections, as the server would.
    @discardableResult
    func kill(_ node: ServerNode) async throws -> ContinuousClock.Instant {
        let struck = try await node.kill()
        try await closeGate(of: node)
        return struck
    }

    /// Kills the writer, notes which reader has all that was acknowledged, and kills the readers.
    private func killAll(_ old: ServerNode) async throws -> ContinuousClock.Instant {
        let struck = try await kill(old)
        let readers = state.read { $0.readers }
        let chosen = try await choose(among: readers)
        state.read { $0.outage?.chosen = chosen.number }
        for reader in readers { try await kill(reader) }
        return struck
    }

    /// Waits until a reader was promoted and writes.
    ///
    /// - Returns: Who writes now, and when what happened.
    /// - Throws: ``LocalClusterError``: `faultActive` without a fault, or why the promotion failed;
    ///   `CancellationError` when the task that injected it was ended by ``shutdown()``.
    public func promotion() async throws -> Failover {
        guard let outage = state.read({ $0.outage }) else {
            throw LocalClusterError(code: .faultActive, message: "there is no fault: inject one")
        }
        return try await outage.promotion.value
    }

    /// Ends what the fault does to the old writer, which stays as it is otherwise: thawed or
    /// reachable again, it is a stale writer that believes in its role. Its commits wait for ever,
    /// since nobody follows it any more.
    ///
    /// - Throws: ``LocalClusterError``: `faultActive` without a fault, or `serverFailed`.
    public func lift() async throws {
        guard let outage = state.read({ $0.outage }) else {
            throw LocalClusterError(code: .faultActive, message: "there is no fault: inject one")
        }
        guard let old = state.read({ $0.node(outage.node) }) else { return }
        switch outage.fault {
        case .freeze: try await old.thaw()
        case .stall: try await forwarder.perform(.stall(old.name, false))
        case .cut: try await packetFilter.mend()
        case .lostAcknowledgement:
            try await forwarder.perform(.loseAcknowledgements(old.name, nil))
        default: break
        }
    }

    /// Waits for the promotion, ends the fault, lets the old writer and whatever else is down
    /// return as readers, and returns when all nodes follow the new writer.
    ///
    /// A stale endpoint is set right at once; otherwise endpoints follow with their lag. A lost
    /// acknowledgement that never happened, for want of a COMMIT, is called off.
    ///
    /// - Throws: ``LocalClusterError``: `faultActive` without a fault, or what went wrong.
    public func heal() async throws {
        try await lift()
        guard let outage = state.read({ $0.outage }) else { return }
        let isCalledOff = state.read { state in
            guard state.outage?.hasBegun == false else { return false }
            state.outage = nil
            return true
        }
        if isCalledOff {
            outage.promotion.cancel()
            return
        }
        _ = try await outage.settlement.value
        let lost = state.read { state in
            state.nodes.filter { state.outOfService.contains($0.number) }
        }
        for node in lost { try await bringBack(node) }
        state.read { $0.outage = nil }
        try publishTopology()
        let isStale = outage.fault == .staleEndpoint
        scheduleEndpoints(after: isStale ? .zero : configuration.endpointLag)
    }

    /// Lets a node return as a reader.
    func bringBack(_ node: ServerNode) async throws {
        try await join(node)
        try await openGate(of: node)
        state.read { state in
            state.outOfService.remove(node.number)
            if state.outage?.node == node.number { state.outage?.isBack = true }
        }
        try publishTopology()
    }
}
