internal import PGPoolCore
internal import Synchronization

/// One `pool.query`: a statement on its way through the queue and a connection.
///
/// Whoever frees a connection, mostly the reactor's thread as it reads the answer before, sends the
/// next statement there and then; its task wakes only with the result.
final class StatementRun: OperationCompletion {
    private enum Stage {
        case new
        case waiting(Waiter)
        case leased(Lease)
        case over
    }

    let engine: PoolEngine
    let operation: Operation
    /// Whether it may run beside others on one connection.
    let isShareable: Bool
    private let stage = Mutex(Stage.new)
    private let isCancelled = Atomic<Bool>(false)

    init(engine: PoolEngine, operation: Operation, isShareable: Bool) {
        self.engine = engine
        self.isShareable = isShareable
        self.operation = operation
        operation.completion = self
    }

    /// The engine has put it into the queue.
    func isWaiting(as waiter: Waiter) {
        stage.withLock { stage in
            // It may have been served meanwhile.
            if case .new = stage { stage = .waiting(waiter) }
        }
        if isCancelled.load(ordering: .acquiring) { cancel() }
    }

    /// The wait is over: with a connection, or with an error.
    func waitEnded(_ outcome: Result<Lease, any Error>?) {
        switch outcome {
        case .success(let lease)?:
            stage.withLock { $0 = .leased(lease) }
            operation.isShared = lease.isShared
            if isCancelled.load(ordering: .acquiring) { cancel(on: lease) }
            if lease.isShared {
                lease.session.share(operation)
            } else {
                lease.session.submit(operation, lease: lease.number)
            }
        case .failure(let error)?:
            end(with: error)
        case nil:
            end(with: CancellationError())
        }
    }

    /// The engine took it out of the queue because its task was cancelled.
    func wasCancelledWhileWaiting() {
        end(with: CancellationError())
    }

    private func end(with error: any Error) {
        let isFirst = stage.withLock { stage in
            if case .over = stage { return false }
            stage = .over
            return true
        }
        guard isFirst else { return }
        operation.outcome = .failure(error)
        operation.finish()
    }

    /// The task was cancelled, wherever the statement stands.
    func cancel() {
        isCancelled.store(true, ordering: .releasing)
        switch stage.withLock({ $0 }) {
        case .new, .over: break
        case .waiting(let waiter): engine.cancel(waiter)
        case .leased(let lease): cancel(on: lease)
        }
    }

    private func cancel(on lease: Lease) {
        if lease.isShared {
            lease.session.abandon(operation)
        } else {
            lease.session.cancel(operation)
        }
    }

    /// What it runs by, once it has a connection.
    var lease: Lease? {
        stage.withLock { stage in
            if case .leased(let lease) = stage { lease } else { nil }
        }
    }

    /// The answer is here: the connection goes on to the next before this task wakes.
    func operationFinished(_ operation: Operation) {
        let lease = stage.withLock { stage -> Lease? in
            defer { stage = .over }
            if case .leased(let lease) = stage { return lease }
            return nil
        }
        if let lease { engine.release(lease) }
    }
}
