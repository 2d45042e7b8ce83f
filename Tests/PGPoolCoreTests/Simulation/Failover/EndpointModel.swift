@testable import PGPoolCore

/// The machine, the world around it, and everything that must hold between the two.
struct EndpointModel {
    /// A probe that the machine started. It stays known after it was given up: its answer may still
    /// come.
    struct Flight {
        let host: HostID
        let id: ProbeID
        let startedAt: Int64
        let startedAtChange: Int
        var isLive = true
        /// What the node said, and the epoch in which it said so.
        var answer: (report: NodeReport, epoch: Int, node: Int)?
    }

    struct Connection {
        let generation: UInt64
        let node: Int
    }

    var cluster: SimulatedCluster
    var machine: EndpointStateMachine
    var now: Int64 = 0
    var actions: [EndpointAction] = []
    var armedAt: Int64?
    var flights: [Flight] = []
    var connections: [Connection] = []
    /// Deadlines of callers that are held.
    var held: [Int64] = []
    var expired = 0
    var admission = Admission.held
    var generation: UInt64 = 0
    private(set) var writers: [UInt64: HostID] = [:]
    private var toldWriter: HostID?
    private var newestTaken = 0
    private var lastHeard: [HostID: Int] = [:]
    /// Answers of the true writer since the world last changed, and when the first one came.
    private(set) var answersOfWriter = 0
    private var firstAnswerAt: Int64 = 0
    private var changesAtFirstAnswer = -1
    let probeTimeout: Int64
    let settle: Int64

    init(cluster: SimulatedCluster, settings: EndpointSettings, seed: UInt64) {
        self.cluster = cluster
        let hosts = cluster.nodes.indices.map { HostID(UInt32($0)) }
        machine = EndpointStateMachine(hosts: hosts, settings: settings, seed: seed)
        probeTimeout = settings.probeTimeout.wholeNanoseconds
        settle = settings.settleTime.wholeNanoseconds
    }

    private var instant: Instant { Instant(nanoseconds: now) }

    // MARK: - Events

    mutating func feed(
        _ event: (inout EndpointStateMachine, Instant, inout [EndpointAction]) -> Void
    ) throws {
        actions.removeAll(keepingCapacity: true)
        event(&machine, instant, &actions)
        for action in actions { try perform(action) }
        try check()
    }

    /// The node behind the name takes the question; what it says is fixed from here on.
    mutating func receive(_ index: Int) {
        guard flights[index].answer == nil, let node = cluster.node(flights[index].host) else {
            return
        }
        let report = cluster.report(of: node, at: now)
        flights[index].answer = (report, cluster.nodes[node].epoch, node)
    }

    /// The answer arrives, perhaps for the second time, perhaps too late.
    mutating func deliver(_ index: Int, keeps: Bool) throws {
        let flight = flights[index]
        guard let answer = flight.answer else { return }
        if keeps { flights[index].isLive = false } else { flights.remove(at: index) }
        let before = machine
        if flight.isLive {
            lastHeard[flight.host] = answer.epoch
            countAnswer(flight, answer.node)
        }
        try feed { $0.probeAnswered(flight.id, by: flight.host, answer.report, at: $1, into: &$2) }
        if !flight.isLive {
            try require(actions.isEmpty, "an answer that was given up led to \(actions)")
        } else if flight.host == before.writer, answer.report.isInRecovery {
            try require(
                machine.generation > before.generation,
                "the writer said that it is a reader and kept its generation"
            )
        }
    }

    mutating func fail(_ index: Int, _ failure: ProbeFailure) throws {
        let flight = flights.remove(at: index)
        try feed { $0.probeFailed(flight.id, on: flight.host, failure, at: $1, into: &$2) }
        if !flight.isLive {
            try require(actions.isEmpty, "a failure that was given up led to \(actions)")
        }
    }

    mutating func fireTimer() throws {
        armedAt = nil
        try feed { $0.timerFired(at: $1, into: &$2) }
    }

    // MARK: - Clients

    mutating func call(timeout: Int64) {
        if admission == .held { held.append(now + timeout) }
    }

    mutating func expireCallers() {
        let before = held.count
        held.removeAll { $0 <= now }
        expired += before - held.count
    }

    /// Opens a connection to the writer and asks it for its role, as the pool does.
    mutating func connect() throws {
        guard admission != .held, let host = machine.writer else { return }
        let node = cluster.names[Int(host.rawValue)]
        if cluster.nodes[node].isFrozen || !cluster.nodes[node].isReachable { return }
        var verdict = FailureVerdict(
            failureClass: .notExecuted,
            connection: .retire,
            endpoint: .suspect
        )
        if cluster.nodes[node].isUp {
            if machine.refusal(of: cluster.report(of: node, at: now), on: host) == nil {
                connections.append(Connection(generation: generation, node: node))
                if connections.count > 8 { connections.removeFirst() }
                return
            }
            verdict.endpoint = .maybeDemoted
        }
        let generation = generation
        try feed { $0.failureReported(verdict, generation: generation, at: $1, into: &$2) }
    }

