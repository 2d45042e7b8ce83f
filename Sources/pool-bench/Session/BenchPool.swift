import Logging
import PGPool
import PGPoolTesting

/// The pool under load.
struct BenchPool: Sendable {
    private let pool: ConnectionPool
    private let executor: (any TaskExecutor)?
    private let commit: CommitMode

    init(url: String, plan: LoadPlan) throws {
        var configuration = try ConnectionPool.Configuration(
            url: url,
            maxConnections: plan.poolSize
        )
        // A closed loop: what is measured is waiting, so nobody is turned away and nobody gives up
        // before a server that hangs would show.
        configuration.acquire.maxWaiters = 2 * plan.workers
        configuration.acquire.timeout = .seconds(60)
        configuration.seed = plan.seed
        pool = try ConnectionPool(configuration: configuration, logger: Self.logger)
        executor = plan.executor.preference
        commit = plan.commit
    }

    private init(pool: ConnectionPool) {
        self.pool = pool
        executor = nil
        commit = .plain
    }

    /// Makes what the load needs.
    func prepare(_ plan: LoadPlan) async throws {
        if let setUp = plan.setUp {
            try await pool.withConnection { _ = try await $0.simpleQuery(setUp) }
        }
        try await pool.prepareDrill(plan.commit)
    }

    func target(for workload: Workload) -> LoadTarget {
        let load = StatementLoad(pool: pool, workload: workload)
        return switch workload.mode {
        case .idle: target(IdleOperation(pool: pool), workload)
        case .exclusive: target(ExclusiveOperation(load: load), workload)
        case .statement, .shared: target(StatementOperation(load: load), workload)
        case .mixed, .mixedExclusive:
            target(MixedOperation(statement: StatementOperation(load: load)), workload)
        case .transaction:
            target(TransactionOperation(load: load, commit: commit.commit), workload)
        }
    }

    private func target(_ operation: some LoadOperation, _ workload: Workload) -> LoadTarget {
        LoadTarget(
            operation,
            sampledEvery: workload.mode.sampledEvery,
            executor: executor,
            gauges: { gauges },
            errorCode: Self.errorCode
        )
    }

    var gauges: PoolGauges {
        PoolGauges(pool.snapshot)
    }

    func shutdown() async {
        await pool.shutdown()
    }

    /// The name under which the result counts an error: the pool's code, or the server's SQLSTATE.
    static func errorCode(_ error: any Error) -> String {
        switch error {
        case let error as PoolError: error.code.description
        case let error as PostgresError: error.sqlState?.description ?? "connectionLost"
        default: String(describing: type(of: error))
        }
    }

    /// The result counts what goes wrong; the terminal is the progress line's.
    private static var logger: Logger { logger(.warning) }

    /// A drill's pools would warn of what the drill itself does.
    static var drillLogger: Logger { logger(.error) }

    private static func logger(_ level: Logger.Level) -> Logger {
        var logger = Logger(label: "pool-bench")
        logger.logLevel = level
        return logger
    }

    /// A round's pool.
    static func spike(url: String, plan: SpikePlan) throws -> SpikePool {
        var configuration = try ConnectionPool.Configuration(
            url: url,
            maxConnections: plan.poolSize
        )
        configuration.minIdle = plan.minIdle
        configuration.acquire.maxWaiters = max(1_000, 2 * plan.burst)
        configuration.acquire.timeout = .seconds(60)
        configuration.seed = plan.seed
        let pool = try ConnectionPool(configuration: configuration, logger: logger)
        let query = Query(plan.statement)
        return SpikePool(
            waitUntilWarm: { _ in try await pool.waitUntilReady(timeout: .seconds(60)) },
            call: {
                try await pool.withConnection { connection in
                    let acquired = MonotonicClock.now()
                    try await connection.query(query)
                    return acquired
                }
            },
            gauges: { BenchPool(pool: pool).gauges },
            errorCode: errorCode,
            shutdown: { await pool.shutdown() }
        )
    }
}

extension PoolGauges {
    init(_ snapshot: PoolSnapshot) {
        self.init(
            opening: snapshot.opening,
            idle: snapshot.idle,
            leased: snapshot.leased,
            waiters: snapshot.waiters,
            connections: snapshot.total,
            opened: Int(clamping: snapshot.openedTotal),
            peak: snapshot.peak
        )
    }
}

extension LoadExecutor {
    /// What the workers' tasks prefer.
    var preference: (any TaskExecutor)? {
        switch self {
        case .global: nil
        case .reactor: ReactorGroup.shared
        }
    }
}

extension BenchServer {
    /// The server at the URL, or one of our own with room for that many connections.
    static func start(url: String?, connections: Int) async throws -> BenchServer {
        if let url { return BenchServer(url: url, shutdown: {}) }
        var configuration = LocalCluster.Configuration()
        configuration.parameters["max_connections"] = String(connections + 16)
        let cluster = try await LocalCluster.start(configuration)
        return BenchServer(url: cluster.url, shutdown: { await cluster.shutdown() })
    }
}
