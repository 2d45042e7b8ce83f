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
    }

    private func session(of pool: ConnectionPool) throws -> Session {
        try #require(
            pool.engine.state.withLock { state in
                state.connections.lazy.compactMap { $0?.session }.first
            }
        )
    }

    @Test("Nobody waits for the lock, and whoever lets it go leaves nothing behind")
    func lockIsTaken() async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.sharing.patience = .seconds(30) }
        ) { pool in
            try await pool.query("SELECT 1")
            let session = try session(of: pool)
            let holder = Holder(session)
            await holder.waitUntilHeld()
            defer { holder.letGo() }
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
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.sharing.patience = .seconds(30) }
        ) { pool in
            try await pool.query("DROP TABLE IF EXISTS inbox_rows")
            try await pool.query("CREATE TABLE inbox_rows (id int)")
            let session = try session(of: pool)
            let holder = Holder(session)
            await holder.waitUntilHeld()
            defer { holder.letGo() }
            let task = Task {
                try await pool.query("INSERT INTO inbox_rows VALUES (1)")
            }
            try await eventually("it is handed over", seeing: pool) {
                session.inbox.withLock { $0.count } == 1
            }
            // The handler waits for the lock, too.
            async let cancelled: Void = { task.cancel() }()
            try await eventually("it is cancelled", seeing: pool) { task.isCancelled }
            holder.letGo()
            await cancelled
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
}
