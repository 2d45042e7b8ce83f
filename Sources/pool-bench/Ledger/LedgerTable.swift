import PGPool

/// The table that a drill writes to: a row for each attempt of an operation that was committed.
///
/// No constraint is unique, since that would hide what is applied twice.
struct LedgerTable: Equatable, Sendable {
    let name: String

    /// - Parameters:
    ///   - run: Tells runs apart on a server that several use.
    ///   - segment: Tells the tables of one run apart.
    init(run: UInt64, segment: Int = 0) {
        name = "pool_bench_ledger_\(String(run, radix: 36))_\(segment)"
    }

    /// Adds an attempt's row.
    func insertion(worker: Int, number: Int, attempt: Int) -> Query {
        "INSERT INTO \(identifier: name) (worker, number, attempt) VALUES (\(Int32(worker)), \(number), \(attempt))"
    }

    /// Makes the table on the writer that the URL leads to.
    func create(at url: String) async throws {
        try await Self.withWriter(url) { connection in
            try await connection.query("DROP TABLE IF EXISTS \(identifier: name)")
            try await connection.query(
                """
                CREATE TABLE \(identifier: name)
                (worker int NOT NULL, number bigint NOT NULL, attempt bigint NOT NULL)
                """
            )
        }
    }

    /// Reads all rows and compares them with what callers were told.
    func audit(_ outcomes: [[LedgerOutcome]], at url: String) async throws -> LedgerTotals {
        try await Self.withWriter(url) { connection in
            var audit = LedgerAudit(outcomes: outcomes)
            let rows = try await connection.stream("SELECT worker, number FROM \(identifier: name)")
            for try await row in rows {
                let (worker, number) = try row.decode((Int32, Int).self)
                audit.add(worker: Int(worker), number: number)
            }
            return audit.totals
        }
    }

    /// Removes the table; whoever calls can't do more about a failure than the one who reads this.
    func drop(at url: String) async {
        try? await Self.withWriter(url) { connection in
            _ = try await connection.query("DROP TABLE IF EXISTS \(identifier: name)")
        }
    }

    /// A connection of the drill's own, beside the pool that is drilled.
    private static func withWriter<Result: Sendable>(
        _ url: String,
        _ body: @Sendable (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        var configuration = try ConnectionPool.Configuration(url: url, maxConnections: 1)
        configuration.name = "pool-bench ledger"
        configuration.parameters["target_session_attrs"] = "read-write"
        configuration.acquire.timeout = .seconds(30)
        let pool = try ConnectionPool(configuration: configuration, logger: BenchPool.drillLogger)
        do {
            let result = try await pool.withConnection { try await body($0) }
            await pool.shutdown()
            return result
        } catch {
            await pool.shutdown()
            throw error
        }
    }
}
