internal import PGPoolCore

/// What callers are told when they get no lease.
extension PoolEngine {
    func error(
        _ failure: WaiterFailure,
        waited: Duration,
        at now: Instant,
        _ state: State
    ) -> PoolError {
        switch failure {
        case .timedOut:
            PoolError(
                state.trouble == nil ? .acquireTimeout : .noWriter,
                state.trouble.map { "no writer: \($0.reason)" }
                    ?? "no connection within the deadline",
                phase: phase(state),
                waited: waited,
                snapshot: snapshot(state, at: now),
                lastConnectFailure: state.lastConnectFailure,
                holders: holders(state, at: now)
            )
        case .connectFailed:
            PoolError(
                .connectFailed,
                "the server refuses this configuration",
                failureClass: .deterministic,
                phase: .connecting,
                waited: waited,
                snapshot: snapshot(state, at: now),
                lastConnectFailure: state.lastConnectFailure
            )
        case .shutDown:
            PoolError(
                .shutDown,
                "the pool is shutting down",
                waited: waited,
                snapshot: snapshot(state, at: now)
            )
        case .endpointLost:
            PoolError(
                .endpointLost,
                "the host does not answer",
                waited: waited,
                snapshot: snapshot(state, at: now),
                lastConnectFailure: state.lastConnectFailure
            )
        }
    }

    func refusal(
        _ reason: AcquireRefusal,
        _ site: RawCallSite,
        _ held: ConnectionID?,
        at now: Instant,
        _ state: State
    ) -> PoolError {
        let snapshot = snapshot(state, at: now)
        switch reason {
        case .queueFull:
            return PoolError(
                .queueFull,
                "as many callers wait as may",
                phase: phase(state),
                snapshot: snapshot,
                lastConnectFailure: state.lastConnectFailure,
                holders: holders(state, at: now)
            )
        case .endpointLost:
            return PoolError(
                .endpointLost,
                "the host does not answer",
                snapshot: snapshot,
                lastConnectFailure: state.lastConnectFailure
            )
        case .shutDown:
            return PoolError(.shutDown, "the pool is shutting down", snapshot: snapshot)
        case .timedOut:
            return PoolError(
                .acquireTimeout,
                "no connection within the deadline",
                phase: phase(state),
                snapshot: snapshot,
                lastConnectFailure: state.lastConnectFailure,
                holders: holders(state, at: now)
            )
        case .nested:
            let outer = held.flatMap { state.connection($0)?.site?.site.description }
            return PoolError(
                .nestedAcquire,
                """
                the task that acquired a connection at \(outer ?? "an unknown place") asks for \
                another at \(site.site) while every connection is leased
                """,
                failureClass: .deterministic,
                snapshot: snapshot,
                holders: holders(state, at: now)
            )
        }
    }

    /// What a caller that waits now waits for.
    private func phase(_ state: State) -> PoolError.Phase {
        let counts = state.machine.counts
        if state.machine.isPaused { return .paused }
        if state.machine.admission == 0 { return .failingOver }
        if counts.quarantined > 0, counts.leased + counts.shared + counts.opening == 0 {
            return .validating
        }
        let isConnecting = counts.opening > 0 || state.machine.consecutiveFailures > 0
        return isConnecting && counts.total < state.machine.limit
            || counts.leased + counts.shared == 0
            ? .connecting : .waiting
    }

    private func holders(_ state: State, at now: Instant) -> [PoolError.Holder] {
        state.connections
            .compactMap { connection -> PoolError.Holder? in
                guard let connection, let site = connection.site?.site else { return nil }
                return PoolError.Holder(site: site, heldFor: now - connection.leasedAt)
            }
            .sorted { $0.heldFor > $1.heldFor }
    }
}
