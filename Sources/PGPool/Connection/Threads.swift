internal import CLibPQ
internal import DequeModule
internal import PGPoolCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Starts a detached thread of the system's; the name helps whoever looks at `top -H`. False when the
/// system refuses.
@discardableResult
func startThread(named name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
    final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(name, body))
    let status = pthread_create(
        &thread,
        &attributes,
        { raw in
            guard let raw else { return nil }
            let box = Unmanaged<Box>.fromOpaque(raw).takeRetainedValue()
            #if os(Linux)
                pgpool_name_thread(box.name)
            #endif
            box.body()
            return nil
        },
        box.toOpaque()
    )
    pthread_attr_destroy(&attributes)
    if status != 0 { box.release() }
    return status == 0
}

/// Threads for calls that block and cannot be made otherwise: `getaddrinfo`, `PQcancel`.
///
/// Each host has its own, so that one that hangs holds up no other. They start as they are needed, up to
/// a bound, and end when nothing is left to do. Work beyond the bound queues; whoever handed it in has a
/// deadline of its own.
final class BlockingThreads: Sendable {
    static let resolver = BlockingThreads(named: "pgpool-resolver")
    static let canceller = BlockingThreads(named: "pgpool-cancel")

    private struct Host {
        var work = Deque<@Sendable () -> Void>()
        var threads = 0
        /// When one of its calls returned last.
        var lastEnd: Instant?
    }

    private static let maximum = 8
    private let name: String
    private let hosts = Mutex<[String: Host]>([:])

    init(named name: String) {
        self.name = name
    }

    func run(for host: String, _ work: @escaping @Sendable () -> Void) {
        let mustStart = hosts.withLock { hosts in
            hosts[host, default: Host()].work.append(work)
            guard hosts[host, default: Host()].threads < Self.maximum else { return false }
            hosts[host]?.threads += 1
            return true
        }
        if mustStart, !startThread(named: name, { self.serve(host) }) {
            // Those that run do its work, or the next one that starts.
            hosts.withLock { $0[host]?.threads -= 1 }
        }
    }

    /// When one of the host's calls returned last, while others are under way or wait.
    func lastEnd(for host: String) -> Instant? {
        hosts.withLock { $0[host]?.lastEnd }
    }

    private func serve(_ host: String) {
        while let work = next(host) {
            work()
            hosts.withLock { $0[host]?.lastEnd = .now }
        }
    }

    /// What a thread is to do next; with nil it is to end.
    private func next(_ host: String) -> (@Sendable () -> Void)? {
        hosts.withLock { hosts in
            if let work = hosts[host]?.work.popFirst() { return work }
            hosts[host]?.threads -= 1
            if hosts[host]?.threads == 0 { hosts[host] = nil }
            return nil
        }
    }
}
