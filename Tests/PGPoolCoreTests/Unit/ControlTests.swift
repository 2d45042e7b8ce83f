import Testing

@testable import PGPoolCore

@Suite struct ControlTests {
    @Test("An eviction closes idle connections at once")
    func evictsIdle() {
        let pool = PoolHarness(3)
        pool.openIdle(2)
        pool.feed { $0.evict(at: $1, into: &$2) }
        #expect(pool.actions == [.close(.first(0), .evicted), .close(.first(1), .evicted)])
    }

    @Test("An eviction closes leases when they come back, whoever waits")
    func evictsLeases() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.acquire()
        pool.feed { $0.evict(at: $1, into: &$2) }
        #expect(pool.actions.isEmpty)
        pool.release(.first(0))
        #expect(pool.actions == [.close(.first(0), .evicted)])
    }

    @Test("A dial of the old generation is given up, and another one is made")
    func evictsDials() {
        let pool = PoolHarness(2)
        pool.acquire()
        pool.feed { $0.evict(at: $1, into: &$2) }
        #expect(pool.actions.prefix(2) == [.close(.first(0), .evicted), .connect(.first(1))])
        pool.connected(.first(0))
        #expect(pool.actions.isEmpty)
    }

    @Test("A connection in quarantine is closed by an eviction, and its answer ignored")
    func evictsQuarantined() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.release(.first(0), .needsReset)
        pool.feed { $0.evict(at: $1, into: &$2) }
        #expect(pool.actions == [.close(.first(0), .evicted)])
        pool.quarantineEnded(.first(0))
        #expect(pool.actions.isEmpty)
    }

    @Test("An eviction refills minIdle with the new generation")
    func evictRefills() {
        let pool = PoolHarness(4) { $0.minIdle = 1 }
        pool.feed { $0.start(at: $1, into: &$2) }
        pool.connected(.first(0))
        pool.feed { $0.evict(at: $1, into: &$2) }
        #expect(pool.actions.prefix(2) == [.close(.first(0), .evicted), .connect(.first(1))])
        pool.connected(.first(1))
        #expect(pool.counts.idle == 1)
    }

    @Test("A smaller limit closes idle connections at once, the one used least lately first")
    func shrinksIdle() {
        let pool = PoolHarness(3)
        pool.openIdle(3)
        pool.feed { $0.resize(to: 1, at: $1, into: &$2) }
        #expect(pool.actions == [.close(.first(0), .surplus), .close(.first(1), .surplus)])
    }

    @Test("A smaller limit never kills a lease: leases close as they come back")
    func shrinksLeases() {
        let pool = PoolHarness(3)
        pool.leaseNew(3)
        pool.acquire()
        pool.feed { $0.resize(to: 1, at: $1, into: &$2) }
        #expect(pool.actions.isEmpty)
        pool.release(.first(0))
        #expect(pool.actions == [.close(.first(0), .surplus)])
        pool.release(.first(1))
        #expect(pool.actions == [.close(.first(1), .surplus)])
        pool.release(.first(2))
        #expect(pool.actions == [.grant(.first(2), to: .nth(4, 0))])
    }

    @Test("A larger limit opens for those who wait")
    func grows() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.acquire()
        pool.feed { $0.resize(to: 2, at: $1, into: &$2) }
        #expect(pool.actions.first == .connect(.first(1)))
    }

    @Test("A paused pool grants nothing, dials nothing, and keeps the callers' deadlines")
    func pauses() {
        let pool = PoolHarness(2)
        pool.openIdle(1)
        pool.machine.pause()
        #expect(pool.acquire(.seconds(2)) == .queued(.nth(2, 0)))
        #expect(pool.actions == [.scheduleTimer(pool.at(.seconds(2)))])
        pool.pass(.seconds(2))
        #expect(pool.actions.first == .fail(.nth(2, 0), .timedOut))
    }

    @Test("A lease that comes back to a paused pool lies idle though callers wait")
    func releaseWhilePaused() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.acquire()
        pool.machine.pause()
        pool.release(.first(0))
        #expect(pool.actions.isEmpty)
        #expect(pool.counts.idle == 1)
    }

    @Test("A pool that resumes serves the queue in order, then opens for the rest")
    func resumes() {
        let pool = PoolHarness(4) { $0.minIdle = 2 }
        pool.openIdle(2)
        #expect(pool.counts.idle == 2)
        pool.machine.pause()
        for _ in 0..<3 { pool.acquire() }
        let queue = pool.machine.waiters
        pool.feed { $0.resume(at: $1, into: &$2) }
        let granted = pool.actions.compactMap { action -> WaiterID? in
            if case .grant(_, let waiter) = action { waiter } else { nil }
        }
        #expect(granted.count == 2)
        #expect(granted.first == queue.first)
        #expect(pool.counts.opening == 2)
    }
}
