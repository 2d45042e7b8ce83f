import Testing

@testable import PGPoolCore

@Suite struct ReleaseTests {
    @Test("A lease that comes back goes straight to the oldest waiter")
    func handsOff() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        #expect(pool.acquire() == .queued(.nth(2, 0)))
        #expect(pool.acquire() == .queued(.first(1)))
        pool.release(.first(0))
        #expect(pool.actions == [.grant(.first(0), to: .nth(2, 0))])
        pool.release(.first(0))
        #expect(pool.actions == [.grant(.first(0), to: .first(1))])
    }

    @Test("A lease that comes back while nobody waits lies idle")
    func becomesIdle() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.release(.first(0))
        #expect(pool.actions.isEmpty)
        #expect(pool.counts.idle == 1)
    }

    @Test("A connection that needs a reset is held back until that passed")
    func resets() {
        let pool = PoolHarness(1) { $0.quarantineTimeout = .seconds(1) }
        pool.leaseNew(1)
        pool.acquire()
        pool.release(.first(0), .needsReset)
        #expect(pool.actions == [.probe(.first(0), .reset), .scheduleTimer(pool.at(.seconds(1)))])
        pool.quarantineEnded(.first(0))
        #expect(pool.actions == [.grant(.first(0), to: .nth(2, 0))])
    }

    @Test("A reset that fails closes the connection")
    func resetFails() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.release(.first(0), .needsReset)
        pool.quarantineEnded(.first(0), isUsable: false)
        #expect(pool.actions == [.close(.first(0), .reset)])
    }

    @Test("A connection that is unusable is closed for the reason given; the waiter gets a new one")
    func unusable() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.acquire()
        pool.release(.first(0), .unusable(.unusable))
        #expect(pool.actions == [.close(.first(0), .unusable)])
        pool.closed(.first(0))
        #expect(pool.actions.first == .connect(.nth(2, 0)))
    }

    @Test("A connection lost during its lease is closed when it comes back")
    func lostWhileLeased() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.lost(.first(0))
        #expect(pool.actions.isEmpty)
        pool.release(.first(0))
        #expect(pool.actions == [.close(.first(0), .lost)])
    }

    @Test("A connection that outlived its time during the lease is closed when it comes back")
    func lifetimeOnRelease() {
        let pool = PoolHarness(1) { $0.maxLifetime = .seconds(100) }
        pool.leaseNew(1)
        pool.acquire()
        pool.now += .seconds(100)
        pool.release(.first(0))
        #expect(pool.actions == [.close(.first(0), .lifetime)])
    }

    @Test("A late release of a connection that is gone does nothing")
    func staleRelease() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.release(.first(0), .unusable(.unusable))
        pool.release(.first(0))
        #expect(pool.actions.isEmpty)
        pool.closed(.first(0))
        pool.acquire()
        pool.connected(.nth(2, 0))
        pool.release(.first(0))
        #expect(pool.actions.isEmpty)
        #expect(pool.counts.leased == 1)
    }

    @Test("A release of what is idle does nothing")
    func doubleRelease() {
        let pool = PoolHarness(1)
        pool.openIdle(1)
        pool.release(.first(0))
        #expect(pool.actions.isEmpty)
        #expect(pool.machine.slots.idle == [0])
    }

    @Test("Late answers about a connection that is gone are ignored")
    func staleAnswers() {
        let pool = PoolHarness(2)
        pool.leaseNew(1)
        pool.release(.first(0), .unusable(.unusable))
        pool.closed(.first(0))
        pool.acquire()
        let counts = pool.counts
        pool.connected(.first(0))
        #expect(pool.actions.isEmpty)
        pool.connectFailed(.first(0), .deterministic)
        #expect(pool.actions.isEmpty)
        pool.closed(.first(0))
        #expect(pool.actions.isEmpty)
        pool.lost(.first(0))
        #expect(pool.actions.isEmpty)
        pool.quarantineEnded(.first(0))
        #expect(pool.actions.isEmpty)
        #expect(pool.counts == counts)
    }
}
