import Testing

@testable import PGPoolCore

@Suite struct TimerHeapTests {
    @Test("Deadlines come up in order")
    func order() {
        var heap = TimerHeap()
        for time in [5, 1, 4, 2, 3] as [Int64] {
            heap.insert(.backoff, at: Instant(nanoseconds: time))
        }
        var times: [Int64] = []
        while let entry = heap.popFirst() { times.append(entry.deadline.nanoseconds) }
        #expect(times == [1, 2, 3, 4, 5])
    }

    @Test("Waiters' deadlines, in order or not, come up in order with the others")
    func waiters() {
        var heap = TimerHeap()
        var random = SeededGenerator(seed: 7)
        var expected: [Int64] = []
        var times: [Int64] = []
        var now: Int64 = 0
        for round in 0..<2_000 {
            // Mostly as long as the one before, now and then shorter or longer; and other deadlines.
            let wait = Int64.random(in: 0..<10, using: &random) == 0 ? 500 : Int64(100)
            now += 1
            let isWaiter = round % 5 != 0
            let subject =
                isWaiter
                ? TimerSubject.waiter(WaiterID(index: UInt32(round), serial: 1)) : .backoff
            heap.insert(subject, at: Instant(nanoseconds: now + wait))
            expected.append(now + wait)
            while let first = heap.first, first.deadline.nanoseconds <= now {
                #expect(heap.popFirst() == first)
                times.append(first.deadline.nanoseconds)
            }
            #expect(heap.count == expected.count - times.count)
            #expect(heap.entries.count == heap.count)
        }
        heap = TimerHeap(heap.entries)
        while let entry = heap.popFirst() { times.append(entry.deadline.nanoseconds) }
        #expect(times == expected.sorted())
    }

    @Test("A heap is mostly stale when it holds more than twice what lives and a constant")
    func mostlyStale() {
        var heap = TimerHeap()
        for time in 0..<74 { heap.insert(.backoff, at: Instant(nanoseconds: Int64(time))) }
        #expect(!heap.isMostlyStale(live: 5))
        heap.insert(.backoff, at: Instant(nanoseconds: 0))
        #expect(heap.isMostlyStale(live: 5))
    }
}
