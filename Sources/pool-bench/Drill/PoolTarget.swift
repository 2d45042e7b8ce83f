import PGPool

/// A pool on its own, with all hosts in its URL: libpq finds the one that takes writes.
///
/// It has no endpoint that could become suspect, so it never says when it noticed.
struct PoolTarget: DrillTarget {
    let events = DrillEvents()
    private let pool: ConnectionPool
    private let commit: CommitMode

    init(url: String, plan: DrillPlan) throws {
        var configuration = try ConnectionPool.Configuration(drill: plan, url: url)
        configuration.parameters["target_session_attrs"] = "read-write"
        pool = try ConnectionPool(configuration: configuration, logger: BenchPool.drillLogger)
        commit = plan.commit
    }

    var gauges: PoolGauges { PoolGauges(pool.snapshot) }

    func prepare() async throws { try await pool.prepareDrill(commit) }

    func transact(_ operation: LedgerOperation, deadline: Duration) async throws {
        try await pool.transact(operation, commit, deadline: deadline)
    }

    func shutdown() async { await pool.shutdown() }
}

extension ConnectionPool.Configuration {
    /// What the pools of all targets have in common.
    init(drill plan: DrillPlan, url: String) throws {
        try self.init(url: url, maxConnections: plan.poolSize)
        name = DrillPlan.applicationName
        acquire.maxWaiters = 2 * plan.workers
        acquire.timeout = plan.deadline
        seed = plan.seed
    }
}

extension CommitMode {
    var commit: TransactionCommit {
        switch self {
        case .plain: .plain
        case .verified: .verified
        }
    }
}

extension ConnectionPool {
    /// Makes what verified commits need.
    func prepareDrill(_ commit: CommitMode) async throws {
        if commit == .verified { try await prepareCommitLedger() }
    }

    /// Adds an operation's row in a transaction.
    func transact(
        _ operation: LedgerOperation,
        _ commit: CommitMode,
        deadline: Duration
    ) async throws {
        try await withTransaction(
            commit: commit.commit,
            deadline: deadline,
            acquireTimeout: deadline
        ) { transaction in
            try await operation.perform(in: transaction)
        }
    }
}
