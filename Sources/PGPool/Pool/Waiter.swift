internal import PGPoolCore
internal import Synchronization

/// A caller in the queue.
///
/// A task that waits and whoever has its outcome meet here; the second to come has the task go on.
///
/// Proof of sendability: its fields change under the engine's lock until `outcome` is set, but `continuation`,
/// which only the task writes, before it comes. Then whoever wakes it uses it, and then only the task.
@usableFromInline
final class Waiter: @unchecked Sendable {
    private(set) var site: RawCallSite
    private(set) var task: UInt
    private(set) var enqueuedAt: Instant
    var id: WaiterID?
    var outcome: Result<Lease, any Error>?
    private(set) var continuation: TaskContinuation?
    /// Whether one of the two has come: the task, which can be woken now, or whoever has its outcome.
    private let hasOneCome = Atomic<Bool>(false)
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

    /// The task is about to suspend; false if the outcome is there, and the task is to go on at once.
    func suspend(_ task: UnsafeContinuation<Void, Never>) -> Bool {
        continuation = TaskContinuation(task)
        return !hasOneCome.exchange(true, ordering: .acquiringAndReleasing)
    }

    /// The outcome is set: wakes the task, or leaves it to see for itself. It may be another caller's then.
    func wake() {
        guard
            hasOneCome.load(ordering: .acquiring)
                || hasOneCome.exchange(true, ordering: .acquiringAndReleasing)
        else { return }
        // Read before what the task sees when it goes on, which may make this another caller's.
        let task = continuation
        hasOneCome.store(true, ordering: .releasing)
        task?.resume()
    }

    /// Whoever will wake the task knows that it will. Changes nothing.
    func prefetch() {
        if hasOneCome.load(ordering: .acquiring) { continuation?.prefetch() }
    }

    /// What the task was waiting for, which it takes once, when it goes on.
    func takeOutcome() -> Result<Lease, any Error>? {
        // Orders the outcome, which another thread wrote, before its use. Continuations do so too, but
        // inside the runtime, where a sanitizer cannot see it.
        _ = hasOneCome.load(ordering: .acquiring)
        return outcome.take()
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
        hasOneCome.store(false, ordering: .relaxed)
        self.site = site
        self.task = task
        self.enqueuedAt = enqueuedAt
        self.statement = statement
        return true
    }
}
