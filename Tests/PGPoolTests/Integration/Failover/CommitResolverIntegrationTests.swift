import PGPoolCore
import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Verified commits whose answer is lost. Serialized, since the tests freeze the reader of one cluster.
@Suite("Commits in doubt", .serialized, .timeLimit(.minutes(4)))
struct CommitResolverIntegrationTests {
    /// A pool of an ordinary role through a line that can be cut.
    private func withLine<Result>(
        _ schema: String,
        _ body: (ConnectionPool, Line, LocalCluster) async throws -> Result
    ) async throws -> Result {
        try await CommitLedgerIntegrationTests().withLedger(schema) { _, owner, cluster in
            try await owner.prepareCommitLedger(grantingTo: ["teller"])
            let line = try await Line.open(to: cluster)
            return try await line.withPool(
                configure: {
                    $0.commitLedger.schema = schema
                    $0.user = "teller"
                }
            ) { try await body($0, line, cluster) }
        }
    }

    private func rows(_ schema: String, _ cluster: LocalCluster) async throws -> String {
        try await cluster.execute(
            "SELECT COALESCE(string_agg(n::text, ',' ORDER BY n), '') FROM told_\(schema)"
        )
    }

    /// A transaction that inserts its attempt's number.
    private func insert(
        _ schema: String,
        _ pool: ConnectionPool,
        _ attempts: Counter = Counter(),
        deadline: Duration = .seconds(15)
    ) async throws -> Int {
        try await pool.withTransaction(commit: .verified, deadline: deadline) { transaction in
            attempts.increment()
            let number = attempts.value
            try await transaction.query(
                "INSERT INTO told_\(unescaped: schema) VALUES (\(Int32(number)))"
            )
            return number
        }
    }

    @Test(
        "The answer is lost, and the resolver's own: the closure's result comes, one row is there"
    )
    func answersLost() async throws {
        try await withLine("doubt_lost") { pool, line, cluster in
            for losses in 1...4 {
                let before = line.lost.value
                try await line.loseAcknowledgements(losses)
                let attempts = Counter()
                #expect(try await insert("doubt_lost", pool, attempts) == 1)
                #expect(attempts.value == 1, "it was committed, so it must not be repeated")
                #expect(line.lost.value - before >= 1)
            }
            #expect(try await rows("doubt_lost", cluster) == "1,1,1,1")
        }
    }

    @Test("COMMIT never reached the server: rolled back, fenced, repeated with a token of its own")
    func repeated() async throws {
        try await withLine("doubt_repeated") { pool, _, cluster in
            let attempts = Counter()
            let result = try await pool.withTransaction(commit: .verified) { transaction in
                attempts.increment()
                let number = attempts.value
                try await transaction.query(
                    "INSERT INTO told_doubt_repeated VALUES (\(Int32(number)))"
                )
                if number == 1 {
                    // The backend is gone; the client, which is stopped from reading, does not know.
                    let session = transaction.connection.session
                    session.state.withLock { state in
                        state.isReadingPaused = true
                        session.applyInterest(state)
                    }
                    try await cluster.execute(
                        "SELECT pg_terminate_backend(\(transaction.connection.backendPID))"
                    )
                    try await eventually("the backend is gone") {
                        try await cluster.execute(
                            """
                            SELECT count(*) FROM pg_stat_activity
                            WHERE pid = \(transaction.connection.backendPID)
                            """
                        ) == "0"
                    }
                    session.state.withLock { state in
                        state.isReadingPaused = false
                        session.applyInterest(state)
                    }
                }
                return number
            }
            #expect(result == 2)
            #expect(try await rows("doubt_repeated", cluster) == "2")
        }
    }

    @Test("Ended or cancelled while it waits for a standby: committed, and durably so")
    func waiting() async throws {
        try await withLine("doubt_waiting") { pool, _, cluster in
            for function in ["pg_terminate_backend", "pg_cancel_backend"] {
                let task = try await cluster.withoutStandbys {
                    let task = Task { try await insert("doubt_waiting", pool) }
                    try await cluster.commitsWait()
                    try await cluster.execute(
                        """
                        SELECT \(function)(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'
                        """
                    )
                    // The resolver's own commit waits, so nothing is claimed before a standby has it.
                    try await cluster.commitsWait()
                    return task
                }
                #expect(try await task.value == 1)
            }
            #expect(try await rows("doubt_waiting", cluster) == "1,1")
        }
    }

