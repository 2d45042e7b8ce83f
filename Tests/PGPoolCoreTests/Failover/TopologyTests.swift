import Testing

@testable import PGPoolCore

@Suite("The topology of a cluster")
struct TopologyTests {
    private var now = Instant(nanoseconds: 0)
    private var actions: [TopologyAction] = []
    private var machine: TopologyStateMachine

    init() throws {
        machine = TopologyStateMachine(
            configured: [HostAddress(host: "shop.cluster-abc.rds", port: 5_432)],
            pattern: try InstanceHostPattern("?.abc.rds"),
            seed: 1
        )
    }

    private mutating func plain(_ count: Int) {
        machine = TopologyStateMachine(
            configured: (0..<count).map { HostAddress(host: "h\($0)", port: 5_432) },
            pattern: nil,
            seed: 1
        )
    }

    /// Answers the question that `host` was asked last.
    private mutating func answer(_ host: UInt32, _ answer: TopologyAnswer) throws {
        let id = try #require(asked(host), "host \(host) was not asked")
        actions.removeAll()
        machine.answered(id, by: HostID(host), answer, at: now, into: &actions)
    }

    private func asked(_ host: UInt32) -> ProbeID? {
        machine.hosts.first { $0.member.id == HostID(host) }?.flight?.id
    }

    private mutating func nextRound() {
        now = now + .seconds(31)
        actions.removeAll()
        machine.timerFired(at: now, into: &actions)
    }

    private func view(_ writer: String, _ names: [String], at stamp: Int64) -> TopologyAnswer {
        .aurora(
            names.map {
                TopologyAnswer.AuroraRow(instance: $0, isWriter: $0 == writer, updatedAt: stamp)
            },
            serverTime: stamp
        )
    }

    private var names: [String] {
        machine.members.map {
            String($0.address.host.prefix { $0 != "." }) + ":" + $0.role.rawValue
        }
    }

    @Test("Aurora's view gives the instances and their roles; DNS is not asked")
    mutating func discovers() throws {
        machine.start(at: now, into: &actions)
        #expect(machine.probeTargets == [HostID(0)])
        try answer(0, view("a", ["a", "b"], at: 100))
        #expect(names == ["shop:unknown", "a:writer", "b:reader"])
        #expect(machine.writer == HostID(1))
        #expect(actions.contains { if case .changed = $0 { true } else { false } })
        #expect(machine.id(ofInstance: "b") == HostID(2) && machine.id(ofInstance: "z") == nil)
        // The cluster's endpoint has served its purpose.
        #expect(machine.probeTargets == [HostID(1), HostID(2)])
    }

    @Test("A view older than the newest one changes nothing, until nothing else is heard")
    mutating func stale() throws {
        machine.start(at: now, into: &actions)
        try answer(0, view("b", ["a", "b"], at: 200_000_000))
        for _ in 1..<machine.settings.olderViewsToTrust {
            nextRound()
            try answer(0, view("a", ["a", "b"], at: 100_000_000))
            #expect(machine.writer == machine.id(of: HostAddress(host: "b.abc.rds", port: 5_432)))
        }
        nextRound()
        try answer(0, view("a", ["a", "b"], at: 100_000_000))
        #expect(machine.writer == machine.id(of: HostAddress(host: "a.abc.rds", port: 5_432)))
    }

    @Test("A reader goes when two views in a row lack it, not by one lossy answer")
    mutating func removal() throws {
        machine.start(at: now, into: &actions)
        try answer(0, view("a", ["a", "b", "c"], at: 100))
        nextRound()
        try answer(0, view("a", ["a", "b"], at: 200))
        #expect(machine.members.count == 4)
        nextRound()
        try answer(0, .aurora([], serverTime: 300))
        #expect(machine.members.count == 4)
        nextRound()
        try answer(0, view("a", ["a", "b"], at: 400))
        #expect(names == ["shop:unknown", "a:writer", "b:reader"])
    }

