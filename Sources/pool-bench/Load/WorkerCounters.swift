import Synchronization

/// What one worker has done so far.
///
/// Only its worker writes it, with plain stores; others may read at any time. The padding keeps two
/// workers' counters out of one cache line, wherever the allocator puts them.
final class WorkerCounters: Sendable {
    typealias Padding = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

    private let before: Padding = (0, 0, 0, 0, 0, 0, 0, 0)
    private let completed = Atomic<Int>(0)
    private let failed = Atomic<Int>(0)
    private let after: Padding = (0, 0, 0, 0, 0, 0, 0, 0)

    var operations: Int { completed.load(ordering: .relaxed) }
    var errors: Int { failed.load(ordering: .relaxed) }

    @inline(__always)
    func countOperation() {
        completed.store(completed.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    func countError() {
        failed.store(failed.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }
}
