import Testing

@testable import PGPoolCore

@Suite struct AcquireTests {
    @Test("An empty pool queues the caller, asks for a timer and dials")
    func dials() {
        let pool = PoolHarness(2) { $0.openingTimeout = .seconds(10) }
        #expect(pool.acquire() == .queued(.first(0)))
        #expect(pool.actions == [.scheduleTimer(pool.at(.seconds(5))), .connect(.first(0))])
    }

    @Test("The caller gets the connection that was dialled for it")
    func grantsTheDialled() {
        let pool = PoolHarness(2)
        pool.acquire()
        pool.connected(.first(0))
        #expect(pool.actions == [.grant(.first(0), to: .first(0))])
        #expect(pool.counts.leased == 1)
    }

    @Test("An idle connection is granted at once, without any action")
    func grantsIdle() {
        let pool = PoolHarness(2)
        pool.openIdle(1)
        #expect(pool.acquire() == .granted(.first(0)))
        #expect(pool.actions.isEmpty)
    }

    @Test("Of the idle connections the one used last is granted")
    func grantsLastIn() {
        let pool = PoolHarness(3)
        pool.leaseNew(3)
        for index in [1, 0, 2] {
            pool.now += .milliseconds(1)
            pool.release(.first(index))
        }
        #expect(pool.acquire() == .granted(.first(2)))
        #expect(pool.acquire() == .granted(.first(0)))
        #expect(pool.acquire() == .granted(.first(1)))
    }

    @Test("Of the idle connections the one given back last on the caller's thread is granted")
    func grantsLastOfThread() {
        let pool = PoolHarness(4)
        pool.leaseNew(4)
        for (index, thread) in [(1, 7), (0, 7), (2, 8), (3, 0)] as [(Int, UInt32)] {
            pool.now += .milliseconds(1)
            pool.release(.first(index), on: thread)
        }
        #expect(pool.acquire(on: 7) == .granted(.first(0)))
        #expect(pool.acquire(on: 9) == .granted(.first(3)))
        #expect(pool.acquire(on: 7) == .granted(.first(1)))
        #expect(pool.acquire(on: 7) == .granted(.first(2)))
    }

    @Test("A thread's connection that was not used for long is not dug out")
    func leavesItBelow() {
        let pool = PoolHarness(9)
        pool.leaseNew(9)
        for index in 0..<9 {
            pool.now += .milliseconds(1)
            pool.release(.first(index), on: index == 0 ? 7 : 8)
        }
        #expect(pool.acquire(on: 7) == .granted(.first(8)))
        #expect(pool.acquire(on: 7) == .granted(.first(0)))
    }

    @Test("A thread's connection that needs a round trip first is not preferred")
    func passesStaleOver() {
        let pool = PoolHarness(2) { $0.validationBypass = .milliseconds(10) }
        pool.leaseNew(2)
        pool.release(.first(0), on: 7)
        pool.now += .milliseconds(10)
        pool.release(.first(1), on: 8)
        #expect(pool.acquire(on: 7) == .granted(.first(1)))
    }

    @Test("A grant of an idle connection needs no time: a deadline that passed does not matter")
    func grantsIdlePastDeadline() {
        let pool = PoolHarness(1)
        pool.openIdle(1)
        #expect(pool.acquire(.zero) == .granted(.first(0)))
    }

    @Test("A caller whose deadline passed is refused where it would have to wait")
    func refusesPastDeadline() {
        let pool = PoolHarness(1)
        #expect(pool.acquire(.zero) == .refused(.timedOut))
        #expect(pool.acquire(.seconds(-1)) == .refused(.timedOut))
        #expect(pool.actions.isEmpty)
    }

    @Test("The queue is bounded: one caller more is refused")
    func boundsTheQueue() {
        let pool = PoolHarness(1) { $0.maxWaiters = 2 }
        #expect(pool.acquire() == .queued(.first(0)))
        #expect(pool.acquire() == .queued(.first(1)))
        #expect(pool.acquire() == .refused(.queueFull))
        #expect(pool.actions.isEmpty)
        pool.cancel(.first(0))
        #expect(pool.acquire() == .queued(.nth(2, 0)))
    }

    @Test("A task that holds a lease and asks a full pool again is refused")
    func refusesNestedWhenFull() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        #expect(pool.acquire(holdsLease: true) == .refused(.nested))
        #expect(pool.actions.isEmpty)
    }

    @Test("A task that holds a lease may have another while the pool is not full")
    func allowsNestedWithRoom() {
        let pool = PoolHarness(2)
        pool.leaseNew(1)
        #expect(pool.acquire(holdsLease: true) == .queued(.nth(2, 0)))
        #expect(pool.actions.contains(.connect(.first(1))))
    }

    @Test("A task that holds a lease may have an idle connection of a pool that is small")
    func allowsNestedIdle() {
        let pool = PoolHarness(2)
        pool.openIdle(2)
        pool.acquire()
        #expect(pool.acquire(holdsLease: true) == .granted(.first(0)))
    }

    @Test("A caller that was cancelled leaves the queue; its dial goes on and is kept")
    func cancelKeepsTheDial() {
        let pool = PoolHarness(1)
        pool.acquire()
        #expect(pool.cancel(.first(0)))
        #expect(pool.actions.isEmpty)
        pool.connected(.first(0))
        #expect(pool.actions.isEmpty)
        #expect(pool.counts.idle == 1)
    }

    @Test("A cancellation that comes after the grant says so, and the lease goes to the next")
    func cancelAfterGrant() {
        let pool = PoolHarness(1)
        pool.acquire()
        pool.acquire()
        pool.connected(.first(0))
        #expect(!pool.cancel(.first(0)))
        pool.release(.first(0))
        #expect(pool.actions == [.grant(.first(0), to: .first(1))])
    }

    @Test("A waiter can be cancelled once")
    func cancelTwice() {
        let pool = PoolHarness(1)
        pool.acquire()
        #expect(pool.cancel(.first(0)))
        #expect(!pool.cancel(.first(0)))
    }

    @Test("A caller joins the end of the queue though a connection is idle for those before it")
    func noBarging() {
        let pool = PoolHarness(1) { $0.validationBypass = .zero }
        pool.openIdle(1)
        pool.now += .seconds(1)
        #expect(pool.acquire() == .queued(.nth(2, 0)))
        #expect(pool.acquire() == .queued(.first(1)))
        pool.quarantineEnded(.first(0))
        #expect(pool.actions == [.grant(.first(0), to: .nth(2, 0))])
    }

    @Test("What an acquire found too old is replaced though the caller is refused")
    func replacesTheExpired() {
        let pool = PoolHarness(4) {
            $0.minIdle = 1
            $0.maxLifetime = .seconds(100)
        }
        pool.feed { $0.start(at: $1, into: &$2) }
        pool.connected(.first(0))
        pool.now += .seconds(100)
        #expect(pool.acquire(.zero) == .refused(.timedOut))
        #expect(pool.actions.prefix(2) == [.close(.first(0), .lifetime), .connect(.first(1))])
    }
}
