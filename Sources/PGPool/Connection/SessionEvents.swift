internal import PGPoolCore

/// What a session tells the pool that owns it. Called without the session's lock.
protocol SessionEvents: AnyObject, Sendable {
    /// The connection is no longer usable, though nobody closed it.
    func sessionLost(_ session: Session, _ error: PostgresError)
    /// Statements that share the connection are answered: it has room for as many others, unless this
    /// thread keeps their places for what its tasks ask next (``KeptPlaces``).
    func sessionAnswered(
        _ session: Session,
        _ statements: ArraySlice<Operation>,
        _ condition: SessionCondition
    )
    /// So many places were kept on it, and nobody took them.
    func placesLeft(on session: Session, count: Int)
    /// An error that the connection survives speaks against its host.
    func sessionDoubts(_ session: Session, _ verdict: FailureVerdict)
    /// Its socket is closed and the server has let it go, or had a second to.
    func sessionClosed(_ session: Session)
    /// The server sent a notice. Called under the session's lock: the session is not to be used.
    func sessionNotice(_ session: Session, severity: String, sqlState: String, message: String)
    /// The server notified a channel that the session listens to. Called as `sessionNotice` is.
    func sessionNotified(_ session: Session, _ notification: PostgresNotification)
}

extension SessionEvents {
    /// Only a pool's connections are shared.
    func sessionAnswered(
        _ session: Session,
        _ statements: ArraySlice<Operation>,
        _ condition: SessionCondition
    ) {}

    func placesLeft(on session: Session, count: Int) {}

    func sessionDoubts(_ session: Session, _ verdict: FailureVerdict) {}

    /// A lease's own LISTEN reaches nobody: ``ConnectionPool`` has listeners for it.
    func sessionNotified(_ session: Session, _ notification: PostgresNotification) {}
}

/// The state of a session when its lease ends.
enum SessionCondition: Hashable, Sendable {
    /// Outside a transaction, nothing under way, nothing changed.
    case clean
    /// In a transaction, or changed, or with a cancel request in the air.
    case needsReset
    /// A statement runs that nobody cancelled.
    case busy
    case lost
}
