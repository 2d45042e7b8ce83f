import Testing

@testable import PGPoolCore

@Suite struct SupplyTests {
    private func connects(_ actions: [PoolAction]) -> Int {
        actions.count { if case .connect = $0 { true } else { false } }
    }

    @Test("Only so many dials are under way at once")
    func boundsOpenings() {
        let pool = PoolHarness(10) { $0.maxConcurrentOpenings = 2 }
        for _ in 0..<5 { pool.acquire() }
        #expect(pool.counts.opening == 2)
        pool.connected(.first(0))
        #expect(connects(pool.actions) == 1)
        #expect(pool.counts.opening == 2)
    }

    @Test("The limit is never passed")
    func boundsConnections() {
        let pool = PoolHarness(3)
        for _ in 0..<10 { pool.acquire() }
        #expect(pool.counts.total == 3)
    }

    @Test("No more is dialled than there are waiters")
    func dialsForWaitersOnly() {
        let pool = PoolHarness(10)
        pool.acquire()
        pool.acquire()
        #expect(pool.counts.opening == 2)
    }

    @Test("A closing connection still counts against the limit")
    func closingCounts() {
        let pool = PoolHarness(1)
        pool.leaseNew(1)
        pool.release(.first(0), .unusable(.unusable))
        pool.acquire()
        #expect(connects(pool.actions) == 0)
        pool.closed(.first(0))
        #expect(connects(pool.actions) == 1)
    }

    @Test("minIdle connections are opened at the start")
    func startsWithMinIdle() {
        let pool = PoolHarness(5) { $0.minIdle = 2 }
        pool.feed { $0.start(at: $1, into: &$2) }
        #expect(connects(pool.actions) == 2)
    }

    @Test("A lease of the last idle connection opens another one")
    func keepsMinIdle() {
        let pool = PoolHarness(5) { $0.minIdle = 1 }
        pool.feed { $0.start(at: $1, into: &$2) }
        pool.connected(.first(0))
        #expect(pool.acquire() == .granted(.first(0)))
        #expect(pool.actions.first == .connect(.first(1)))
    }

    @Test("An idle connection that is lost is closed, and replaced where minIdle asks for it")
    func replacesLost() {
        let pool = PoolHarness(5) { $0.minIdle = 1 }
        pool.feed { $0.start(at: $1, into: &$2) }
        pool.connected(.first(0))
        pool.lost(.first(0))
        #expect(pool.actions.prefix(2) == [.close(.first(0), .lost), .connect(.first(1))])
    }

    @Test("After a failure there is one prober, and a pause before it")
    func oneProber() {
        let pool = PoolHarness(8) {
            $0.backoff = Backoff(
                base: .milliseconds(20),
                maximum: .milliseconds(20),
                minimum: .milliseconds(20)
            )
        }
        for _ in 0..<4 { pool.acquire() }
        #expect(pool.counts.opening == 4)
        for index in 0..<4 { pool.connectFailed(.first(index)) }
        #expect(pool.counts.opening == 0)
        #expect(pool.machine.backoffUntil == pool.at(.milliseconds(20)))
        pool.pass(.milliseconds(19))
        #expect(connects(pool.actions) == 0)
        pool.pass(.milliseconds(1))
        #expect(connects(pool.actions) == 1)
        #expect(pool.counts.opening == 1)
    }

    @Test("Dials that were under way together and fail together are one failure")
    func oneFailureOfTheEndpoint() {
        let pool = PoolHarness(8)
        for _ in 0..<4 { pool.acquire() }
        for index in 0..<4 { pool.connectFailed(.first(index)) }
        #expect(pool.machine.consecutiveFailures == 1)
    }

    @Test("A success ends the back-off, and all that is wanted is dialled")
    func successEndsBackoff() {
        let pool = PoolHarness(8)
        for _ in 0..<4 { pool.acquire() }
        for index in 0..<4 { pool.connectFailed(.first(index)) }
        pool.pass(.seconds(1))
        // The slot that became free last is taken first.
        pool.connected(.nth(2, 3))
        #expect(!pool.machine.isBackingOff)
        #expect(pool.counts.opening == 3)
    }

    @Test("The timer of an older back-off does not stand in for that of a new one")
    func newBackoffHasItsTimer() {
        let pool = PoolHarness(3) {
            $0.maxConcurrentOpenings = 2
            $0.backoff = Backoff(
                base: .milliseconds(20),
                maximum: .milliseconds(20),
                minimum: .milliseconds(20)
            )
        }
        for _ in 0..<3 { pool.acquire() }
        pool.connectFailed(.first(0))
        pool.now += .milliseconds(5)
        pool.connected(.first(1))
        pool.connectFailed(.nth(2, 0))
        pool.connectFailed(.first(2))
        pool.now += .milliseconds(15)
        pool.timerFired()
        #expect(connects(pool.actions) == 0)
        #expect(pool.actions == [.scheduleTimer(pool.at(.milliseconds(5)))])
        pool.pass(.milliseconds(5))
        #expect(connects(pool.actions) == 1)
    }

