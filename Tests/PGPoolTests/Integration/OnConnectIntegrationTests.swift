import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

#if canImport(Glibc)
    import Glibc
#endif

@Suite("onConnect, and what it leaves behind", .timeLimit(.minutes(1)))
struct OnConnectIntegrationTests {
    @Test("A transaction that it leaves open is a connect error, and no statement gets into it")
    func openTransaction() async throws {
        let cluster = try await Servers.plain.value
        _ = try await cluster.execute("CREATE TABLE hooked (t text)")
        for statement in ["BEGIN", "BEGIN; SELECT 1/0"] {
            try await withPool(
                on: cluster,
                maxConnections: 1,
                configure: {
                    $0.acquire.timeout = .milliseconds(300)
                    $0.onConnect = { _ = try? await $0.simpleQuery(statement) }
                }
            ) { pool in
                let error = try await poolError {
                    try await pool.query("INSERT INTO hooked VALUES ('x')")
                }
                #expect(error.lastConnectFailure?.message.contains("transaction") == true)
            }
        }
        #expect(try await cluster.execute("SELECT count(*) FROM hooked") == "0")
    }

    @Test("What it gave up is over before anybody else's statement")
    func givenUp() async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: {
                $0.onConnect = { connection in
                    _ = try? await connection.query(
                        "SELECT pg_sleep(600)",
                        statementTimeout: .milliseconds(20)
                    )
                    let numbers: Query = "SELECT generate_series(1, 1000000)"
                    for try await _ in try await connection.stream(numbers) { break }
                }
            }
        ) { pool in
            try await pool.query("SELECT 1")
            #expect(pool.snapshot.connectFailuresTotal == 0)
        }
    }

    @Test("A connection that is lost behind it is replaced before anybody gets it")
    func lostBehind() async throws {
        let cluster = try await Servers.plain.value
        let first = Mutex<Session?>(nil)
        // The session refers to the pool, whose hook refers to this.
        defer { first.withLock { $0 = nil } }
        let isLost = Gate()
        try await withPool(
            on: cluster,
            maxConnections: 1,
            configure: {
                $0.onConnect = { connection in
                    try await connection.query("SELECT 1")
                    let isFirst = first.withLock { session in
                        defer { session = session ?? connection.session }
                        return session == nil
                    }
                    if isFirst { await isLost.wait() }
                }
            }
        ) { pool in
            let asking = Task { try await pool.withConnection { $0.backendPID } }
            try await eventually("the hook waits") { first.withLock { $0 != nil } }
            let session = try #require(first.withLock { $0 })
            _ = try await cluster.execute(
                "SELECT pg_terminate_backend(\(session.backendPID), 5000)"
            )
            try await eventually("the loss is noticed") { session.isLost }
            isLost.open()
            #expect(try await asking.value != session.backendPID)
        }
    }

    @Test("One whose onConnect failed counts until the server has let go of it")
    func counts() async throws {
        struct Refused: Error {}
        let calls = Mutex<[ContinuousClock.Instant]>([])
        let stopped = Mutex<pid_t?>(nil)
        defer { if let pid = stopped.withLock({ $0 }) { kill(pid, SIGCONT) } }
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: {
                $0.onConnect = { connection in
                    let isFirst = calls.withLock { calls in
                        calls.append(.now)
                        return calls.count == 1
                    }
                    guard isFirst else { return }
                    // A server that hangs does not see that the connection is closed.
                    stopped.withLock { $0 = connection.backendPID }
                    kill(connection.backendPID, SIGSTOP)
                    throw Refused()
                }
            }
        ) { pool in
            try await pool.query("SELECT 1")
            let times = calls.withLock { $0 }
            try #require(times.count == 2)
            #expect(times[1] - times[0] >= Session.lingerTimeout)
        }
    }
}
