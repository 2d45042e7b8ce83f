internal import PGPoolCore

/// The pools of a cluster's readers as one: each lease goes to the reader that the configuration's
/// strategy chooses, or to the writer when there is no reader to be had.
///
/// A reader that does not answer is passed over at once, and callers that wait for it turn to
/// another. Nothing that runs on a reader can have been committed, so a single statement whose reader
/// is lost is run again on another one.
public struct ReaderPool: Sendable {
    let readers: ReaderSet

    /// The readers' pools at this instant.
    public var snapshots: [(member: ClusterMember, pool: PoolSnapshot)] { readers.snapshots }

    /// Lends a connection to a closure, for it alone.
    ///
    /// - Parameters:
    ///   - acquireTimeout: how long to wait for the connection. Default: the configuration's.
    ///   - after: what the connection must see, from ``Cluster/writePosition()``. A reader is waited
    ///     for until it has come so far; if that takes longer than half of the time, or cannot be
    ///     known, as on Aurora, the writer serves. Default: nothing.
    ///   - body: gets the connection, which is valid until it returns. It is run once.
    /// - Returns: what `body` returns.
    /// - Throws: as ``ConnectionPool/withConnection(acquireTimeout:fileID:line:_:)``.
    @discardableResult
    public func withConnection<Result>(
        acquireTimeout: Duration? = nil,
        after: WritePosition? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: (PostgresConnection) async throws -> sending Result
    ) async throws -> sending Result {
        let site = RawCallSite(fileID: fileID, line: line)
        let (pool, lease) = try await readers.repeating(acquireTimeout) { end, tried in
            try await readers.acquire(by: end, after, &tried, site)
        }
        return try await pool.use(lease, body)
    }

    /// Runs one statement.
    ///
    /// - Parameters:
    ///   - query: the statement; interpolated values are bound.
    ///   - acquireTimeout: how long to wait for a connection, repetitions included. Default: the
    ///     configuration's.
    ///   - statementTimeout: cancels the statement on the server after this time. Default: none.
    ///   - after: as for ``withConnection(acquireTimeout:after:fileID:line:_:)``.
    /// - Returns: its rows, all in memory.
    /// - Throws: as ``ConnectionPool/query(_:acquireTimeout:statementTimeout:sharing:isIdempotent:fileID:line:)``.
    @discardableResult
    public func query(
        _ query: Query,
        acquireTimeout: Duration? = nil,
        statementTimeout: Duration? = nil,
        after: WritePosition? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) async throws -> Rows {
        let site = RawCallSite(fileID: fileID, line: line)
        return try await readers.repeating(acquireTimeout) { end, tried in
            guard after == nil else {
                let (pool, lease) = try await readers.acquire(by: end, after, &tried, site)
                return try await pool.use(lease) {
                    try await $0.query(query, statementTimeout: statementTimeout)
                }
            }
            return try await readers.choose(&tried).query(
                query,
                acquireTimeout: end.fromNow,
                statementTimeout: statementTimeout,
                fileID: fileID,
                line: line
            )
        }
    }

    /// Runs a closure in a READ ONLY transaction. It is run again, on another reader, when its reader
    /// is lost, so it must have no effects of its own that may not happen twice.
    ///
    /// - Parameters:
    ///   - isolation: Default: the session's. A standby refuses `.serializable`.
    ///   - acquireTimeout: how long to wait for a connection, repetitions included. Default: the
    ///     configuration's.
    ///   - after: as for ``withConnection(acquireTimeout:after:fileID:line:_:)``.
    /// - Returns: what `body` returns.
    /// - Throws: as ``ConnectionPool/withConnection(acquireTimeout:fileID:line:_:)``.
    @discardableResult
    public func withTransaction<Result>(
        isolation: IsolationLevel? = nil,
        acquireTimeout: Duration? = nil,
        after: WritePosition? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: (Transaction) async throws -> sending Result
    ) async throws -> sending Result {
        let site = RawCallSite(fileID: fileID, line: line)
        return try await readers.repeating(acquireTimeout) { end, tried in
            let (pool, lease) = try await readers.acquire(by: end, after, &tried, site)
            return try await pool.use(lease) { connection in
                try await connection.withTransaction(isolation: isolation, readOnly: true, body)
            }
        }
    }
}
