/// Whether a statement of `pool.query` may share a connection with others'.
///
/// When every connection is taken, a statement may join those that a connection already carries,
/// behind them and as a transaction of its own, instead of waiting for a connection to itself. One
/// statement's error touches no other. A statement that was sent and whose task is cancelled runs on,
/// and its result is thrown away.
public enum StatementSharing: Hashable, Sendable {
    /// It may, if it is a single SELECT, VALUES, INSERT, UPDATE, DELETE, MERGE or WITH that calls no
    /// function but those of PostgreSQL's that are known to leave the session alone.
    case automatic
    /// It never does.
    case never
    /// It may whatever it calls: the caller knows that it leaves the session as it was. Statements of
    /// other kinds still never do.
    case always
}

extension PoolEngine {
    /// Whether the statement may go onto a connection that carries others.
    func mayShare(
        _ query: Query,
        _ form: Operation.Form,
        _ choice: StatementSharing
    ) -> Bool {
        guard configuration.sharing.depth > 1, form.kind == .extended else { return false }
        switch choice {
        case .never: return false
        case .automatic: return sharing.mayShare(query.sql)
        case .always: return StatementText.isOfSharedKind(query.sql)
        }
    }
}
