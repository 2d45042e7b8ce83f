/// What the pool must do next. Small and imperative; the order in the list is the order of
/// execution.
package enum PoolAction: Hashable, Sendable {
    /// Dial. Answer with `connected` or `connectFailed`.
    case connect(ConnectionID)
    /// Close the connection, or give up its dial. Answer with `closed`.
    case close(ConnectionID, CloseReason)
    /// Run a round trip, for the reason given. Answer with `quarantineEnded`.
    case probe(ConnectionID, QuarantinePurpose)
    /// The waiter has its lease.
    case grant(ConnectionID, to: WaiterID)
    /// The waiter's statement goes onto a connection that may carry others.
    case join(ConnectionID, WaiterID)
    /// The waiter gets none.
    case fail(WaiterID, WaiterFailure)
    /// Call `timerFired` at this instant; replaces a later one.
    case scheduleTimer(Instant)
    /// The lease is held past the threshold: say so.
    case reportLongLease(ConnectionID)
    /// Nothing is open any more and nothing will be opened: the pool has shut down.
    case finish
}

/// Why a connection was closed.
package enum CloseReason: String, Hashable, Sendable, CaseIterable {
    /// It grew older than `maxLifetime`.
    case lifetime
    /// Nobody needed it during the idle window.
    case idle
    /// It belongs to a generation before the last `evict()`.
    case evicted
    /// Its host is the writer no more, or hangs, and its lease did not end by itself.
    case severed
    /// The pool was made smaller.
    case surplus
    /// Its socket failed or its server closed it.
    case lost
    /// It came back from its lease in a state that cannot be cleaned.
    case unusable
    /// A validation failed or took too long.
    case validation
    /// A keep-alive probe failed or took too long.
    case keepAlive
    /// Cleaning the session failed or took too long.
    case reset
    /// Opening took longer than its timeout.
    case openingTimeout
    /// The pool is shutting down.
    case shutdown
}

/// Why a connection is held back until a round trip passed.
package enum QuarantinePurpose: String, Hashable, Sendable {
    /// It was idle for long and a caller wants it.
    case validation
    /// It was idle for long and nobody wants it.
    case keepAlive
    /// Its session was left in a transaction, busy, changed, or under cancellation.
    case reset

    package var closeReason: CloseReason {
        switch self {
        case .validation: .validation
        case .keepAlive: .keepAlive
        case .reset: .reset
        }
    }
}

/// Why a waiter gets no lease.
package enum WaiterFailure: Hashable, Sendable {
    /// Its deadline passed.
    case timedOut
    /// The endpoint refuses in a way that waiting cannot mend, and no connection is open.
    case connectFailed
    /// The pool is draining or shut down.
    case shutDown
    /// The endpoint admits nobody, and callers are not held.
    case endpointLost
}

/// The answer to an acquire.
package enum AcquireDecision: Hashable, Sendable {
    case granted(ConnectionID)
    case queued(WaiterID)
    case refused(AcquireRefusal)
}

/// Why an acquire is refused at once.
package enum AcquireRefusal: Hashable, Sendable {
    case queueFull
    case shutDown
    /// The caller's task holds a lease already and every connection is leased.
    case nested
    /// The endpoint admits nobody, and callers are not held.
    case endpointLost
    /// The deadline had passed when the caller asked, and nothing was idle.
    case timedOut
}

/// How a lease comes back.
package enum ReleaseOutcome: Hashable, Sendable {
    /// Outside a transaction, nothing under way.
    case reusable
    /// Usable after a round trip that cleans it.
    case needsReset
    /// Not usable any more.
    case unusable(CloseReason)
}

/// What a failed dial says of the endpoint.
package enum ConnectFailure: Hashable, Sendable {
    /// Trying again later may help.
    case transient
    /// Trying again cannot help until somebody changes something (credentials, database name).
    case deterministic
}
