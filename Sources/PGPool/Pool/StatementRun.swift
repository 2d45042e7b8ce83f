internal import PGPoolCore
internal import Synchronization

/// One `pool.query`: a statement on its way through the queue and a connection.
///
/// Whoever frees a connection, mostly the reactor's thread as it reads the answer before, sends the
/// next statement there and then; its task wakes only with the result.
///
/// Proof of sendability: as of `Operation`; what it adds never changes or has a lock.
final class StatementRun: Operation, @unchecked Sendable {
    private enum Stage {
        case new
        case waiting(WaiterID)
        case leased(Lease)
        case over
    }

    // Proof: with a lease its session keeps the engine, and before that the task in `query` keeps the
    // pool, which it does not leave while its cancellation handler runs. To count references would cost each statement two writes to a place that all threads
    // write to.
    private let engine: Unmanaged<PoolEngine>
    /// Whether it may run beside others on one connection.
    let isShareable: Bool
    private let stage = Mutex(Stage.new)
    private let isCancelRequested = Atomic<Bool>(false)

    init(_ query: Query, _ form: Form, engine: PoolEngine, isShareable: Bool) {
        self.engine = .passUnretained(engine)
        self.isShareable = isShareable
        super.init(query, form)
    }

    /// The engine has put it into the queue.
    func isWaiting(as id: WaiterID) {
        stage.withLock { stage in
            // It may have been served meanwhile.
            if case .new = stage { stage = .waiting(id) }
        }
        if isCancelRequested.load(ordering: .acquiring) { cancel() }
    }

    /// The wait is over: with a connection, or with an error.
    func waitEnded(_ outcome: consuming Result<Lease, any Error>?) {
        switch consume outcome {
        case .success(let lease)?: start(by: lease)
        case .failure(let error)?: end(with: error)
        case nil: end(with: CancellationError())
        }
    }

    /// Sends it.
    func start(by lease: consuming Lease) {
        let (session, number, isShared) = (lease.session, lease.number, lease.isShared)
        self.isShared = isShared
        // Handed on, not copied.
        var leased = Stage.leased(lease)
        stage.withLock { swap(&$0, &leased) }
        if isCancelRequested.load(ordering: .acquiring) { cancel(on: session) }
        if isShared {
            session.share(self)
        } else {
            session.submit(self, lease: number)
        }
    }

    /// The engine took it out of the queue because its task was cancelled.
    func wasCancelledWhileWaiting() {
        end(with: CancellationError())
    }

    /// It ends without having had a connection.
    func end(with error: any Error) {
        let isFirst = stage.withLock { stage in
            if case .over = stage { return false }
            stage = .over
            return true
        }
        guard isFirst else { return }
        outcome = .failure(error)
        finish()
    }

    /// The task was cancelled, wherever the statement stands.
    func cancel() {
        isCancelRequested.store(true, ordering: .releasing)
        switch stage.withLock({ $0 }) {
        case .new, .over: break
        case .waiting(let id): engine._withUnsafeGuaranteedRef { $0.cancel(id) }
        case .leased(let lease): cancel(on: lease.session)
        }
    }

    private func cancel(on session: Session) {
        if isShared {
            session.abandon(self)
        } else {
            session.cancel(self)
        }
    }

    /// What it runs by, once it has a connection.
    var lease: Lease? {
        stage.withLock { stage in
            if case .leased(let lease) = stage { lease } else { nil }
        }
    }

    /// The answer is here: the connection goes on to the next before this task wakes.
    override func complete() {
        guard !isGivenBack else { return }
        var last = Stage.over
        stage.withLock { swap(&$0, &last) }
        guard case .leased(let lease) = last else { return }
        engine._withUnsafeGuaranteedRef { $0.release(lease) }
    }
}
