import PGPool
import PGPoolTesting

/// The writer of a cluster whose members it finds by itself.
struct ClusterTarget: DrillTarget {
    let events: DrillEvents
    private let cluster: Cluster
    private let commit: CommitMode

    /// - Parameters:
    ///   - url: A cluster endpoint, or all hosts.
    ///   - pattern: How the instances' hosts are made; `nil` where the URL says it.
    ///   - resolver: Looks up names that no real DNS knows.
    init(
        url: String,
        pattern: String?,
        resolver: ConnectionPool.Configuration.Resolver?,
        plan: DrillPlan
    ) throws {
        var pool = try ConnectionPool.Configuration(drill: plan, url: url)
        pool.resolver = resolver
        var configuration = Cluster.Configuration(pool: pool)
        configuration.instanceHostPattern = pattern
        events = DrillEvents()
        commit = plan.commit
        cluster = try Cluster(
            configuration: configuration,
            observers: [SuspicionObserver(events: events)],
            logger: BenchPool.drillLogger
        )
    }

    var gauges: PoolGauges { PoolGauges(cluster.writer.snapshot) }

    func prepare() async throws {
        try await cluster.waitUntilReady(timeout: .seconds(30))
        try await cluster.writer.prepareDrill(commit)
    }

    func transact(_ operation: LedgerOperation, deadline: Duration) async throws {
        try await cluster.writer.transact(operation, commit, deadline: deadline)
    }

    func shutdown() async { await cluster.shutdown() }
}

/// Notes when the endpoint became suspect; that it fails over without ever having been counts too.
private struct SuspicionObserver: PoolObserver {
    let events: DrillEvents

    func observe(_ event: PoolEvent) {
        switch event {
        case .endpointChanged(.suspect), .endpointChanged(.failingOver): events.suspected()
        default: break
        }
    }
}
