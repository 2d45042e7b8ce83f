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
///
/// A statement is answered only at its sync. Before that it is in one of the last four phases,
/// whatever results have come; after it the session is back at `nothingSent`, or `inTransaction` if
/// a transaction is open.
package enum FailurePhase: Hashable, Sendable, CaseIterable {
    /// Before the login was complete.
    case connecting
    /// Connected, no byte of the statement handed to libpq. An idle connection is here.
    case nothingSent
    /// In an explicit transaction, no byte of its COMMIT handed to libpq.
    case inTransaction
    /// COPY FROM STDIN outside an explicit transaction, CopyDone not handed to libpq: the server
    /// cannot have ended it well.
    case copyIn
    /// A statement outside an explicit transaction, sent.
    case autocommit
    /// COMMIT handed to libpq.
    case commit
}

extension FailurePhase {
    /// Whether a cancel request may be sent for work in this phase.
    ///
    /// Cancelled while it waits for a standby, a commit would have happened here and not there. So
    /// once COMMIT, or a write that commits by itself, is on its way, nothing is cancelled.
    ///
    /// - Parameter onlyReads: whether the work changes nothing, as far as its text tells.
    package func mayCancel(onlyReads: Bool) -> Bool {
        switch self {
        case .connecting, .nothingSent, .inTransaction, .copyIn: true
        case .autocommit: onlyReads
        case .commit: false
        }
    }
}

/// What becomes of the connection after a failure.
package enum ConnectionFate: Hashable, Sendable {
    case keep
    /// It serves nobody else. At once if the session is over, else when its lease ends.
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
    /// It is a reader, and was to be the writer.
    case demoted
    case failingOver
}

/// What helps besides what the class says.
package enum FailureRemedy: Hashable, Sendable {
    case none
    /// Prepare the statement again and send it once more, outside a transaction only.
    case prepareAgain
    /// Drop the cached credential and ask its provider, once.
    case renewCredential
    /// Repeating would be safe but is not done unasked: somebody cancelled the work, or the server
    /// is in trouble that repeating does not mend.
    case leaveToCaller
}

/// What a failure means.
package struct FailureVerdict: Hashable, Sendable {
    package var failureClass: FailureClass
    package var connection: ConnectionFate
    package var endpoint: EndpointVerdict
    package var remedy = FailureRemedy.none
    /// Part of the statement's work is committed and stays, though it failed.
    package var isPartial = false

    package init(
        failureClass: FailureClass,
        connection: ConnectionFate,
        endpoint: EndpointVerdict,
        remedy: FailureRemedy = .none,
        isPartial: Bool = false
    ) {
        self.failureClass = failureClass
        self.connection = connection
        self.endpoint = endpoint
        self.remedy = remedy
        self.isPartial = isPartial
    }
}
