internal import PGPoolCore

/// One connection of a pool, from its dial to its end, and who has it.
///
/// Proof of sendability: what can change changes under the engine's lock only.
final class PooledConnection: @unchecked Sendable {
    /// Names it to the state machine.
    let id: ConnectionID
    let startedAt: Instant
    /// Which of the endpoint's generations it was opened in.
    var endpointGeneration: UInt64 = 0
    var dial: Dial?
    var session: Session?
    /// Why its opening failed, while its session is being closed.
    var failure: DialFailure?
    var leasedAt = Instant(nanoseconds: 0)
    /// Who has it; nil while nobody does.
    var site: RawCallSite?
    /// Whether its lease filled the pool: the task that has it can then find it again.
    var isBound = false
    /// What the task that has it finds again in itself and its children, if it holds nothing else.
    let held: HeldLease

    init(id: ConnectionID, engine: PoolEngine, startedAt: Instant) {
        self.id = id
        self.startedAt = startedAt
        held = HeldLease(engine: ObjectIdentifier(engine), id: id, outer: nil)
    }
}

/// The right to use one connection now.
@usableFromInline
struct Lease: Sendable {
    let session: Session
    /// Nil if it is the right to run one statement beside others', not to the connection as a whole.
    let connection: PooledConnection?
    /// Goes with every use of the session; stale once the lease has ended.
    let number: UInt64
    /// Whether every connection was leased when this one was.
    @usableFromInline let filledPool: Bool
    let startedAt: Instant

    var isShared: Bool { connection == nil }
}

extension Lease {
    /// The right to run one statement on a connection that may carry others.
    init(sharing session: Session, startedAt: Instant) {
        self.init(
            session: session,
            connection: nil,
            number: 0,
            filledPool: false,
            startedAt: startedAt
        )
    }
}

/// What a task holds of pools, for it and the child tasks that it makes to find.
///
/// Only a lease that made its pool full is bound to its task, which is what costs time. That is
/// enough: if all who hold a connection waited for another, the last to have acquired its own would
/// be among them, and it is bound.
@usableFromInline
final class HeldLease: Sendable {
    @usableFromInline static let binding = TaskLocal<HeldLease?>(wrappedValue: nil)

    let engine: ObjectIdentifier
    let id: ConnectionID
    /// What was held already when this lease was acquired.
    let outer: HeldLease?

    init(engine: ObjectIdentifier, id: ConnectionID, outer: HeldLease?) {
        self.engine = engine
        self.id = id
        self.outer = outer
    }

    /// Names the present task, for comparison with another such name; 0 outside of any.
    static var currentTask: UInt {
        // Proof: UnsafeCurrentTask is one pointer, and so is an optional one; it is only compared.
        withUnsafeCurrentTask { unsafeBitCast($0, to: UInt.self) }
    }
}

/// A place in the source as the compiler hands it in; turned into text only when it is shown.
struct RawCallSite: Sendable {
    var fileID: StaticString
    var line: UInt

    var site: CallSite { CallSite(fileID, line) }
}
