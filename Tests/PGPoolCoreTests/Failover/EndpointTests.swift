import Testing

@testable import PGPoolCore

@Suite("The endpoint of the writer")
struct EndpointTests {
    private var now = Instant(nanoseconds: 1_000_000_000)
    private var actions: [EndpointAction] = []
    private var machine = EndpointStateMachine(
        hosts: (0..<3).map { HostID($0) },
        seed: 1
    )
    private let reader = NodeReport(isInRecovery: true, systemIdentifier: 7)

    private func writer(_ timeline: UInt32?) -> NodeReport {
        NodeReport(isInRecovery: false, systemIdentifier: 7, timeline: timeline)
    }

    private func aurora(_ host: UInt32, isWriter: Bool, names: UInt32, _ stamp: Int64) -> NodeReport
    {
        NodeReport(
            isInRecovery: !isWriter,
            claim: NodeReport.Claim(writer: HostID(names), stamp: stamp)
        )
    }

    /// What happens to the probe of `host` that is under way.
    private mutating func answer(_ host: UInt32, _ report: NodeReport) throws {
        let current = try #require(probe(host), "host \(host) is not being asked")
        actions.removeAll()
        machine.probeAnswered(current, by: HostID(host), report, at: now, into: &actions)
    }

    private mutating func fail(_ host: UInt32, _ failure: ProbeFailure) throws {
        let current = try #require(probe(host), "host \(host) is not being asked")
        actions.removeAll()
        machine.probeFailed(current, on: HostID(host), failure, at: now, into: &actions)
    }

    private func probe(_ host: UInt32) -> ProbeID? {
        machine.hosts.first { $0.id == HostID(host) }?.flight?.id
    }

    private mutating func pass(_ duration: Duration) {
        now = now + duration
        actions.removeAll()
        machine.timerFired(at: now, into: &actions)
    }

    private mutating func report(_ endpoint: EndpointVerdict, generation: UInt64? = nil) {
        actions.removeAll()
        let verdict = FailureVerdict(
            failureClass: .outcomeUnknown,
            connection: .retire,
            endpoint: endpoint
        )
        let generation = generation ?? machine.generation
        machine.failureReported(verdict, generation: generation, at: now, into: &actions)
    }

    /// Host 0 is the writer, everybody is let in, nobody is being asked.
    private mutating func becomeHealthy(_ first: NodeReport? = nil) throws {
        machine.start(at: now, into: &actions)
        try answer(0, first ?? writer(1))
        try answer(1, reader)
        try answer(2, reader)
        for _ in 0..<100 where machine.state != .healthy {
            for host in UInt32(0)..<3 where probe(host) != nil {
                try answer(host, host == 0 ? first ?? writer(1) : reader)
            }
            pass(.milliseconds(50))
        }
        for host in UInt32(0)..<3 where probe(host) != nil {
            try answer(host, host == 0 ? first ?? writer(1) : reader)
        }
        pass(.milliseconds(200))
        #expect(machine.state == .healthy && machine.writer == HostID(0))
    }

    @Test("Starting, all hosts are asked at once and callers are held")
    mutating func start() {
        machine.start(at: now, into: &actions)
        #expect(actions.contains(.setAdmission(.held)))
        #expect((0..<3).allSatisfy { probe($0) != nil })
    }

    @Test("Callers are let in by doubling steps, then all")
    mutating func ramp() throws {
        machine.start(at: now, into: &actions)
        for host in UInt32(1)...2 { try answer(host, reader) }
        try answer(0, writer(1))
        var admissions = actions.compactMap { if case .setAdmission(let a) = $0 { a } else { nil } }
        for _ in 0..<9 {
            if probe(0) != nil { try answer(0, writer(1)) }
            pass(.milliseconds(50))
            admissions += actions.compactMap {
                if case .setAdmission(let a) = $0 { a } else { nil }
            }
        }
        let steps = [4, 8, 16, 32, 64, 128, 256, 512].map { Admission.limited($0) }
        #expect(admissions == steps + [.open])
    }

    @Test("A killed writer: one refused probe holds callers, a new timeline lets them in at once")
    mutating func killed() throws {
        try becomeHealthy()
        report(.suspect)
        #expect(machine.state == .suspect && machine.admission == .open)
        try fail(0, .unreachable)
        #expect(machine.state == .failingOver && machine.admission == .held)
        #expect(actions.contains(.pollTopology(isFast: true)))
        let before = machine.generation
        try answer(1, writer(2))
        #expect(machine.state == .recovering && machine.writer == HostID(1))
        #expect(actions.contains(.setGeneration(before + 1, writer: HostID(1))))
        #expect(machine.admission == .limited(4))
    }

