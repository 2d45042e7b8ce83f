internal import DequeModule
internal import PGPoolCore

/// Waiters that were served, to be used again.
///
/// One is needed for each caller that waits, and mostly another thread frees it than made it, for which
/// the allocator of the system locks what both threads allocate from.
struct SpareWaiters {
    /// As many as may be on their way to being free. Fewer would be found in use, more not in the cache.
    static let atLeast = 16
    static let atMost = 64

    private var spares: Deque<Waiter> = []

    /// Keeps one that is, or will be, free.
    mutating func append(_ waiter: Waiter) {
        if spares.count < Self.atMost { spares.append(waiter) }
    }

    mutating func make(
        site: RawCallSite,
        task: UInt,
        enqueuedAt: Instant,
        statement: StatementRun?
    ) -> Waiter {
        // One that is still in use leaves: its task may be long in coming, and the rest would wait behind it.
        if spares.count >= Self.atLeast, let oldest = spares.popFirst(),
            oldest.reuse(site: site, task: task, enqueuedAt: enqueuedAt, statement: statement)
        {
            return oldest
        }
        return Waiter(site: site, task: task, enqueuedAt: enqueuedAt, statement: statement)
    }
}
