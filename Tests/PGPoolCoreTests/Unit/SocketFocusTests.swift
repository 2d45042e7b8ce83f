import PGPoolCore
import Testing

@Suite("Keeping to few sockets")
struct SocketFocusTests {
    private func at(_ nanoseconds: Int64) -> Instant { Instant(nanoseconds: nanoseconds) }

    /// Turns of all sockets until it keeps to few again.
    private func turnsUntilNarrow(_ focus: inout SocketFocus) -> Int {
        for turn in 1...SocketFocus.rarest * 2 {
            focus.looksAtAll(8, at: at(1))
            if focus.isNarrow(at: at(1)) { return turn }
        }
        return .max
    }

    @Test("The others have their turn when the time is over, however many answers come")
    func bounded() {
        var focus = SocketFocus()
        #expect(!focus.isNarrow(at: at(1)), "all have their turn first")
        focus.looksAtAll(8, at: at(1_000))
        #expect(focus.isNarrow(at: at(1_000)))
        focus.looked(at: 4, answers: 4)
        #expect(focus.isNarrow(at: at(1_000 + SocketFocus.longest - 1)))
        #expect(!focus.isNarrow(at: at(1_000 + SocketFocus.longest)))
        focus.looksAtAll(8, at: at(9_000_000))
        #expect(focus.isNarrow(at: at(9_000_000)))
    }

    @Test(
        "It is worth it once a quarter of the looks brings an answer, and until four in a row do not"
    )
    func proven() {
        var focus = SocketFocus()
        #expect(!focus.isWorthIt, "nothing is known yet")
        focus.looked(at: 4, answers: 1)
        #expect(focus.isWorthIt)
        for _ in 1..<SocketFocus.chances { focus.looked(at: 4, answers: 0) }
        #expect(focus.isWorthIt, "so few may be chance")
        focus.looked(at: 4, answers: 0)
        #expect(!focus.isWorthIt)
        focus.looked(at: 4, answers: 4)
        #expect(focus.isWorthIt)
    }

    @Test("The more sockets there are, the sooner the others have their turn")
    func many() {
        var focus = SocketFocus()
        focus.looksAtAll(80, at: at(0))
        #expect(focus.isNarrow(at: at(SocketFocus.longest / 10 - 1)))
        #expect(!focus.isNarrow(at: at(SocketFocus.longest / 10)))
    }

    @Test("What was proven lapses when nothing is asked any more that could prove it")
    func lapsed() {
        var focus = SocketFocus()
        focus.looked(at: 4, answers: 4)
        for _ in 1..<SocketFocus.lapse { focus.looksAtAll(8, at: at(0)) }
        #expect(focus.isWorthIt)
        focus.looksAtAll(8, at: at(0))
        #expect(!focus.isWorthIt)
        focus.looked(at: 4, answers: 1)
        #expect(focus.isWorthIt)
    }

    @Test("A look for nothing gives all their turn at once")
    func ended() {
        var focus = SocketFocus()
        focus.looksAtAll(8, at: at(1))
        focus.looked(at: 4, answers: 0)
        #expect(!focus.isNarrow(at: at(2)))
        #expect(turnsUntilNarrow(&focus) == 1)
    }

    @Test("Where answers take longer it is tried ever more rarely, until one comes")
    func rare() {
        var focus = SocketFocus()
        for _ in 1..<SocketFocus.chances {
            focus.looked(at: 1, answers: 0)
            #expect(turnsUntilNarrow(&focus) == 1)
        }
        var turns: [Int] = []
        for _ in 0..<14 {
            focus.looked(at: 1, answers: 0)
            turns.append(turnsUntilNarrow(&focus) - 1)
        }
        #expect(turns == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024, 1024])
        focus.looked(at: 1, answers: 1)
        focus.looked(at: 1, answers: 0)
        #expect(turnsUntilNarrow(&focus) == 1, "what failed before must be forgotten")
    }

    @Test("However often it fails, nothing overflows")
    func endless() {
        var focus = SocketFocus()
        for _ in 0..<100_000 { focus.looked(at: 1, answers: 0) }
        #expect(turnsUntilNarrow(&focus) == SocketFocus.rarest + 1)
    }
}
