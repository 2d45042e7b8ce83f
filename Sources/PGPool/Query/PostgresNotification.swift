/// What NOTIFY sent (PostgreSQL manual, NOTIFY).
public struct PostgresNotification: Hashable, Sendable {
    /// The channel's name.
    public let channel: String
    /// What the sender added; empty if nothing. At most 7,999 bytes.
    public let payload: String
    /// The server process of the session that sent it, as in `pg_stat_activity`.
    public let senderPID: Int32
}

/// What a listener gets.
public enum NotificationEvent: Hashable, Sendable {
    /// A notification, in the order in which the server sent them.
    case notification(PostgresNotification)
    /// Between the one before and the one after, notifications may be missing.
    case gap(NotificationGap)
}

/// Why notifications may be missing, to a listener that is subscribed when it reads this: what it
/// reads from the database now is no older than the gap.
public enum NotificationGap: Hashable, Sendable {
    /// The connection was lost. It has been replaced, and the channels are subscribed to again.
    case connectionLost
    /// The listener was slow and its buffer full: so many were thrown away.
    case overflow(dropped: Int)
}
