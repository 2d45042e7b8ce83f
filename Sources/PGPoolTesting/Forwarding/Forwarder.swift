import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// TCP forwarders on loopback addresses, one thread for all of a cluster's.
///
/// Each gate listens on an address and asks at every new connection where it leads. What is
/// connected stays connected to where it led then, as it is with names and DNS.
final class Forwarder: Sendable {
    /// Who tells where a new connection leads; `nil` refuses it.
    typealias Route = @Sendable () -> LoopbackAddress?

    /// What the thread is told to do.
    enum Command: Sendable {
        /// Listens at a gate's address. A gate that is open stays as it is.
        case open(Gate)
        /// Stops listening and cuts what is connected.
        case close(String)
        /// Passes no byte any more, or passes them again. The kernel goes on acknowledging.
        case stall(String, Bool)
        /// Drops what a server says from its next `COMMIT` on, in every connection of the gate, and
        /// calls back at the first; `nil` ends that for connections that didn't see one.
        case loseAcknowledgements(String, (@Sendable () -> Void)?)
        case stop
    }

    /// Where it listens, and how it is called.
    struct Gate: Sendable {
        let name: String
        let address: LoopbackAddress
        let route: Route
        /// Whether PostgreSQL's messages are told apart, for ``Command/loseAcknowledgements(_:_:)``.
        let readsMessages: Bool
    }

    private typealias Reply = CheckedContinuation<Void, any Error>
    private let commands = Mutex<[(Command, Reply?)]>([])
    private let hasStopped = Mutex(false)
    private let pipe: (read: Int32, write: Int32)

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { throw Self.failure("pipe") }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        pipe = (ends[0], ends[1])
        let loop = ForwarderLoop(wake: pipe.read)
        let pending = PendingCommands { [weak self] in self?.take() ?? [(.stop, nil)] }
        let thread = Thread { loop.run(pending.take) }
        thread.name = "forwarder"
        thread.start()
    }

    /// Has the thread do something, and returns when it did.
    ///
    /// - Throws: ``LocalClusterError`` when an address can't be listened on.
    func perform(_ command: Command) async throws {
        try await withCheckedThrowingContinuation { reply in
            let isOver = hasStopped.withLock { isOver in
                if !isOver { commands.withLock { $0.append((command, reply)) } }
                return isOver
            }
            guard !isOver else {
                reply.resume(
                    throwing: LocalClusterError(
                        code: .supervisorLost,
                        message: "the cluster was shut down"
                    )
                )
                return
            }
            wake()
        }
    }

    /// Closes everything, soon.
    func stop() {
        hasStopped.withLock { isOver in
            guard !isOver else { return }
            isOver = true
            commands.withLock { $0.append((.stop, nil)) }
            wake()
        }
    }

    deinit {
        stop()
        close(pipe.write)
    }

    private func take() -> [(Command, Reply?)] {
        commands.withLock { commands in
            defer { commands = [] }
            return commands
        }
    }

    private func wake() {
        var byte: UInt8 = 1
        _ = write(pipe.write, &byte, 1)
    }

    static func failure(_ call: String) -> LocalClusterError {
        let reason = String(cString: strerror(errno))
        return LocalClusterError(code: .serverFailed, message: "forwarder: \(call): \(reason)")
    }
}

/// The way from the thread back to the forwarder, which it doesn't keep alive.
struct PendingCommands: Sendable {
    let take: @Sendable () -> [(Forwarder.Command, CheckedContinuation<Void, any Error>?)]
}

/// An IPv4 address and a port.
struct LoopbackAddress: Sendable, Hashable {
    let host: String
    let port: Int

    func withSocketAddress(_ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return -1 }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
