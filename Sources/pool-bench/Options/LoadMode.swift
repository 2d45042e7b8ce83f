import ArgumentParser

/// What one operation of the load is.
enum LoadMode: String, CaseIterable, Codable, Sendable, ExpressibleByArgument {
    /// A connection is acquired and released; nothing is sent.
    case idle
    /// `withConnection` around one statement.
    case exclusive
    /// `pool.query`, on a connection of its own.
    case statement
    /// `pool.query`, sharing connections under saturation.
    case shared
    /// A transaction of one statement.
    case transaction

    /// One operation in this many is timed.
    ///
    /// Idle operations take some hundred nanoseconds, of which three clock readings would be a
    /// third; the others take tens of microseconds, so all of them are timed.
    var sampledEvery: Int { self == .idle ? 256 : 1 }
}

/// Where the workers' tasks run.
enum LoadExecutor: String, CaseIterable, Codable, Sendable, ExpressibleByArgument {
    /// Swift's global executor, as tasks do that prefer none.
    case global
    /// The threads that watch the pool's sockets.
    case reactor
}

/// A program that the pool is compared with on the same server.
enum BaselineName: String, CaseIterable, Codable, Sendable, ExpressibleByArgument {
    /// PostgreSQL's own load generator, with prepared statements.
    case pgbench
    /// A minimal C loop over libpq and epoll, one thread.
    case libpq
    /// Go's pgxpool 4.
    case pgxpool

    /// Whether it can do what the mode does.
    func supports(_ mode: LoadMode) -> Bool {
        switch self {
        case .pgbench, .libpq: mode != .idle
        case .pgxpool: true
        }
    }
}
