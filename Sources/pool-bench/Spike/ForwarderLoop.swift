import CPoolBenchBaselines
import Glibc

/// The forwarder's thread: waits for sockets and for delays, and moves bytes.
struct ForwarderLoop {
    let epoll: Int32
    let listener: Int32
    let wake: Int32
    let server: SocketAddress
    let delay: UInt64

    /// Every open link, under both its descriptors.
    private var links: [Int32: ForwarderLink] = [:]
    /// Connections that wait for their delay; the first one is due first.
    private var delayed: [(due: UInt64, link: ForwarderLink)] = []

    init(epoll: Int32, listener: Int32, wake: Int32, server: SocketAddress, delay: UInt64) {
        self.epoll = epoll
        self.listener = listener
        self.wake = wake
        self.server = server
        self.delay = delay
    }

    /// Runs until the wake descriptor becomes readable; closes everything but that.
    mutating func run() {
        watch(listener, ForwarderLoop.readable, EPOLL_CTL_ADD)
        watch(wake, ForwarderLoop.readable, EPOLL_CTL_ADD)
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        var isRunning = true
        while isRunning {
            let count = epoll_wait(epoll, &events, Int32(events.count), timeout())
            for event in events.prefix(max(0, Int(count))) {
                if event.data.fd == wake {
                    isRunning = false
                } else if event.data.fd == listener {
                    acceptAll()
                } else if let link = links[event.data.fd] {
                    serve(link, event)
                }
            }
            connectDue()
        }
        for link in Array(links.values) { end(link) }
        close(listener)
        close(epoll)
    }

    private static let readable = EPOLLIN.rawValue
    private static let writable = EPOLLOUT.rawValue
    private static let gone = EPOLLHUP.rawValue | EPOLLERR.rawValue

    /// Milliseconds to the next delay's end, rounded up; -1 if none is under way.
    private func timeout() -> Int32 {
        guard let first = delayed.first else { return -1 }
        let now = MonotonicClock.now()
        return first.due > now ? Int32((first.due - now + 999_999) / 1_000_000) : 0
    }

    private mutating func acceptAll() {
        while let client = Socket.accept(listener) {
            let link = ForwarderLink(client: client)
            links[client] = link
            delayed.append((MonotonicClock.now() + delay, link))
        }
    }

    private mutating func connectDue() {
        let now = MonotonicClock.now()
        let due = delayed.prefix { $0.due <= now }.map(\.link)
        delayed.removeFirst(due.count)
        for link in due {
            guard let upstream = Socket.connect(to: server) else {
                end(link)
                continue
            }
            link.upstream = upstream
            links[upstream] = link
            // The client is watched once the server took the connection.
            watch(upstream, Self.writable, EPOLL_CTL_ADD)
        }
    }

    private mutating func serve(_ link: ForwarderLink, _ event: epoll_event) {
        let interest =
            event.data.fd == link.client ? link.clientInterest : link.upstreamInterest
        // A side that is gone is reported without being asked for, for ever.
        if interest == 0 && event.events & Self.gone != 0 { return end(link) }
        if !link.isConnected {
            guard link.settleConnect() else { return end(link) }
            watch(link.client, Self.readable, EPOLL_CTL_ADD)
            watch(link.upstream, Self.readable, EPOLL_CTL_MOD)
        }
        let isWhole =
            link.toUpstream.move(from: link.client, to: link.upstream)
            && link.toClient.move(from: link.upstream, to: link.client)
        guard isWhole, !(link.toUpstream.isFinished && link.toClient.isFinished) else {
            return end(link)
        }
        update(link)
    }

    /// Watches for what each side can do next: nothing is read while what was read before waits.
    private func update(_ link: ForwarderLink) {
        let client = interest(reads: link.toUpstream, writes: link.toClient)
        if client != link.clientInterest {
            link.clientInterest = client
            watch(link.client, client, EPOLL_CTL_MOD)
        }
        let upstream = interest(reads: link.toClient, writes: link.toUpstream)
        if upstream != link.upstreamInterest {
            link.upstreamInterest = upstream
            watch(link.upstream, upstream, EPOLL_CTL_MOD)
        }
    }

    private func interest(reads: ForwarderDirection, writes: ForwarderDirection) -> UInt32 {
        (reads.acceptsInput ? Self.readable : 0) | (writes.hasPending ? Self.writable : 0)
    }

    private mutating func end(_ link: ForwarderLink) {
        for descriptor in [link.client, link.upstream] where descriptor >= 0 {
            links[descriptor] = nil
            close(descriptor)
        }
    }

    private func watch(_ descriptor: Int32, _ events: UInt32, _ operation: Int32) {
        var event = epoll_event(events: events, data: epoll_data_t(fd: descriptor))
        epoll_ctl(epoll, operation, descriptor, &event)
    }
}

/// A client's connection and the server's that belongs to it.
final class ForwarderLink {
    let client: Int32
    var upstream: Int32 = -1
    private(set) var isConnected = false
    var clientInterest = EPOLLIN.rawValue
    var upstreamInterest = EPOLLIN.rawValue
    var toUpstream = ForwarderDirection()
    var toClient = ForwarderDirection()

    init(client: Int32) {
        self.client = client
    }

    /// Learns whether the server took the connection.
    func settleConnect() -> Bool {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(upstream, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return false }
        isConnected = code == 0
        return isConnected
    }
}

/// The bytes on their way from one side to the other.
struct ForwarderDirection {
    private var buffer: [UInt8] = []
    private var written = 0
    private var filled = 0
    private var hasEnded = false
    private(set) var isFinished = false

    var hasPending: Bool { written < filled }
    var acceptsInput: Bool { !hasPending && !hasEnded }

    /// Moves what can be moved without waiting. Returns `false` when the connection is lost.
    mutating func move(from source: Int32, to target: Int32) -> Bool {
        while !isFinished {
            guard push(to: target) else { return false }
            if hasPending { return true }
            if hasEnded {
                shutdown(target, Int32(SHUT_WR))
                isFinished = true
                return true
            }
            if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: 1 << 16) }
            let count = read(source, &buffer, buffer.count)
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            hasEnded = count == 0
            (written, filled) = (0, count)
            // A short read emptied the socket; if more came since, epoll says so.
            if count > 0 && count < buffer.count { return push(to: target) }
        }
        return true
    }

    private mutating func push(to target: Int32) -> Bool {
        while hasPending {
            let count = buffer.withUnsafeBytes { bytes in
                send(
                    target,
                    bytes.baseAddress?.advanced(by: written),
                    filled - written,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            written += count
        }
        return true
    }
}
