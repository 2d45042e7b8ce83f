import Dispatch
import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

#if canImport(Glibc)
    import Glibc
#endif

/// A cancel request is a connection of its own, which a server may accept and never answer.
@Suite("Cancel requests at a server that hangs", .timeLimit(.minutes(2)))
struct CancelStalledIntegrationTests {
    /// Cancels a statement that the server runs, and returns when the next one is answered, or fails.
    private func cancelOne(
        _ statement: Query,
        on connection: PostgresConnection
    ) async throws {
        let slow = Task { try await connection.query(statement) }
        try await eventually("it is sent") {
            connection.session.state.withLock { $0.sent.count == 1 }
        }
        slow.cancel()
        await #expect(throws: CancellationError.self) { try await slow.value }
        let isAnswered = Flag()
        let next = Task {
            defer { isAnswered.set() }
            try await connection.query("SELECT 1")
        }
        defer { next.cancel() }
        try await eventually("the next statement is answered") { isAnswered.isSet }
        try await next.value
    }

    @Test("They hold up nobody at another server")
    func elsewhere() async throws {
        try await LocalCluster.with { frozen in
            try await withPool(on: frozen, maxConnections: 20) { pool in
                let sleepers = (0..<20).map { _ in
                    Task { try await pool.query("SELECT pg_sleep(600)", sharing: .never) }
                }
                try await eventually("all of them run") {
                    try await frozen.execute(
                        """
                        SELECT count(*) FROM pg_stat_activity
                        WHERE state = 'active' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()
                        """
                    ) == "20"
                }
                let processes = try await frozen.processIdentifiers()
                for process in processes { kill(process, SIGSTOP) }
                defer { for process in processes { kill(process, SIGCONT) } }
                for sleeper in sleepers {
                    sleeper.cancel()
                    await #expect(throws: CancellationError.self) { try await sleeper.value }
                }
                try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
                    try await pool.withConnection { connection in
                        try await cancelOne("SELECT pg_sleep(600)", on: connection)
                    }
                    #expect(pool.snapshot.openedTotal == 1)
                }
            }
        }
    }

    @Test("The timeout of a COPY that is let in before its cancel request comes is a timeout")
    func copyLetInLate() async throws {
        try await LocalCluster.with { cluster in
            try await withPool(on: cluster, maxConnections: 2) { pool in
                try await pool.query("CREATE TABLE locked (t text)")
                let postmaster = try await postmaster(cluster)
                try await pool.withConnection { connection in
                    let copying = try await pool.withTransaction { transaction in
                        try await transaction.query("LOCK TABLE locked")
                        kill(postmaster, SIGSTOP)
                        let copying = Task {
                            try await connection.copyIn(
                                "COPY locked FROM STDIN",
                                statementTimeout: .milliseconds(100)
                            ) { _ in }
                        }
                        try await eventually("its time is over") {
                            connection.session.state.withLock { $0.sent.first?.didTimeOut ?? false }
                        }
                        return copying
                    }
                    defer { kill(postmaster, SIGCONT) }
                    let refusal = await #expect(throws: PostgresError.self) {
                        try await copying.value
                    }
                    #expect(refusal?.sqlState == .queryCanceled)
                }
            }
        }
    }

    @Test("A transaction whose statement timed out is rolled back before it throws")
    func rolledBackFirst() async throws {
        struct Thrown: Error {}
        try await LocalCluster.with { cluster in
            try await withPool(on: cluster, maxConnections: 1) { pool in
                let postmaster = try await postmaster(cluster)
                try await pool.withConnection { connection in
                    let working = Task {
                        await #expect(throws: Thrown.self) {
                            try await connection.withTransaction { transaction in
                                _ = try? await transaction.query(
                                    "SELECT pg_sleep(0.5)",
                                    statementTimeout: .milliseconds(100)
                                )
                                throw Thrown()
                            }
                        }
                        try await connection.withTransaction { try await $0.query("SELECT 1") }
                    }
                    try await eventually("it sleeps") {
                        connection.session.state.withLock { $0.sent.count == 1 }
                    }
                    kill(postmaster, SIGSTOP)
                    defer { kill(postmaster, SIGCONT) }
                    try await eventually("the statement is over, and its cancel request is not") {
                        connection.session.state.withLock { state in
                            state.cancelsInFlight == 1 && !state.pending.isEmpty
                                && state.sent.isEmpty
                        }
                    }
                    kill(postmaster, SIGCONT)
                    try await working.value
                }
                #expect(pool.snapshot.openedTotal == 1)
            }
        }
    }

    @Test("A transaction can begin while the end of one that was cancelled waits")
    func beginsBehind() async throws {
        try await LocalCluster.with { cluster in
            try await withPool(on: cluster, maxConnections: 1) { pool in
                let postmaster = try await postmaster(cluster)
                try await pool.withConnection { connection in
                    let slow = Task {
                        try await connection.withTransaction { transaction in
                            try await transaction.query("SELECT 1")
                            try await transaction.query("SELECT pg_sleep(0.5)")
                        }
                    }
                    try await eventually("it sleeps") {
                        connection.session.state.withLock { state in
                            state.sent.first?.query.sql.contains("pg_sleep") ?? false
                        }
                    }
                    kill(postmaster, SIGSTOP)
                    defer { kill(postmaster, SIGCONT) }
                    slow.cancel()
                    await #expect(throws: CancellationError.self) { try await slow.value }
                    try await eventually("the statement is over, and its cancel request is not") {
                        connection.session.state.withLock { $0.sent.isEmpty && $0.mustSettle }
                    }
                    let next = Task {
                        try await connection.withTransaction {
                            try await $0.query("SELECT 1").count
                        }
                    }
                    try await eventually("it waits") {
                        connection.session.state.withLock { $0.pending.count == 2 }
                    }
                    kill(postmaster, SIGCONT)
                    #expect(try await next.value == 1)
                }
            }
        }
    }

    @Test("One whose turn comes when its connection is being closed does not put that off")
    func closing() async throws {
        try await LocalCluster.with { cluster in
            var configuration = try ConnectionPool.Configuration(
                url: cluster.url,
                maxConnections: 1
            )
            configuration.failover.isEnabled = false
            let pool = try ConnectionPool(configuration: configuration)
            let session = try await pool.withConnection { $0.session }
            let host = session.state.withLock { $0.connection.map(Session.address) }
            let gate = DispatchSemaphore(value: 0)
            for _ in 0..<8 {
                try BlockingThreads.canceller.run(for: #require(host)) { gate.wait() }
            }
            let slow = Task {
                try await pool.withConnection { try await $0.query("SELECT pg_sleep(600)") }
            }
            try await eventually("it is sent") { session.state.withLock { $0.sent.count == 1 } }
            let processes = try await cluster.processIdentifiers()
            for process in processes { kill(process, SIGSTOP) }
            defer { for process in processes { kill(process, SIGCONT) } }
            let isShutDown = Flag()
            let ending = Task {
                await pool.shutdown(leaseTimeout: .seconds(60))
                isShutDown.set()
            }
            try await eventually("it shuts down") {
                pool.engine.state.withLock { $0.machine.lifecycle != .running }
            }
            slow.cancel()
            await #expect(throws: CancellationError.self) { try await slow.value }
            try await eventually("the connection is being closed") {
                session.state.withLock { $0.isClosing }
            }
            for _ in 0..<8 { gate.signal() }
            try await eventually("shutdown returns", within: .seconds(5)) { isShutDown.isSet }
            await ending.value
        }
    }

    private func postmaster(_ cluster: LocalCluster) async throws -> pid_t {
        try #require(
            pid_t(
                try await cluster.execute(
                    "SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)"
                )
            )
        )
    }

    @Test("One that is never answered costs its connection, not an eternity")
    func unanswered() async throws {
        try await LocalCluster.with { cluster in
            try await withPool(on: cluster, maxConnections: 1) { pool in
                try await pool.withConnection { connection in
                    let postmaster = try await postmaster(cluster)
                    kill(postmaster, SIGSTOP)
                    defer { kill(postmaster, SIGCONT) }
                    let error = await #expect(throws: PostgresError.self) {
                        try await cancelOne("SELECT pg_sleep(1)", on: connection)
                    }
                    #expect(error?.message.contains("cancel request") == true)
                    #expect(error?.failureClass == .notExecuted)
                }
                try await pool.query("SELECT 1")
                #expect(pool.snapshot.openedTotal == 2)
            }
        }
    }
}
