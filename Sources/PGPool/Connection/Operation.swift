internal import PGPoolCore
internal import Synchronization

/// One statement on its way through a session.
///
/// Proof of sendability: its fields change only under the session's lock, or before it is
/// submitted, or, once `outcome` is set and it has left the session, on the one thread that took it
/// out, until that wakes the task that waits.
class Operation: @unchecked Sendable {
    enum Kind: Hashable {
        /// Parse, bind and execute with a sync of its own, in pipeline mode.
        case extended
        /// Text with any number of statements.
        case simple
    }

    /// How a statement goes out, as its own mode or its pool's wants it.
    struct Form {
        var kind: Kind
        var isUnnamed = false
    }

    let query: Query
    let kind: Kind
    /// Whether it may have neighbours on its connection.
    var isShared = false
    /// Its task went on without the answer, which is still to come.
    var isAbandoned = false
    /// Whether it ends the transaction with COMMIT.
    var isCommit = false
    /// Whether it is one of the pool's own that end a transaction or a savepoint.
    var isControl = false
    /// The transaction that it is to be part of, and from when it is submitted the one that was open then.
    var transaction: UInt32 = 0
    /// How long it may take from when it is submitted.
    var timeout: Duration?
    /// When it is to be cancelled.
    var deadline = Instant.distantFuture

    /// The task that waits for the outcome.
    var continuation: TaskContinuation?
    /// Called just before the task is resumed.
    var completion: (any OperationCompletion)?
    /// Its place on a connection was given back together with others'.
    var isGivenBack = false

    /// Whether it is to leave nothing prepared.
    var isUnnamed = false
    /// Set when it is sent: what went with it and what its answers mean. Unchecked, since it is read and
    /// changed under the session's lock only, and the runtime would look at each of six accesses.
    @exclusivity(unchecked) var sending = StatementSending()
    /// It was sent again because the server did not know the insert of its token, which is done once.
    var isTokenRepaired = false
    var phase = FailurePhase.nothingSent
    /// Its only result, or the last of several.
    var result: (any KeptResult)?
    var error: PostgresError?
    /// What most statements do without.
    private var rare: Rare?
    var isCancelled = false
    var didTimeOut = false
    /// Orders what was written before the task is woken with what it reads then. Continuations do so
    /// too, but inside the runtime, where a sanitizer cannot see it.
    let isOver = Atomic<Bool>(false)
    /// Set once; the results are kept beside it.
    var outcome: Outcome?

    enum Outcome {
        case success
        case failure(any Error)
    }

    init(_ query: Query, _ form: Form) {
        self.query = query
        kind = form.kind
        isUnnamed = form.isUnnamed
    }

    convenience init(_ query: Query, _ kind: Kind) {
        self.init(query, Form(kind: kind))
    }

    /// Apart, since each of these in the operation itself costs every statement its setting up and
    /// its taking down.
    private final class Rare {
        var begin: TransactionBegin?
        var batch: StatementBatch?
        var exchange: Exchange?
        var earlierResults: [any KeptResult] = []
        var repairedError: PostgresError?
        var ledgerFailure: PoolError?
        var cancelGrace = CancelGrace()
    }

    /// Made once: the task of a stream looks at `exchange` without the session's lock.
    private func withRare(_ change: (Rare) -> Void) {
        if let rare { return change(rare) }
        let new = Rare()
        change(new)
        rare = new
    }

    /// What begins the transaction in front of it, if it is the first statement of one.
    var begin: TransactionBegin? {
        get { rare?.begin }
        set { if rare != nil || newValue != nil { withRare { $0.begin = newValue } } }
    }

    /// What it is made of if it is a pipeline; `query` is empty then.
    var batch: StatementBatch? {
        get { rare?.batch }
        set { withRare { $0.batch = newValue } }
    }

    /// What it hands over piece by piece, if it is a stream or a COPY.
    var exchange: Exchange? {
        get { rare?.exchange }
        set { withRare { $0.exchange = newValue } }
    }

    /// The results before the last.
    var earlierResults: [any KeptResult] {
        get { rare?.earlierResults ?? [] }
        set { if rare != nil || !newValue.isEmpty { withRare { $0.earlierResults = newValue } } }
    }

    /// The error that was answered by preparing it again, which is done once.
    var repairedError: PostgresError? {
        get { rare?.repairedError }
        set { withRare { $0.repairedError = newValue } }
    }

    /// What its caller is told instead when the token in front of it could not be inserted.
    var ledgerFailure: PoolError? {
        get { rare?.ledgerFailure }
        set { withRare { $0.ledgerFailure = newValue } }
    }

    /// How long the server has to answer once it was cancelled.
    var cancelGrace: CancelGrace {
        get { rare?.cancelGrace ?? CancelGrace() }
        set { withRare { $0.cancelGrace = newValue } }
    }

    /// Whether anybody waits for its outcome still.
    var isAwaited: Bool { outcome == nil && (continuation != nil || completion != nil) }

    /// All results, in order.
    var results: [any KeptResult] {
        earlierResults + [result].compactMap { $0 }
    }

    /// Keeps a result without an array for the usual one.
    func add(_ next: any KeptResult) {
        if let result { withRare { $0.earlierResults.append(result) } }
        result = next
    }

    /// Tells whoever waits. Not to be called under a lock.
    func finish() {
        complete()
        resume()
    }

    /// The first half of `finish()`: gives the connection on to the next.
    func complete() {
        // Whoever completes it refers to it: the circle ends here.
        let completion = self.completion
        self.completion = nil
        completion?.operationFinished(self)
    }

    /// The second half: wakes the task, unless it went on long ago.
    func resume() {
        if !isAbandoned { wake() }
    }

    func wake() {
        isOver.store(true, ordering: .releasing)
        continuation?.resume()
    }
}

/// Learns that an operation is over, on whatever thread found out.
protocol OperationCompletion: AnyObject, Sendable {
    func operationFinished(_ operation: Operation)
}
