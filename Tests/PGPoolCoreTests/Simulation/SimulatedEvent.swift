import PGPoolCore

/// One thing that happens to the pool in a simulated world. Durations are in nanoseconds.
enum SimulatedEvent: Hashable, Sendable {
    case start
    case acquire(timeout: Int64, holdsLease: Bool)
    /// One statement that may share a connection.
    case acquireShared(timeout: Int64, holdsLease: Bool)
    case cancel(WaiterID)
    case release(ConnectionID, ReleaseOutcome)
    case releaseShared(ConnectionID, ReleaseOutcome)
    /// So many statements are answered together, by who keeps what places it may.
    case releaseKeeping(ConnectionID, count: Int)
    case connected(ConnectionID)
    case connectFailed(ConnectionID, ConnectFailure)
    case closed(ConnectionID)
    case lost(ConnectionID)
    case quarantineEnded(ConnectionID, isUsable: Bool)
    case timerFired
    /// Time passes; nothing else happens.
    case advance(Int64)
    case resize(Int)
    case evict
    /// As `evict`, and leases end after this time.
    case evictSevering(Int64)
    case admit(Int)
    case forgetFailures
    case pause
    case resume
    case drain(queue: Int64, leases: Int64)
}

/// The pool did what it must not do.
struct Violation: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

func require(_ holds: Bool, _ complaint: @autoclosure () -> String) throws {
    if !holds { throw Violation(complaint()) }
}

/// Settings in nanoseconds, `Int64.max` for "never": arithmetic on `Duration` would take most of a
/// simulation's time.
struct ModelSettings: Sendable {
    static let never = Int64.max

    let openingTimeout: Int64
    let quarantineTimeout: Int64
    let validationBypass: Int64
    let sharedPatience: Int64
    let maxLifetime: Int64
    let keepAliveInterval: Int64
    let longLeaseThreshold: Int64
    let backoffMinimum: Int64
    let backoffMaximum: Int64

    init(_ settings: PoolSettings) {
        func nanoseconds(_ duration: Duration?) -> Int64 {
            duration?.wholeNanoseconds ?? Self.never
        }
        openingTimeout = settings.openingTimeout.wholeNanoseconds
        quarantineTimeout = settings.quarantineTimeout.wholeNanoseconds
        sharedPatience = settings.sharedPatience.wholeNanoseconds
        validationBypass = settings.validationBypass.wholeNanoseconds
        maxLifetime = nanoseconds(settings.maxLifetime)
        keepAliveInterval = nanoseconds(settings.keepAliveInterval)
        longLeaseThreshold = nanoseconds(settings.longLeaseThreshold)
        backoffMinimum = settings.backoff.minimum.wholeNanoseconds
        backoffMaximum = settings.backoff.maximum.wholeNanoseconds
    }

    /// `instant + duration`, where "never" stays never.
    static func later(_ instant: Int64, _ duration: Int64) -> Int64 {
        duration == never || instant == never ? never : instant + duration
    }
}
