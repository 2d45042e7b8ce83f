internal import HeapModule

/// What a deadline belongs to.
package enum TimerSubject: Hashable, Sendable {
    case waiter(WaiterID)
    case connection(ConnectionID)
    /// The next attempt to reach a failing endpoint.
    case backoff
    /// The end of the window that finds idle connections nobody needs.
    case idleWindow
    /// The ends of the two phases of a drain.
    case drainQueue
    case drainLeases
}

/// All deadlines of a pool in one order, so that one timer serves them.
///
/// Waiters' deadlines mostly come in their order, since most callers wait equally long: those are
/// queued up, and a heap has the rest.
///
/// Nothing is removed when a deadline loses its meaning: the entry is recognised as stale when it
/// comes up, and all is rebuilt when most of it is stale. So it never holds more than twice
/// what lives, plus a constant.
package struct TimerHeap: Sendable {
    package struct Entry: Comparable, Sendable {
        package let deadline: Instant
        package let subject: TimerSubject

        package static func < (left: Entry, right: Entry) -> Bool {
            left.deadline < right.deadline
        }

        package static func == (left: Entry, right: Entry) -> Bool {
            left.deadline == right.deadline
        }
    }

    private var heap = Heap<Entry>()
    /// Waiters' entries in order; those before `queueStart` have come up.
    private var queue: [Entry] = []
    private var queueStart = 0

    package init() {}

    package init(_ entries: [Entry]) {
        for entry in entries { insert(entry.subject, at: entry.deadline) }
    }

    package var count: Int { heap.count + queue.count - queueStart }

    package var first: Entry? {
        guard queueStart < queue.count else { return heap.min }
        let queued = queue[queueStart]
        guard let least = heap.min, least < queued else { return queued }
        return least
    }

    package mutating func insert(_ subject: TimerSubject, at deadline: Instant) {
        let entry = Entry(deadline: deadline, subject: subject)
        if case .waiter = subject, queue.last.map({ $0 <= entry }) ?? true {
            queue.append(entry)
        } else {
            heap.insert(entry)
        }
    }

    package mutating func popFirst() -> Entry? {
        guard let first else { return nil }
        if queueStart < queue.count, queue[queueStart] == first {
            queueStart += 1
            // What came up goes once it is half of all.
            if queueStart > queue.count / 2 {
                queue.removeFirst(queueStart)
                queueStart = 0
            }
            return first
        }
        return heap.popMin()
    }

    /// All entries, stale ones among them; waiters' queued ones in their order.
    package var entries: [Entry] { queue[queueStart...] + heap.unordered }

    /// Whether it holds more than twice `live` and a constant: time to rebuild it.
    @inline(__always)
    package func isMostlyStale(live: Int) -> Bool { count > 2 * live + 64 }
}
