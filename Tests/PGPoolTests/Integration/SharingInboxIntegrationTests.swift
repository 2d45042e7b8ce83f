import Foundation
import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

@Suite("Statements on their way to a connection that is busy sending", .timeLimit(.minutes(1)))
struct SharingInboxIntegrationTests {
    /// Holds a session's lock on a thread of its own, as a thread does that sends a large batch.
    private final class Holder: Sendable {
        private let isHeld = DispatchSemaphore(value: 0)
        private let end = DispatchSemaphore(value: 0)

        init(_ session: Session) {
            Thread { [isHeld, end] in
                session.state.withLock { _ in
                    isHeld.signal()
                    end.wait()
                }
            }.start()
        }

        func waitUntilHeld() async {
            await withCheckedContinuation { continuation in
                Thread { [isHeld] in
                    isHeld.wait()
                    continuation.resume()
                }.start()
            }
        }

        func letGo() { end.signal() }

        /// Lets it go once a condition is true, whether or not one of Swift's threads is free.
        func letGo(when condition: @Sendable @escaping () -> Bool) {
            Thread { [end] in
                // Proof: it is the condition that is waited for; this only keeps from asking too often.
                while !condition() { Thread.sleep(forTimeInterval: 0.001) }
                end.signal()
            }.start()
        }
    }

    /// A pool of one connection, whose session's lock is held until `holder` lets it go.
    private func withHeldLock(
        prepare: [Query] = ["SELECT 1"],
        _ body: (_ pool: ConnectionPool, _ session: Session, _ holder: Holder) async throws -> Void
    ) async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.sharing.patience = .seconds(30) }
        ) { pool in
            for query in prepare { try await pool.query(query) }
            let session = try #require(
                pool.engine.state.withLock { state in
                    state.connections.lazy.compactMap { $0?.session }.first
                }
            )
            let holder = Holder(session)
            await holder.waitUntilHeld()
            defer { holder.letGo() }
            try await body(pool, session, holder)
        }
    }

    @Test("Nobody waits for the lock, and whoever lets it go leaves nothing behind")
    func lockIsTaken() async throws {
        try await withHeldLock { pool, session, holder in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        let rows = try await pool.query("SELECT \(number)")
                        return try rows[0].decode(Int.self, at: 0) == number
                    }
                }
                try await eventually("all are handed over", seeing: pool) {
                    session.inbox.withLock { $0.count } == 40
                }
                holder.letGo()
                for try await isRight in group {
                    #expect(isRight, "an answer went to another statement's task")
                }
            }
            #expect(pool.snapshot.idle == 1)
        }
    }

    @Test("A statement that is cancelled before it is taken over ends, and harms nobody")
    func cancelledInTheInbox() async throws {
        try await withHeldLock(
            prepare: ["DROP TABLE IF EXISTS inbox_rows", "CREATE TABLE inbox_rows (id int)"]
        ) { pool, session, holder in
            let task = Task {
                try await pool.query("INSERT INTO inbox_rows VALUES (1)")
            }
            try await eventually("it is handed over", seeing: pool) {
                session.inbox.withLock { $0.count } == 1
            }
            // The handler waits for the lock, and the task may wait for the handler: on Swift's own
            // threads they could keep whoever is to let the lock go from running.
            Thread { task.cancel() }.start()
            holder.letGo { task.isCancelled }
            let outcome = await task.result
            let rows = try await pool.query("SELECT count(*) FROM inbox_rows")
            let count = try rows[0].decode(Int.self, at: 0)
            switch outcome {
            case .success:
                Issue.record("a cancelled statement returned rows")
            case .failure(let error):
                #expect(error is CancellationError)
                #expect(count <= 1)
            }
            #expect(pool.snapshot.idle == 1 && pool.snapshot.waiters == 0)
        }
    }

    /// All three tasks run in one round of the reactor. Two are refused when the round ends, which
    /// makes room for the third while the round's statements are being sent.
    @Test("A statement that joins when others are refused is sent, too")
    func joinsAfterARefusal() async throws {
        let reactor = Reactor()
        defer { reactor.shutDown() }
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: {
                $0.sharing.depth = 2
                $0.sharing.patience = .seconds(30)
            }
        ) { pool in
            for _ in 0..<20 {
                let rows = try await withTaskExecutorPreference(reactor) {
                    let cancelled = (0..<2).map { _ in
                        Task(executorPreference: reactor) {
                            withUnsafeCurrentTask { $0?.cancel() }
                            return try await pool.query("SELECT 0")
                        }
                    }
                    let live = Task(executorPreference: reactor) {
                        try await pool.query("SELECT 1")
                    }
                    for task in cancelled {
                        await #expect(throws: CancellationError.self) { try await task.value }
                    }
                    return try await live.value
                }
                #expect(try rows[0].decode(Int32.self, at: 0) == 1)
            }
            #expect(pool.snapshot.idle == 1 && pool.snapshot.waiters == 0)
        }
    }
}
