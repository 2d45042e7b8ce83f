@testable import PGPoolCore

/// One seed's life of an endpoint: faults, promotions, lost and late answers, and at the end a calm
/// world in which the writer must be found.
struct EndpointSimulation {
    let seed: UInt64
    var model: EndpointModel
    var generator: SeededGenerator
    private(set) var eventCount = 0
    private(set) var history: [String] = []
    let isRecording: Bool
    var lossPercent = 0
    var faultWeight = 4

    init(seed: UInt64, isRecording: Bool = false) {
        self.seed = seed
        self.isRecording = isRecording
        var generator = SeededGenerator(seed: seed &* 0x9E37_79B9 &+ 3)
        func pick<Value>(_ values: [Value]) -> Value {
            values[Int(generator.next() % UInt64(values.count))]
        }
        var settings = EndpointSettings()
        settings.probeTimeout = pick([.milliseconds(100), .milliseconds(400), .seconds(1)])
        settings.probeInterval = pick([.milliseconds(5), .milliseconds(25)])
        settings.settleTime = pick([.zero, .milliseconds(20), .milliseconds(100)])
        settings.quietTime = pick([.zero, .milliseconds(50)])
        settings.rampLimit = pick([1, 16, 512])
        settings.fastPeriod = pick([.milliseconds(200), .seconds(15)])
        let flavour: SimulatedCluster.Flavour = pick([.plain, .aurora])
        let cluster = SimulatedCluster(count: pick([1, 2, 3, 3, 5]), flavour: flavour)
        lossPercent = pick([0, 5, 30])
        faultWeight = pick([1, 4, 12])
        model = EndpointModel(cluster: cluster, settings: settings, seed: generator.next())
        self.generator = generator
    }

    mutating func run(steps: Int) throws {
        try tell("start") { try $0.feed { $0.start(at: $1, into: &$2) } }
        while eventCount < steps { try step() }
        try comeToRest()
    }

    // MARK: - Draws

    mutating func draw(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: generator.next() % UInt64(max(1, bound)))
    }

    mutating func chance(_ percent: Int) -> Bool { draw(100) < percent }

    private mutating func tell(
        _ name: @autoclosure () -> String,
        _ event: (inout EndpointModel) throws -> Void
    ) throws {
        eventCount += 1
        model.actions.removeAll(keepingCapacity: true)
        defer {
            if isRecording {
                history.append("\(model.now): \(name()) → \(model.machine.state) \(model.actions)")
                if history.count > 60 { history.removeFirst() }
            }
        }
        try event(&model)
    }

    private mutating func step() throws {
        if let due = model.armedAt, due <= model.now, chance(85) {
            try tell("timer") { try $0.fireTimer() }
            return
        }
        let roll = draw(100)
        if roll < faultWeight {
            try befall()
        } else if roll < 30 {
            try advance()
        } else if roll < 45 {
            try client()
        } else if roll < 48 {
            try others()
        } else {
            try answer()
        }
    }

    private mutating func advance() throws {
        let pause: Int64 =
            switch draw(12) {
            case 0: Int64(draw(1_500)) * 1_000_000
            case 1...4: max(0, (model.armedAt ?? model.now) - model.now)
            default: Int64(draw(8_000_000))
            }
        try tell("wait \(pause)") {
            $0.now += pause
            $0.expireCallers()
        }
    }

    private mutating func answer() throws {
        guard !model.flights.isEmpty else { return }
        let index = draw(model.flights.count)
        let flight = model.flights[index]
        if flight.answer != nil {
            if chance(lossPercent) {
                model.flights[index].answer = nil
                // Lost for good: a flight that is live runs into its deadline.
                if !flight.isLive { model.flights.remove(at: index) }
                return
            }
            let repeats = chance(10)
            try tell("answer of \(flight.host): \(flight.answer as Any)") {
                try $0.deliver(index, keeps: repeats)
            }
        } else if model.cluster.node(flight.host) != nil {
            if chance(3) {
                try tell("\(flight.host) is busy") { try $0.fail(index, .busy) }
            } else {
                model.receive(index)
            }
        } else if !flight.isLive {
            model.flights.remove(at: index)
        } else {
            let node = model.cluster.nodes[model.cluster.names[Int(flight.host.rawValue)]]
            if !node.isUp, node.isReachable {
                let failure: ProbeFailure = chance(20) ? .startingUp : .unreachable
                try tell("\(flight.host) refuses") { try $0.fail(index, failure) }
            }
        }
    }

    private mutating func client() throws {
        if chance(20) {
            let timeout = Int64(draw(3_000)) * 1_000_000
            try tell("call") { $0.call(timeout: timeout) }
        } else if model.connections.isEmpty || chance(40) {
            try tell("connect") { try $0.connect() }
        } else {
            let index = draw(model.connections.count)
            let connection = model.connections[index]
            try tell("write on \(connection)") { try $0.write(index) }
        }
    }

    /// The host monitor and the topology, right and wrong.
    private mutating func others() throws {
        guard let writer = model.machine.writer else { return }
        let stale = UInt64(draw(Int(model.generation) + 1))
        switch draw(4) {
        case 0 where model.cluster.node(writer) == nil || chance(10):
            try tell("\(writer) hangs") { try $0.feed { $0.hostHung(writer, at: $1, into: &$2) } }
        case 1:
            let named = HostID(UInt32(draw(model.cluster.nodes.count)))
            let hosts = model.cluster.nodes.indices.map { HostID(UInt32($0)) }
            try tell("topology names \(named)") {
                try $0.feed {
                    $0.topologyChanged(hosts: hosts, named: named, at: $1, into: &$2)
                }
            }
        case 2 where stale < model.generation:
            // The errors of connections that are being closed.
            let verdict = FailureVerdict(
                failureClass: .rolledBack,
                connection: .evict,
                endpoint: [.suspect, .demoted, .failingOver][draw(3)]
            )
            try tell("an error of generation \(stale)") {
                try $0.feed {
                    $0.failureReported(verdict, generation: stale, at: $1, into: &$2)
                }
                try require($0.actions.isEmpty, "an old connection's error led to \($0.actions)")
            }
        default:
            let verdict = FailureVerdict(
                failureClass: .outcomeUnknown,
                connection: chance(20) ? .evict : .retire,
                endpoint: [.suspect, .maybeDemoted, .fine, .busy][draw(4)]
            )
            let generation = model.generation
            try tell("a stray \(verdict.endpoint)") {
                try $0.feed {
                    $0.failureReported(verdict, generation: generation, at: $1, into: &$2)
                }
            }
        }
    }
}

