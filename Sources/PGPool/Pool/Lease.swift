internal import PGPoolCore

/// The right to use one connection now.
struct Lease: Sendable {
    let session: Session
    /// Names the connection to the state machine.
    let id: ConnectionID
    /// Goes with every use of the session; stale once the lease has ended.
    let number: UInt64
}

/// What a task, and the child tasks it makes, hold of pools: found again when one of them is about
/// to wait for a connection that only it could give back.
final class HeldLease: Sendable {
    @TaskLocal static var current: HeldLease?

    let engine: ObjectIdentifier
    let id: ConnectionID
    /// What was held already when this lease was acquired.
    let outer: HeldLease?

    init(engine: ObjectIdentifier, id: ConnectionID, outer: HeldLease?) {
        self.engine = engine
        self.id = id
        self.outer = outer
    }
}

/// A caller in the queue.
///
/// Proof of sendability: its fields change only under the engine's lock, until `outcome` is set;
/// then only the one task that waits reads it.
final class Waiter: @unchecked Sendable {
    let site: RawCallSite?
    let enqueuedAt: Instant
    var id: WaiterID?
    var outcome: Result<Lease, any Error>?
    var continuation: UnsafeContinuation<Void, Never>?
    /// A statement that came along: it is sent at once by whoever frees a connection.
    let statement: StatementRun?

    init(site: RawCallSite?, enqueuedAt: Instant, statement: StatementRun? = nil) {
        self.site = site
        self.enqueuedAt = enqueuedAt
        self.statement = statement
    }
}
