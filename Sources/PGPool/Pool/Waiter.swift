internal import PGPoolCore
internal import Synchronization

/// A caller in the queue.
///
/// Proof of sendability: its fields change only under the engine's lock, until `outcome` is set;
/// then only the one task that waits uses it, or whoever sends the statement, until `isFree` is.
@usableFromInline
final class Waiter: @unchecked Sendable {
    private(set) var site: RawCallSite
    private(set) var task: UInt
    private(set) var enqueuedAt: Instant
    var id: WaiterID?
    var outcome: Result<Lease, any Error>?
    /// As in `Operation`.
    let isOver = Atomic<Bool>(false)
    var continuation: TaskContinuation?
    /// A statement that came along: it is sent at once by whoever frees a connection.
    private(set) var statement: StatementRun?
    /// Whether nobody uses it any more, so that it can serve another caller.
    private let isFree = Atomic<Bool>(false)

    init(site: RawCallSite, task: UInt, enqueuedAt: Instant, statement: StatementRun?) {
        self.site = site
        self.task = task
        self.enqueuedAt = enqueuedAt
        self.statement = statement
    }

    /// Gives it up, by who was served as the last thing that is done with it. It keeps nothing alive.
    func free() {
        outcome = nil
        statement = nil
        continuation = nil
        isFree.store(true, ordering: .releasing)
    }

    /// Makes it another caller's; false if the last one still uses it. Called under the engine's lock.
    func reuse(
        site: RawCallSite,
        task: UInt,
        enqueuedAt: Instant,
        statement: StatementRun?
    ) -> Bool {
        guard isFree.load(ordering: .acquiring) else { return false }
        isFree.store(false, ordering: .relaxed)
        isOver.store(false, ordering: .relaxed)
        self.site = site
        self.task = task
        self.enqueuedAt = enqueuedAt
        self.statement = statement
        return true
    }
}
