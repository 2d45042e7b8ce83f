/// What is known of the work besides how far it had got.
package struct FailureContext: Hashable, Sendable {
    /// How the statement treats what it did before it fails.
    package enum Work: Hashable, Sendable {
        /// All or nothing: most statements.
        case atomic
        /// CALL, DO, VACUUM, CREATE INDEX CONCURRENTLY, several statements in one string: outside a
        /// transaction they may commit a part before they fail.
        case divisible
        /// The transaction is READ ONLY: there is nothing that could have been committed.
        case readOnly
    }

    /// What is known of the server's role at the time of the failure.
    package enum Role: Hashable, Sendable {
        case unknown
        /// `in_hot_standby` is on, or `pg_is_in_recovery()` or the topology confirmed it.
        case reader
        /// Asked after the failure, the server said that it is the writer.
        case writer
    }

    package var work: Work
    package var role: Role
    /// The statement was sent by the name of a prepared one that the connection keeps.
    package var usesPreparedStatement: Bool
    /// The server revalidated a cached plan and its result type had changed: field `R` says
    /// `RevalidateCachedQuery`; the message is translated, that name is not.
    package var isStalePlan: Bool
    /// The class of the transaction's first error, which 25P02 stands for.
    package var firstError: FailureClass?
    /// The credential was fetched afresh after the last refusal.
    package var hasFreshCredential: Bool
    /// The endpoint is failing over: refused logins are part of that (a Multi-AZ instance refuses
    /// good passwords while it reboots).
    package var isFailingOver: Bool

    package init(
        work: Work = .atomic,
        role: Role = .unknown,
        usesPreparedStatement: Bool = false,
        isStalePlan: Bool = false,
        firstError: FailureClass? = nil,
        hasFreshCredential: Bool = false,
        isFailingOver: Bool = false
    ) {
        self.work = work
        self.role = role
        self.usesPreparedStatement = usesPreparedStatement
        self.isStalePlan = isStalePlan
        self.firstError = firstError
        self.hasFreshCredential = hasFreshCredential
        self.isFailingOver = isFailingOver
    }
}
