import Testing

@testable import PGPoolCore

@Suite struct SlotTableTests {
    private let now = Instant(nanoseconds: 0)

    @Test("The counts follow each move")
    func counts() {
        var table = SlotTable()
        let id = table.open(generation: 0, at: now)
        let states: [(SlotState, WritableKeyPath<SlotCounts, Int>)] = [
            (.idle, \.idle), (.leased, \.leased), (.quarantined(.reset), \.quarantined),
            (.closing, \.closing),
        ]
        #expect(table.counts.opening == 1)
        for (state, field) in states {
            table.move(id, to: state, at: now)
            var expected = SlotCounts()
            expected[keyPath: field] = 1
            #expect(table.counts == expected)
        }
        table.move(id, to: .free, at: now)
        #expect(table.counts.total == 0)
    }

    @Test("A slot that was freed is used again under a new serial")
    func serials() {
        var table = SlotTable()
        let first = table.open(generation: 0, at: now)
        table.move(first, to: .free, at: now)
        let second = table.open(generation: 1, at: now)
        #expect(second.index == first.index)
        #expect(!table.isCurrent(first))
        #expect(table.isCurrent(second))
    }

    @Test("A slot that is free is nobody's")
    func freeIsNobodys() {
        var table = SlotTable()
        let id = table.open(generation: 0, at: now)
        table.move(id, to: .free, at: now)
        #expect(!table.isCurrent(id))
        #expect(!table.isCurrent(.nth(1, 7)))
        #expect(table.all.isEmpty)
    }

    @Test("The idle stack is in the order of use, wherever a connection comes back")
    func idleOrder() {
        var table = SlotTable()
        let ids = (0..<4).map { _ in table.open(generation: 0, at: now) }
        for (id, time) in zip(ids, [30, 10, 40, 20] as [Int64]) {
            table[id].lastUsed = Instant(nanoseconds: time)
            table.move(id, to: .idle, at: now)
        }
        #expect(table.idle == [1, 3, 0, 2])
        #expect(table.topIdle == ids[2])
        #expect(table.bottomIdle == ids[1])
        table.move(ids[3], to: .quarantined(.keepAlive), at: now)
        #expect(table.idle == [1, 0, 2])
        #expect(table.unneeded == 4)
    }
}
