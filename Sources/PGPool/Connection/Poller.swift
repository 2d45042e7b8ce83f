internal import CLibPQ
internal import PGPoolCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// What a file descriptor is watched for, or ready for.
struct Readiness: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    static let readable = Readiness(rawValue: 1)
    static let writable = Readiness(rawValue: 2)
}

/// Waits for file descriptors. Level-triggered, since one `PQconsumeInput` may leave bytes behind.
///
/// `watch`, `rewatch` and `unwatch` may be called from any thread; `wait` only from the reactor's.
protocol Poller: Sendable {
    /// Returns false if the system refuses the descriptor.
    func watch(_ descriptor: Int32, _ interest: Readiness, token: UInt64) -> Bool
    func rewatch(_ descriptor: Int32, _ interest: Readiness, token: UInt64)
    /// The descriptor is -1 if it was closed already.
    func unwatch(_ descriptor: Int32, token: UInt64)
    /// Blocks until something is ready, `wakeUp` is called or the time is over; negative: for ever.
    ///
    /// - Parameter most: no more than so many, the others the next time, if the system keeps an order.
    func wait(
        milliseconds: Int32,
        atMost most: Int,
        into ready: inout [(token: UInt64, readiness: Readiness)]
    )
    /// Ends a `wait` that is under way, or the next one.
    func wakeUp()
}

#if os(Linux)
    /// `epoll(7)`, with an `eventfd(2)` to wake it.
    final class EpollPoller: Poller {
        private static let wakeToken = UInt64.max
        private static let capacity = 256

        private let epoll: Int32
        private let event: Int32
        // Proof: only `wait`, on the reactor's own thread, uses it; it is set once and freed in deinit.
        nonisolated(unsafe) private let events: UnsafeMutableBufferPointer<epoll_event>

        init?() {
            epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
            guard epoll >= 0 else { return nil }
            events = .allocate(capacity: Self.capacity)
            event = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
            guard event >= 0, control(EPOLL_CTL_ADD, event, .readable, Self.wakeToken) else {
                return nil
            }
        }

        private func control(
            _ operation: Int32,
            _ descriptor: Int32,
            _ interest: Readiness,
            _ token: UInt64
        ) -> Bool {
            var registration = epoll_event()
            if interest.contains(.readable) {
                registration.events |= EPOLLIN.rawValue | EPOLLRDHUP.rawValue
            }
            if interest.contains(.writable) {
                registration.events |= EPOLLOUT.rawValue
            }
            registration.data.u64 = token
            return epoll_ctl(epoll, operation, descriptor, &registration) == 0
        }

        func watch(_ descriptor: Int32, _ interest: Readiness, token: UInt64) -> Bool {
            control(EPOLL_CTL_ADD, descriptor, interest, token)
        }

        func rewatch(_ descriptor: Int32, _ interest: Readiness, token: UInt64) {
            _ = control(EPOLL_CTL_MOD, descriptor, interest, token)
        }

        func unwatch(_ descriptor: Int32, token: UInt64) {
            // What was closed is forgotten by the system itself.
            if descriptor >= 0 { _ = control(EPOLL_CTL_DEL, descriptor, [], token) }
        }

        func wait(
            milliseconds: Int32,
            atMost most: Int,
            into ready: inout [(token: UInt64, readiness: Readiness)]
        ) {
            let most = Int32(min(events.count, most))
            let count = epoll_wait(epoll, events.baseAddress, most, milliseconds)
            guard count > 0 else { return }
            for event in events[0..<Int(count)] {
                if event.data.u64 == Self.wakeToken {
                    drainEvent()
                    continue
                }
                var readiness: Readiness = []
                let failed = EPOLLHUP.rawValue | EPOLLERR.rawValue | EPOLLRDHUP.rawValue
                if event.events & (EPOLLIN.rawValue | failed) != 0 {
                    readiness.insert(.readable)
                }
                if event.events & (EPOLLOUT.rawValue | EPOLLERR.rawValue) != 0 {
                    readiness.insert(.writable)
                }
                ready.append((event.data.u64, readiness))
            }
        }

        func wakeUp() {
            var one: UInt64 = 1
            _ = write(event, &one, 8)
        }

        private func drainEvent() {
            var count: UInt64 = 0
            _ = read(event, &count, 8)
        }

        // Not before nobody can call it any more: the numbers may be another's then.
        deinit {
            events.deallocate()
            closeDescriptor(event)
            closeDescriptor(epoll)
        }
    }
#endif

/// Stands in when the system gives no descriptor at all: every registration fails, so every dial
/// does, with an error instead of a crash.
struct NoPoller: Poller {
    func watch(_ descriptor: Int32, _ interest: Readiness, token: UInt64) -> Bool { false }
    func rewatch(_ descriptor: Int32, _ interest: Readiness, token: UInt64) {}
    func unwatch(_ descriptor: Int32, token: UInt64) {}
    func wait(
        milliseconds: Int32,
        atMost most: Int,
        into ready: inout [(token: UInt64, readiness: Readiness)]
    ) {
        _ = poll(nil, 0, milliseconds < 0 ? 1_000 : min(milliseconds, 1_000))
    }
    func wakeUp() {}
}
