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
    /// Nine workers in ten as in `shared`; the tenth runs transactions of 5 ms, each on a connection
    /// of its own.
    case mixed
    /// The same without sharing: every statement waits for a connection of its own.
    case mixedExclusive = "mixed-exclusive"

    /// One operation in this many is timed.
    ///
    /// Idle operations take some hundred nanoseconds, of which three clock readings would be a
    /// third; the others take tens of microseconds, so all of them are timed.
    var sampledEvery: Int { self == .idle ? 256 : 1 }

    /// Whether its workers do different things.
    var isMixed: Bool { self == .mixed || self == .mixedExclusive }
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
    /// The same with 64 statements under way on each connection, each with a sync of its own, and
    /// each batch of them in one segment.
    case libpqPipeline = "libpq-pipeline"
    /// Go's pgxpool 4.
    case pgxpool

    /// Whether it can do what the mode does.
    func supports(_ mode: LoadMode) -> Bool {
        switch self {
        case .pgbench, .libpq: mode != .idle && !mode.isMixed
        case .libpqPipeline: mode == .shared
        case .pgxpool: !mode.isMixed
        }
    }

    /// Connections for a pool of so many: where statements share, one statement a round trip on as
    /// few would mostly measure how the server waits, so it gets 16 at least.
    func connections(_ mode: LoadMode, poolSize: Int) -> Int {
        mode == .shared && self != .libpqPipeline ? max(16, poolSize) : poolSize
    }
}
