internal import Logging
internal import PGPoolCore
internal import Synchronization

/// A decision of the state machine together with what it is about, to be performed without a lock.
enum PoolEffect {
    case connect(Dial)
    case close(PooledConnection, CloseReason)
    case probe(Session, ConnectionID, QuarantinePurpose)
    /// The task of a waiter that has its outcome can go on.
    case resume(Waiter, Duration)
    /// The statement of a waiter that has its outcome.
    case serve(StatementRun, Waiter, Duration)
    case report(CallSite, Duration)
    case finish([UnsafeContinuation<Void, Never>], (any EndpointWatcher)?)
}

/// Effects in their order. There is hardly ever more than one, which needs no array.
struct PoolEffects {
    private var first: PoolEffect?
    private var rest: [PoolEffect] = []

    var isEmpty: Bool { first == nil }

    mutating func append(_ effect: PoolEffect) {
        if first == nil {
            first = effect
        } else {
            rest.append(effect)
        }
    }

    /// Hands them on, so that nothing they refer to is counted.
    @inline(__always)
    consuming func forEach(_ body: (consuming PoolEffect) -> Void) {
        if let first = first.take() { body(first) }
        for effect in rest { body(effect) }
    }
}

extension PoolEngine {
    func perform(_ effects: consuming PoolEffects) {
        effects.forEach { effect in
            switch consume effect {
            case .connect(let dial):
                dial.start(deadline: .now + configuration.opening.timeout)
                state.withLock { $0.watcher }?.dialling()
            case .close(let connection, let reason):
                close(connection, reason)
            case .probe(let session, let id, let purpose):
                probe(session, id, purpose)
            case .resume(let waiter, let waited):
                observe(waiter.outcome, waited)
                waiter.wake()
            case .serve(let statement, let waiter, let waited):
                observe(waiter.outcome, waited)
                let outcome = waiter.outcome.take()
                waiter.free()
                statement.waitEnded(outcome)
            case .report(let site, let held):
                reportLongLease(site, held)
            case .finish(let continuations, let watcher):
                watcher?.end()
                for continuation in continuations { continuation.resume() }
            }
        }
    }

    @inline(__always)
    private func observe(_ outcome: Result<Lease, any Error>?, _ waited: Duration) {
        guard !observers.isEmpty else { return }
        switch outcome {
        case .success?: observe(.leaseAcquired(waitTime: waited))
        case .failure(let error as PoolError)?:
            observe(.acquireFailed(code: error.code, waitTime: waited))
        case .failure?, nil: break
        }
    }

    private func reportLongLease(_ site: CallSite, _ held: Duration) {
        logger.warning(
            "a connection is held for long",
            metadata: ["site": "\(site)", "held": "\(held.brief)", "pool": "\(configuration.name)"]
        )
        observe(.leaseHeldLong(site: site, useTime: held))
    }
}
