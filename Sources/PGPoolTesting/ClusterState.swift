import Synchronization

/// What the parts of a cluster share from its start on.
struct ClusterParts: Sendable {
    let configuration: LocalCluster.Configuration
    let programs: ServerPrograms
    let account: ServerAccount
    let supervisor: Supervisor
}

/// What is known of a cluster right now. Only the control plane changes it.
final class ClusterState: Sendable {
    struct Value: Sendable {
        let plan: AddressPlan
        /// All nodes, by number.
        var nodes: [ServerNode]
        /// The writer's number.
        var writer: Int
        /// Nodes that neither write nor follow the writer: old writers until they return.
        var outOfService: Set<Int> = []
        /// The numbers of nodes that are being made.
        var joining: Set<Int> = []
        /// What the endpoints lead to, by nodes' numbers.
        var clusterEndpoint: EndpointSchedule
        var readerEndpoint: EndpointSchedule
        var readerTurn = 0
        var outage: Outage?
        var lastFailover: LocalCluster.Failover?
        /// What keeps nodes from taking connections, by their numbers.
        var refusals: [Int: RunningRefusal] = [:]
        /// By how much readers' replay is delayed.
        var delays: [Int: Duration] = [:]

        func node(_ number: Int) -> ServerNode? { nodes.first { $0.number == number } }

        var readers: [ServerNode] {
            nodes.filter { $0.number != writer && !outOfService.contains($0.number) }
        }

        func role(of number: Int) -> LocalCluster.Node.Role {
            if outOfService.contains(number) { return .outOfService }
            return number == writer ? .writer : .reader
        }
    }

    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    func read<Result>(_ body: (inout Value) throws -> sending Result) rethrows -> sending Result {
        try value.withLock { try body(&$0) }
    }
}

/// What an endpoint leads to, now and later.
///
/// As with DNS nothing happens when a change comes due: whoever asks from then on gets the new
/// answer, and what is connected stays.
struct EndpointSchedule: Sendable, Equatable {
    private var changes: [(since: ContinuousClock.Instant, nodes: [Int])]

    init(_ nodes: [Int], since: ContinuousClock.Instant) { changes = [(since, nodes)] }

    func nodes(at now: ContinuousClock.Instant) -> [Int] {
        changes.last { $0.since <= now }?.nodes ?? changes.first?.nodes ?? []
    }

    /// Leads elsewhere from a moment on; later changes that were planned are dropped.
    mutating func lead(to nodes: [Int], from moment: ContinuousClock.Instant) {
        changes.removeAll { $0.since >= moment }
        changes.append((moment, nodes))
    }

    /// Forgets what no longer counts.
    mutating func compact(at now: ContinuousClock.Instant) {
        guard let current = changes.lastIndex(where: { $0.since <= now }) else { return }
        changes.removeFirst(current)
    }

    static func == (left: Self, right: Self) -> Bool {
        left.changes.elementsEqual(right.changes) { $0.since == $1.since && $0.nodes == $1.nodes }
    }
}
