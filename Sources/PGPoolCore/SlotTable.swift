/// Where a connection stands.
///
/// - free: no connection. Can become opening.
/// - opening: being dialled. Can become idle or leased (connected) or closing (failed, given up).
/// - idle: ready. Can become leased, quarantined (probe) or closing.
/// - leased: a caller has it. Can become idle, leased or shared (direct hand-off), quarantined, closing.
/// - shared: it carries single statements of several callers. Can become what a leased one can.
/// - quarantined: a round trip must pass first. Can become idle, leased or closing.
/// - closing: being closed, still counted. Can become free only.
package enum SlotState: Hashable, Sendable {
    case free
    case opening
    case idle
    case leased
    case shared
    case quarantined(QuarantinePurpose)
    case closing
}

/// How many connections are in each state.
package struct SlotCounts: Hashable, Sendable {
    package var opening = 0
    package var idle = 0
    package var leased = 0
    package var shared = 0
    package var quarantined = 0
    package var closing = 0

    package init() {}

    package var total: Int { opening + idle + leased + shared + quarantined + closing }

    /// Connections that are open: a server process stands behind each.
    package var open: Int { idle + leased + shared + quarantined }

    package mutating func add(_ amount: Int, to state: SlotState) {
        switch state {
        case .free: break
        case .opening: opening += amount
        case .idle: idle += amount
        case .leased: leased += amount
        case .shared: shared += amount
        case .quarantined: quarantined += amount
        case .closing: closing += amount
        }
    }
}

/// What is known of one connection.
package struct Slot: Sendable {
    package var serial: UInt32 = 0
    package fileprivate(set) var state = SlotState.free
    package var generation: UInt64 = 0
    /// When it is to be retired.
    package var expiresAt = Instant.distantFuture
    /// When the present state began.
    package var since = Instant(nanoseconds: 0)
    /// When a lease of it last ended, or it was opened: its place in the idle stack.
    package var lastUsed = Instant(nanoseconds: 0)
    /// The thread that serves it, as far as is known; 0 if none does in particular.
    package var thread: UInt32 = 0
    /// When bytes last came from the server: decides on validation and keep-alive.
    package var lastProven = Instant(nanoseconds: 0)
    /// The deadline of its one entry in the timer heap.
    package var timerAt = Instant.distantFuture
    package var longLeaseReported = false
    /// Set while it is leased or shared and must not be used again.
    package var doom: CloseReason?
    /// When its lease, of an old generation, is cut short.
    package var severAt = Instant.distantFuture
    /// The statements on it while it is shared.
    package var load = 0
    /// Set when statements that waited have filled it, until half of what it carries is over: they join in
    /// batches, which cost both sides less.
    package var isFull = false
    /// Set while it is shared and a statement has changed the session.
    package var isDirty = false
}

/// The connections of a pool, by slot, and the stack of the idle ones.
package struct SlotTable: Sendable {
    package private(set) var slots: [Slot] = []
    package private(set) var counts = SlotCounts()
    /// Idle slots, the one used last on top.
    package private(set) var idle: [UInt32] = []
    /// Shared slots, in no order.
    package private(set) var shared: [UInt32] = []
    /// Connections that would be idle if they were not just being kept alive.
    package private(set) var keptAlive = 0
    private var free: [UInt32] = []

    package init() {}

    package subscript(id: ConnectionID) -> Slot {
        // Yields instead of returning: a slot is larger than the field that is mostly wanted of it.
        _read { yield slots[Int(id.index)] }
        _modify { yield &slots[Int(id.index)] }
    }

    /// Whether the identifier names a connection that still lives.
    @inline(__always)
    package func isCurrent(_ id: ConnectionID) -> Bool {
        let index = Int(id.index)
        return index < slots.count && slots[index].serial == id.serial
            && slots[index].state != .free
    }

    @inline(__always)
    package func id(at index: UInt32) -> ConnectionID {
        ConnectionID(index: index, serial: slots[Int(index)].serial)
    }

    /// Connections that nobody needs now: a keep-alive is no use of a connection.
    @inline(__always)
    package var unneeded: Int { idle.count + keptAlive }

    /// The idle connection used last.
    @inline(__always)
    package var topIdle: ConnectionID? {
        idle.last.map(id(at:))
    }

    /// The idle connection used last on a thread, if it is one of the few used last on any.
    @inline(__always)
    package func topIdle(on thread: UInt32) -> ConnectionID? {
        for index in idle.suffix(8).reversed() where slots[Int(index)].thread == thread {
            return id(at: index)
        }
        return nil
    }

    /// The idle connection that was not needed for longest.
    package var bottomIdle: ConnectionID? {
        idle.first.map(id(at:))
    }

    /// All connections, in slot order.
    package var all: [ConnectionID] {
        slots.indices.compactMap { index in
            slots[index].state == .free ? nil : id(at: UInt32(index))
        }
    }

    /// Takes a free slot and makes it opening.
    package mutating func open(generation: UInt64, at now: Instant) -> ConnectionID {
        let index: UInt32
        if let recycled = free.popLast() {
            index = recycled
        } else {
            index = UInt32(slots.count)
            slots.append(Slot())
        }
        let serial = slots[Int(index)].serial &+ 1
        slots[Int(index)] = Slot()
        slots[Int(index)].serial = serial
        slots[Int(index)].generation = generation
        let id = ConnectionID(index: index, serial: serial)
        move(id, to: .opening, at: now)
        return id
    }

    /// Moves a connection from one state to another and keeps the counts and the idle stack right.
    package mutating func move(_ id: ConnectionID, to state: SlotState, at now: Instant) {
        let index = Int(id.index)
        let old = slots[index].state
        counts.add(-1, to: old)
        counts.add(1, to: state)
        if old == .quarantined(.keepAlive) { keptAlive -= 1 }
        if state == .quarantined(.keepAlive) { keptAlive += 1 }
        slots[index].state = state
        slots[index].since = now
        if old == .idle {
            removeIdle(id.index)
        } else if old == .shared, let place = shared.firstIndex(of: id.index) {
            shared.swapAt(place, shared.count - 1)
            shared.removeLast()
        }
        switch state {
        case .idle: insertIdle(id.index)
        case .shared: shared.append(id.index)
        case .free: free.append(id.index)
        default: break
        }
    }

    private mutating func removeIdle(_ index: UInt32) {
        if idle.last == index {
            idle.removeLast()
        } else if let place = idle.firstIndex(of: index) {
            idle.remove(at: place)
        }
    }

    /// Nearly always on top; a connection that comes back from a keep-alive goes to its old place.
    private mutating func insertIdle(_ index: UInt32) {
        let lastUsed = slots[Int(index)].lastUsed
        var place = idle.count
        while place > 0, lastUsed < slots[Int(idle[place - 1])].lastUsed {
            place -= 1
        }
        idle.insert(index, at: place)
    }
}
