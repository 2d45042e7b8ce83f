/// What the state machine needs to know of a pool's configuration.
///
/// The values are checked before they get here (`ConnectionPool.Configuration.validate()`).
package struct PoolSettings: Sendable {
    /// Connections in all states together never grow past this.
    package var maxConnections: Int
    /// Connections kept idle while there is room for them.
    package var minIdle = 0
    /// Callers that may wait at once; one more is refused.
    package var maxWaiters = 1_000
    /// Connections that may be opening at once.
    package var maxConcurrentOpenings = 4
    /// How long one attempt to open may take.
    package var openingTimeout = Duration.seconds(10)
    /// A connection older than this is retired, up to a quarter earlier; `nil`: never.
    package var maxLifetime: Duration? = .seconds(30 * 60)
    /// The window after which idle connections that nobody needed are closed; `nil`: never.
    package var idleTimeout: Duration? = .seconds(10 * 60)
    /// Statements that may share one connection when all are taken; less than 2: none do.
    package var sharedDepth = 0
    /// A shared connection that was silent for longer takes no further statements.
    package var sharedPatience = Duration.milliseconds(10)
    /// An idle connection used within this time is handed out without a round trip.
    package var validationBypass = Duration.milliseconds(500)
    /// An idle connection is probed when it was silent for this long; `nil`: never.
    package var keepAliveInterval: Duration? = .seconds(2 * 60)
    /// How long a validation, a keep-alive probe or a reset may take before the connection is given
    /// up.
    package var quarantineTimeout = Duration.seconds(5)
    /// A lease held for longer is reported once; `nil`: never.
    package var longLeaseThreshold: Duration? = .seconds(30)
    /// Delays between attempts while the endpoint fails.
    package var backoff = Backoff(base: .milliseconds(50), maximum: .seconds(2))

    /// Whether callers wait while the endpoint admits nobody; if not, they are refused at once, since
    /// somebody else can serve them.
    package var holdsCallers = true

    package init(maxConnections: Int) {
        self.maxConnections = maxConnections
    }
}
