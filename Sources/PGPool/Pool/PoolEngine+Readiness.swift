internal import PGPoolCore
internal import Synchronization

/// Somebody waits for so many connections to be open.
struct ReadinessWaiter: Sendable {
    let wanted: Int
    /// False: not in time, or not wanted any more.
    let isReady = OneShot<Bool>()
}

/// Waiting until the pool is as large as it is to be at rest.
extension PoolEngine {
    /// Waits until so many connections are open, or as many as there may be.
    ///
    /// - Throws: ``PoolError`` with `acquireTimeout` or `shutDown`; `CancellationError`.
    func waitUntilOpen(_ wanted: Int, by end: Instant) async throws {
        let began = Instant.now
        let waiter = ReadinessWaiter(wanted: wanted)
        state.withLock { $0.readiness.append(waiter) }
        noteOpen()
        let timer = Task {
            try? await Task.sleep(for: end.fromNow)
            waiter.isReady.set(false)
        }
        let isReady = await withTaskCancellationHandler {
            await waiter.isReady.wait()
        } onCancel: {
            waiter.isReady.set(false)
        }
        timer.cancel()
        guard !isReady else { return }
        try state.withLock { state in
            state.readiness.removeAll { $0.isReady === waiter.isReady }
            try Task.checkCancellation()
            let isRunning = state.machine.lifecycle == .running
            let now = Instant.now
            throw error(isRunning ? .timedOut : .shutDown, waited: now - began, at: now, state)
        }
    }

    /// Called when a connection was opened, when the limit has changed, and when the pool ends.
    func noteOpen() {
        let (ready, isEnding) = state.withLock { state -> ([ReadinessWaiter], Bool) in
            guard !state.readiness.isEmpty else { return ([], false) }
            let isEnding = state.machine.lifecycle != .running
            let (open, limit) = (state.machine.counts.open, state.machine.limit)
            let ready = state.readiness.filter { isEnding || open >= min($0.wanted, limit) }
            state.readiness.removeAll { isEnding || open >= min($0.wanted, limit) }
            return (ready, isEnding)
        }
        for waiter in ready { waiter.isReady.set(!isEnding) }
    }
}
