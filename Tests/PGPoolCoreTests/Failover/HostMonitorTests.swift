import Testing

@testable import PGPoolCore

@Suite("The host monitor")
struct HostMonitorTests {
    /// A host that answers, is silent or refuses, and a clock.
    private struct World {
        var machine: HostMonitorStateMachine
        var now: Int64 = 0
        var armedAt: Int64?
        var ping: ProbeID?
        var reports: [HostMonitorAction] = []

        mutating func feed(
            _ event: (inout HostMonitorStateMachine, Instant, inout [HostMonitorAction]) -> Void
        ) throws {
            var actions: [HostMonitorAction] = []
            event(&machine, Instant(nanoseconds: now), &actions)
            for action in actions {
                switch action {
                case .startPing(let id, _):
                    try require(ping == nil, "two pings at once")
                    ping = id
                case .cancelPing(let id):
                    try require(ping == id, "no such ping to cancel")
                    ping = nil
                case .armTimer(let at): armedAt = at.nanoseconds
                case .reportHung, .reportLost, .reportAnswering: reports.append(action)
                }
            }
        }

        mutating func answer() throws {
            guard let id = ping else { return }
            ping = nil
            try feed { $0.pingAnswered(id, at: $1, into: &$2) }
        }

        mutating func nextTimer() throws {
            now = max(now, armedAt ?? now)
            try feed { $0.timerFired(at: $1, into: &$2) }
        }
    }

    @Test("By default a host that hangs is found within 2.5 s, whenever it begins to")
    func defaults() {
        #expect(HostMonitorSettings().longestDetection <= .milliseconds(2_500))
    }

    @Test("Silence is found within the bound, an answering host is never called hung")
    func bound() throws {
        for seed in UInt64(1)...300 {
            var generator = SeededGenerator(seed: seed)
            let settings = HostMonitorSettings(
                interval: .milliseconds(Int64(generator.next() % 900) + 1),
                misses: Int(generator.next() % 4) + 1
            )
            var world = World(machine: HostMonitorStateMachine(settings: settings))
            try world.feed { $0.start(at: $1, into: &$2) }
            let interval = settings.interval.wholeNanoseconds
            for _ in 0..<Int(generator.next() % 40) {
                // Answers come up to just before the deadline.
                if world.ping != nil {
                    world.now += Int64(generator.next() % UInt64(interval))
                    try world.answer()
                } else {
                    try world.nextTimer()
                }
            }
            #expect(world.reports.isEmpty, "seed \(seed)")
            if world.ping == nil { world.now += Int64(generator.next() % UInt64(interval)) }
            let hangsAt = world.now
            while !world.machine.isHung {
                try world.nextTimer()
                try require(world.now - hangsAt < 10 * interval, "seed \(seed): never found")
            }
            #expect(world.reports == [.reportHung], "seed \(seed)")
            let bound = settings.longestDetection.wholeNanoseconds
            #expect(world.now - hangsAt <= bound, "seed \(seed)")
            try world.nextTimer()
            try world.answer()
            #expect(world.reports == [.reportHung, .reportAnswering], "seed \(seed)")
        }
    }

    @Test("An error is an answer: the host is lost, not hung, and it is asked again")
    func errors() throws {
        var world = World(machine: HostMonitorStateMachine())
        try world.feed { $0.start(at: $1, into: &$2) }
        for count in 1...10 {
            let id = try #require(world.ping)
            world.ping = nil
            try world.feed { $0.pingFailed(id, at: $1, into: &$2) }
            #expect(world.reports.count == count && !world.machine.isHung)
            try world.nextTimer()
        }
    }

    @Test("Only misses in a row count: an answer in between clears the host")
    func inARow() throws {
        var world = World(machine: HostMonitorStateMachine())
        try world.feed { $0.start(at: $1, into: &$2) }
        for _ in 0..<10 {
            for _ in 1..<world.machine.settings.misses { try world.nextTimer() }
            try world.answer()
            try world.nextTimer()
        }
        #expect(world.reports.isEmpty)
    }

    @Test("An answer to a ping that was given up, and everything after a stop, changes nothing")
    func late() throws {
        var world = World(machine: HostMonitorStateMachine())
        try world.feed { $0.start(at: $1, into: &$2) }
        let first = try #require(world.ping)
        for _ in 0..<3 { try world.nextTimer() }
        #expect(world.machine.isHung)
        try world.feed { $0.pingAnswered(first, at: $1, into: &$2) }
        #expect(world.machine.isHung)
        try world.feed { machine, _, actions in machine.stop(into: &actions) }
        #expect(world.ping == nil)
        try world.nextTimer()
        #expect(world.ping == nil && world.reports == [.reportHung])
        try world.feed { $0.start(at: $1, into: &$2) }
        #expect(world.ping != nil && !world.machine.isHung)
    }
}
