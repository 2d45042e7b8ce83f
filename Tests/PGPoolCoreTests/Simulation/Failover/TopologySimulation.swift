@testable import PGPoolCore

/// One seed's life of a topology: instances come and go, the writer moves, answers are late, lost,
/// doubled and wrong; at the end the world is calm and must be known as it is.
struct TopologySimulation {
    struct Question {
        let host: HostID
        let id: ProbeID
        var isLive = true
        var answer: TopologyAnswer?
    }

    let seed: UInt64
    var machine: TopologyStateMachine
    var generator: SeededGenerator
    private(set) var eventCount = 0
    private var now: Int64 = 0
    private var actions: [TopologyAction] = []
    private var questions: [Question] = []
    private var armedAt: Int64?
    /// The truth: instance numbers, the first one the writer.
    private var instances: [Int] = [0, 1]
    private var writer: Int? = 0
    private var timeline: UInt32 = 1
    /// Views that readers have not refreshed yet.
    private var oldViews: [TopologyAnswer] = []
    private var known: (members: [TopologyMember], writer: HostID?) = ([], nil)
    private let isAurora: Bool

    init(seed: UInt64) {
        self.seed = seed
        var generator = SeededGenerator(seed: seed &* 0x9E37_79B9 &+ 5)
        isAurora = generator.next() % 2 == 0
        var settings = TopologySettings()
        settings.timeout = .milliseconds(300)
        let names = isAurora ? ["endpoint"] : (0..<5).map { "i\($0).d" }
        machine = TopologyStateMachine(
            configured: names.map { HostAddress(host: $0, port: 1) },
            pattern: isAurora ? try? InstanceHostPattern("?.d") : nil,
            settings: settings,
            seed: generator.next()
        )
        self.generator = generator
    }

    mutating func run(steps: Int) throws {
        try feed { $0.start(at: $1, into: &$2) }
        while eventCount < steps { try step() }
        try comeToRest()
    }

