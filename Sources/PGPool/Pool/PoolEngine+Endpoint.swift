internal import PGPoolCore
internal import Synchronization

/// What the watcher over the endpoint asks of the pool.
extension PoolEngine {
    /// A new generation: connections of before serve nobody any more, and those to come lead to
    /// `target`.
    ///
    /// - Parameters:
    ///   - target: nil: nobody knows yet where to, and callers are held.
    ///   - severAfter: when leases of before are cut short.
    func follow(_ target: DialTarget?, generation: UInt64, severAfter: Duration) {
        run { state in
            let now = Instant.now
            state.endpointGeneration = generation
            if let target {
                state.target = target
                state.trouble = nil
            } else {
                state.machine.admit(0, at: now, into: &state.actions)
            }
            state.machine.evict(severAfter: severAfter, at: now, into: &state.actions)
            if target != nil { state.machine.forgetFailures(at: now, into: &state.actions) }
        }
        observe(.evicted(generation: snapshot.generation))
    }

    /// So many leases at once; 0 holds callers.
    func admit(_ count: Int) {
        run { state in
            let wasHeld = state.machine.admission == 0
            state.machine.admit(count, at: .now, into: &state.actions)
            guard wasHeld, count > 0 else { return }
            state.trouble = nil
            state.machine.forgetFailures(at: .now, into: &state.actions)
        }
    }

    /// Why callers are held, for the errors of those that give up.
    func noteTrouble(_ trouble: EndpointTrouble) {
        state.withLock { $0.trouble = trouble }
    }

    /// A probe could not connect: callers that give up are told of it as of a dial of the pool's own.
    func noteProbeFailure(_ failure: DialFailure) {
        state.withLock { state in
            guard state.machine.admission == 0 else { return }
            state.lastConnectFailure = PoolError.ConnectFailure(failure)
        }
    }

    /// Whether callers wait for a writer.
    var isHeld: Bool { state.withLock { $0.machine.admission == 0 } }

    /// Leases and callers, and what there may be of the former; nil while nobody is admitted.
    var load: (used: Int, limit: Int)? {
        state.withLock { state in
            guard state.machine.admission > 0 else { return nil }
            let counts = state.machine.counts
            let used = counts.leased + counts.shared + state.machine.waiters.count
            return (used, state.machine.limit)
        }
    }

    /// Whether there is nothing that could be watched over.
    var hasNoConnections: Bool {
        state.withLock { $0.machine.counts.total == 0 && $0.machine.waiters.isEmpty }
    }

    /// Where the pool's listeners connect to.
    var target: DialTarget { state.withLock { $0.target } }

    func report(_ verdict: FailureVerdict, of id: ConnectionID) {
        guard verdict.endpoint != .fine else { return }
        let (watcher, generation) = state.withLock { state in
            (state.watcher, state.connection(id)?.endpointGeneration)
        }
        if let watcher, let generation { watcher.failed(verdict, generation: generation) }
    }
}

/// Why an endpoint has no writer.
struct EndpointTrouble: Sendable {
    /// In a sentence that follows "no writer: ".
    var reason: String
}

extension PoolError.ConnectFailure {
    init(_ failure: DialFailure) {
        self.init(
            message: failure.message,
            sqlState: failure.sqlState,
            phase: failure.phase.rawValue,
            elapsed: failure.elapsed
        )
    }
}
