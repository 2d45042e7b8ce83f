import PGPoolCore
import PGPoolTesting
import Testing

@testable import PGPool

@Suite("Waiters that serve again, in a pool")
struct SpareWaitersIntegrationTests {
    @Test("Who cancels late touches no other caller that has the waiter by then")
    func lateCancel() async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.acquire.detectsNesting = false }
        ) { pool in
            let engine = pool.engine
            let site = RawCallSite(fileID: #fileID, line: #line)
            var old: [(waiter: Waiter, id: WaiterID)] = []
            // One after the other, so that a waiter is free when the next but fifteen comes.
            for _ in 0..<SpareWaiters.atLeast {
                let lease = try await engine.acquire(nil, site)
                let (waiter, id) = try queued(engine, site)
                engine.release(lease)
                engine.release(try await engine.wait(waiter))
                old.append((waiter, id))
            }
            let lease = try await engine.acquire(nil, site)
            let (waiter, id) = try queued(engine, site)
            #expect(waiter === old[0].waiter, "it is to be used again, or this tests nothing")
            #expect(id != old[0].id)
            for (_, id) in old { engine.cancel(id) }
            engine.release(lease)
            engine.release(try await engine.wait(waiter))
        }
    }

    private func queued(_ engine: PoolEngine, _ site: RawCallSite) throws -> (Waiter, WaiterID) {
        guard case .waiting(let waiter, let id) = engine.ask(nil, site, nil) else {
            throw ConditionNotMet(what: "a full pool lets its callers wait")
        }
        return (waiter, id)
    }
}
