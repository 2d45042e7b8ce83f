import CPoolBenchBaselines
import Glibc
import Synchronization

/// Tells every part of a running load to stop before its time.
///
/// Swift code asks ``isRequested``, a read of a cache line that nobody writes; the C loop waits for
/// ``descriptor`` among its sockets.
final class StopSignal: Sendable {
    /// Becomes readable when the stop is requested; -1 if the system has no descriptor to spare.
    let descriptor: Int32
    private let flag = Atomic<Bool>(false)

    init() {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    var isRequested: Bool {
        @inline(__always) get { flag.load(ordering: .relaxed) }
    }

    func request() {
        flag.store(true, ordering: .relaxed)
        if descriptor >= 0 { eventfd_write(descriptor, 1) }
    }
}