    @Test("A failure that waiting cannot mend fails the waiters, if nothing is open")
    func deterministicFailure() {
        let pool = PoolHarness(2) { $0.maxConcurrentOpenings = 1 }
        pool.acquire()
        pool.acquire()
        pool.connectFailed(.first(0), .deterministic)
        #expect(
            pool.actions == [
                .fail(.first(0), .connectFailed), .fail(.first(1), .connectFailed),
            ]
        )
    }

    @Test("A failure that waiting cannot mend fails nobody while a connection is open")
    func deterministicFailureBesideLease() {
        let pool = PoolHarness(2)
        pool.leaseNew(1)
        pool.acquire()
        pool.connectFailed(.first(1), .deterministic)
        #expect(!pool.actions.contains(.fail(.nth(2, 0), .connectFailed)))
        #expect(pool.machine.waiters.count == 1)
    }

    @Test("A transient failure fails nobody")
    func transientFailure() {
        let pool = PoolHarness(1)
        pool.acquire()
        pool.connectFailed(.first(0), .transient)
        #expect(pool.machine.waiters.count == 1)
    }

    @Test("A dial that takes too long is given up, counts as a failure, and its slot is used again")
    func openingTimeout() {
        let pool = PoolHarness(1) { $0.openingTimeout = .seconds(2) }
        pool.acquire()
        pool.pass(.seconds(2))
        #expect(pool.actions.first == .close(.first(0), .openingTimeout))
        #expect(pool.machine.consecutiveFailures == 1)
        pool.connected(.first(0))
        #expect(pool.actions.isEmpty)
        pool.closed(.first(0))
        pool.pass(.seconds(1))
        #expect(connects(pool.actions) == 1)
    }

    @Test("The first connections' lifetimes spread over a quarter")
    func lifetimeJitter() {
        let pool = PoolHarness(32) { $0.maxLifetime = .seconds(1_000) }
        pool.leaseNew(32)
        let expiries = pool.machine.slots.slots.map(\.expiresAt)
        #expect(expiries.contains { $0 < pool.at(.seconds(800)) })
        #expect(expiries.contains { $0 > pool.at(.seconds(950)) })
        #expect(expiries.allSatisfy { $0 >= pool.at(.seconds(750)) })
        #expect(expiries.allSatisfy { $0 <= pool.at(.seconds(1_000)) })
    }

    @Test("A connection that outlived its time is closed on hand-out, and the next one is given")
    func lifetimeOnHandOut() {
        let pool = PoolHarness(2) { $0.maxLifetime = .seconds(100) }
        pool.leaseNew(1)
        pool.now += .seconds(70)
        pool.leaseNew(1)
        // The old one was used last.
        pool.release(.first(1))
        pool.release(.first(0))
        pool.now += .seconds(30)
        #expect(pool.acquire() == .granted(.first(1)))
        #expect(pool.actions == [.close(.first(0), .lifetime)])
    }

    @Test("A connection idle past the bypass window is validated before the caller gets it")
    func validates() {
        let pool = PoolHarness(1) {
            $0.validationBypass = .milliseconds(500)
            $0.quarantineTimeout = .seconds(1)
        }
        pool.openIdle(1)
        pool.now += .milliseconds(500)
        #expect(pool.acquire() == .queued(.nth(2, 0)))
        #expect(pool.actions.contains(.probe(.first(0), .validation)))
        pool.quarantineEnded(.first(0))
        #expect(pool.actions == [.grant(.first(0), to: .nth(2, 0))])
    }

    @Test("A connection idle within the bypass window needs no round trip")
    func bypassesValidation() {
        let pool = PoolHarness(1) { $0.validationBypass = .milliseconds(500) }
        pool.openIdle(1)
        pool.now += .milliseconds(499)
        #expect(pool.acquire() == .granted(.first(0)))
    }

    @Test("A validation that fails closes the connection and dials for the waiter")
    func validationFails() {
        let pool = PoolHarness(2) { $0.validationBypass = .zero }
        pool.openIdle(1)
        pool.acquire()
        pool.quarantineEnded(.first(0), isUsable: false)
        #expect(pool.actions.prefix(2) == [.close(.first(0), .validation), .connect(.first(1))])
    }

    @Test("A validation that does not end closes the connection after its timeout")
    func validationHangs() {
        let pool = PoolHarness(2) {
            $0.validationBypass = .zero
            $0.quarantineTimeout = .seconds(1)
        }
        pool.openIdle(1)
        pool.acquire()
        pool.pass(.seconds(1))
        #expect(pool.actions.prefix(2) == [.close(.first(0), .validation), .connect(.first(1))])
        pool.quarantineEnded(.first(0))
        #expect(pool.actions.isEmpty)
    }

    @Test("A fresh connection below a stale one is granted without a validation")
    func freshBelowStale() {
        let pool = PoolHarness(2) {
            $0.validationBypass = .milliseconds(500)
            $0.keepAliveInterval = .seconds(10)
        }
        pool.leaseNew(2)
        pool.release(.first(0))
        pool.now += .seconds(5)
        pool.release(.first(1))
        pool.pass(.seconds(5))
        #expect(pool.actions.first == .probe(.first(0), .keepAlive))
        pool.machine.pause()
        pool.acquire()
        pool.acquire()
        pool.quarantineEnded(.first(0))
        pool.feed { $0.resume(at: $1, into: &$2) }
        #expect(pool.actions.contains(.probe(.first(1), .validation)))
        #expect(pool.actions.contains(.grant(.first(0), to: .nth(3, 0))))
    }
}
