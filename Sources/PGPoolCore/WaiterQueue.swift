/// The callers that wait, oldest first.
///
/// Those whose one statement may share a connection have a lane of their own, so that a connection
/// can take several of them past callers that want one for themselves. Each lane is a doubly linked
/// list inside one array: joining, leaving from the middle and serving the head cost the same however
/// long the queue is, and a storm of cancellations leaves nothing behind.
package struct WaiterQueue: Sendable {
    private struct Entry {
        var serial: UInt32 = 0
        var isQueued = false
        var isShareable = false
        var deadline = Instant.distantFuture
        var enqueuedAt = Instant(nanoseconds: 0)
        /// Its place among all that ever came.
        var turn: UInt64 = 0
        var previous: UInt32 = .max
        var next: UInt32 = .max
    }

    private struct Lane {
        var head = none
        var tail = none
        var count = 0
    }

    private static let none = UInt32.max

    private var entries: [Entry] = []
    private var exclusive = Lane()
    private var shareable = Lane()
    private var free = none
    private var nextTurn: UInt64 = 0

    package init() {}

    @inline(__always)
    package var count: Int { exclusive.count + shareable.count }
    @inline(__always)
    package var isEmpty: Bool { count == 0 }
    /// Callers that want a connection for themselves.
    @inline(__always)
    package var exclusiveCount: Int { exclusive.count }
    /// Statements that may share one.
    @inline(__always)
    package var shareableCount: Int { shareable.count }

    /// The oldest waiter of both lanes.
    @inline(__always)
    package var first: WaiterID? {
        let head = firstIndex
        return head == Self.none ? nil : id(at: head)
    }

    /// Whether the oldest waiter may share a connection.
    @inline(__always)
    package var isFirstShareable: Bool {
        let head = firstIndex
        return head != Self.none && entries[Int(head)].isShareable
    }

    @inline(__always)
    private var firstIndex: UInt32 {
        if shareable.head == Self.none { return exclusive.head }
        if exclusive.head == Self.none { return shareable.head }
        let isExclusiveOlder =
            entries[Int(exclusive.head)].turn < entries[Int(shareable.head)].turn
        return isExclusiveOlder ? exclusive.head : shareable.head
    }

    @inline(__always)
    private func id(at index: UInt32) -> WaiterID {
        WaiterID(index: index, serial: entries[Int(index)].serial)
    }

    /// When the oldest waiter joined.
    package var oldestEnqueuedAt: Instant? {
        let head = firstIndex
        return head == Self.none ? nil : entries[Int(head)].enqueuedAt
    }

    /// The deadline of a waiter that still waits.
    package func deadline(of id: WaiterID) -> Instant? {
        contains(id) ? entries[Int(id.index)].deadline : nil
    }

    @inline(__always)
    package func contains(_ id: WaiterID) -> Bool {
        let index = Int(id.index)
        return index < entries.count && entries[index].serial == id.serial
            && entries[index].isQueued
    }

    /// Adds a waiter at the end of its lane.
    package mutating func append(
        deadline: Instant,
        isShareable: Bool = false,
        at now: Instant
    ) -> WaiterID {
        let index: UInt32
        if free != Self.none {
            index = free
            free = entries[Int(index)].next
        } else {
            index = UInt32(entries.count)
            entries.append(Entry())
        }
        let serial = entries[Int(index)].serial &+ 1
        nextTurn += 1
        entries[Int(index)] = Entry(
            serial: serial,
            isQueued: true,
            isShareable: isShareable,
            deadline: deadline,
            enqueuedAt: now,
            turn: nextTurn
        )
        if isShareable {
            Self.link(index, into: &shareable, &entries)
        } else {
            Self.link(index, into: &exclusive, &entries)
        }
        return WaiterID(index: index, serial: serial)
    }

    private static func link(
        _ index: UInt32,
        into lane: inout Lane,
        _ entries: inout [Entry]
    ) {
        entries[Int(index)].previous = lane.tail
        if lane.tail == none {
            lane.head = index
        } else {
            entries[Int(lane.tail)].next = index
        }
        lane.tail = index
        lane.count += 1
    }

    /// Removes and returns the oldest waiter.
    package mutating func popFirst() -> WaiterID? {
        guard let id = first else { return nil }
        remove(id)
        return id
    }

    /// Removes and returns the oldest waiter that may share.
    package mutating func popFirstShareable() -> WaiterID? {
        guard shareable.head != Self.none else { return nil }
        let id = id(at: shareable.head)
        remove(id)
        return id
    }

    /// Removes a waiter wherever it stands; false if it does not wait any more.
    @discardableResult
    package mutating func remove(_ id: WaiterID) -> Bool {
        guard contains(id) else { return false }
        if entries[Int(id.index)].isShareable {
            Self.unlink(id.index, from: &shareable, &entries)
        } else {
            Self.unlink(id.index, from: &exclusive, &entries)
        }
        entries[Int(id.index)].isQueued = false
        entries[Int(id.index)].next = free
        free = id.index
        return true
    }

    private static func unlink(
        _ index: UInt32,
        from lane: inout Lane,
        _ entries: inout [Entry]
    ) {
        let entry = entries[Int(index)]
        if entry.previous == none {
            lane.head = entry.next
        } else {
            entries[Int(entry.previous)].next = entry.next
        }
        if entry.next == none {
            lane.tail = entry.previous
        } else {
            entries[Int(entry.next)].previous = entry.previous
        }
        lane.count -= 1
    }
}
