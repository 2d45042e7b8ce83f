import PGPool

/// A pool on its own, with all hosts in its URL: libpq finds the one that takes writes.
///
/// It has no endpoint that could become suspect, so it never says when it noticed.
struct PoolTarget: DrillTarget {
    let events = DrillEvents()
    private let pool: ConnectionPool

    init(url: String, plan: DrillPlan) throws {
        var configuration = try ConnectionPool.Configuration(
            url: url,
            maxConnections: plan.poolSize
        )
        configuration.parameters["target_session_attrs"] = "read-write"
        configuration.name = DrillPlan.applicationName
        configuration.acquire.maxWaiters = 2 * plan.workers
        configuration.acquire.timeout = plan.deadline
        configuration.seed = plan.seed
        pool = try ConnectionPool(configuration: configuration, logger: BenchPool.logger)
    }

    var gauges: PoolGauges { PoolGauges(pool.snapshot) }

    func transact(_ operation: LedgerOperation, deadline: Duration) async throws {
        try await pool.withTransaction(deadline: deadline, acquireTimeout: deadline) {
            transaction in
            try await operation.perform(in: transaction)
        }
    }

    func shutdown() async { await pool.shutdown() }
}
