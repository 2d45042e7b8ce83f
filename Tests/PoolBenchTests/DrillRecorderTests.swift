import Testing

@testable import pool_bench

@Suite struct DrillRecorderTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func theMostOperationsInsideATransactionAtOnceAreInFlight() {
        let recorder = DrillRecorder(began: 0)
        for _ in 0..<3 { recorder.entered() }
        recorder.left()
        recorder.beginOutage()
        #expect(recorder.outage.inFlight == 2)
        recorder.entered()
        recorder.left()
        recorder.entered()
        #expect(recorder.outage.inFlight == 3)
        recorder.endOutage()
        recorder.entered()
        #expect(recorder.outage.inFlight == 3)
    }

    @Test func failuresCountFromOneOutageToTheNext() {
        let recorder = DrillRecorder(began: 0)
        recorder.ended(.rolledBack, at: 1)
        recorder.beginOutage()
        recorder.ended(.unknown, at: 2)
        recorder.ended(.notExecuted, at: 3)
        recorder.endOutage()
        recorder.ended(.rolledBack, at: 4)
        recorder.ended(.withdrawn, at: 5)
        #expect(recorder.outage.failed == 3)
        #expect(recorder.outage.unknown == 1)
        #expect(recorder.failed == 4)
        recorder.beginOutage()
        #expect(recorder.outage == DrillRecorder.Outage())
    }

    @Test func theFirstAcknowledgementIsTheEarliestNotTheFirstNoted() {
        let recorder = DrillRecorder(began: 0)
        recorder.ended(.acknowledged, at: 5)
        recorder.beginOutage()
        for instant: UInt64 in [9, 30, 21] { recorder.ended(.acknowledged, at: instant) }
        #expect(recorder.firstAcknowledgement(since: 4) == 9)
        #expect(recorder.firstAcknowledgement(since: 10) == 21)
        #expect(recorder.firstAcknowledgement(since: 31) == nil)
    }

    @Test func throughputIsBackWhenAsManyAsWantedFallIntoOneWindow() {
        let recorder = DrillRecorder(began: 0)
        recorder.beginOutage()
        for instant: UInt64 in [10, 50, 90, 100, 105] { recorder.ended(.acknowledged, at: instant) }
        #expect(recorder.recovery(since: 0, window: 20, count: 3) == 105)
        #expect(recorder.recovery(since: 0, window: 20, count: 4) == nil)
        #expect(recorder.recovery(since: 95, window: 20, count: 3) == nil)
        #expect(recorder.recovery(since: 95, window: 20, count: 0) == 100)
    }

    @Test func theTimelineCountsInSpans() {
        let recorder = DrillRecorder(began: Self.second)
        recorder.ended(.acknowledged, at: Self.second + 1)
        recorder.ended(.acknowledged, at: Self.second + 150_000_000)
        recorder.ended(.unknown, at: Self.second + 160_000_000)
        #expect(recorder.timeline.acknowledged == [1, 1])
        #expect(recorder.timeline.failed == [0, 1])
        #expect(recorder.timeline.rates(\.failed).map(\.y) == [0, 0, 10, 10])
    }

    @Test func aLongTimelineHasLongerSpans() {
        var timeline = Timeline(span: .milliseconds(100))
        for second in 0..<1000 { timeline.add(at: Double(second), hasFailed: second % 2 == 1) }
        #expect(timeline.span == 400)
        #expect(timeline.acknowledged.count <= Timeline.maxSpans)
        #expect(timeline.acknowledged.reduce(0, +) == 500)
        #expect(timeline.failed.reduce(0, +) == 500)
        #expect(timeline.acknowledged.count == timeline.failed.count)
    }

    @Test func aFailoverByHandIsWhatTheHostsShow() {
        var failover = ManualFailover()
        failover.note(.writer(identity: "a", at: 10))
        failover.note(.writer(identity: "a", at: 20))
        failover.begin()
        failover.note(.silent(lastWriter: "b", since: 21))
        failover.note(.writer(identity: "a", at: 30))
        failover.note(.silent(lastWriter: "a", since: 40))
        failover.note(.silent(lastWriter: "a", since: 50))
        failover.note(.reader(identity: "b"))
        #expect(failover.promotion == nil)
        failover.note(.writer(identity: "b", at: 90))
        #expect(failover.promotion == Promotion(faultBegan: 40, promoted: 90))
        // Thawed, the old one still believes in its role; it is no further failover.
        failover.note(.writer(identity: "a", at: 95))
        failover.begin()
        failover.note(.writer(identity: "b", at: 99))
        #expect(failover.promotion == nil)
    }

    @Test func aFailoverThatNobodyNoticedBeganWhenTheWriterWasLastSeen() {
        var failover = ManualFailover()
        failover.note(.writer(identity: "a", at: 10))
        failover.begin()
        failover.note(.writer(identity: "b", at: 12))
        #expect(failover.promotion == Promotion(faultBegan: 10, promoted: 12))
    }

    @Test func readsTheKernelsListOfConnections() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
               0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   107
               1: 0100007F:A4C2 0100007F:1538 01 00000000:00000000 00:00000000 00000000     0
               2: 0100007F:A4C3 0100007F:1538 08 00000000:00000000 00:00000000 00000000     0
               3: broken
            """
        #expect(OwnSockets.establishedPorts(in: table) == [0xA4C2])
        #expect(OwnSockets.establishedPorts(in: "") == [])
    }

    @Test func theSameSeedDrawsTheSameFaults() {
        func draw(_ seed: UInt64) -> [String] {
            var dice = SoakDice(seed: seed)
            return (0..<20).map { _ in
                let pause = dice.pause(in: .seconds(1) ... .seconds(9))
                #expect((.seconds(1) ... .seconds(9)).contains(pause))
                return "\(dice.fault(of: [.kill, .freeze, .demote])) \(pause)"
            }
        }
        #expect(draw(7) == draw(7))
        #expect(draw(7) != draw(8))
    }

    @Test func aTrendComparesTheSecondQuarterWithTheLast() throws {
        let warm = [1.0, 50, 100, 100, 100, 101, 104, 105]
        #expect(try #require(Trend(warm, slack: 0)).isFlat)
        let leak = [10.0, 20, 30, 40, 50, 60, 70, 80]
        #expect(try #require(Trend(leak, slack: 0)).isFlat == false)
        #expect(try #require(Trend(leak, slack: 100)).isFlat)
        #expect(Trend([1, 2, 3], slack: 0) == nil)
    }
}
