internal import HeapModule
internal import PGPoolCore

/// Whom a reactor calls, and when: the handlers, their descriptors and their deadlines.
struct ReactorRegistry {
    private struct Registration {
        var serial: UInt32 = 0
        var handler: (any ReactorHandler)?
        var descriptor: Int32 = -1
        /// When the handler wants to be called; distant when it does not.
        var deadline = Instant.distantFuture
        /// The deadline of its entry in the heap; at most one entry counts.
        var heapDeadline = Instant.distantFuture
    }

    private struct Timer: Comparable {
        var deadline: Instant
        var token: UInt64

        static func < (left: Timer, right: Timer) -> Bool { left.deadline < right.deadline }
    }

    private var registrations: [Registration] = []
    private var free: [Int] = []
    private var timers = Heap<Timer>()
    /// Registrations that have a descriptor.
    private(set) var sockets = 0

    var hasDeadlines: Bool { !timers.isEmpty }

    /// No handler is to be called before it.
    var firstDeadline: Instant? { timers.min?.deadline }

    mutating func add(_ handler: any ReactorHandler, descriptor: Int32) -> ReactorToken {
        let index: Int
        if let recycled = free.popLast() {
            index = recycled
        } else {
            index = registrations.count
            registrations.append(Registration())
        }
        let serial = registrations[index].serial &+ 1
        registrations[index] = Registration(
            serial: serial,
            handler: handler,
            descriptor: descriptor
        )
        if descriptor >= 0 { sockets += 1 }
        return ReactorToken(index: index, serial: serial)
    }

    /// Forgets a handler and returns its descriptor; nil if it was forgotten before.
    mutating func remove(_ token: ReactorToken) -> Int32? {
        guard registrations[token.index].serial == token.serial else { return nil }
        let descriptor = registrations[token.index].descriptor
        registrations[token.index].handler = nil
        registrations[token.index].serial &+= 1
        free.append(token.index)
        if descriptor >= 0 { sockets -= 1 }
        return descriptor
    }

    /// Sets the one deadline of a handler. True if it comes before those that the handler had.
    mutating func setDeadline(_ deadline: Instant, _ token: ReactorToken) -> Bool {
        guard registrations[token.index].serial == token.serial else { return false }
        registrations[token.index].deadline = deadline
        guard deadline < registrations[token.index].heapDeadline else { return false }
        registrations[token.index].heapDeadline = deadline
        timers.insert(Timer(deadline: deadline, token: token.rawValue))
        return true
    }

    /// Appends those whose descriptors are ready.
    func collectReady(
        _ ready: [(token: UInt64, readiness: Readiness)],
        into calls: inout [(any ReactorHandler, Readiness)]
    ) {
        for (raw, readiness) in ready {
            let token = ReactorToken(rawValue: raw)
            let registration = registrations[token.index]
            guard registration.serial == token.serial, let handler = registration.handler
            else { continue }
            calls.append((handler, readiness))
        }
    }

    /// Appends those whose deadlines have passed, ready for nothing.
    mutating func collectDue(
        at now: Instant,
        into calls: inout [(any ReactorHandler, Readiness)]
    ) {
        while let first = timers.min, first.deadline <= now {
            _ = timers.popMin()
            let token = ReactorToken(rawValue: first.token)
            var registration = registrations[token.index]
            guard registration.serial == token.serial,
                registration.heapDeadline == first.deadline
            else { continue }
            registration.heapDeadline = .distantFuture
            if registration.deadline <= now {
                registration.deadline = .distantFuture
                if let handler = registration.handler { calls.append((handler, [])) }
            } else if registration.deadline != .distantFuture {
                registration.heapDeadline = registration.deadline
                timers.insert(
                    Timer(deadline: registration.deadline, token: first.token)
                )
            }
            registrations[token.index] = registration
        }
    }
}

/// Names one registration; stale ones are recognised by their serial.
struct ReactorToken: Hashable, Sendable {
    let index: Int
    let serial: UInt32

    init(index: Int, serial: UInt32) {
        self.index = index
        self.serial = serial
    }

    init(rawValue: UInt64) {
        index = Int(rawValue >> 32)
        serial = UInt32(truncatingIfNeeded: rawValue)
    }

    var rawValue: UInt64 { UInt64(index) << 32 | UInt64(serial) }
}
