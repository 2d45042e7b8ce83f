import PGPoolTesting

/// Who harms the writer and knows what became of it.
protocol FaultControl: Sendable {
    /// A URL that leads to the node that writes now.
    var writerURL: String { get }

    /// Does a fault, or sees to it that somebody does; returns before its effect, or with it.
    func inject(_ fault: DrillFault) async throws

    /// The failover that followed the fault; `nil` as long as there was none.
    var promotion: Promotion? { get }

    /// Sets right what the fault did.
    func heal() async throws
}

/// How a failover went, in instants of ``MonotonicClock``.
struct Promotion: Equatable, Sendable {
    var faultBegan: UInt64
    /// When the new writer first said that it isn't in recovery.
    var promoted: UInt64
}

/// A cluster of our own.
struct LocalControl: FaultControl {
    let cluster: LocalCluster
    private let injected = Box<ContinuousClock.Instant?>(nil)

    init(cluster: LocalCluster) { self.cluster = cluster }

    var writerURL: String { cluster.url }

    func inject(_ fault: DrillFault) async throws {
        guard let fault = fault.local else { return }
        injected.value = ContinuousClock.now
        try await cluster.inject(fault)
    }

    var promotion: Promotion? {
        guard let began = injected.value, let failover = cluster.lastFailover,
            failover.faultBegan >= began
        else { return nil }
        return Promotion(
            faultBegan: MonotonicClock.reading(of: failover.faultBegan),
            promoted: MonotonicClock.reading(of: failover.promoted)
        )
    }

    func heal() async throws { try await cluster.heal() }

    /// The ordinary role's URL with all nodes in it.
    var allNodesURL: String {
        let nodes = cluster.nodes
        let hosts = nodes.map(\.host).joined(separator: ",")
        let ports = nodes.map { String($0.port) }.joined(separator: ",")
        let url = cluster.url
        return url + (url.contains("?") ? "&" : "?") + "host=\(hosts)&port=\(ports)"
    }
}

extension MonotonicClock {
    /// The reading that belongs to an instant of the other clock.
    static func reading(of instant: ContinuousClock.Instant) -> UInt64 {
        let age = (ContinuousClock.now - instant).wholeNanoseconds
        let now = now()
        return age >= 0 ? now &- UInt64(age) : now &+ UInt64(-age)
    }
}