    @Test("Questions are 10 ms apart; a host that is slow to answer is asked less often, not late")
    mutating func pace() throws {
        try becomeHealthy()
        report(.suspect)
        try fail(0, .unreachable)
        try answer(1, reader)
        pass(.milliseconds(10))
        #expect(probe(1) != nil, "an answer at once is followed by a question after 10 ms")
        #expect(probe(2) != nil)
        pass(.milliseconds(5))
        try answer(1, reader)
        pass(.milliseconds(14))
        #expect(probe(1) == nil, "20 ms pass between two questions to a host that took 5 ms")
        pass(.milliseconds(1))
        #expect(probe(1) != nil)
        pass(.milliseconds(70))
        try answer(2, reader)
        pass(.milliseconds(8))
        #expect(probe(2) != nil, "after an answer that took 100 ms, a quarter of 30 ms")
    }

    @Test("A writer that says it is a reader loses its generation with that answer")
    mutating func demoted() throws {
        try becomeHealthy()
        let before = machine.generation
        report(.maybeDemoted)
        try answer(0, reader)
        #expect(actions.first == .setGeneration(before + 1, writer: nil))
        #expect(machine.admission == .held)
    }

    @Test("A 25006 of a healthy writer costs one round of questions and nothing else")
    mutating func falseAlarm() throws {
        try becomeHealthy()
        let before = machine.generation
        report(.maybeDemoted)
        try answer(0, writer(1))
        #expect(machine.state == .healthy && machine.generation == before)
        // A storm of them is looked into once the writer's answer is 50 ms old.
        for _ in 0..<10 { report(.maybeDemoted) }
        #expect(machine.state == .healthy)
        pass(.milliseconds(51))
        #expect(machine.state == .suspect)
    }

    @Test("A host that hangs loses its generation and callers wait for the next writer")
    mutating func hung() throws {
        try becomeHealthy()
        let before = machine.generation
        actions.removeAll()
        machine.hostHung(HostID(1), at: now, into: &actions)
        #expect(actions.isEmpty)
        machine.hostHung(HostID(0), at: now, into: &actions)
        #expect(actions.first == .setGeneration(before + 1, writer: nil))
        #expect(machine.state == .failingOver)
    }

    @Test("The old writer that thaws is not taken back once a promotion was seen")
    mutating func thawed() throws {
        try becomeHealthy()
        machine.hostHung(HostID(0), at: now, into: &actions)
        try answer(1, writer(2))
        pass(.milliseconds(30))
        try answer(0, writer(1))
        #expect(machine.writer == HostID(1) && machine.state == .recovering)
        #expect(machine.refusal(of: writer(1), on: HostID(0)) == .staleTimeline)
        // A name that leads to the old writer for a while is refused too.
        #expect(machine.refusal(of: writer(1), on: HostID(1)) == .staleTimeline)
        #expect(machine.refusal(of: reader, on: HostID(1)) == .inRecovery)
        let foreign = NodeReport(isInRecovery: false, systemIdentifier: 8, timeline: 9)
        #expect(machine.refusal(of: foreign, on: HostID(1)) == .foreignSystem)
    }

    @Test("The same writer, back after a restart, is taken when all others were heard")
    mutating func restarted() throws {
        try becomeHealthy()
        report(.suspect)
        try fail(0, .unreachable)
        let before = machine.generation
        pass(.milliseconds(30))
        try answer(0, writer(1))
        #expect(machine.state == .failingOver)
        try answer(1, reader)
        try answer(2, reader)
        #expect(machine.state == .recovering && machine.generation == before)
    }

    @Test("Errors of an older generation's connections do not disturb the new writer")
    mutating func oldErrors() throws {
        try becomeHealthy()
        report(.demoted, generation: machine.generation - 1)
        #expect(actions.isEmpty && machine.state == .healthy)
    }

    @Test("A newer timeline unseats a writer that still takes itself for one")
    mutating func unseated() throws {
        try becomeHealthy()
        let hosts = machine.knownHosts
        machine.topologyChanged(hosts: hosts, named: HostID(2), at: now, into: &actions)
        #expect(machine.state == .suspect)
        try answer(2, writer(2))
        #expect(machine.writer == HostID(2))
    }

