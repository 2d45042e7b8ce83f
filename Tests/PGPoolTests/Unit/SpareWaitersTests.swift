import PGPoolCore
import Synchronization
import Testing

@testable import PGPool

@Suite("Waiters that serve again")
struct SpareWaitersTests {
    private let site = RawCallSite(fileID: #fileID, line: #line)

    private func make(_ spares: inout SpareWaiters, task: UInt = 1) -> Waiter {
        spares.make(site: site, task: task, enqueuedAt: .now, statement: nil)
    }

    @Test("One is used again when it is free, the oldest first, and none before")
    func onlyWhenFree() async {
        var spares = SpareWaiters()
        let served = (0...SpareWaiters.atLeast).map { _ in make(&spares) }
        for waiter in served { spares.append(waiter) }
        for waiter in served.dropFirst() {
            waiter.wake()
            waiter.free()
        }
        let new = make(&spares)
        #expect(
            !served.contains { $0 === new },
            "the oldest is still in use, so a new one is to be made"
        )
        let again = make(&spares, task: 7)
        #expect(again === served[1], "one that is long in use must not keep the others")
        #expect(again.task == 7)
        #expect(again.outcome == nil && again.continuation == nil && again.statement == nil)
        await withUnsafeContinuation { task in
            let suspends = again.suspend(task)
            #expect(suspends, "the last caller's outcome must not be taken for this one's")
            if suspends { again.wake() } else { task.resume() }
        }
    }

    @Test("Whoever comes second, the task or its outcome, has the task go on")
    func meeting() async {
        var spares = SpareWaiters()
        let waiter = make(&spares)
        waiter.outcome = .failure(CancellationError())
        waiter.wake()
        await withUnsafeContinuation { task in
            #expect(!waiter.suspend(task), "the outcome was there before the task")
            task.resume()
        }
        #expect(waiter.takeOutcome() != nil)
        #expect(waiter.takeOutcome() == nil, "an outcome is taken once")
    }

    @Test("What was freed keeps nothing alive")
    func keepsNothing() {
        final class Payload: Error {}
        var spares = SpareWaiters()
        weak var payload: Payload?
        let waiter = make(&spares)
        do {
            let error = Payload()
            payload = error
            waiter.outcome = .failure(error)
        }
        spares.append(waiter)
        #expect(payload != nil)
        waiter.free()
        #expect(payload == nil, "the outcome must be let go of")
    }

    @Test("However many are served, only so many are kept")
    func bounded() {
        var spares = SpareWaiters()
        weak var last: Waiter?
        for _ in 0...SpareWaiters.atMost {
            let waiter = Waiter(site: site, task: 1, enqueuedAt: .now, statement: nil)
            last = waiter
            spares.append(waiter)
        }
        #expect(last == nil, "more than \(SpareWaiters.atMost) are kept")
    }
}
