internal import Logging
internal import PGPoolCore
internal import Synchronization

/// The owner's side: resize, evict, pause, drain.
extension PoolEngine {
    func resize(to limit: Int) {
        run { $0.machine.resize(to: limit, at: .now, into: &$0.actions) }
        noteOpen()
    }

    func evict() {
        run { $0.machine.evict(at: .now, into: &$0.actions) }
        observe(.evicted(generation: snapshot.generation))
    }

    func pause() {
        run { $0.machine.pause() }
    }

    func resume() {
        run { $0.machine.resume(at: .now, into: &$0.actions) }
    }

    /// Starts a drain, or hurries one up, without waiting for its end.
    func beginDrain(queue: Duration, leases: Duration) {
        let now = Instant.now
        run {
            $0.machine.drain(
                queueUntil: now + queue,
                leasesUntil: now + queue + leases,
                at: now,
                into: &$0.actions
            )
        }
        noteOpen()
    }

    /// Waits until the pool has shut down.
    func finished() async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            let isOver = state.withLock { state in
                if state.machine.lifecycle == .closed { return true }
                state.finishing.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
    }

    /// The pool was dropped without `shutdown()`.
    func abandon() {
        guard state.withLock({ $0.machine.lifecycle == .running }) else { return }
        logger.warning(
            "a pool was dropped without shutdown(); its connections are closed",
            metadata: ["pool": "\(configuration.name)"]
        )
        beginDrain(queue: .zero, leases: .zero)
    }
}
