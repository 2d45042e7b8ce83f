import PGPoolCore
import Testing

@Suite("How long a cancel request is waited for")
struct CancelPatienceTests {
    private func at(_ seconds: Int64) -> Instant {
        Instant(nanoseconds: 0) + .seconds(1_000 + seconds)
    }

    @Test("One that is being sent has its time, whatever becomes of others")
    func sending() {
        var patience = CancelPatience()
        #expect(patience.end == .distantFuture)
        patience.queued(at: at(0))
        #expect(patience.end == at(10))
        patience.began(at: at(7))
        #expect(patience.end == at(17))
        let isOver = patience.isOver(at: at(17), lastTaken: at(16))
        #expect(isOver)
        #expect(patience.end == .distantFuture)
    }

    @Test("One that waits goes on waiting while those before it are taken")
    func queued() {
        var patience = CancelPatience()
        patience.queued(at: at(0))
        let isOver = patience.isOver(at: at(10), lastTaken: at(9))
        #expect(!isOver)
        #expect(patience.end == at(19))
        // A second request of the same connection does not make it wait longer.
        patience.queued(at: at(12))
        #expect(patience.end == at(19))
        let isOverLater = patience.isOver(at: at(19), lastTaken: at(9))
        #expect(isOverLater)
    }

    @Test("Where none is taken at all, its time is over; and a later one has a time of its own")
    func stuck() {
        var patience = CancelPatience()
        patience.queued(at: at(0))
        let isOver = patience.isOver(at: at(10), lastTaken: nil)
        #expect(isOver)
        patience.queued(at: at(20))
        patience.ended()
        #expect(patience.end == .distantFuture)
        patience.queued(at: at(30))
        #expect(patience.end == at(40))
    }
}
