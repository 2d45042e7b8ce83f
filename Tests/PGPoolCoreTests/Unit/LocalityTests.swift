import Testing

@testable import PGPoolCore

@Suite("The processor that a connection is served on")
struct LocalityTests {
    private var locality = Locality()

    /// What each look says to an answer that arrived on `processor`, served on 0.
    private mutating func see(_ processor: Int32?, times: Int = 1) -> [Bool] {
        (0..<times).map { _ in locality.saw(processor, servedOn: 0) }
    }

    @Test("Only every so many answers are looked at")
    mutating func looks() {
        let looks = (1...3 * Locality.lookEvery).filter { _ in locality.isTimeToLook() }
        #expect(looks == [1, 2, 3].map { $0 * Locality.lookEvery })
    }

    @Test("Looks that agree move it, once")
    mutating func moves() {
        let seen = see(1, times: Locality.agreeing + 1)
        #expect(seen == Array(repeating: false, count: Locality.agreeing - 1) + [true, false])
    }

    @Test("An answer at home, elsewhere, or nobody knows where, begins the count anew")
    mutating func startsAnew() {
        var seen: [Bool] = []
        for interruption: Int32? in [0, 2, nil] {
            seen += see(1, times: Locality.agreeing - 1)
            seen += see(interruption)
        }
        seen += see(1, times: Locality.agreeing - 1)
        // The thread's own processor is not known.
        seen.append(locality.saw(1, servedOn: nil))
        #expect(!seen.contains(true))
    }
}