// MARK: - What befalls the cluster

extension EndpointSimulation {
    private mutating func befall() throws {
        let index = draw(model.cluster.nodes.count)
        let now = model.now
        let kind = draw(12)
        let asReader = chance(60)
        let target = draw(model.cluster.nodes.count)
        try tell("fault \(kind) on node \(index)") {
            let isPlain = $0.cluster.flavour == .plain
            switch kind {
            case 0: $0.cluster.crash(index)
            case 1: $0.cluster.restart(index, asReader: asReader, at: now)
            case 2: $0.cluster.nodes[index].isFrozen.toggle()
            case 3: $0.cluster.nodes[index].isReachable.toggle()
            case 4, 5: $0.cluster.depose(notices: asReader, at: now)
            case 6, 7, 8: $0.cluster.promote(index, at: now)
            case 9 where index != $0.cluster.writer:
                $0.cluster.becomeReader(index, at: now)
            case 10: $0.cluster.learn(index, at: now)
            case 11 where isPlain && target != index:
                // A name that lags or flaps: it leads to another node for a while.
                $0.cluster.names[index] = asReader ? index : target
            default: break
            }
            $0.cluster.changes += 1
        }
    }

    /// Everything works, nothing is lost: the writer is found and everybody let in.
    private mutating func comeToRest() throws {
        try tell("calm") { model in
            let now = model.now
            for index in model.cluster.nodes.indices {
                model.cluster.nodes[index].isReachable = true
                model.cluster.nodes[index].isFrozen = false
                model.cluster.names[index] = index
                if !model.cluster.nodes[index].isUp {
                    model.cluster.restart(index, asReader: true, at: now)
                }
            }
            if model.cluster.writer == nil { model.cluster.promote(0, at: now) }
            for index in model.cluster.nodes.indices where index != model.cluster.writer {
                model.cluster.becomeReader(index, at: now)
            }
            model.flights.removeAll { !$0.isLive }
        }
        let start = model.now
        let settings = model.machine.settings
        var limit = 3 * model.probeTimeout + model.settle + 2_000_000_000
        limit += 2 * settings.quietTime.wholeNanoseconds
        while !isAtRest {
            try require(
                model.now - start <= limit,
                "calm for \(model.now - start) ns and still \(model.machine.state), writer "
                    + "\(String(describing: model.machine.writer)), in truth "
                    + "\(String(describing: model.cluster.writer))"
            )
            try answerAll()
            if model.connections.isEmpty { try model.connect() }
            while let index = model.connections.indices.last {
                let count = model.connections.count
                try tell("write") { try $0.write(index) }
                if model.connections.count == count { model.connections.removeLast() }
            }
            try tell("wait") { model in
                let next = model.now + 5_000_000
                model.now = max(model.now + 1, min(model.armedAt ?? next, next))
                model.expireCallers()
            }
            if let due = model.armedAt, due <= model.now {
                try tell("timer") { try $0.fireTimer() }
            }
        }
        try require(model.held.isEmpty, "\(model.held.count) callers are held in a calm world")
    }

    private var isAtRest: Bool {
        guard let writer = model.machine.writer else { return false }
        return model.machine.state == .healthy && model.admission == .open
            && Int(writer.rawValue) == model.cluster.writer
    }

    private mutating func answerAll() throws {
        for id in model.flights.map(\.id) {
            guard let index = model.flights.firstIndex(where: { $0.id == id }) else { continue }
            model.receive(index)
            try tell("answer") { try $0.deliver(index, keeps: false) }
        }
    }
}
