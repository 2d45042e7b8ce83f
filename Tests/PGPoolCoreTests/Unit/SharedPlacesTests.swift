import Testing

@testable import PGPoolCore

@Suite("Places on shared connections that are kept for the next statements")
struct SharedPlacesTests {
    private let first = ConnectionID.first(0)
    private let second = ConnectionID.first(1)

    /// Two connections that carry so many statements each.
    private func shared(_ load: Int, depth: Int = 8) -> PoolHarness {
        let pool = PoolHarness(2) { $0.sharedDepth = depth }
        for index in 0..<2 {
            acquireShared(pool)
            pool.connected(.first(index))
        }
        for _ in 2..<2 * load { #expect(isGranted(acquireShared(pool))) }
        return pool
    }

    @discardableResult
    private func acquireShared(_ pool: PoolHarness) -> AcquireDecision {
        pool.actions = []
        return pool.machine.acquireShared(
            deadline: pool.at(.seconds(5)),
            at: pool.instant,
            into: &pool.actions
        )
    }

    private func isGranted(_ decision: AcquireDecision) -> Bool {
        if case .granted = decision { true } else { false }
    }

    private func answer(_ count: Int, on id: ConnectionID, in pool: PoolHarness) -> Int {
        pool.actions = []
        return pool.machine.releaseShared(
            id,
            .reusable,
            count: count,
            keeps: true,
            at: pool.instant,
            into: &pool.actions
        )
    }

    @Test("They count as statements under way until they are released")
    func count() {
        let pool = shared(4, depth: 4)
        #expect(answer(3, on: first, in: pool) == 3)
        #expect(!isGranted(acquireShared(pool)), "a kept place was given to another")
        pool.feed { $0.releaseShared(first, .reusable, count: 3, at: $1, into: &$2) }
        #expect(pool.actions.count == 1, "who waited for a place that was kept did not get it")
        pool.feed { $0.releaseShared(first, .reusable, count: 2, at: $1, into: &$2) }
        #expect(pool.counts.idle == 1)
    }

    @Test("All are kept where nothing else is shared")
    func alone() {
        let pool = PoolHarness(1) { $0.sharedDepth = 8 }
        acquireShared(pool)
        pool.connected(first)
        for _ in 1..<5 { #expect(isGranted(acquireShared(pool))) }
        #expect(answer(5, on: first, in: pool) == 5)
        #expect(pool.counts.shared == 1)
    }

    @Test("No more are kept than leave the connection the least loaded")
    func balance() {
        let pool = shared(4)
        #expect(answer(2, on: first, in: pool) == 2)
        pool.feed { $0.releaseShared(second, .reusable, count: 3, at: $1, into: &$2) }
        #expect(answer(2, on: first, in: pool) == 0, "the other one carries less")
        #expect(answer(2, on: first, in: pool) == 1)
        #expect(pool.machine.slots[first].load == 1)
    }

    @Test("Giving them back proves nothing of the server")
    func unproven() {
        let pool = shared(2)
        let answered = pool.instant
        #expect(answer(1, on: first, in: pool) == 1)
        pool.now += .seconds(1)
        pool.feed { $0.releaseShared(first, .reusable, isAnswered: false, at: $1, into: &$2) }
        #expect(pool.machine.slots[first].lastProven == answered)
        #expect(pool.machine.slots[first].load == 1)
    }

    @Test("One who holds a lease waits for a shared connection, and is refused if all are leased")
    func nested() {
        let pool = PoolHarness(2) { $0.sharedDepth = 1 + 1 }
        pool.leaseNew(1)
        acquireShared(pool)
        pool.connected(second)
        let decision = pool.acquire(holdsLease: true)
        if case .refused = decision { Issue.record("a shared connection comes back by itself") }
        pool.feed { $0.releaseShared(second, .reusable, at: $1, into: &$2) }
        #expect(pool.counts.leased == 2)
        #expect(pool.acquire(holdsLease: true) == .refused(.nested))
    }

    @Test("None is kept while anybody waits: statements get them, or a caller the connection")
    func waiting() {
        var pool = shared(4, depth: 4)
        #expect(!isGranted(acquireShared(pool)))
        #expect(answer(3, on: first, in: pool) == 0)
        #expect(pool.machine.slots[first].load == 2, "who waited did not get a place")
        pool = shared(2)
        pool.acquire()
        #expect(answer(2, on: first, in: pool) == 0)
        #expect(pool.counts.leased == 1)
    }

    @Test("None is kept on a connection that is to go, or in a pool that is paused or drained")
    func ending() {
        let changes: [(inout PoolStateMachine, Instant, inout [PoolAction]) -> Void] = [
            { $0.evict(at: $1, into: &$2) },
            { machine, _, _ in machine.pause() },
            { $0.admit(0, at: $1, into: &$2) },
            { $0.resize(to: 1, at: $1, into: &$2) },
            { $0.drain(queueUntil: $1, leasesUntil: $1 + .seconds(1), at: $1, into: &$2) },
            { $0.releaseShared(.first(0), .needsReset, at: $1, into: &$2) },
        ]
        for (number, change) in changes.enumerated() {
            let pool = shared(4)
            pool.feed(change)
            #expect(answer(2, on: first, in: pool) == 0, "change \(number)")
        }
        let pool = shared(4)
        #expect(
            pool.machine.releaseShared(
                first,
                .needsReset,
                count: 2,
                keeps: true,
                at: pool.instant,
                into: &pool.actions
            ) == 0
        )
        #expect(pool.machine.slots[first].load == 2)
        #expect(answer(1, on: .first(7), in: pool) == 0, "there is no such connection")
    }
}
