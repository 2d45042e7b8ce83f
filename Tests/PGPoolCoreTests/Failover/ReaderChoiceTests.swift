import Testing

@testable import PGPoolCore

@Suite("Which reader serves, and what moves when readers come and go")
struct ReaderChoiceTests {
    private func candidates(_ loads: Int..., lags: [Double?] = []) -> [ReaderChoice.Candidate] {
        loads.enumerated().map { index, load in
            ReaderChoice.Candidate(
                host: HostID(UInt32(index)),
                load: load,
                limit: 10,
                lagMilliseconds: lags.isEmpty ? nil : lags[index]
            )
        }
    }

    private func hosts(_ numbers: UInt32?...) -> [HostID?] { numbers.map { $0.map { HostID($0) } } }

    @Test("Round robin goes round, also when readers come and go")
    func roundRobin() {
        var choice = ReaderChoice(.roundRobin, seed: 1)
        let three = candidates(0, 0, 0)
        let chosen = (0..<5).map { _ in choice.choose(among: three) }
        #expect(chosen == hosts(0, 1, 2, 0, 1))
        #expect(choice.choose(among: [three[0], three[1]]) == HostID(0))
        #expect(choice.choose(among: three.reversed()) == HostID(1))
        #expect(choice.choose(among: []) == nil)
    }

    @Test("Least loaded compares load with limit, and shares ties out")
    func leastLoaded() {
        var choice = ReaderChoice(.leastLoaded, seed: 1)
        #expect(choice.choose(among: candidates(3, 1, 2)) == HostID(1))
        var big = candidates(3, 1)
        big[0].limit = 100
        #expect(choice.choose(among: big) == HostID(0))
        let ties = (0..<4).map { _ in choice.choose(among: candidates(1, 1, 5)) }
        #expect(ties == hosts(1, 0, 1, 0))
    }

    @Test("Random reaches every reader and replays from its seed")
    func random() {
        var one = ReaderChoice(.random, seed: 9)
        var other = ReaderChoice(.random, seed: 9)
        var seen: Set<HostID?> = []
        for _ in 0..<200 {
            let chosen = one.choose(among: candidates(0, 0, 0))
            #expect(chosen == other.choose(among: candidates(0, 0, 0)))
            seen.insert(chosen)
        }
        #expect(seen == Set(hosts(0, 1, 2)))
    }

    @Test(
        "Readers too far behind, or of unknown lag, do not serve; if none does, the writer has to"
    )
    func lag() {
        var choice = ReaderChoice(.roundRobin, maxLagMilliseconds: 20, seed: 1)
        let mixed = candidates(0, 0, 0, lags: [50, 20, nil])
        #expect(choice.choose(among: mixed) == HostID(1))
        #expect(choice.choose(among: mixed) == HostID(1))
        #expect(choice.choose(among: candidates(0, 0, lags: [21, nil])) == nil)
    }

    @Test("Shares are equal and add up")
    func shares() {
        let hosts = (0..<3).map { HostID($0) }
        #expect(ReaderBalance.shares(of: 10, among: hosts).map(\.limit) == [4, 3, 3])
        #expect(ReaderBalance.shares(of: 2, among: hosts).map(\.limit) == [1, 1, 0])
        #expect(ReaderBalance.shares(of: 5, among: []).isEmpty)
    }
}
