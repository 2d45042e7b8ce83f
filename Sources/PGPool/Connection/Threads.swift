internal import CLibPQ
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Starts a detached thread of the system's; the name helps whoever looks at `top -H`.
func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
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
}

/// A few threads for calls that block and cannot be made otherwise: `getaddrinfo`, `PQcancel`.
///
/// Threads start as they are needed, up to a bound, and stay. Work beyond the bound queues; whoever
/// handed it in has a deadline of its own.
final class BlockingThreads: Sendable {
    /// Name resolution.
    static let resolver = BlockingThreads(named: "pgpool-resolver", maximum: 8)
    /// Cancel requests; apart, so that a host that hangs does not keep names from being resolved.
    static let canceller = BlockingThreads(named: "pgpool-cancel", maximum: 8)

    private struct State {
        var work: [@Sendable () -> Void] = []
        var threads = 0
        var idle = 0
    }

    private let name: String
    private let maximum: Int
    private let state = Mutex(State())
    private let available: Semaphore

    init(named name: String, maximum: Int) {
        self.name = name
        self.maximum = maximum
        available = Semaphore()
    }

    func run(_ work: @escaping @Sendable () -> Void) {
        let mustStart = state.withLock { state in
            state.work.append(work)
            guard state.idle < state.work.count, state.threads < maximum else { return false }
            state.threads += 1
            return true
        }
        if mustStart {
            startThread(named: name) { self.serve() }
        }
        available.signal()
    }

    private func serve() {
        while true {
            state.withLock { $0.idle += 1 }
            available.wait()
            let work = state.withLock { state in
                state.idle -= 1
                return state.work.isEmpty ? nil : Optional(state.work.removeFirst())
            }
            work?()
        }
    }
}

/// A counting semaphore of the system's.
final class Semaphore: Sendable {
    // Proof: sem_t is made for concurrent use; the pointer is set once and freed in deinit.
    nonisolated(unsafe) private let pointer: UnsafeMutablePointer<sem_t>

    init() {
        pointer = .allocate(capacity: 1)
        sem_init(pointer, 0, 0)
    }

    deinit {
        sem_destroy(pointer)
        pointer.deallocate()
    }

    func signal() {
        sem_post(pointer)
    }

    func wait() {
        while sem_wait(pointer) != 0 {}
    }
}
