/// What a failure says of the work that failed. The most useful fact of an error when the question
/// is whether to repeat.
public enum FailureClass: String, Hashable, Sendable, CaseIterable {
    /// The server never began the work. Repeating is safe.
    case notExecuted
    /// The server undid the work. Repeating is safe, as a whole transaction.
    case rolledBack
    /// The work may have been committed. Repeating may apply it twice.
    case outcomeUnknown
    /// Repeating cannot help: the same input gives the same error.
    case deterministic
}

/// How far the work had got when it failed.
package enum FailurePhase: Hashable, Sendable, CaseIterable {
    /// Before the login was complete.
    case connecting
    /// Connected, no byte of the statement handed to libpq.
    case nothingSent
    /// In an explicit transaction, no byte of its COMMIT handed to libpq.
    case inTransaction
    /// A statement outside an explicit transaction, sent.
    case autocommit
    /// COMMIT handed to libpq.
    case commit
}

/// What becomes of the connection after a failure.
package enum ConnectionFate: Hashable, Sendable {
    case keep
    case retire
    /// Retire it and every connection of its generation.
    case evict
}

/// What a failure says of the endpoint.
package enum EndpointVerdict: Hashable, Sendable {
    case fine
    /// It answers but has no resources left: back off, never evict.
    case busy
    case suspect
    /// It may be a reader now: to be confirmed before anything is evicted.
    case maybeDemoted
    case failingOver
}

/// What a failure means.
package struct FailureVerdict: Hashable, Sendable {
    package var failureClass: FailureClass
    package var connection: ConnectionFate
    package var endpoint: EndpointVerdict
}
