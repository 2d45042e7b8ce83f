import PGPool
import PGPoolTesting
import Testing

@Suite("Pipelines")
struct PipelineIntegrationTests {
    /// A connection beside a table of its own, with a unique and a deferred constraint.
    private func withTable(
        _ name: String,
        _ body: (PostgresConnection, ConnectionPool) async throws -> Void
    ) async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 2) { pool in
            try await pool.withConnection { connection in
                try await connection.simpleQuery(
                    """
                    DROP TABLE IF EXISTS \(name);
                    CREATE TABLE \(name) (n int UNIQUE,
                        parent int REFERENCES \(name) (n) DEFERRABLE INITIALLY DEFERRED);
                    """
                )
                try await body(connection, pool)
            }
        }
    }

    private func insert(_ n: Int, _ table: String) -> Query {
        "INSERT INTO \(identifier: table) (n) VALUES (\(n)) RETURNING n"
    }

    private func numbers(_ table: String, _ connection: PostgresConnection) async throws -> [Int] {
        try await connection.query("SELECT n FROM \(identifier: table) ORDER BY n")
            .decode(Int.self)
    }

    private func classes(_ results: [Result<Rows, PostgresError>]) -> [FailureClass?] {
        results.map { if case .failure(let error) = $0 { error.failureClass } else { nil } }
    }

    @Test("Isolated, one statement's error touches no other")
    func isolated() async throws {
        try await withTable("pipe_isolated") { connection, _ in
            let queries: [Query] = [
                insert(1, "pipe_isolated"), "SELECT 1/0", insert(1, "pipe_isolated"), "not SQL",
                "INSERT INTO pipe_isolated VALUES (5, 99)", insert(2, "pipe_isolated"), "",
                "COPY pipe_isolated FROM STDIN", Query("SELECT \("x")").sent(as: .unnamed),
            ]
            let results = try await connection.pipeline(queries)
            let failed = FailureClass.deterministic
            #expect(
                classes(results) == [nil, failed, failed, failed, failed, nil, nil, failed, nil]
            )
            #expect(try results[8].get()[0].decode(String.self, at: 0) == "x")
            #expect(try await numbers("pipe_isolated", connection) == [1, 2])
            #expect(try await connection.pipeline([]).isEmpty)
        }
    }

    @Test("All or nothing: what ran before the failure is undone, what stands behind never began")
    func allOrNothing() async throws {
        try await withTable("pipe_all") { connection, _ in
            let good = try await connection.pipeline(
                [insert(1, "pipe_all"), insert(2, "pipe_all")],
                errors: .allOrNothing
            ).rows()
            #expect(try good.map { try $0[0].decode(Int.self, at: 0) } == [1, 2])
            let results = try await connection.pipeline(
                [insert(3, "pipe_all"), insert(1, "pipe_all"), insert(4, "pipe_all")],
                errors: .allOrNothing
            )
            #expect(classes(results) == [.rolledBack, .deterministic, .notExecuted])
            let first = #expect(throws: PostgresError.self) { _ = try results.rows() }
            #expect(first?.sqlState == .uniqueViolation, "the cause, not a consequence")
            #expect(try await numbers("pipe_all", connection) == [1, 2])
        }
    }

    @Test("All or nothing: an error at the very end undoes all")
    func deferredConstraint() async throws {
        try await withTable("pipe_deferred") { connection, _ in
            let results = try await connection.pipeline(
                [insert(1, "pipe_deferred"), "INSERT INTO pipe_deferred VALUES (2, 99)"],
                errors: .allOrNothing
            )
            #expect(classes(results) == [.rolledBack, .rolledBack])
            #expect(try await numbers("pipe_deferred", connection).isEmpty)
        }
    }

    @Test(
        "All or nothing: what would split the transaction is refused, and nothing is done",
        arguments: ["COMMIT", ";/* x */ commit", "BEGIN", "CALL p()", "DO $$ $$", "VACUUM"]
    )
    func splitting(sql: String) async throws {
        try await withTable("pipe_split") { connection, _ in
            for queries in [
                [insert(1, "pipe_split"), Query(sql)], [Query(sql), insert(1, "pipe_split")],
            ] {
                let results = try await connection.pipeline(queries, errors: .allOrNothing)
                #expect(!classes(results).contains(nil))
                #expect(try await numbers("pipe_split", connection).isEmpty)
                #expect(!connection.isInTransaction)
            }
        }
    }

    @Test("Inside a transaction a pipeline is a part of it", arguments: PipelineErrors.allCases)
    func insideTransaction(errors: PipelineErrors) async throws {
        try await withTable("pipe_tx_\(errors)".lowercased()) { connection, pool in
            let table = "pipe_tx_\(errors)".lowercased()
            try await pool.withTransaction { transaction in
                _ = try await transaction.pipeline(
                    [insert(1, table), insert(2, table)],
                    errors: errors
                ).rows()
                #expect(try await numbers(table, connection).isEmpty, "not committed yet")
            }
            #expect(try await numbers(table, connection) == [1, 2])
            await #expect(throws: PostgresError.self) {
                try await pool.withTransaction { transaction in
                    let results = try await transaction.pipeline(
                        [insert(3, table), insert(1, table), insert(4, table)],
                        errors: errors
                    )
                    #expect(
                        classes(results).last == (errors == .isolated ? .rolledBack : .notExecuted)
                    )
                    _ = try results.rows()
                }
            }
            #expect(try await numbers(table, connection) == [1, 2])
        }
    }

    @Test("Ten thousand statements do not jam", arguments: PipelineErrors.allCases)
    func many(errors: PipelineErrors) async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.withConnection { connection in
                let queries = (0..<10_000).map { Query("SELECT \($0), repeat('x', 100)") }
                let rows = try await connection.pipeline(queries, errors: errors).rows()
                #expect(try rows.map { try $0[0].decode(Int.self, at: 0) } == Array(0..<10_000))
            }
        }
    }

    /// The server keeps small answers until a sync, so that reading brings nothing that would go on with
    /// a batch that is not sent whole.
    @Test(
        "A batch with small answers is sent whole",
        .timeLimit(.minutes(2)),
        arguments: PipelineErrors.allCases,
        [false, true]
    )
    func smallAnswers(errors: PipelineErrors, isOnReactor: Bool) async throws {
        let table = "pipe_small_\(errors)_\(isOnReactor)".lowercased()
        try await withTable(table) { connection, pool in
            let queries = (0..<1_000).map {
                "INSERT INTO \(identifier: table) (n) VALUES (\($0))" as Query
            }
            try await withTaskExecutorPreference(isOnReactor ? ReactorGroup.shared : nil) {
                // Whoever has an answer on the reactors is on the thread that read it.
                try await connection.query("SELECT 1")
                _ = try await connection.pipeline(queries, errors: errors, timeout: .seconds(20))
                    .rows()
                try await pool.withTransaction { transaction in
                    try await transaction.query("DELETE FROM \(identifier: table)")
                    _ = try await transaction.pipeline(
                        queries,
                        errors: errors,
                        timeout: .seconds(20)
                    ).rows()
                }
            }
            #expect(try await numbers(table, connection) == Array(0..<1_000))
        }
    }

    @Test(
        "Large parameters meet large rows, and no side waits for the other for ever",
        arguments: [(PipelineErrors.isolated, false), (.allOrNothing, false), (.isolated, true)]
    )
    func large(errors: PipelineErrors, isSecured: Bool) async throws {
        let cluster = try await isSecured ? Servers.secured.value : Servers.plain.value
        try await withPool(on: cluster, maxConnections: 1) { pool in
            try await pool.withConnection { connection in
                let text = String(repeating: "ab", count: 50_000)
                // Encoded once, for that takes its time.
                let query: Query = "SELECT \(text)::text || \(text)::text"
                let rows = try await connection.pipeline(
                    Array(repeating: query, count: 120),
                    errors: errors
                ).rows()
                for result in rows {
                    let echo = try result[0].decode(PostgresRaw.self, at: 0)
                    #expect(echo.bytes.count == 2 * text.utf8.count)
                }
            }
        }
    }

    @Test(
        "A batch of statements that the server forgot is mended whole",
        arguments: PipelineErrors.allCases
    )
    func repair(errors: PipelineErrors) async throws {
        let table = "pipe_repair_\(errors)".lowercased()
        try await withTable(table) { connection, pool in
            _ = try await connection.pipeline([insert(0, table), "SELECT 7"]).rows()
            try await connection.simpleQuery("DEALLOCATE ALL")
            let results = try await connection.pipeline(
                [insert(1, table), insert(2, table), "SELECT 7"],
                errors: errors
            )
            #expect(try results.rows().count == 3)
            #expect(try await numbers(table, connection) == [0, 1, 2])
            #expect(pool.snapshot.statementRepairsTotal == 1)
        }
    }

    @Test("Mending overtakes nothing: where another statement ran behind it, the error stands")
    func repairKeepsOrder() async throws {
        try await withTable("pipe_order") { connection, _ in
            _ = try await connection.pipeline([insert(0, "pipe_order")]).rows()
            try await connection.simpleQuery("DEALLOCATE ALL")
            let results = try await connection.pipeline([
                insert(1, "pipe_order"), "SELECT count(*) FROM pipe_order",
            ])
            #expect(classes(results) == [.notExecuted, nil])
            #expect(try results[1].get()[0].decode(Int.self, at: 0) == 1)
        }
    }
}