    private mutating func draw(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: generator.next() % UInt64(max(1, bound)))
    }

    private mutating func feed(
        _ event: (inout TopologyStateMachine, Instant, inout [TopologyAction]) -> Void
    ) throws {
        eventCount += 1
        actions.removeAll(keepingCapacity: true)
        event(&machine, Instant(nanoseconds: now), &actions)
        for action in actions { try perform(action) }
        try check()
    }

    private mutating func perform(_ action: TopologyAction) throws {
        switch action {
        case .ask(let host, let id, _):
            try require(
                !questions.contains { $0.host == host && $0.isLive },
                "\(host) is asked twice at once"
            )
            questions.append(Question(host: host, id: id))
        case .cancel(_, let id):
            guard let index = questions.firstIndex(where: { $0.id == id && $0.isLive }) else {
                throw Violation("there is no question \(id.serial) to cancel")
            }
            questions[index].isLive = false
        case .changed(let members, let writer):
            known = (members, writer)
        case .refreshed(let members, let writer):
            try require(
                known.writer == writer && known.members.map(\.id) == members.map(\.id)
                    && known.members.map(\.role) == members.map(\.role),
                "a refreshed topology differs in more than lags"
            )
            known = (members, writer)
        case .armTimer(let at):
            armedAt = at.nanoseconds
        case .unreachable:
            break
        }
    }

    private func check() throws {
        let members = machine.members
        try require(
            members.count { $0.role == .writer } <= 1,
            "two writers at once: \(members)"
        )
        try require(
            Set(members.map(\.id)).count == members.count
                && Set(members.map(\.address)).count == members.count,
            "a host stands twice: \(members)"
        )
        try require(members.count <= machine.settings.maxHosts, "\(members.count) hosts")
        try require(
            known.members.map(\.role) == members.map(\.role) && known.writer == machine.writer,
            "a change was not told"
        )
        guard let armedAt, armedAt <= now + 30_000_000_000 else {
            throw Violation("no timer is armed")
        }
    }

    // MARK: - Steps

    private mutating func step() throws {
        if let due = armedAt, due <= now, draw(100) < 85 {
            armedAt = nil
            return try feed { $0.timerFired(at: $1, into: &$2) }
        }
        switch draw(100) {
        case 0...3: befall()
        case 4...5:
            let isFast = draw(2) == 0
            try feed { $0.paceChanged(isFast: isFast, at: $1, into: &$2) }
        case 6...30:
            now += draw(3) == 0 ? max(0, (armedAt ?? now) - now) : Int64(draw(40_000_000))
            eventCount += 1
        default: try respond()
        }
    }

    private mutating func befall() {
        eventCount += 1
        oldViews.append(view())
        if oldViews.count > 6 { oldViews.removeFirst() }
        switch draw(4) {
        case 0 where instances.count < 5:
            let next = (0..<5).first { !instances.contains($0) } ?? 0
            instances.append(next)
        case 1 where instances.count > 1:
            let gone = instances.remove(at: draw(instances.count))
            if gone == writer { writer = nil }
        case 2: writer = nil
        default:
            writer = instances[draw(instances.count)]
            timeline += 1
        }
    }

    private func view() -> TopologyAnswer {
        .aurora(
            instances.map {
                TopologyAnswer.AuroraRow(
                    instance: "i\($0)",
                    isWriter: $0 == writer,
                    updatedAt: now / 1_000
                )
            },
            serverTime: now / 1_000
        )
    }

    /// What the host says now; wrong at times. `nil`: nothing.
    private mutating func answer(of host: HostID, isCalm: Bool) -> TopologyAnswer? {
        if isAurora {
            if !isCalm, draw(12) == 0 { return .aurora([], serverTime: now / 1_000) }
            if !isCalm, let old = oldViews.last, draw(4) == 0 {
                return oldViews[draw(oldViews.count)] == old ? old : oldViews[0]
            }
            return view()
        }
        let number = Int(host.rawValue)
        guard instances.contains(number) else { return nil }
        return .plain(
            isInRecovery: number != writer,
            timeline: number == writer ? timeline : nil
        )
    }

    private mutating func respond() throws {
        guard !questions.isEmpty else { return }
        let index = draw(questions.count)
        let question = questions[index]
        if let answer = question.answer {
            if draw(10) != 0 {
                questions.remove(at: index)
            } else {
                questions[index].isLive = false
            }
            try feed { $0.answered(question.id, by: question.host, answer, at: $1, into: &$2) }
            try require(question.isLive || actions.isEmpty, "a late answer led to \(actions)")
        } else if let answer = answer(of: question.host, isCalm: false), draw(10) != 0 {
            questions[index].answer = answer
        } else {
            questions.remove(at: index)
            try feed { $0.failed(question.id, on: question.host, at: $1, into: &$2) }
            try require(question.isLive || actions.isEmpty, "a late failure led to \(actions)")
        }
    }

    // MARK: - The end

    private mutating func comeToRest() throws {
        if writer == nil { writer = instances[0] }
        timeline += 1
        now += 1_000_000_000
        questions.removeAll { !$0.isLive }
        try feed { $0.paceChanged(isFast: true, at: $1, into: &$2) }
        let start = now
        while !isKnown {
            try require(
                now - start < 4_000_000_000,
                "calm for \(now - start) ns, \(instances) with writer \(String(describing: writer)) "
                    + "are known as \(machine.members)"
            )
            for id in questions.map(\.id) {
                guard let index = questions.firstIndex(where: { $0.id == id }) else { continue }
                let question = questions.remove(at: index)
                if let answer = answer(of: question.host, isCalm: true) {
                    try feed {
                        $0.answered(question.id, by: question.host, answer, at: $1, into: &$2)
                    }
                } else {
                    try feed { $0.failed(question.id, on: question.host, at: $1, into: &$2) }
                }
            }
            now = max(now + 1, armedAt ?? now)
            armedAt = nil
            try feed { $0.timerFired(at: $1, into: &$2) }
        }
    }

    /// Whether the members that play a part are the instances, each in its role.
    private var isKnown: Bool {
        var roles: [String: HostRole] = [:]
        for member in machine.members where member.role != .unknown {
            roles[member.address.host] = member.role
        }
        var truth: [String: HostRole] = [:]
        for instance in instances {
            truth["i\(instance).d"] = instance == writer ? .writer : .reader
        }
        return roles == truth
    }
}
