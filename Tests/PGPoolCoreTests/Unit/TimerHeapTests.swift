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

    @Test("A heap is mostly stale when it holds more than twice what lives and a constant")
    func mostlyStale() {
        var heap = TimerHeap()
        for time in 0..<74 { heap.insert(.backoff, at: Instant(nanoseconds: Int64(time))) }
        #expect(!heap.isMostlyStale(live: 5))
        heap.insert(.backoff, at: Instant(nanoseconds: 0))
        #expect(heap.isMostlyStale(live: 5))
    }
}
