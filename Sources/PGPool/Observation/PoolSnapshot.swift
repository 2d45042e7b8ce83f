/// A pool's state at an instant.
public struct PoolSnapshot: Hashable, Sendable {
    /// What the pool may grow to.
    public var limit = 0
    /// Connections being opened.
    public var opening = 0
    /// Connections ready to be leased.
    public var idle = 0
    /// Connections that callers have.
    public var leased = 0
    /// Connections that carry statements of several callers.
    public var shared = 0
    /// Connections held back until a round trip passed: validation, keep-alive, reset.
    public var quarantined = 0
    /// Connections being closed; the server may still count them.
    public var closing = 0
    /// Callers that wait for a lease.
    public var waiters = 0
    /// How long the oldest of them has waited.
    public var oldestWait = Duration.zero
    /// Raised by every `evict()`; connections of an older generation serve no further lease.
    public var generation: UInt64 = 0
    /// Whether granting is paused.
    public var isPaused = false
    /// Whether callers are held because the endpoint has no writer.
    public var isHeld = false
    /// Connections opened since the pool was made.
    public var openedTotal: UInt64 = 0
    /// Connections closed since the pool was made.
    public var closedTotal: UInt64 = 0
    /// Attempts to open that failed since the pool was made.
    public var connectFailuresTotal: UInt64 = 0
    /// The most connections that there were at once.
    public var peak = 0
    /// Acquires that timed out since the pool was made.
    public var acquireTimeoutsTotal: UInt64 = 0
    /// Statements that were found prepared since the pool was made.
    public var statementHitsTotal: UInt64 = 0
    /// Statements that had to be prepared since the pool was made.
    public var statementMissesTotal: UInt64 = 0
    /// Prepared statements that made room for others since the pool was made: when this keeps
    /// growing, `statementCacheSize` is too small.
    public var statementEvictionsTotal: UInt64 = 0
    /// Statements that the server no longer knew, or whose result type had changed, and which were
    /// prepared and sent again, since the pool was made.
    public var statementRepairsTotal: UInt64 = 0

    /// A pool without connections.
    public init() {}

    /// Connections in all states.
    public var total: Int { opening + idle + leased + shared + quarantined + closing }
}

extension PoolSnapshot: CustomStringConvertible {
    /// The gauges, on one line, as errors and logs show them.
    public var description: String {
        """
        limit \(limit), opening \(opening), idle \(idle), leased \(leased), shared \(shared), \
        quarantined \(quarantined), closing \(closing), waiters \(waiters)
        """
    }
}
