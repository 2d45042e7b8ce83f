import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

@Suite("Statements that share connections")
struct SharingIntegrationTests {
    @Test("Under saturation statements join a connection; else each has one to itself")
    func onlyUnderSaturation() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 2) { pool in
            async let first = pool.query("SELECT pg_backend_pid(), pg_sleep(0.3)")
            async let second = pool.query("SELECT pg_backend_pid(), pg_sleep(0.3)")
            try await eventually("two statements run", seeing: pool) { pool.snapshot.shared == 2 }
            async let third = pool.query("SELECT pg_backend_pid()")
            let pids = try await [first, second, third].map {
                try $0[0].decode(Int32.self, at: 0)
            }
            #expect(pids[0] != pids[1], "two statements shared although there was room to grow")
            #expect(pids[2] == pids[0] || pids[2] == pids[1])
            #expect(pool.snapshot.openedTotal == 2)
        }
    }

    @Test("With sharing: .never, or a timeout of its own, a statement waits for a connection")
    func optOut() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            try await pool.withConnection { _ in
                for query in [
                    {
                        try await pool.query(
                            "SELECT 1",
                            acquireTimeout: .milliseconds(50),
                            sharing: .never
                        )
                    },
                    { try await pool.query("SELECT 1", acquireTimeout: .milliseconds(50)) },
                ] as [@Sendable () async throws -> Rows] {
                    let error = try await poolError {
                        try await Task.detached { _ = try await query() }.value
                    }
                    #expect(error.code == .acquireTimeout)
                }
            }
            async let slow = pool.query("SELECT pg_sleep(0.2)")
            try await eventually("it runs", seeing: pool) { pool.snapshot.shared == 1 }
            async let alone = pool.query("SELECT 1", statementTimeout: .seconds(5))
            try await eventually("it waits", seeing: pool) { pool.snapshot.waiters == 1 }
            _ = try await (slow, alone)
        }
    }

    @Test("One statement's error touches no other")
    func errorsAreIsolated() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 2) { pool in
            try await pool.query("DROP TABLE IF EXISTS shared_rows")
            try await pool.query("CREATE TABLE shared_rows (id int PRIMARY KEY)")
            let outcomes = await withTaskGroup(of: (Int, Bool).self) { group in
                for number in 0..<600 {
                    group.addTask {
                        do {
                            switch number % 3 {
                            case 0:
                                let other = -number - 1
                                try await pool.query("INSERT INTO shared_rows VALUES (\(other))")
                                try await pool.query("DELETE FROM shared_rows WHERE id = \(other)")
                                try await pool.query("INSERT INTO shared_rows VALUES (\(number))")
                            case 1: try await pool.query("SELECT 1 / (\(number) - \(number))")
                            default:
                                let rows = try await pool.query("SELECT \(number)::int")
                                return (number, try rows[0].decode(Int.self, at: 0) == number)
                            }
                            return (number, true)
                        } catch {
                            return (number, false)
                        }
                    }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            for (number, succeeded) in outcomes {
                #expect(succeeded == (number % 3 != 1), "statement \(number)")
            }
            let count = try await pool.query("SELECT count(*)::int FROM shared_rows")
            #expect(try count[0].decode(Int.self, at: 0) == 200)
        }
    }

    @Test("A hostile statement harms nobody")
    func hostile() async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 2,
            configure: { $0.acquire.maxWaiters = 10_000 }
        ) { pool in
            try await pool.withConnection { connection in
                try await connection.simpleQuery(
                    """
                    DROP TABLE IF EXISTS hostile_rows;
                    CREATE TABLE hostile_rows (id int PRIMARY KEY);
                    CREATE OR REPLACE FUNCTION evil() RETURNS text LANGUAGE sql AS
                    $$ SELECT set_config('search_path', 'nowhere', false) $$
                    """
                )
            }
            let hostile = [
                "/* SELECT */ BEGIN", "-- SELECT\nBEGIN", "START TRANSACTION READ ONLY",
                "SELECT set_config('search_path', 'nowhere', false)", "SELECT evil()",
                "SELECT public.evil()", #"SELECT E'\'', evil() -- '"#, "SET search_path = nowhere",
                "COPY hostile_rows FROM STDIN", "COPY hostile_rows TO STDOUT",
                "SELECT 1; BEGIN", "INSERT INTO hostile_rows VALUES (-1); BEGIN; SELECT 1",
                "SET default_transaction_read_only = on", "PREPARE x AS SELECT 1", "LISTEN x",
                "DECLARE c CURSOR WITH HOLD FOR SELECT 1", "SELECT pg_advisory_lock(7)",
                "SET ROLE pg_monitor", "DO 'begin perform evil(); end'",
            ]
            let acknowledged = try await withThrowingTaskGroup(of: Int?.self) { group in
                for number in 0..<2_000 {
                    group.addTask {
                        guard number % 20 == 0 else {
                            try await pool.query("INSERT INTO hostile_rows VALUES (\(number))")
                            return number
                        }
                        // Whether it succeeds does not matter here: its neighbours do.
                        _ = try? await pool.query(
                            "\(unescaped: hostile[number / 20 % hostile.count])",
                            acquireTimeout: .seconds(60)
                        )
                        return nil
                    }
                }
                return try await group.reduce(into: Set<Int>()) { if let id = $1 { $0.insert(id) } }
            }
            let rows = try await pool.query("SELECT id FROM public.hostile_rows WHERE id >= 0")
            #expect(Set(try rows.map { try $0.decode(Int.self, at: 0) }) == acknowledged)
        }
    }

    @Test("Cancelling a shared statement touches neither neighbours nor connections")
    func cancellation() async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 2,
            configure: { $0.acquire.maxWaiters = 10_000 }
        ) { pool in
            try await pool.query("SELECT 1")
            var generator = SeededGenerator(seed: 3)
            let wrong = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<3_000 {
                    let delay = Duration.microseconds(Int.random(in: 0...3_000, using: &generator))
                    group.addTask {
                        let statement = Task {
                            try await pool.query(
                                "SELECT \(number)::int",
                                acquireTimeout: .seconds(60)
                            )
                        }
                        if number % 3 == 0 {
                            // Proof: the moment is random on purpose; nothing is waited for.
                            try await Task.sleep(for: delay)
                            statement.cancel()
                        }
                        do {
                            return try await statement.value[0].decode(Int.self, at: 0) != number
                        } catch is CancellationError {
                            return number % 3 != 0
                        }
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(wrong == 0, "statements with a neighbour's answer or cancellation")
            #expect(pool.snapshot.openedTotal <= 2, "a connection was given up")
        }
    }

    @Test("When the connection dies each statement gets the class that is true for it")
    func death() async throws {
        let cluster = try await Servers.plain.value
        try await withPool(
            on: cluster,
            maxConnections: 2,
            configure: { $0.acquire.maxWaiters = 10_000 }
        ) { pool in
            try await pool.query("DROP TABLE IF EXISTS doomed_rows")
            try await pool.query("CREATE TABLE doomed_rows (id int PRIMARY KEY)")
            let outcomes = await withTaskGroup(of: (Int, FailureClass?).self) { group in
                for number in 0..<4_000 {
                    group.addTask {
                        do {
                            try await pool.query(
                                "INSERT INTO doomed_rows VALUES (\(number))",
                                acquireTimeout: .seconds(60)
                            )
                            return (number, nil)
                        } catch let error as PostgresError {
                            return (number, error.failureClass)
                        } catch let error as PoolError {
                            return (number, error.failureClass)
                        } catch {
                            return (number, .deterministic)
                        }
                    }
                }
                group.addTask {
                    for _ in 0..<5 {
                        _ = try? await cluster.execute(
                            """
                            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE application_name = 'pgpool' AND pid <> pg_backend_pid()
                            """
                        )
                    }
                    return (-1, nil)
                }
                return await group.reduce(into: [Int: FailureClass?]()) { $0[$1.0] = $1.1 }
            }
            // Repeated if the last of the kills hits it.
            let rows = try await pool.withTransaction { transaction in
                try await transaction.query("SELECT id FROM doomed_rows")
            }
            let present = Set(try rows.map { try $0.decode(Int.self, at: 0) })
            for number in 0..<4_000 {
                switch outcomes[number] ?? nil {
                case nil:
                    #expect(present.contains(number), "\(number) was acknowledged and is lost")
                case .notExecuted?, .rolledBack?:
                    #expect(!present.contains(number), "\(number) was said not to have run")
                case .outcomeUnknown?: break
                case .deterministic?: Issue.record("\(number) failed for good")
                }
            }
        }
    }

    @Test("Callers that want a connection for themselves are served beside shared traffic")
    func exclusiveCallersAreServed() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 2) { pool in
            let isOver = Atomic<Bool>(false)
            try await withThrowingTaskGroup { group in
                for _ in 0..<64 {
                    group.addTask { @Sendable in
                        while !isOver.load(ordering: .relaxed) { try await pool.query("SELECT 1") }
                    }
                }
                try await eventually("the pool is shared") { pool.snapshot.shared == 2 }
                for _ in 0..<100 {
                    try await pool.withConnection(acquireTimeout: .seconds(10)) { connection in
                        _ = try await connection.query("SELECT 1")
                    }
                }
                isOver.store(true, ordering: .relaxed)
                try await group.waitForAll()
            }
        }
    }

    @Test("A slow statement holds up only those behind it on its own connection")
    func slowNeighbour() async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 2,
            configure: { $0.sharing.depth = 4 }
        ) { pool in
            async let slow = pool.query("SELECT pg_sleep(1)")
            try await eventually("it runs", seeing: pool) { pool.snapshot.shared == 1 }
            let clock = ContinuousClock()
            let heldUp = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<500 {
                    group.addTask {
                        let start = clock.now
                        try await pool.query("SELECT 1", acquireTimeout: .seconds(30))
                        return clock.now - start > .milliseconds(700)
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            _ = try await slow
            #expect(heldUp < 4, "\(heldUp) statements waited for one that was slow")
        }
    }
}
