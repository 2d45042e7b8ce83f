import PGPool
import Synchronization

/// What a drill writes through. Whatever is known of pools and clusters is in its implementations.
protocol DrillTarget: Sendable {
    /// What it learned of the writer, as it learned it.
    var events: DrillEvents { get }
    var gauges: PoolGauges { get }

    /// Makes ready what its transactions need, before the load begins.
    func prepare() async throws

    /// Does the operation once, in a transaction that is repeated where that is safe.
    ///
    /// - Throws: What the caller of the pool would see.
    func transact(_ operation: LedgerOperation, deadline: Duration) async throws

    func shutdown() async
}

/// When a target took the writer for ill.
final class DrillEvents: Sendable {
    private let suspicions = Mutex<[UInt64]>([])

    /// Notes that the writer became suspect now.
    func suspected(at instant: UInt64 = MonotonicClock.now()) {
        suspicions.withLock { $0.append(instant) }
    }

    /// When the writer first became suspect at or after an instant.
    func firstSuspicion(since instant: UInt64) -> UInt64? {
        suspicions.withLock { $0.first { $0 >= instant } }
    }
}

/// One row that is to be added once.
final class LedgerOperation: Sendable {
    let book: LedgerBook
    let worker: Int
    let number: Int
    private let recorder: DrillRecorder
    private let attempts: AttemptCounter
    private let entry = Atomic<UInt64>(0)
    private let isInside = Atomic<Bool>(false)

    init(book: LedgerBook, worker: Int, recorder: DrillRecorder, attempts: AttemptCounter) {
        self.book = book
        self.worker = worker
        self.recorder = recorder
        self.attempts = attempts
        number = book.begin(worker: worker)
    }

    /// When it first was inside a transaction; 0 if never.
    var enteredAt: UInt64 { entry.load(ordering: .relaxed) }

    /// Adds the row. To be called inside the transaction, for each attempt anew.
    func perform(in transaction: Transaction) async throws {
        _ = entry.compareExchange(expected: 0, desired: MonotonicClock.now(), ordering: .relaxed)
        if !isInside.exchange(true, ordering: .relaxed) { recorder.entered() }
        do {
            try await transaction.query(
                book.table.insertion(worker: worker, number: number, attempt: attempts.next())
            )
        } catch {
            leave()
            throw error
        }
    }

    /// Notes how it ended.
    func end(_ outcome: LedgerOutcome, at instant: UInt64) {
        book.end(worker: worker, number: number, outcome)
        leave()
        recorder.ended(outcome, at: instant)
    }

    private func leave() {
        if isInside.exchange(false, ordering: .relaxed) { recorder.left() }
    }
}

/// Numbers all attempts of a drill, so that a row tells which one it is of.
final class AttemptCounter: Sendable {
    private let count = Atomic<Int>(0)

    func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}

extension LedgerOutcome {
    /// What an error says to the one who called.
    init(_ error: any Error) {
        switch error {
        case let error as PoolError: self.init(error.failureClass)
        case let error as PostgresError: self.init(error.failureClass)
        case is CancellationError: self = .withdrawn
        default: self = .deterministic
        }
    }

    private init(_ failureClass: FailureClass) {
        switch failureClass {
        case .notExecuted: self = .notExecuted
        case .rolledBack: self = .rolledBack
        case .outcomeUnknown: self = .unknown
        case .deterministic: self = .deterministic
        }
    }
}