    @Test("On Aurora a node whose own view names another is not taken")
    mutating func namesAnother() throws {
        machine.start(at: now, into: &actions)
        try answer(0, aurora(0, isWriter: true, names: 1, 100))
        try answer(1, aurora(1, isWriter: false, names: 1, 100))
        try answer(2, aurora(2, isWriter: false, names: 1, 100))
        #expect(machine.writer == nil)
        #expect(actions.contains(.noWriter(.onlyReaders)))
        #expect(
            machine.refusal(of: aurora(0, isWriter: true, names: 1, 100), on: HostID(0))
                == .namesAnother(HostID(1))
        )
    }

    @Test("On Aurora newer knowledge of another writer speaks against a candidate until disproved")
    mutating func contradicted() throws {
        machine.start(at: now, into: &actions)
        try answer(0, aurora(0, isWriter: true, names: 0, 100))
        try answer(2, aurora(2, isWriter: false, names: 1, 200))
        pass(.milliseconds(101))
        #expect(machine.writer == nil)
        try fail(1, .unreachable)
        #expect(machine.writer == HostID(0))
    }

    @Test("A greater timeline counts, whatever others have not heard yet")
    mutating func timelineOverClaims() throws {
        func told(_ host: UInt32, _ names: UInt32, _ stamp: Int64, _ timeline: UInt32?)
            -> NodeReport
        {
            NodeReport(
                isInRecovery: timeline == nil,
                timeline: timeline,
                claim: NodeReport.Claim(writer: HostID(names), stamp: stamp)
            )
        }
        try becomeHealthy(told(0, 0, 1_000, 1))
        machine.hostHung(HostID(0), at: now, into: &actions)
        try answer(2, told(2, 0, 2_000, nil))
        try answer(1, told(1, 1, 900, 2))
        #expect(machine.writer == HostID(1))
    }

    @Test("On Aurora the next writer proves itself by newer knowledge and is taken at once")
    mutating func auroraFailover() throws {
        try becomeHealthy(aurora(0, isWriter: true, names: 0, 1_000))
        machine.hostHung(HostID(0), at: now, into: &actions)
        try answer(2, aurora(2, isWriter: true, names: 2, 900))
        #expect(machine.writer == nil)
        try answer(1, aurora(1, isWriter: true, names: 1, 1_001))
        #expect(machine.writer == HostID(1))
    }

    @Test("Without timeline or topology, the old writer must be seen as a reader before it is back")
    mutating func blind() throws {
        try becomeHealthy(writer(nil))
        machine.hostHung(HostID(0), at: now, into: &actions)
        try answer(1, writer(nil))
        pass(.milliseconds(101))
        #expect(machine.writer == HostID(1))
        #expect(machine.refusal(of: writer(nil), on: HostID(0)) == .superseded)
        machine.hostSeenAsReader(HostID(0), generation: machine.generation - 1)
        #expect(machine.refusal(of: writer(nil), on: HostID(0)) == .superseded)
        machine.hostSeenAsReader(HostID(0), generation: machine.generation)
        #expect(machine.refusal(of: writer(nil), on: HostID(0)) == nil)
    }

    @Test("A search that finds nobody says why, once")
    mutating func nobody() throws {
        machine.start(at: now, into: &actions)
        for host in UInt32(0)..<3 { try fail(host, .unreachable) }
        #expect(actions.contains(.noWriter(.unreachable)))
        pass(.milliseconds(30))
        for host in UInt32(0)..<3 { try fail(host, .loginRefused) }
        #expect(!actions.contains(.noWriter(.unreachable)))
    }

    @Test("A full server is not a dead one")
    mutating func busy() throws {
        try becomeHealthy()
        report(.busy)
        #expect(actions.isEmpty)
        report(.suspect)
        try fail(0, .busy)
        #expect(machine.state == .suspect && machine.admission == .open)
    }

    @Test("A new host is asked at once during a search, a removed one's probe is given up")
    mutating func hostsChange() throws {
        machine.start(at: now, into: &actions)
        let gone = try #require(probe(2))
        actions.removeAll()
        let listed = [HostID(0), HostID(1), HostID(9)]
        machine.topologyChanged(hosts: listed, named: nil, at: now, into: &actions)
        #expect(actions.contains(.cancelProbe(HostID(2), gone)))
        #expect(machine.knownHosts == listed && probe(9) != nil)
        machine.topologyChanged(hosts: [], named: nil, at: now, into: &actions)
        #expect(machine.knownHosts == listed)
    }
}
