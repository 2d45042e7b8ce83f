internal import PGPoolCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// `poll(2)`, for systems without epoll; tests force it on Linux too.
///
/// Every wait hands the whole list to the kernel, so it suits tens of connections, not thousands.
final class PortablePoller: Poller {
    private struct Watch {
        var descriptor: Int32
        var interest: Readiness
    }

    private let watches = Mutex<[UInt64: Watch]>([:])
    private let wakeReader: Int32
    private let wakeWriter: Int32

    init?() {
        var pair: [Int32] = [-1, -1]
        guard pipe(&pair) == 0 else { return nil }
        wakeReader = pair[0]
        wakeWriter = pair[1]
        for descriptor in pair {
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    func watch(_ descriptor: Int32, _ interest: Readiness, token: UInt64) -> Bool {
        watches.withLock { $0[token] = Watch(descriptor: descriptor, interest: interest) }
        wakeUp()
        return true
    }

    func rewatch(_ descriptor: Int32, _ interest: Readiness, token: UInt64) {
        watches.withLock { $0[token] = Watch(descriptor: descriptor, interest: interest) }
        wakeUp()
    }

    func unwatch(_ descriptor: Int32, token: UInt64) {
        watches.withLock { _ = $0.removeValue(forKey: token) }
        wakeUp()
    }

    func wait(
        milliseconds: Int32,
        atMost most: Int,
        into ready: inout [(token: UInt64, readiness: Readiness)]
    ) {
        var tokens: [UInt64] = []
        var list = [pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0)]
        watches.withLock { watches in
            for (token, watch) in watches {
                var events: Int16 = 0
                if watch.interest.contains(.readable) { events |= Int16(POLLIN) }
                if watch.interest.contains(.writable) { events |= Int16(POLLOUT) }
                tokens.append(token)
                list.append(pollfd(fd: watch.descriptor, events: events, revents: 0))
            }
        }
        guard poll(&list, nfds_t(list.count), milliseconds) > 0 else { return }
        if list[0].revents != 0 {
            drainPipe()
        }
        for (token, entry) in zip(tokens, list.dropFirst()) where entry.revents != 0 {
            var readiness: Readiness = []
            let failed = Int16(POLLHUP) | Int16(POLLERR) | Int16(POLLNVAL)
            if entry.revents & (Int16(POLLIN) | failed) != 0 { readiness.insert(.readable) }
            if entry.revents & (Int16(POLLOUT) | Int16(POLLERR)) != 0 {
                readiness.insert(.writable)
            }
            ready.append((token, readiness))
        }
    }

    func wakeUp() {
        var one: UInt8 = 1
        _ = write(wakeWriter, &one, 1)
    }

    private func drainPipe() {
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
            while read(wakeReader, buffer.baseAddress, buffer.count) > 0 {}
        }
    }

    deinit {
        closeDescriptor(wakeReader)
        closeDescriptor(wakeWriter)
    }
}

/// `close(2)`; a free function, since a method named `close` hides it.
func closeDescriptor(_ descriptor: Int32) {
    _ = close(descriptor)
}
