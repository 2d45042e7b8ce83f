import Testing

@testable import PGPoolCore

@Suite struct WaiterQueueTests {
    private func filled(_ count: Int) -> (WaiterQueue, [WaiterID]) {
        var queue = WaiterQueue()
        let ids = (0..<count).map { index in
            queue.append(
                deadline: Instant(nanoseconds: 100 + Int64(index)),
                at: Instant(nanoseconds: Int64(index))
            )
        }
        return (queue, ids)
    }

    private func emptied(_ queue: WaiterQueue) -> [WaiterID] {
        var queue = queue
        var ids: [WaiterID] = []
        while let id = queue.popFirst() { ids.append(id) }
        return ids
    }

    @Test("Waiters leave in the order in which they came")
    func firstInFirstOut() {
        let (queue, ids) = filled(5)
        #expect(emptied(queue) == ids)
    }

    @Test("Waiters leave from the head, the middle and the tail", arguments: 0..<4)
    func removes(place: Int) {
        var (queue, ids) = filled(4)
        let removed = queue.remove(ids[place])
        #expect(removed)
        ids.remove(at: place)
        #expect(queue.count == 3)
        #expect(emptied(queue) == ids)
    }

    @Test("A waiter leaves once")
    func removesOnce() {
        var (queue, ids) = filled(2)
        let first = queue.remove(ids[0])
        let second = queue.remove(ids[0])
        #expect(first && !second)
        #expect(queue.count == 1)
    }

    @Test("The name of a waiter that left means nobody, though its entry is used again")
    func serials() {
        var (queue, ids) = filled(1)
        queue.remove(ids[0])
        let next = queue.append(
            deadline: Instant(nanoseconds: 5),
            at: Instant(nanoseconds: 0)
        )
        #expect(next.index == ids[0].index)
        #expect(!queue.contains(ids[0]))
        #expect(queue.contains(next))
        #expect(queue.deadline(of: ids[0]) == nil)
        #expect(queue.deadline(of: next) == Instant(nanoseconds: 5))
    }

    @Test("The oldest waiter and its time are known")
    func oldest() {
        var (queue, ids) = filled(3)
        #expect(queue.first == ids[0])
        #expect(queue.oldestEnqueuedAt == Instant(nanoseconds: 0))
        queue.remove(ids[0])
        #expect(queue.oldestEnqueuedAt == Instant(nanoseconds: 1))
    }

    @Test("An empty queue has nobody")
    func empty() {
        var queue = WaiterQueue()
        let popped = queue.popFirst()
        #expect(popped == nil)
        #expect(queue.isEmpty)
        #expect(queue.oldestEnqueuedAt == nil)
    }

    @Test("Thousands that come and go need no more entries than waited at once")
    func reusesEntries() {
        var queue = WaiterQueue()
        var highest: UInt32 = 0
        for _ in 0..<10_000 {
            let id = queue.append(deadline: .distantFuture, at: Instant(nanoseconds: 0))
            highest = max(highest, id.index)
            queue.remove(id)
        }
        #expect(highest == 0)
    }
}
