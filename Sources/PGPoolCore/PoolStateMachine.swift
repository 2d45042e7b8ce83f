/// Every decision of a pool: who gets which connection, what is opened, closed and probed, and when.
///
/// A value. Events go in as calls that carry the time; actions come out at the end of a buffer that
/// the caller reuses. It knows connections and waiters by identifier only, so it can be simulated
/// through millions of events. Each extension of it, in a file of its own, handles one family of
/// events. What only reads it is inlined, or `mutating` where it is too large for that: a function
/// gets a copy of a struct of this size.
///
/// What always holds (`Tests/PGPoolCoreTests` checks it after each event):
/// - connections in all states together never grow past the limit;
/// - each waiter is resolved exactly once: granted, failed or removed;
/// - while a waiter waits, a connection is on its way, or a back-off is armed, or every slot is
///   taken, or the pool is paused, or as many lease as the endpoint admits;
/// - waiters are served in the order in which they came.
package struct PoolStateMachine: Sendable {
    package typealias Actions = [PoolAction]

    /// Where the pool stands in its life.
    package enum Lifecycle: Hashable, Sendable {
        case running
        /// New callers are refused, the queue is served until the first deadline.
        case draining(queueUntil: Instant, leasesUntil: Instant)
        /// The queue is empty; leases may come back until the deadline.
        case closing(leasesUntil: Instant)
        case closed
    }

    package let settings: PoolSettings
    package internal(set) var limit: Int
    package internal(set) var lifecycle = Lifecycle.running
    package internal(set) var isPaused = false
    /// How many connections may be leased or shared at once; 0 while the endpoint has no writer.
    package internal(set) var admission = Int.max
    package internal(set) var generation: UInt64 = 0
    package internal(set) var slots = SlotTable()
    package internal(set) var waiters = WaiterQueue()

    var timers = TimerHeap()
    /// The instant for which the owner was last asked to call `timerFired`.
    var armedAt = Instant.distantFuture
    var generator: SeededGenerator
    /// Failed attempts to open since the last success.
    package internal(set) var consecutiveFailures = 0
    /// No attempt before this instant.
    package internal(set) var backoffUntil: Instant?
    /// Whether the heap holds an entry for the present back-off, so that it never holds two.
    var isBackoffArmed = false
    /// The fewest connections that nobody needed at once during the present window.
    var fewestIdle = 0
    var isIdleWindowArmed = false

    /// Settings that every lease looks at, in nanoseconds: a `Duration` divides 128 bits.
    let validationBypass: Int64
    let longLeaseThreshold: Int64?
    let keepAliveInterval: Int64?
    let sharedPatience: Int64

    package init(settings: PoolSettings, seed: UInt64) {
        self.settings = settings
        validationBypass = settings.validationBypass.wholeNanoseconds
        // Far below what 64 bits hold, so that a sum cannot overflow.
        longLeaseThreshold = settings.longLeaseThreshold.map { min($0.wholeNanoseconds, .max / 4) }
        keepAliveInterval = settings.keepAliveInterval.map { min($0.wholeNanoseconds, .max / 4) }
        sharedPatience = settings.sharedPatience.wholeNanoseconds
        limit = settings.maxConnections
        generator = SeededGenerator(seed: seed)
    }

    @inline(__always)
    package var counts: SlotCounts { slots.counts }

    /// Whether a back-off keeps the pool from dialling.
    package var isBackingOff: Bool { backoffUntil != nil }

    /// Asks the owner for a timer if the earliest deadline comes before the one it knows of.
    mutating func armTimer(into actions: inout Actions) {
        guard let first = timers.first, first.deadline < armedAt else { return }
        armedAt = first.deadline
        actions.append(.scheduleTimer(first.deadline))
    }

    /// Adds a deadline and arms the timer for it.
    mutating func schedule(
        _ subject: TimerSubject,
        at deadline: Instant,
        into actions: inout Actions
    ) {
        guard deadline != .distantFuture else { return }
        timers.insert(subject, at: deadline)
        if timers.isMostlyStale(live: waiters.count + counts.total) {
            let kept = timers.entries.filter(isLive)
            timers = TimerHeap(kept)
        }
        armTimer(into: &actions)
    }

    /// Makes sure that the connection's entry in the heap is not later than `deadline`.
    ///
    /// A connection has at most one entry that counts; when it comes up, what is due is worked out
    /// afresh. So using a connection does not touch the heap.
    mutating func wake(_ id: ConnectionID, at deadline: Instant, into actions: inout Actions) {
        guard deadline < slots[id].timerAt else { return }
        slots[id].timerAt = deadline
        schedule(.connection(id), at: deadline, into: &actions)
    }

    func isLive(_ entry: TimerHeap.Entry) -> Bool {
        switch entry.subject {
        case .waiter(let id): waiters.contains(id)
        case .connection(let id): slots.isCurrent(id) && slots[id].timerAt == entry.deadline
        case .backoff: isBackoffArmed && backoffUntil == entry.deadline
        case .idleWindow, .drainQueue, .drainLeases: true
        }
    }
}
