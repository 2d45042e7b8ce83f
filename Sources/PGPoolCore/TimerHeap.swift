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

/// All deadlines of a pool in one heap, so that one timer serves them.
///
/// Nothing is removed when a deadline loses its meaning: the entry is recognised as stale when it
/// comes up, and the heap is rebuilt when most of it is stale. So it never holds more than twice
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

    package init() {}

    package var count: Int { heap.count }

    package var first: Entry? { heap.min }

    package mutating func insert(_ subject: TimerSubject, at deadline: Instant) {
        heap.insert(Entry(deadline: deadline, subject: subject))
    }

    package mutating func popFirst() -> Entry? {
        heap.popMin()
    }

    package init(_ entries: [Entry]) {
        heap = Heap(entries)
    }

    /// All entries, stale ones among them, in no particular order.
    package var entries: [Entry] { heap.unordered }

    /// Whether the heap holds more than twice `live` and a constant: time to rebuild it.
    package func isMostlyStale(live: Int) -> Bool {
        heap.count > 2 * live + 64
    }
}
