internal import Synchronization

/// A lock for short sections that all threads pass all the time.
///
/// Swift's lock on Linux hands itself over to whoever sleeps for it (futex(2), FUTEX_LOCK_PI), so once
/// one thread has slept, all go through the kernel, one after another, until the rush is over. Here a
/// thread first waits for a moment, awake, while another is inside.
struct PatientMutex<Value>: ~Copyable {
    private let mutex: Mutex<Value>
    /// Only a hint: the lock orders what it guards.
    private let isTaken = Atomic<Bool>(false)

    init(_ value: sending Value) {
        mutex = Mutex(value)
    }

    func withLock<Result, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        var patience = 1_000
        while patience > 0, isTaken.load(ordering: .relaxed) { patience -= 1 }
        return try mutex.withLock { value throws(Failure) in
            isTaken.store(true, ordering: .relaxed)
            defer { isTaken.store(false, ordering: .relaxed) }
            return try body(&value)
        }
    }
}

extension PatientMutex: Sendable where Value: Sendable {}
