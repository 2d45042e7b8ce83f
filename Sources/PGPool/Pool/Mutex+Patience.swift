internal import Synchronization

extension Mutex {
    /// Locks, and where another thread is inside tries again for a moment before it sleeps.
    ///
    /// For short sections that all threads pass all the time. Swift's lock on Linux hands itself over
    /// to whoever sleeps for it (futex(2), FUTEX_LOCK_PI), so that once one thread has slept, all go
    /// through the kernel, one after another, until the rush is over.
    func withPatientLock<Result>(
        _ body: (inout sending Value) -> sending Result
    ) -> sending Result {
        for _ in 0..<200 {
            if let result = withLockIfAvailable(body) { return result }
        }
        return withLock(body)
    }
}
