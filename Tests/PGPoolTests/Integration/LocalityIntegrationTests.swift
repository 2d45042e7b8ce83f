import Foundation
import PGPoolCore
import PGPoolTesting
import Subprocess
import Synchronization
import Testing

@testable import PGPool

@Suite("Connections that change their reactors", .timeLimit(.minutes(2)))
struct LocalityIntegrationTests {
    private func sessions(of pool: ConnectionPool) -> [Session] {
        pool.engine.state.withLock { $0.connections.compactMap { $0?.session } }
    }

    private func move(_ session: Session, to reactor: Reactor) {
        session.state.withLock { session.move(to: reactor, &$0) }
    }

    @Test("Under load, each statement gets its own answer, and each connection stays usable")
    func underLoad() async throws {
        let group = ReactorGroup(threads: 3)
        defer { group.shutDown() }
        try await withPool(
            on: Servers.plain.value,
            configure: { $0.reactors = group.reactors }
        ) { pool in
            try await withThrowingTaskGroup(of: Int.self) { tasks in
                for worker in 0..<16 {
                    tasks.addTask {
                        for number in 0..<300 {
                            let value = worker * 1_000 + number
                            let rows = try await pool.query("SELECT \(value)")
                            let answer = try rows[0].decode(Int.self, at: 0)
                            guard answer == value else { return -1 }
                        }
                        return 300
                    }
                }
                let mover = Task {
                    var generator = SystemRandomNumberGenerator()
                    var moves = 0
                    while !Task.isCancelled {
                        for session in sessions(of: pool) {
                            guard let next = group.reactors.randomElement(using: &generator)
                            else { break }
                            move(session, to: next)
                            moves += 1
                        }
                        await Task.yield()
                    }
                    return moves
                }
                var answered = 0
                for try await count in tasks {
                    #expect(count > 0, "an answer went to another statement's task")
                    answered += count
                }
                mover.cancel()
                #expect(await mover.value > 100, "hardly anything was moved: nothing is shown")
                #expect(answered == 16 * 300)
            }
            #expect(pool.snapshot.idle == pool.snapshot.total)
            #expect(pool.snapshot.connectFailuresTotal == 0 && pool.snapshot.closedTotal == 0)
        }
    }

    @Test("A deadline goes with the connection, and so does the end of it")
    func deadlines() async throws {
        let group = ReactorGroup(threads: 2)
        defer { group.shutDown() }
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.reactors = group.reactors }
        ) { pool in
            try await pool.query("SELECT 1")
            let session = try #require(sessions(of: pool).first)
            let first = session.reactor
            let slow = Task {
                try await pool.query("SELECT pg_sleep(60)", statementTimeout: .seconds(1))
            }
            try await eventually("it is sent", seeing: pool) {
                session.state.withLock { !$0.sent.isEmpty }
            }
            let next = try #require(group.reactors.first { $0 !== first })
            move(session, to: next)
            #expect(session.reactor === next)
            let error = await #expect(throws: PostgresError.self) { try await slow.value }
            #expect(error?.sqlState == .queryCanceled)
            try await pool.query("SELECT 1")
            #expect(pool.snapshot.openedTotal == 1)
        }
    }

    /// Pins a thread or a process; its identifier is what `/proc` calls it.
    private func pin(_ identifier: some StringProtocol, to processor: Int) async throws {
        let outcome = try await Subprocess.run(
            .name("taskset"),
            arguments: ["-cp", "\(processor)", String(identifier)],
            output: .discarded,
            error: .string(limit: 1_000)
        )
        #expect(outcome.terminationStatus.isSuccess, "\(outcome.standardError)")
    }

    @Test(
        "A connection follows its server process to the reactor on the same processor",
        .enabled(
            if: ProcessInfo.processInfo.activeProcessorCount > 1,
            "there is only one processor"
        )
    )
    func follows() async throws {
        let group = ReactorGroup(threads: 2)
        defer { group.shutDown() }
        for (processor, reactor) in group.reactors.enumerated() {
            let thread = await withTaskExecutorPreference(reactor) {
                await Task.yield()
                return try? FileManager.default.destinationOfSymbolicLink(
                    atPath: "/proc/thread-self"
                )
            }
            let name = try #require(thread?.split(separator: "/").last)
            try await pin(name, to: processor)
            // A thread notes its processor when it wakes.
            try await eventually("reactor \(processor) runs where it was pinned") {
                await withTaskExecutorPreference(reactor) { await Task.yield() }
                return reactor.processor == Int32(processor)
            }
        }
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.reactors = group.reactors }
        ) { pool in
            let rows = try await pool.query("SELECT pg_backend_pid()::text")
            let server = try rows[0].decode(String.self, at: 0)
            let session = try #require(sessions(of: pool).first)
            for processor in [1, 0, 1] {
                try await pin(server, to: processor)
                try await eventually("the connection is served on processor \(processor)") {
                    for _ in 0..<Locality.lookEvery { try await pool.query("SELECT 1") }
                    return session.reactor === group.reactors[processor]
                }
            }
            #expect(pool.snapshot.openedTotal == 1)
        }
    }
}
