import Testing

@testable import PGPoolCore

@Suite struct DrainTests {
    @Test("A pool without connections finishes at once")
    func empty() {
        let pool = PoolHarness(1)
        pool.drain(queue: .seconds(1), leases: .seconds(2))
        #expect(pool.actions == [.finish])
    }

    @Test("Idle connections close at once when nobody waits; the last one's end is the pool's")
    func idle() {
        let pool = PoolHarness(2)
        pool.openIdle(2)
        pool.drain(queue: .seconds(1), leases: .seconds(2))
        #expect(pool.actions == [.close(.first(0), .shutdown), .close(.first(1), .shutdown)])
        pool.closed(.first(0))
        #expect(pool.actions.isEmpty)
        pool.closed(.first(1))
        #expect(pool.actions == [.finish])
    }

    @Test("A draining pool refuses new callers")
    func refuses() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.drain(queue: .seconds(1), leases: .seconds(2))
        #expect(pool.acquire() == .refused(.shutDown))
    }

    @Test("The queue is served until its instant, then who still waits fails")
    func servesTheQueue() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.acquire()
        pool.acquire()
        pool.drain(queue: .seconds(1), leases: .seconds(2))
        #expect(pool.actions == [.scheduleTimer(pool.at(.seconds(1)))])
        pool.release(.first(0))
        #expect(pool.actions == [.grant(.first(0), to: .nth(2, 0))])
        pool.pass(.seconds(1))
        #expect(
            pool.actions == [
                .fail(.first(1), .shutDown), .scheduleTimer(pool.at(.seconds(1))),
            ]
        )
    }

    @Test("Leases that did not come back by their instant are closed")
    func closesLeases() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.drain(queue: .zero, leases: .seconds(2))
        #expect(pool.actions == [.scheduleTimer(pool.at(.seconds(2)))])
        pool.pass(.seconds(2))
        #expect(pool.actions.first == .close(.first(0), .shutdown))
        pool.release(.first(0))
        #expect(pool.actions.isEmpty)
        pool.closed(.first(0))
        #expect(pool.actions == [.finish])
    }

    @Test("A lease that comes back during the drain is closed, and the pool ends with it")
    func waitsForLeases() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.drain(queue: .zero, leases: .seconds(2))
        pool.release(.first(0))
        #expect(pool.actions == [.close(.first(0), .shutdown)])
        pool.closed(.first(0))
        #expect(pool.actions == [.finish])
    }

    @Test("A dial is given up when the queue's time is over")
    func givesUpDials() {
        let pool = PoolHarness(1)
        pool.acquire()
        pool.drain(queue: .zero, leases: .zero)
        #expect(
            pool.actions == [.fail(.first(0), .shutDown), .close(.first(0), .shutdown)]
        )
        pool.connectFailed(.first(0))
        #expect(pool.actions == [.finish])
    }

    @Test("A paused pool that drains serves its queue")
    func drainsWhilePaused() {
        let pool = PoolHarness(1)
        pool.openIdle(1)
        pool.machine.pause()
        pool.acquire()
        pool.drain(queue: .seconds(1), leases: .seconds(2))
        #expect(pool.actions.first == .grant(.first(0), to: .nth(2, 0)))
    }

    @Test("A drain cannot be paused")
    func noPauseWhileDraining() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.acquire()
        pool.acquire()
        pool.drain(queue: .seconds(1), leases: .seconds(2))
        pool.machine.pause()
        pool.release(.first(0))
        #expect(pool.actions == [.grant(.first(0), to: .nth(2, 0))])
    }

    @Test("A second drain brings the instants forward")
    func bringsForward() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.drain(queue: .zero, leases: .seconds(20))
        pool.drain(queue: .zero, leases: .seconds(3))
        #expect(pool.actions == [.scheduleTimer(pool.at(.seconds(3)))])
        pool.pass(.seconds(3))
        #expect(pool.actions.first == .close(.first(0), .shutdown))
    }

    @Test("A second drain puts nothing off, and asks for nothing twice")
    func putsNothingOff() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.acquire()
        pool.drain(queue: .seconds(1), leases: .seconds(2))
        let deadlines = pool.machine.timers.count
        for _ in 0..<10 { pool.drain(queue: .seconds(60), leases: .seconds(60)) }
        #expect(pool.machine.timers.count == deadlines)
        pool.pass(.seconds(1))
        #expect(pool.actions.first == .fail(.nth(2, 0), .shutDown))
        pool.pass(.seconds(1))
        #expect(pool.actions.first == .close(.first(0), .shutdown))
    }

    @Test("A drain goes on when the last waiter is cancelled")
    func lastWaiterCancelled() {
        let pool = PoolHarness(1)
        pool.acquire()
        pool.drain(queue: .seconds(1), leases: .seconds(2))
        pool.cancel(.first(0))
        #expect(pool.actions == [.close(.first(0), .shutdown)])
    }

    @Test("A drain goes on when the last waiter times out")
    func lastWaiterTimesOut() {
        let pool = PoolHarness(1)
        pool.acquire(.seconds(1))
        pool.drain(queue: .seconds(2), leases: .seconds(2))
        pool.pass(.seconds(1))
        #expect(
            pool.actions.prefix(2) == [
                .fail(.first(0), .timedOut), .close(.first(0), .shutdown),
            ]
        )
    }

    @Test("A drain goes on when a rejected login failed its waiters")
    func waitersRejected() {
        let pool = PoolHarness(1)
        pool.acquire()
        pool.drain(queue: .seconds(1), leases: .seconds(2))
        pool.connectFailed(.first(0), .deterministic)
        #expect(pool.actions == [.fail(.first(0), .connectFailed), .finish])
    }

    @Test("A draining pool keeps nothing idle")
    func noMinIdle() {
        let pool = PoolHarness(3) { $0.minIdle = 1 }
        pool.leaseNew(1)
        pool.acquire()
        pool.acquire()
        pool.drain(queue: .seconds(1), leases: .seconds(2))
        #expect(pool.counts.total == 3)
        pool.connected(.first(1))
        pool.connected(.first(2))
        #expect(pool.counts.idle == 0)
    }

    @Test("After the end nothing moves, and no timer is asked for")
    func nothingMoves() {
        let pool = PoolHarness(1) { $0.minIdle = 1 }
        pool.acquire()
        pool.connectFailed(.first(0))
        pool.drain(queue: .zero, leases: .zero)
        #expect(pool.actions == [.fail(.first(0), .shutDown), .finish])
        pool.pass(.seconds(60))
        #expect(pool.actions.isEmpty)
        pool.feed { $0.resume(at: $1, into: &$2) }
        #expect(pool.actions.isEmpty)
        pool.feed { $0.resize(to: 5, at: $1, into: &$2) }
        #expect(pool.actions.isEmpty)
        #expect(pool.acquire() == .refused(.shutDown))
    }
}
