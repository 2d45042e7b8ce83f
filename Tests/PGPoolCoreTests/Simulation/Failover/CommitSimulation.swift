@testable import PGPoolCore

/// One transaction in doubt, two nodes, a promotion at any moment, and two resolvers at once.
struct CommitSimulation {
    enum Row: Hashable { case none, committed, fenced }

    enum Original: Hashable {
        /// Holds the lock on its token; it may still commit or not.
        case running
        case ended
    }

    struct Session {
        let node: Int
        /// The fence has its row; COMMIT was sent or not.
        var hasFenced = false
        /// What its COMMIT wrote on the node, to be replicated before it is acknowledged.
        var isWaiting = false
    }

    struct Resolver {
        var machine: CommitResolution
        var session: Session?
        var isSearching = false
        var armedAt: Int64?
    }

    var generator: SeededGenerator
    private(set) var eventCount = 0
    private var now: Int64 = 0
    /// The token's row on each node. Node 1 follows node 0 until it is promoted.
    private var rows: [Row] = [.none, .none]
    private var original = Original.running
    private var isUp = [true, true]
    private var isFrozen = false
    private var isPromoted = false
    /// Whether the first node's row has reached the second.
    private var isReplicated = true
    private var generation: UInt64 = 1
    private var resolvers: [Resolver] = []
    private var actions: [CommitResolutionAction] = []

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed &* 0x9E37_79B9 &+ 11)
        for number in UInt64(0)..<2 {
            let machine = CommitResolution(
                token: UUIDv7(milliseconds: 0, random: (1, 1)),
                systemIdentifier: 7,
                deadline: Instant(nanoseconds: 3_000_000_000),
                seed: number
            )
            resolvers.append(Resolver(machine: machine))
        }
    }

    private mutating func draw(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: generator.next() % UInt64(bound))
    }

    mutating func run() throws {
        for index in resolvers.indices {
            feed(index) {
                $0.start(wallClock: 1, retention: .seconds(86_400), at: $1, into: &$2)
            }
        }
        for _ in 0..<300 { step() }
        try judge()
    }

    private mutating func feed(
        _ index: Int,
        _ event: (inout CommitResolution, Instant, inout [CommitResolutionAction]) -> Void
    ) {
        eventCount += 1
        actions.removeAll(keepingCapacity: true)
        event(&resolvers[index].machine, Instant(nanoseconds: now), &actions)
        for action in actions {
            switch action {
            case .findNode: resolvers[index].isSearching = true
            case .fence(let node, _):
                resolvers[index].session = Session(node: Int(node.host.rawValue))
            case .commit: resolvers[index].session?.hasFenced = true
            case .abandon: resolvers[index].session = nil
            case .armTimer(let at): resolvers[index].armedAt = at.nanoseconds
            case .finish: break
            }
        }
    }

    private mutating func step() {
        eventCount += 1
        switch draw(12) {
        case 0: endOriginal()
        case 1: befall()
        case 2: replicate()
        case 3, 4: pass()
        default: resolve(draw(2))
        }
    }

    private func answers(_ node: Int) -> Bool { isUp[node] && (node == 1 || !isFrozen) }

    private mutating func endOriginal() {
        guard original == .running, answers(0) else { return }
        original = .ended
        if draw(2) == 0, rows[0] == .none {
            rows[0] = .committed
            isReplicated = false
        }
    }

    private mutating func replicate() {
        guard !isPromoted, answers(0), isUp[1] else { return }
        rows[1] = rows[0]
        isReplicated = true
    }

    private mutating func befall() {
        switch draw(5) {
        case 0: isFrozen.toggle()
        case 1:
            isUp[0] = false
            if original == .running { original = .ended }
            for index in resolvers.indices where resolvers[index].session?.node == 0 {
                loseSession(index)
            }
        case 2: isUp[0] = true
        case 3 where !isPromoted && !answers(0) && draw(3) == 0:
            isPromoted = true
            generation += 1
            for index in resolvers.indices where draw(2) == 0 {
                let generation = generation
                feed(index) { $0.generationChanged(to: generation, at: $1, into: &$2) }
            }
        default: break
        }
    }

    private mutating func pass() {
        now += Int64(draw(30)) * 1_000_000
        for index in resolvers.indices {
            guard let due = resolvers[index].armedAt, due <= now else { continue }
            resolvers[index].armedAt = nil
            feed(index) { $0.timerFired(at: $1, into: &$2) }
        }
    }

    private mutating func loseSession(_ index: Int) {
        guard let session = resolvers[index].session else { return }
        resolvers[index].session = nil
        if session.hasFenced {
            let lost = FailureVerdict(
                failureClass: .outcomeUnknown,
                connection: .retire,
                endpoint: .suspect
            )
            feed(index) { $0.commitEnded(.failed(lost), at: $1, into: &$2) }
        } else {
            feed(index) { $0.fenceFailed(nil, at: $1, into: &$2) }
        }
    }

    private mutating func resolve(_ index: Int) {
        guard let session = resolvers[index].session else {
            guard resolvers[index].isSearching else { return }
            resolvers[index].isSearching = false
            // The old writer may still be taken for the writer: it does not know better.
            let node = isPromoted && (draw(4) != 0 || !answers(0)) ? 1 : 0
            guard answers(node) else {
                feed(index) { $0.noNode(at: $1, into: &$2) }
                return
            }
            let found = LedgerNode(
                host: HostID(UInt32(node)),
                generation: generation,
                systemIdentifier: 7
            )
            feed(index) { $0.nodeFound(found, at: $1, into: &$2) }
            return
        }
        guard answers(session.node) else {
            if !isUp[session.node] { loseSession(index) }
            return
        }
        if draw(10) == 0 { return loseSession(index) }
        if !session.hasFenced {
            fence(index, session.node)
        } else {
            commit(index, session)
        }
    }

    private mutating func fence(_ index: Int, _ node: Int) {
        // The unique index waits for whoever holds the token.
        if node == 0, original == .running { return }
        let isLocked = resolvers.indices.contains { other in
            other != index && resolvers[other].session?.node == node
                && resolvers[other].session?.hasFenced == true
        }
        if isLocked { return }
        let status: Character = rows[node] == .committed ? "c" : "f"
        feed(index) { $0.fenced(status, at: $1, into: &$2) }
    }

    private mutating func commit(_ index: Int, _ session: Session) {
        if !session.isWaiting {
            resolvers[index].session?.isWaiting = true
            if rows[session.node] == .none { rows[session.node] = .fenced }
            if session.node == 0 { isReplicated = false }
            return
        }
        // Acknowledged once replicated; the promoted node is alone and waits for nobody.
        guard session.node == 1 || isReplicated && !isPromoted else { return }
        resolvers[index].session = nil
        feed(index) { $0.commitEnded(.succeeded, at: $1, into: &$2) }
    }

    // MARK: - The end

    private func judge() throws {
        // What survives: the promoted node, else the first one.
        let survivor = isPromoted ? rows[1] : rows[0]
        for resolver in resolvers {
            switch resolver.machine.verdict {
            case .committed:
                try require(survivor == .committed, "called committed, survives as \(survivor)")
            case .rolledBack:
                try require(survivor == .fenced, "called rolled back, survives as \(survivor)")
            case .unknown, nil: break
            }
        }
    }

    var verdicts: [CommitVerdict?] { resolvers.map(\.machine.verdict) }
}