    /// A caller writes on a connection of the present generation. `nil`: no answer comes.
    mutating func write(_ index: Int) throws {
        let connection = connections[index]
        guard connection.generation == generation, admission != .held else { return }
        let node = cluster.nodes[connection.node]
        if node.isFrozen || !node.isReachable { return }
        var verdict = FailureVerdict(
            failureClass: .outcomeUnknown,
            connection: .retire,
            endpoint: .suspect
        )
        if node.isUp, node.believesWriter {
            try require(
                node.epoch >= newestTaken,
                "a write landed on node \(connection.node), the writer of promotion \(node.epoch), "
                    + "after that of \(newestTaken) was taken"
            )
            return
        }
        if node.isUp { verdict.endpoint = .maybeDemoted }
        connections.remove(at: index)
        let generation = generation
        try feed { $0.failureReported(verdict, generation: generation, at: $1, into: &$2) }
    }

    // MARK: - Actions

    private mutating func perform(_ action: EndpointAction) throws {
        switch action {
        case .startProbe(let host, let id, let deadline):
            try require(
                !flights.contains { $0.host == host && $0.isLive },
                "\(host) has two probes at once"
            )
            try require(
                deadline.nanoseconds == now + probeTimeout,
                "the probe of \(host) has the deadline \(deadline)"
            )
            flights.append(
                Flight(
                    host: host,
                    id: id,
                    startedAt: now,
                    startedAtChange: cluster.changes
                )
            )
        case .cancelProbe(let host, let id):
            guard let index = flights.firstIndex(where: { $0.id == id && $0.isLive }) else {
                throw Violation("\(host) has no probe \(id.serial) to cancel")
            }
            flights[index].isLive = false
        case .setGeneration(let next, let writer):
            try require(next > generation, "generation \(next) after \(generation)")
            generation = next
            toldWriter = writer
            try noteWriter(writer, in: next)
        case .setAdmission(let next):
            admission = next
            if next != .held { held.removeAll() }
        case .armTimer(let at):
            armedAt = at.nanoseconds
        case .stateChanged:
            // A search begins or ends.
            changesAtFirstAnswer = -1
        case .pollTopology, .noWriter:
            break
        }
    }

    private mutating func noteWriter(_ writer: HostID?, in generation: UInt64) throws {
        guard let writer else { return }
        try require(
            writers[generation] == nil || writers[generation] == writer,
            "generation \(generation) has two writers"
        )
        writers[generation] = writer
        if writers.count > 50 { writers = [generation: writer] }
        let epoch = lastHeard[writer] ?? 0
        try require(
            epoch >= newestTaken,
            "\(writer), the writer of promotion \(epoch), was taken after that of \(newestTaken)"
        )
        newestTaken = epoch
    }

    private mutating func countAnswer(_ flight: Flight, _ node: Int) {
        guard node == cluster.writer, flight.startedAtChange == cluster.changes else { return }
        if changesAtFirstAnswer != cluster.changes {
            changesAtFirstAnswer = cluster.changes
            firstAnswerAt = now
            answersOfWriter = 0
        }
        answersOfWriter += 1
    }

    // MARK: - What must hold

    private func check() throws {
        try require(machine.generation == generation, "a generation was changed in silence")
        try require(machine.writer == toldWriter, "the writer was changed in silence")
        try require(machine.admission == admission, "an admission was changed in silence")
        try require(
            (admission == .held) == (machine.state == .failingOver),
            "\(machine.state) with admission \(admission)"
        )
        try require(admission == .held || held.isEmpty, "a caller is held though others go on")
        try require(
            machine.state == .failingOver || machine.writer != nil,
            "\(machine.state) without a writer"
        )
        if machine.state != .healthy {
            guard let armedAt, armedAt <= now + max(probeTimeout, 250_000_000) else {
                throw Violation("\(machine.state) and no timer is armed in time")
            }
        }
        // A writer that stays and whose answers come through is found.
        if machine.state == .failingOver, changesAtFirstAnswer == cluster.changes {
            try require(
                answersOfWriter < 4 || now - firstAnswerAt <= settle + 2 * probeTimeout,
                "\(answersOfWriter) answers of the writer in \(now - firstAnswerAt) ns, and not taken"
            )
        }
    }
}
