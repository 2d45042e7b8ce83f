import Testing

@testable import PGPoolCore

@Suite("An endpoint that lets in nobody, some, or all") struct AdmissionTests {
    private func waiter(_ decision: AcquireDecision) throws -> WaiterID {
        guard case .queued(let id) = decision else { throw Violation("not queued: \(decision)") }
        return id
    }

    private func admit(_ count: Int, _ pool: PoolHarness) {
        pool.feed { $0.admit(count, at: $1, into: &$2) }
    }

    @Test(
        "Callers wait while nobody is admitted, within their own deadlines, and nothing is dialled"
    )
    func holds() throws {
        let pool = PoolHarness(2)
        pool.openIdle(1)
        admit(0, pool)
        let impatient = try waiter(pool.acquire(.seconds(1)))
        #expect(!pool.actions.contains(.connect(.first(1))))
        let patient = try waiter(pool.acquire(.seconds(3)))
        pool.pass(.seconds(1))
        #expect(pool.actions.first == .fail(impatient, .timedOut))
        admit(.max, pool)
        #expect(pool.actions.contains(.grant(.first(0), to: patient)))
    }

    @Test("So many leases at once, and the next when one comes back")
    func limits() throws {
        let pool = PoolHarness(3)
        pool.openIdle(3)
        admit(1, pool)
        #expect(pool.acquire() == .granted(.first(2)))
        let next = try waiter(pool.acquire())
        let last = try waiter(pool.acquire())
        pool.release(.first(2), .needsReset)
        #expect(
            pool.actions.contains(.grant(.first(1), to: next)),
            "a lease that is being reset is over: the next caller need not wait for it"
        )
        admit(2, pool)
        #expect(pool.actions.contains(.grant(.first(0), to: last)))
    }

    @Test("Not more connections are opened at once than callers are let in")
    func dials() throws {
        let pool = PoolHarness(3)
        admit(0, pool)
        for _ in 0..<3 { _ = try waiter(pool.acquire()) }
        admit(1, pool)
        #expect(pool.actions.filter(\.isConnect) == [.connect(.first(0))])
        pool.feed { $0.connected(.first(0), at: $1, into: &$2) }
        #expect(pool.actions.filter(\.isConnect) == [.connect(.first(1))])
        admit(2, pool)
        #expect(pool.actions.filter(\.isConnect) == [.connect(.first(2))])
    }

    @Test("A pool that does not hold its callers refuses them at once")
    func refuses() throws {
        let pool = PoolHarness(1) { $0.holdsCallers = false }
        pool.leaseNew(1)
        let caller = try waiter(pool.acquire())
        admit(0, pool)
        #expect(pool.actions == [.fail(caller, .endpointLost)])
        #expect(pool.acquire() == .refused(.endpointLost))
    }

    @Test("Leases of an old generation are cut short when their time is over")
    func severs() {
        let pool = PoolHarness(2)
        pool.leaseNew(2)
        pool.feed { $0.evict(severAfter: .seconds(1), at: $1, into: &$2) }
        #expect(!pool.actions.contains { if case .close = $0 { true } else { false } })
        pool.release(.first(0))
        #expect(pool.actions == [.close(.first(0), .evicted)])
        pool.pass(.seconds(1))
        #expect(pool.actions == [.close(.first(1), .severed)])
    }

    @Test("On a host that is lost everything ends at once")
    func seversAtOnce() {
        let pool = PoolHarness(3)
        pool.openIdle(2)
        pool.acquire()
        pool.feed { $0.evict(severAfter: .zero, at: $1, into: &$2) }
        #expect(pool.actions == [.close(.first(0), .severed), .close(.first(1), .severed)])
    }

    @Test("A new endpoint is dialled without the old one's back-off")
    func forgetsFailures() {
        let pool = PoolHarness(1)
        pool.acquire()
        pool.connectFailed(.first(0))
        #expect(pool.machine.isBackingOff)
        pool.feed { $0.forgetFailures(at: $1, into: &$2) }
        #expect(pool.actions == [.connect(.nth(2, 0))])
    }
}

extension PoolAction {
    fileprivate var isConnect: Bool {
        if case .connect = self { true } else { false }
    }
}
