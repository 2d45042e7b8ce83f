extension ConnectionPool {
    /// Everything a pool can be told.
    ///
    /// ```swift
    /// var configuration = ConnectionPool.Configuration(
    ///     host: "shop.cluster-abc123.eu-west-1.rds.amazonaws.com",
    ///     database: "shop",
    ///     user: "app",
    ///     password: "…",
    ///     maxConnections: 16
    /// )
    /// configuration.acquire.timeout = .seconds(3)
    /// ```
    public struct Configuration: Sendable {
        /// Host name, address or directory of a Unix socket; several with commas, tried in order.
        public var host: String
        /// Port, or as many as there are hosts, with commas. Default: 5432.
        public var port: String
        /// Database. Default: libpq's, the user's name.
        public var database: String?
        /// Role to log in as. Default: libpq's, the operating system's user.
        public var user: String?
        /// Password. Default: libpq's, such as `~/.pgpass`.
        public var password: Secret?
        /// Further parameters of libpq's by name, such as `sslmode` (PostgreSQL manual, 34.1.2).
        public var parameters: [String: String] = [:]
        /// Settings of the session by name, such as `statement_timeout`, `search_path` or `TimeZone`.
        ///
        /// They go with the login, in libpq's `options` (PostgreSQL manual, 34.1.2), so they cost no
        /// round trip and are what `RESET ALL` goes back to. A value is one value, whatever it holds.
        /// A setting that the server refuses fails the connect. `application_name` here wins over
        /// ``name``. PgBouncer before 1.20 refuses `options`.
        public var serverSettings: [String: String] = [:]
        /// The pool's name in logs, errors and metrics, and its connections' `application_name`.
        /// Default: `pgpool`.
        public var name = "pgpool"

        /// What the pool may grow to, in all states together. At least 1. There is no default: it
        /// is a share of the server's `max_connections` that somebody has to decide on.
        public var maxConnections: Int
        /// Connections kept idle while there is room. Default: 0.
        public var minIdle = 0

        /// How callers wait.
        public var acquire = Acquire()
        /// How connections are opened.
        public var opening = Opening()
        /// How long connections live.
        public var lifetime = Lifetime()
        /// How connections are checked and cleaned.
        public var upkeep = Upkeep()

        /// When transactions are repeated. Default: ``RetryPolicy/init(maxAttempts:baseDelay:maxDelay:repeatsNotExecuted:repeatsRolledBack:budget:)``'s defaults.
        public var retry = RetryPolicy()
        /// Whether and how the pool's host is watched over.
        public var failover = Failover()
        /// Looks up hosts in place of the system's resolver; `nil`: the system's. Default: `nil`.
        public var resolver: Resolver?
        /// How sure transactions are of their COMMIT, unless the call says otherwise. Default: `.plain`.
        public var commit = TransactionCommit.plain
        /// Where the tokens of verified commits are kept.
        public var commitLedger = CommitLedger()
        /// Whether and how statements share connections.
        public var sharing = Sharing()
        /// Calls of ``ConnectionPool/listen(to:bufferLimit:timeout:)`` under way at once. Each has a
        /// connection beside `maxConnections`, so the server has to have room for both.
        /// Default: 4.
        public var maxListeners = 4
        /// How much of results is kept in memory.
        public var results = Results()

        /// Prepared statements kept on each connection; 0 prepares none. Default: 256.
        public var statementCacheSize = 256
        /// How statements go to the server, unless a ``Query`` says otherwise. Default: `.cached`;
        /// behind a pooler in transaction mode `.unnamed`.
        public var statementMode = StatementMode.cached
        /// Run on each new connection before anybody else uses it; if it throws, the connection is
        /// closed and counts as one that failed to open, and so if it leaves a transaction or a statement
        /// open, or takes longer than ``Opening/timeout``. What it sets is there for every lease: when
        /// the reset behind a lease that changed settings undoes it, the hook is run again.
        public var onConnect: (@Sendable (PostgresConnection) async throws -> Void)?
        /// The threads that watch sockets; connections are dealt out to them in turn, and move among
        /// them to where their input arrives. At least one.
        /// Default: those of ``ReactorGroup/shared``, which all pools of the process use.
        public var reactors = ReactorGroup.shared.reactors
        /// Makes jitter and back-off repeatable in tests. Default: random.
        public var seed: UInt64?

        /// How callers wait for a connection.
        public struct Acquire: Sendable {
            /// One deadline over queueing, validating and opening. Default: 5 s.
            public var timeout = Duration.seconds(5)
            /// Callers that may wait at once. Default: 1,000, or 10 × `maxConnections` if more.
            public var maxWaiters: Int?
            /// Whether a task that holds a connection of a full pool and asks for another gets an
            /// error instead of a deadlock. Default: true.
            public var detectsNesting = true
        }

        /// How statements of `pool.query` share connections when all are taken.
        public struct Sharing: Sendable {
            /// Statements that one connection carries at once; 1: none shares. Default: 64.
            public var depth = 64
            /// A connection whose answers stay away for longer takes no further ones, so that few
            /// wait behind a slow statement. Default: 10 ms.
            public var patience = Duration.milliseconds(10)
        }

        /// How connections are opened.
        public struct Opening: Sendable {
            /// For one attempt, from the name's resolution to the end of the login. Default: 10 s.
            public var timeout = Duration.seconds(10)
            /// Attempts under way at once. Default: 4.
            public var maxConcurrent = 4
            /// The first pause while the server cannot be reached; doubled, with full jitter.
            /// Default: 50 ms.
            public var backoffBase = Duration.milliseconds(50)
            /// The longest such pause. Default: 2 s.
            public var backoffMaximum = Duration.seconds(2)
        }

        /// How long connections live.
        public struct Lifetime: Sendable {
            /// A connection is retired at this age, up to a quarter earlier so that not all go at
            /// once; `nil`: never. Default: 30 min.
            public var maximum: Duration? = .seconds(30 * 60)
            /// Connections that nobody needed for this long are closed; `nil`: never.
            /// Default: 10 min.
            public var idleTimeout: Duration? = .seconds(10 * 60)
        }

        /// How connections are checked and cleaned.
        public struct Upkeep: Sendable {
            /// A connection used within this time is handed out without a round trip; whether its
            /// socket is open is known in any case. Default: 500 ms.
            public var validationBypass = Duration.milliseconds(500)
            /// An idle connection is probed after this silence; `nil`: never. Default: 2 min.
            public var keepAliveInterval: Duration? = .seconds(2 * 60)
            /// For a validation, a keep-alive or the reset of a session. Default: 5 s.
            public var probeTimeout = Duration.seconds(5)
            /// A lease held for longer is reported; `nil`: never. Default: 30 s.
            public var longLeaseThreshold: Duration? = .seconds(30)
        }

        /// A server by host.
        public init(
            host: String,
            port: Int = 5432,
            database: String? = nil,
            user: String? = nil,
            password: Secret? = nil,
            maxConnections: Int
        ) {
            self.host = host
            self.port = String(port)
            self.database = database
            self.user = user
            self.password = password
            self.maxConnections = maxConnections
        }

        /// A server by URL, as libpq reads it (PostgreSQL manual, 34.1.1.2): several hosts, Unix
        /// sockets and parameters such as `sslmode` among them. A `keyword=value` string does too.
        ///
        /// - Throws: ``PoolError`` with the code `invalidConfiguration` when libpq cannot read it.
        ///   The error does not quote the URL, which may hold a password.
        public init(url: String, maxConnections: Int) throws {
            guard var parts = DialTarget.parse(url) else {
                throw PoolError(
                    .invalidConfiguration,
                    "url: not a connection URL that libpq can read",
                    failureClass: .deterministic
                )
            }
            host = parts.removeValue(forKey: "host") ?? "localhost"
            port = parts.removeValue(forKey: "port") ?? "5432"
            database = parts.removeValue(forKey: "dbname")
            user = parts.removeValue(forKey: "user")
            password = parts.removeValue(forKey: "password").map { Secret($0) }
            name = parts.removeValue(forKey: "application_name") ?? "pgpool"
            parameters = parts
            self.maxConnections = maxConnections
        }
    }
}
