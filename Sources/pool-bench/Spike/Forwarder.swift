import CPoolBenchBaselines
import Dispatch
import Foundation
import Glibc

/// A TCP forwarder on the loopback interface that makes every connect slow.
///
/// A client's connect succeeds at once; its first byte is taken, and the server connected, only
/// when the delay has passed. After that bytes pass as they come. One thread serves all connections
/// and sleeps while there is nothing to do.
final class Forwarder: Sendable {
    /// Where the forwarder listens, on 127.0.0.1.
    let port: Int

    private let wake: Int32
    private let ended = DispatchSemaphore(value: 0)

    /// Starts forwarding.
    ///
    /// - Parameters:
    ///   - host: The server's host, a name or an address.
    ///   - port: The server's port.
    ///   - connectDelay: How long each new connection waits for its first byte to be taken.
    /// - Throws: ``ForwarderError``.
    init(host: String, port: Int, connectDelay: Duration) throws {
        let server = try SocketAddress(host: host, port: port)
        let listener = try Socket.listen()
        let wake = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard wake >= 0, epoll >= 0 else {
            let error = ForwarderError("epoll", errno)
            for descriptor in [listener, wake, epoll] where descriptor >= 0 { close(descriptor) }
            throw error
        }
        self.wake = wake
        self.port = Socket.port(of: listener)
        let ended = self.ended
        let delay = UInt64(max(0, connectDelay.wholeNanoseconds))
        let thread = Thread {
            var loop = ForwarderLoop(
                epoll: epoll,
                listener: listener,
                wake: wake,
                server: server,
                delay: delay
            )
            loop.run()
            ended.signal()
        }
        thread.name = "forwarder"
        thread.start()
    }

    /// Cuts all connections and returns when the thread has ended.
    func stop() {
        eventfd_write(wake, 1)
        ended.wait()
        // For a second call, and for the descriptor's end.
        ended.signal()
    }

    deinit {
        stop()
        close(wake)
    }
}

/// A system call failed; nothing is forwarded.
struct ForwarderError: Error, CustomStringConvertible {
    let description: String

    init(_ call: String, _ code: Int32) {
        description = "forwarder: \(call): \(String(cString: strerror(code)))"
    }

    init(_ message: String) {
        description = "forwarder: \(message)"
    }
}

/// A resolved IPv4 or IPv6 address.
struct SocketAddress: Sendable {
    let family: Int32
    let bytes: [UInt8]

    init(host: String, port: Int) throws {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, "\(port)", &hints, &list)
        guard status == 0, let first = list?.pointee, let address = first.ai_addr else {
            throw ForwarderError("\(host): \(String(cString: gai_strerror(status)))")
        }
        defer { freeaddrinfo(list) }
        family = first.ai_family
        bytes = Array(UnsafeRawBufferPointer(start: address, count: Int(first.ai_addrlen)))
    }
}

/// The few socket calls that the forwarder needs.
enum Socket {
    private static let streamType = Int32(SOCK_STREAM.rawValue)
    private static let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

    /// A listening socket on a free port of 127.0.0.1.
    static func listen() throws -> Int32 {
        let descriptor = socket(AF_INET, streamType | flags, 0)
        guard descriptor >= 0 else { throw ForwarderError("socket", errno) }
        let address = try SocketAddress(host: "127.0.0.1", port: 0)
        guard
            call(bind, descriptor, address) == 0,
            Glibc.listen(descriptor, SOMAXCONN) == 0
        else {
            let error = ForwarderError("bind", errno)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    static func port(of descriptor: Int32) -> Int {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutableBytes(of: &address) { bytes in
            _ = getsockname(
                descriptor,
                bytes.assumingMemoryBound(to: sockaddr.self).baseAddress,
                &length
            )
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// The next connection that waits, or `nil`.
    static func accept(_ listener: Int32) -> Int32? {
        let descriptor = Glibc.accept(listener, nil, nil)
        guard descriptor >= 0 else { return nil }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        sendAtOnce(descriptor)
        return descriptor
    }

    /// Begins to connect; the socket becomes writable when that is settled.
    static func connect(to address: SocketAddress) -> Int32? {
        let descriptor = socket(address.family, streamType | flags, 0)
        guard descriptor >= 0 else { return nil }
        guard call(Glibc.connect, descriptor, address) == 0 || errno == EINPROGRESS else {
            close(descriptor)
            return nil
        }
        sendAtOnce(descriptor)
        return descriptor
    }

    private static func sendAtOnce(_ descriptor: Int32) {
        var on: Int32 = 1
        setsockopt(
            descriptor,
            Int32(IPPROTO_TCP),
            TCP_NODELAY,
            &on,
            socklen_t(MemoryLayout<Int32>.size)
        )
    }

    private static func call(
        _ function: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32,
        _ descriptor: Int32,
        _ address: SocketAddress
    ) -> Int32 {
        address.bytes.withUnsafeBytes { bytes in
            function(
                descriptor,
                bytes.assumingMemoryBound(to: sockaddr.self).baseAddress,
                socklen_t(bytes.count)
            )
        }
    }
}
