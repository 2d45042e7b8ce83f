/// The callers that wait, oldest first.
///
/// A doubly linked list inside an array: joining, leaving from the middle and serving the head cost
/// the same however long the queue is, and a storm of cancellations leaves nothing behind.
package struct WaiterQueue: Sendable {
    private struct Entry {
        var serial: UInt32 = 0
        var isQueued = false
        var deadline = Instant.distantFuture
        var enqueuedAt = Instant(nanoseconds: 0)
        var previous: UInt32 = .max
        var next: UInt32 = .max
    }

    private static let none = UInt32.max

    private var entries: [Entry] = []
    private var head = none
    private var tail = none
    private var free = none
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    /// The oldest waiter.
    package var first: WaiterID? {
        head == Self.none ? nil : WaiterID(index: head, serial: entries[Int(head)].serial)
    }

    /// When the oldest waiter joined.
    package var oldestEnqueuedAt: Instant? {
        head == Self.none ? nil : entries[Int(head)].enqueuedAt
    }

    /// The deadline of a waiter that still waits.
    package func deadline(of id: WaiterID) -> Instant? {
        contains(id) ? entries[Int(id.index)].deadline : nil
    }

    package func contains(_ id: WaiterID) -> Bool {
        let index = Int(id.index)
        return index < entries.count && entries[index].serial == id.serial
            && entries[index].isQueued
    }

    /// Adds a waiter at the end.
    package mutating func append(deadline: Instant, at now: Instant) -> WaiterID {
        let index: UInt32
        if free != Self.none {
            index = free
            free = entries[Int(index)].next
        } else {
            index = UInt32(entries.count)
            entries.append(Entry())
        }
        let serial = entries[Int(index)].serial &+ 1
        entries[Int(index)] = Entry(
            serial: serial,
            isQueued: true,
            deadline: deadline,
            enqueuedAt: now,
            previous: tail,
            next: Self.none
        )
        if tail == Self.none {
            head = index
        } else {
            entries[Int(tail)].next = index
        }
        tail = index
        count += 1
        return WaiterID(index: index, serial: serial)
    }

    /// Removes and returns the oldest waiter.
    package mutating func popFirst() -> WaiterID? {
        guard let id = first else { return nil }
        remove(id)
        return id
    }

    /// Removes a waiter wherever it stands; false if it does not wait any more.
    @discardableResult
    package mutating func remove(_ id: WaiterID) -> Bool {
        guard contains(id) else { return false }
        let entry = entries[Int(id.index)]
        if entry.previous == Self.none {
            head = entry.next
        } else {
            entries[Int(entry.previous)].next = entry.next
        }
        if entry.next == Self.none {
            tail = entry.previous
        } else {
            entries[Int(entry.next)].previous = entry.previous
        }
        entries[Int(id.index)].isQueued = false
        entries[Int(id.index)].next = free
        free = id.index
        count -= 1
        return true
    }
}