    @Test(
        "The server crashes and comes back with what no standby has: nothing is claimed before one has"
    )
    func crashed() async throws {
        try await withLine("doubt_crashed") { pool, _, cluster in
            let attempts = Counter()
            let isOver = Flag()
            let task = try await cluster.withoutStandbys {
                let task = Task {
                    defer { isOver.set() }
                    return try await insert("doubt_crashed", pool, attempts, deadline: .seconds(60))
                }
                try await cluster.commitsWait()
                let backend = try await cluster.execute(
                    "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                )
                // A server process that dies takes the others with it, and the server recovers.
                #expect(kill(try #require(pid_t(backend)), SIGKILL) == 0)
                try await eventually("the server has recovered") {
                    (try? await cluster.execute("SELECT 1")) == "1"
                }
                try await cluster.commitsWait()
                #expect(!isOver.isSet, "the resolver's own commit waits for a standby")
                return task
            }
            #expect(try await task.value == 1)
            #expect(attempts.value == 1, "it was committed, so it must not be repeated")
            #expect(try await rows("doubt_crashed", cluster) == "1")
        }
    }

    @Test("A backend that hangs in its COMMIT: unknown with the token, which settles it later")
    func frozenBackend() async throws {
        try await withLine("doubt_frozen") { pool, line, cluster in
            let error = try await cluster.withoutStandbys {
                let task = Task { try await insert("doubt_frozen", pool, deadline: .seconds(3)) }
                try await cluster.commitsWait()
                try await line.cut()
                // The client is gone; the backend waits on, and its token with it.
                return try await #require(throws: PostgresError.self) { _ = try await task.value }
            }
            #expect(error.failureClass == .outcomeUnknown)
            let token = try #require(error.commitToken)
            #expect(error.description.contains(token.description))
            #expect(try await pool.resolve(token, timeout: .seconds(15)) == .committed)
            #expect(try await rows("doubt_frozen", cluster) == "1")
        }
    }

    @Test("Two resolvers at once, and again: one answer; an unknown token is fenced")
    func twoResolvers() async throws {
        try await withLine("doubt_two") { pool, _, cluster in
            for _ in 0..<20 {
                let token = pool.ledger.makeToken()
                let outcomes = try await withThrowingTaskGroup { group in
                    for _ in 0..<3 { group.addTask { try await pool.resolve(token) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(outcomes == [.rolledBack, .rolledBack, .rolledBack])
                // Late, the fenced transaction can do nothing any more.
                await #expect(throws: PostgresError.self) {
                    try await pool.withConnection { connection in
                        var begin = TransactionBegin(nil, readOnly: nil, deferrable: false)
                        begin.token = pool.ledger.insert(token)
                        try await connection.runTransaction(begin) {
                            _ = try await $0.query("INSERT INTO told_doubt_two VALUES (1)")
                        }
                    }
                }
            }
            #expect(try await rows("doubt_two", cluster) == "")
        }
    }

    @Test("A transaction that still runs, or is prepared, is waited for, and settled later")
    func running() async throws {
        try await withLine("doubt_running") { pool, _, cluster in
            for isCommitted in [true, false] {
                let token = pool.ledger.makeToken()
                let text = pool.ledger.insert(token).literalSQL
                let open = Gate()
                let isOpen = Gate()
                let task = Task {
                    try await pool.withConnection { connection in
                        try await connection.query("BEGIN")
                        try await connection.query("\(unescaped: text)")
                        isOpen.open()
                        await open.wait()
                        try await connection.query(isCommitted ? "COMMIT" : "ROLLBACK")
                    }
                }
                await isOpen.wait()
                #expect(try await pool.resolve(token, timeout: .milliseconds(200)) == .unknown)
                open.open()
                try await task.value
                let expected = isCommitted ? CommitOutcome.committed : .rolledBack
                #expect(try await pool.resolve(token) == expected)
                #expect(try await pool.resolve(token) == expected)
            }
        }
        try await prepared()
    }

    private func prepared() async throws {
        var configuration = LocalCluster.Configuration()
        configuration.parameters["max_prepared_transactions"] = "4"
        try await LocalCluster.with(configuration) { cluster in
            try await withPool(on: cluster) { pool in
                try await pool.prepareCommitLedger()
                for end in ["COMMIT PREPARED 'p'", "ROLLBACK PREPARED 'p'"] {
                    let token = pool.ledger.makeToken()
                    let text = pool.ledger.insert(token).literalSQL
                    try await pool.withConnection { connection in
                        _ = try await connection.simpleQuery(
                            "BEGIN; \(text); PREPARE TRANSACTION 'p'"
                        )
                    }
                    #expect(try await pool.resolve(token, timeout: .milliseconds(200)) == .unknown)
                    try await pool.query("\(unescaped: end)")
                    let expected = end.hasPrefix("C") ? CommitOutcome.committed : .rolledBack
                    #expect(try await pool.resolve(token) == expected)
                }
            }
        }
    }
}
