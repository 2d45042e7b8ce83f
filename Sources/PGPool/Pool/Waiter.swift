internal import PGPoolCore
internal import Synchronization

/// A caller in the queue.
///
/// Proof of sendability: its fields change only under the engine's lock, until `outcome` is set;
/// then only the one task that waits reads it, or whoever sends the statement takes it.
@usableFromInline
final class Waiter: @unchecked Sendable {
    let site: RawCallSite
    let task: UInt
    let enqueuedAt: Instant
    var id: WaiterID?
    var outcome: Result<Lease, any Error>?
    /// As in `Operation`.
    let isOver = Atomic<Bool>(false)
    var continuation: TaskContinuation?
    /// A statement that came along: it is sent at once by whoever frees a connection.
    let statement: StatementRun?

    init(site: RawCallSite, task: UInt, enqueuedAt: Instant, statement: StatementRun?) {
        self.site = site
        self.task = task
        self.enqueuedAt = enqueuedAt
        self.statement = statement
    }
}
