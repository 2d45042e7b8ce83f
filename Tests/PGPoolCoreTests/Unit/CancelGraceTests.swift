import Testing

@testable import PGPoolCore

@Suite("The time that a server has to answer a cancel request")
struct CancelGraceTests {
    private var grace = CancelGrace()
    private let start = Instant(nanoseconds: 5_000_000_000)

    @Test("A server that says nothing has two seconds")
    mutating func silent() {
        let next = grace.begin(at: start, readings: 7)
        #expect(next == start + .seconds(2))
        #expect(grace.extend(at: next, readings: 7) == nil)
    }

    @Test("What comes buys time, until it buys no more")
    mutating func talking() {
        var looks = [grace.begin(at: start, readings: 7)]
        var readings: UInt64 = 7
        while let last = looks.last, looks.count < 20 {
            readings += 1
            guard let next = grace.extend(at: last, readings: readings) else { break }
            looks.append(next)
        }
        #expect(looks == [2, 4, 6, 8, 10].map { start + .seconds($0) })
    }

    @Test("What came before the last look counts once")
    mutating func stops() {
        var next = grace.begin(at: start, readings: 0)
        next = grace.extend(at: next, readings: 5) ?? start
        #expect(next == start + .seconds(4))
        #expect(grace.extend(at: next, readings: 5) == nil)
    }

    @Test("A request that is begun anew has all its time")
    mutating func again() {
        _ = grace.begin(at: start, readings: 0)
        let later = start + .seconds(60)
        let next = grace.begin(at: later, readings: 100)
        #expect(next == later + .seconds(2))
        #expect(grace.extend(at: next, readings: 101) == later + .seconds(4))
    }
}