    @Test("A host that went is still asked for the writer: it may be back before the next view")
    mutating func remembersWhoWent() throws {
        machine.start(at: now, into: &actions)
        try answer(0, view("a", ["a", "b"], at: 1))
        for stamp in Int64(2)...3 {
            nextRound()
            try answer(1, view("a", ["a"], at: stamp))
        }
        #expect(names == ["shop:unknown", "a:writer"])
        #expect(machine.probeTargets == [HostID(1), HostID(2)])
        #expect(machine.address(of: HostID(2)) == HostAddress(host: "b.abc.rds", port: 5_432))
        nextRound()
        try answer(1, view("a", ["a", "b"], at: 4))
        #expect(machine.probeTargets == [HostID(1), HostID(2)])
    }

    @Test("Readers that were not updated for five minutes, and rows told twice, are no members")
    mutating func oldRows() throws {
        machine.start(at: now, into: &actions)
        let serverTime: Int64 = 1_000_000_000
        let rows = [
            TopologyAnswer.AuroraRow(instance: "a", isWriter: true, updatedAt: serverTime),
            TopologyAnswer.AuroraRow(
                instance: "b",
                isWriter: false,
                updatedAt: serverTime - 301_000_000
            ),
            TopologyAnswer.AuroraRow(
                instance: "c",
                isWriter: true,
                updatedAt: serverTime - 200_000_000
            ),
            TopologyAnswer.AuroraRow(
                instance: "c",
                isWriter: false,
                updatedAt: serverTime - 1_000_000
            ),
        ]
        try answer(0, .aurora(rows, serverTime: serverTime))
        #expect(names == ["shop:unknown", "a:writer", "c:reader"])
    }

    @Test("A view that calls two hosts the writer at the same time names neither")
    mutating func contested() throws {
        machine.start(at: now, into: &actions)
        let rows = ["a", "b"].map {
            TopologyAnswer.AuroraRow(instance: $0, isWriter: true, updatedAt: 100)
        }
        try answer(0, .aurora(rows, serverTime: 100))
        #expect(machine.writer == nil)
    }

    @Test("Plain servers speak for themselves; of two writers the greater timeline counts")
    mutating func plainServers() throws {
        plain(3)
        machine.start(at: now, into: &actions)
        try answer(0, .plain(isInRecovery: false, timeline: 1))
        try answer(1, .plain(isInRecovery: true, timeline: nil))
        #expect(machine.writer == HostID(0))
        try answer(2, .plain(isInRecovery: false, timeline: 2))
        #expect(machine.writer == HostID(2))
        #expect(names == ["h0:unknown", "h1:reader", "h2:writer"])
        nextRound()
        try answer(0, .plain(isInRecovery: false, timeline: 2))
        #expect(machine.writer == nil)
    }

    @Test("RDS Multi-AZ names its members and, where it knows it, the writer")
    mutating func multiAZ() throws {
        machine.start(at: now, into: &actions)
        let rows = ["x", "y", "z"].map {
            TopologyAnswer.MultiAZRow(id: $0, address: HostAddress(host: "\($0).rds", port: 5_432))
        }
        try answer(0, .multiAZ(rows, writerID: nil))
        #expect(machine.writer == nil && machine.members.count == 4)
        nextRound()
        try answer(0, .multiAZ(rows, writerID: "y"))
        #expect(names.contains("y:writer") && names.contains("x:reader"))
    }

    @Test("A host that the topology names and that never answers is reported, once")
    mutating func unreachable() throws {
        machine.start(at: now, into: &actions)
        try answer(0, view("a", ["a"], at: 100))
        var reports = 0
        for _ in 0..<6 {
            nextRound()
            if let id = asked(1) {
                machine.failed(id, on: HostID(1), at: now, into: &actions)
            }
            reports += actions.count { if case .unreachable = $0 { true } else { false } }
            if asked(0) != nil { try answer(0, view("a", ["a"], at: 200)) }
        }
        #expect(reports == 1)
    }

    @Test("In peace the writer alone is asked, slowly; in a failover everybody, fast")
    mutating func pace() throws {
        machine.start(at: now, into: &actions)
        try answer(0, view("a", ["a", "b"], at: 100))
        machine.paceChanged(isFast: false, at: now, into: &actions)
        actions.removeAll()
        machine.timerFired(at: now + .seconds(20), into: &actions)
        #expect(asked(0) == nil && asked(1) == nil)
        nextRound()
        #expect(asked(0) == nil && asked(1) != nil && asked(2) == nil)
        actions.removeAll()
        machine.paceChanged(isFast: true, at: now, into: &actions)
        #expect(asked(0) != nil && asked(2) != nil)
    }
}
