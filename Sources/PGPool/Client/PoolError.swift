public import PGPoolCore

/// What the pool, rather than the server, has to say no for.
///
/// It holds no secret and no value of a row: it can be logged as it is.
public struct PoolError: Error, Sendable {
    /// What went wrong.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Known: String {
            case acquireTimeout, queueFull, nestedAcquire, shutDown, connectFailed, leaseEnded
            case transactionRolledBack, invalidConfiguration
            case noWriter, endpointLost, commitLedgerUnusable
            case invalidStatement, tooManyListeners, connectionBusy, resultTooLarge
        }

        private let known: Known

        /// No connection came within the deadline.
        public static let acquireTimeout = Code(known: .acquireTimeout)
        /// As many callers wait as may.
        public static let queueFull = Code(known: .queueFull)
        /// The task holds a connection of this pool, and every one is leased: waiting could last
        /// for ever.
        public static let nestedAcquire = Code(known: .nestedAcquire)
        /// The pool is draining or has shut down.
        public static let shutDown = Code(known: .shutDown)
        /// The server cannot be reached with this configuration, and no connection is open.
        public static let connectFailed = Code(known: .connectFailed)
        /// A connection was used after the closure that it was lent to had returned.
        public static let leaseEnded = Code(known: .leaseEnded)
        /// COMMIT was answered with ROLLBACK: a statement of the transaction had failed.
        public static let transactionRolledBack = Code(known: .transactionRolledBack)
        /// Hosts answer, and none of them is the writer.
        public static let noWriter = Code(known: .noWriter)
        /// The reader does not answer, and no other one was left to turn to.
        public static let endpointLost = Code(known: .endpointLost)
        /// The statement cannot be run this way.
        public static let invalidStatement = Code(known: .invalidStatement)
        /// As many listeners as the configuration allows listen already.
        public static let tooManyListeners = Code(known: .tooManyListeners)
        /// A value of the configuration is out of its bounds.
        public static let invalidConfiguration = Code(known: .invalidConfiguration)

        /// A stream or a COPY is open on this connection: end its loop first, or use another one.
        public static let connectionBusy = Code(known: .connectionBusy)
        /// A result grew past ``ConnectionPool/Configuration/Results``: stream it.
        public static let resultTooLarge = Code(known: .resultTooLarge)

        /// The table of commit tokens is missing, has no partition for the present, or this role may
        /// not use it: ``ConnectionPool/prepareCommitLedger(grantingTo:fileID:line:)`` makes it.
        public static let commitLedgerUnusable = Code(known: .commitLedgerUnusable)

        /// The code's name.
        public var description: String { known.rawValue }
    }

    /// Where a caller was when its time was over.
    public enum Phase: String, Hashable, Sendable {
        /// Every connection was leased.
        case waiting = "waiting for a lease to come back"
        /// A connection was being opened.
        case connecting = "waiting for a connection to open"
        /// A connection was being probed or cleaned.
        case validating = "waiting for a connection to be validated"
        /// There was no writer, and callers were held.
        case failingOver = "waiting for a writer"
        /// The pool was paused.
        case paused = "waiting for a paused pool"
    }

    /// An attempt to open a connection that failed.
    public struct ConnectFailure: Hashable, Sendable, CustomStringConvertible {
        /// What libpq or the server said, without secrets.
        public let message: String
        /// What the server's code says, if it answered.
        public let sqlState: SQLState?
        /// How far the attempt had got: `resolving the name`, `connecting`, `TLS`, `login`.
        public let phase: String
        /// How long the attempt took.
        public let elapsed: Duration

        /// All of it.
        public var description: String {
            "\(message) (\(phase), after \(elapsed.brief)\(sqlState.map { ", \($0)" } ?? ""))"
        }
    }

    /// Who holds a connection.
    public struct Holder: Hashable, Sendable {
        /// The call that acquired it.
        public let site: CallSite
        /// For how long.
        public let heldFor: Duration
    }

    /// What went wrong.
    public var code: Code { boxed.value.code }
    /// Whether the caller's work may be repeated.
    public var failureClass: FailureClass { boxed.value.failureClass }
    /// What happened, in a sentence.
    public var message: String { boxed.value.message }
    /// Where the caller stood when it gave up.
    public var phase: Phase? { boxed.value.phase }
    /// How long the caller had waited.
    public var waited: Duration { boxed.value.waited }
    /// The pool at that moment.
    public var snapshot: PoolSnapshot { boxed.value.snapshot }
    /// The last attempt to open a connection that failed, since the last that succeeded.
    public var lastConnectFailure: ConnectFailure? { boxed.value.lastConnectFailure }
    /// Who held connections, for how long; the longest first.
    public var holders: [Holder] { boxed.value.holders }

    /// One reference: errors lie where there is hardly ever one.
    private let boxed: Boxed<Fields>

    init(
        _ code: Code,
        _ message: String,
        failureClass: FailureClass = .notExecuted,
        phase: Phase? = nil,
        waited: Duration = .zero,
        snapshot: PoolSnapshot = PoolSnapshot(),
        lastConnectFailure: ConnectFailure? = nil,
        holders: [Holder] = []
    ) {
        boxed = Boxed(
            Fields(
                code: code,
                failureClass: failureClass,
                message: message,
                phase: phase,
                waited: waited,
                snapshot: snapshot,
                lastConnectFailure: lastConnectFailure,
                holders: holders
            )
        )
    }

    /// What the server's code says of the last failed connect, if there was one.
    public var sqlState: SQLState? { lastConnectFailure?.sqlState }
}

extension PoolError: CustomStringConvertible {
    /// All that helps at three in the morning: what, in which phase, after how long, the gauges, the
    /// last connect error, and who holds connections.
    public var description: String {
        var text = "PoolError.\(code): \(message)"
        if let phase { text += "; after \(waited.brief) \(phase.rawValue)" }
        if snapshot.limit > 0 { text += "; \(snapshot)" }
        if let lastConnectFailure { text += "; last connect error: \(lastConnectFailure)" }
        if !holders.isEmpty {
            let list = holders.prefix(5).map { "\($0.site) for \($0.heldFor.brief)" }
            text += "; held by \(list.joined(separator: ", "))"
            if holders.count > 5 { text += " and \(holders.count - 5) more" }
        }
        return text
    }
}

extension Duration {
    /// Milliseconds below ten seconds, else seconds.
    var brief: String {
        let milliseconds = wholeNanoseconds / 1_000_000
        return milliseconds < 10_000 ? "\(milliseconds) ms" : "\(milliseconds / 1_000) s"
    }
}

extension PoolError {
    private struct Fields {
        let code: Code
        let failureClass: FailureClass
        let message: String
        let phase: Phase?
        let waited: Duration
        let snapshot: PoolSnapshot
        let lastConnectFailure: ConnectFailure?
        let holders: [Holder]
    }
}
