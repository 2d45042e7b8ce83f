import Testing

@testable import PGPoolCore

@Suite struct TimerTests {
    private func window(_ settings: inout PoolSettings) {
        settings.idleTimeout = .seconds(60)
    }

    @Test("A waiter fails when its deadline passes, not before")
    func deadline() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.acquire(.seconds(3))
        #expect(pool.actions == [.scheduleTimer(pool.at(.seconds(3)))])
        pool.pass(.milliseconds(2_999))
        #expect(pool.actions == [.scheduleTimer(pool.at(.milliseconds(1)))])
        pool.pass(.milliseconds(1))
        #expect(pool.actions.first == .fail(.nth(2, 0), .timedOut))
    }

    @Test(
        "One deadline covers a dial, a failure, a back-off and a validation: it is never re-armed"
    )
    func deadlineIsAbsolute() {
        let pool = PoolHarness(1) { $0.validationBypass = .zero }
        pool.acquire(.seconds(3))
        pool.now += .seconds(1)
        pool.connectFailed(.first(0))
        pool.pass(.seconds(1))
        #expect(pool.counts.opening == 1)
        pool.now += .milliseconds(500)
        pool.connectFailed(.nth(2, 0))
        pool.pass(.milliseconds(499))
        #expect(pool.machine.waiters.count == 1)
        pool.pass(.milliseconds(1))
        #expect(pool.actions.contains(.fail(.first(0), .timedOut)))
    }

    @Test("An earlier deadline moves the timer, a later one does not")
    func earliestTimer() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.acquire(.seconds(3))
        pool.acquire(.seconds(4))
        #expect(pool.actions.isEmpty)
        pool.acquire(.seconds(2))
        #expect(pool.actions == [.scheduleTimer(pool.at(.seconds(2)))])
    }

    @Test("A caller without a deadline asks for no timer")
    func noDeadline() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.acquire(.seconds(Int64.max))
        #expect(pool.actions.isEmpty)
    }

    @Test("Waiters with one deadline all fail when it passes")
    func manyDeadlines() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        for _ in 0..<3 { pool.acquire(.seconds(1)) }
        pool.pass(.seconds(1))
        #expect(pool.machine.waiters.isEmpty)
        #expect(
            pool.actions.count { if case .fail(_, .timedOut) = $0 { true } else { false } } == 3
        )
    }

    @Test("A storm of cancellations leaves nothing behind")
    func stormOfCancellations() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        for round in 0..<10_000 {
            guard case .queued(let waiter) = pool.acquire(.seconds(60)) else {
                Issue.record("not queued in round \(round)")
                return
            }
            pool.cancel(waiter)
        }
        #expect(pool.machine.timers.count <= 2 * 2 + 64 + 1)
        pool.pass(.seconds(61))
        #expect(pool.machine.timers.count <= 1)
        #expect(pool.actions.isEmpty)
    }

    @Test("A long lease is reported once")
    func longLease() {
        let pool = PoolHarness(1) { $0.longLeaseThreshold = .seconds(30) }
        pool.leaseNew(1)
        pool.pass(.seconds(30))
        #expect(pool.actions == [.reportLongLease(.first(0))])
        pool.pass(.seconds(300))
        #expect(pool.actions.isEmpty)
    }

    @Test("A lease of the same connection is reported anew")
    func nextLongLease() {
        let pool = PoolHarness(1) { $0.longLeaseThreshold = .seconds(30) }
        pool.leaseNew(1)
        pool.pass(.seconds(30))
        pool.release(.first(0))
        pool.acquire()
        pool.pass(.seconds(29))
        #expect(!pool.actions.contains(.reportLongLease(.first(0))))
        pool.pass(.seconds(1))
        #expect(pool.actions.contains(.reportLongLease(.first(0))))
    }

    @Test("An idle connection that was silent for long is probed")
    func keepAlive() {
        let pool = PoolHarness(1) {
            $0.keepAliveInterval = .seconds(120)
            $0.quarantineTimeout = .seconds(5)
        }
        pool.openIdle(1)
        pool.pass(.seconds(120))
        #expect(
            pool.actions == [.probe(.first(0), .keepAlive), .scheduleTimer(pool.at(.seconds(5)))]
        )
        pool.quarantineEnded(.first(0))
        #expect(pool.counts.idle == 1)
    }

    @Test("A connection in use is not probed; its silence counts from its release")
    func keepAliveCountsFromUse() {
        let pool = PoolHarness(1) { $0.keepAliveInterval = .seconds(120) }
        pool.openIdle(1)
        pool.now += .seconds(60)
        pool.acquire()
        pool.release(.first(0))
        pool.pass(.seconds(60))
        #expect(pool.actions == [.scheduleTimer(pool.at(.seconds(60)))])
    }

    @Test("A keep-alive that fails closes the connection")
    func keepAliveFails() {
        let pool = PoolHarness(1) { $0.keepAliveInterval = .seconds(120) }
        pool.openIdle(1)
        pool.pass(.seconds(120))
        pool.quarantineEnded(.first(0), isUsable: false)
        #expect(pool.actions == [.close(.first(0), .keepAlive)])
    }

    @Test("A connection comes back from its keep-alive to its old place")
    func keepAliveKeepsThePlace() {
        let pool = PoolHarness(3) { $0.keepAliveInterval = .seconds(120) }
        pool.leaseNew(3)
        for index in 0..<3 {
            pool.release(.first(index))
            pool.now += .seconds(10)
        }
        #expect(pool.machine.slots.idle == [0, 1, 2])
        pool.pass(.seconds(90))
        #expect(pool.actions.first == .probe(.first(0), .keepAlive))
        #expect(pool.machine.slots.idle == [1, 2])
        pool.quarantineEnded(.first(0))
        #expect(pool.machine.slots.idle == [0, 1, 2])
    }

    @Test("A connection that grows old while idle is closed")
    func lifetime() {
        let pool = PoolHarness(1) { $0.maxLifetime = .seconds(100) }
        pool.openIdle(1)
        pool.pass(.seconds(100))
        #expect(pool.actions == [.close(.first(0), .lifetime)])
    }

    @Test("What nobody needed during the idle window is closed, and that only")
    func trims() {
        let pool = PoolHarness(5, window)
        pool.openIdle(5)
        // Three at once are the most that is needed; used over and over.
        for _ in 0..<10 {
            pool.now += .seconds(5)
            for _ in 0..<3 { pool.acquire() }
            for index in 2..<5 { pool.release(.first(index)) }
        }
        pool.pass(.seconds(10))
        // The window began while the pool grew; the next one is whole.
        pool.pass(.seconds(50))
        for _ in 0..<3 { pool.acquire() }
        for index in 2..<5 where pool.machine.slots.isCurrent(.first(index)) {
            pool.release(.first(index))
        }
        pool.pass(.seconds(10))
        #expect(pool.counts.idle == 3)
        #expect(pool.machine.slots.idle == [2, 3, 4])
    }

    @Test("A need that comes once in each window closes nothing: no sawtooth")
    func noSawtooth() {
        let pool = PoolHarness(4, window)
        pool.openIdle(4)
        for _ in 0..<4 { pool.acquire() }
        for index in 0..<4 { pool.release(.first(index)) }
        pool.pass(.seconds(60))
        for _ in 0..<5 {
            pool.pass(.seconds(30))
            for _ in 0..<4 { pool.acquire() }
            #expect(pool.counts.leased == 4)
            for index in 0..<4 { pool.release(.first(index)) }
            pool.pass(.seconds(30))
            #expect(pool.counts.idle == 4)
        }
    }

    @Test("Trimming stops at minIdle and dials nothing")
    func trimsToMinIdle() {
        let pool = PoolHarness(5) {
            $0.idleTimeout = .seconds(60)
            $0.minIdle = 2
            $0.maxConcurrentOpenings = 5
        }
        pool.openIdle(2)
        pool.acquire()
        pool.acquire()
        for index in 0..<4 {
            pool.connected(.first(index))
            pool.release(.first(index))
        }
        #expect(pool.counts.idle == 4)
        pool.pass(.seconds(60))
        pool.pass(.seconds(60))
        #expect(pool.counts.idle == 2)
        #expect(pool.counts.opening == 0)
    }

    @Test("A keep-alive is no need: what it probes is trimmed all the same")
    func keepAliveIsNoNeed() {
        let pool = PoolHarness(3) {
            $0.idleTimeout = .seconds(60)
            $0.keepAliveInterval = .seconds(25)
        }
        pool.openIdle(3)
        for _ in 0..<2 {
            pool.pass(.seconds(25))
            #expect(pool.counts.quarantined == 3)
            for index in 0..<3 { pool.quarantineEnded(.first(index)) }
        }
        pool.pass(.seconds(10))
        pool.pass(.seconds(15))
        pool.pass(.seconds(35))
        #expect(pool.counts.closing == 3)
    }

    @Test("What is being kept alive is not trimmed under a caller that waits for it")
    func keepsWhatIsWaitedFor() {
        let pool = PoolHarness(2) {
            $0.idleTimeout = .seconds(60)
            $0.keepAliveInterval = .seconds(58)
            $0.quarantineTimeout = .seconds(5)
        }
        pool.openIdle(1)
        pool.pass(.seconds(58))
        #expect(pool.actions.first == .probe(.first(0), .keepAlive))
        #expect(pool.acquire() == .queued(.nth(2, 0)))
        pool.pass(.seconds(2))
        #expect(pool.counts.quarantined == 1)
        pool.quarantineEnded(.first(0))
        #expect(pool.actions.first == .grant(.first(0), to: .nth(2, 0)))
    }

    @Test("The timer is asked for once while much is due")
    func oneTimer() {
        let pool = PoolHarness(4) { $0.keepAliveInterval = .seconds(10) }
        pool.openIdle(4)
        pool.pass(.seconds(10))
        #expect(
            pool.actions.count { if case .scheduleTimer = $0 { true } else { false } } == 1
        )
    }

    @Test("A timer that comes too early is asked for again")
    func earlyTimer() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.acquire(.seconds(3))
        pool.pass(.seconds(1))
        #expect(pool.actions == [.scheduleTimer(pool.at(.seconds(2)))])
    }
}
