/// How statements go to the server.
///
/// A pool has one, `Configuration.statementMode`, and a ``Query`` may say another:
///
/// ```swift
/// try await pool.query(Query("SELECT \(id)").sent(as: .unnamed))
/// ```
public enum StatementMode: String, Hashable, Sendable, CaseIterable {
    /// Prepared by name once on each connection and then run by that name. The fastest; a pooler in
    /// between must know prepared statements, or keep a server for the whole session.
    case cached
    /// Parsed each time and left unprepared: for poolers that hand out a server for each transaction
    /// (PgBouncer's transaction mode). Values are bound all the same.
    case unnamed
    /// The simple protocol (PostgreSQL manual, 55.2.2): for what knows nothing else. The statement
    /// must have no parameters, and every value comes back as text: read it as `String`.
    case simple
}

extension Query {
    /// The same statement, sent in another way than the pool's.
    public func sent(as mode: StatementMode) -> Query {
        var query = self
        query.statementMode = mode
        return query
    }
}
