internal import PGPoolCore

/// Watches over the host that a pool's connections lead to, and learns from them.
///
/// It answers through `PoolEngine.follow`, `admit` and `noteTrouble`. Called without a lock, on any
/// thread.
protocol EndpointWatcher: AnyObject, Sendable {
    /// Whether a connection that was just opened leads where it should. Calls back once, on any
    /// thread, with what is wrong, or nil.
    func check(
        _ session: Session,
        generation: UInt64,
        _ completion: @escaping @Sendable (String?) -> Void
    )
    /// The pool begins to open a connection.
    func dialling()
    /// A connection of this generation, or an attempt to open one, failed.
    func failed(_ verdict: FailureVerdict, generation: UInt64)
    /// The pool has shut down.
    func end()
}
