/// A throwaway PostgreSQL of one's own, for tests, benchmarks and trials.
///
/// It has one writer, on a free port of the loopback interface only, and keeps everything in a
/// private directory. It needs the server's programs (`apt-get install postgresql`), no running
/// server and no rights: started by root, the server runs as `postgres`.
///
/// ```swift
/// var configuration = LocalCluster.Configuration()
/// configuration.parameters["max_connections"] = "40"
/// configuration.authentication = .scram(password: "secret")
/// try await LocalCluster.with(configuration) { cluster in
///     let pool = try ConnectionPool(cluster.url, maxConnections: 16)
///     try await cluster.restart()
///     let sessions = try await cluster.execute("SELECT count(*) FROM pg_stat_activity")
///     …
/// }
/// ```
///
/// With ``Configuration/readers`` it behaves like an Aurora cluster: readers have every
/// acknowledged commit, topology functions tell who writes, and when ``inject(_:)`` harms the
/// writer, a reader is promoted, which the endpoints notice a moment later.
///
/// ```swift
/// configuration.readers = 2
/// try await LocalCluster.with(configuration) { cluster in
///     try await cluster.inject(.kill)
///     let failover = try await cluster.promotion()   // who writes now, and since when
///     print("new writer:", failover.newWriter)
///     try await cluster.heal()                       // the old writer returns as a reader
/// }
/// ```
///
/// Nothing stays behind: a supervisor process stops the servers and removes their directory when
/// the cluster is shut down or dropped, and when its owner ends in any other way, be it Ctrl-C, a
/// crash or SIGKILL. That takes a moment, and isn't waited for unless you call ``shutdown()``.
///
/// Servers run with `fsync` off: their data survives a crash of the server, not of the machine.
/// Linux only, since the server's processes are found through `/proc`.
public final class LocalCluster: Sendable {
    /// What the cluster was started with.
    public let configuration: Configuration

    /// The address that the present writer is reached at.
    public var host: String { writerServer.host }

    /// The port of all nodes and endpoints; it stays the same until the cluster is shut down.
    public var port: Int { plan.port }

    let parts: ClusterParts
    let plan: AddressPlan
    let state: ClusterState
    let forwarder: Forwarder
    let packetFilter: PacketFilter

    var supervisor: Supervisor { parts.supervisor }
    var programs: ServerPrograms { parts.programs }

    /// The server that is the writer now.
    var writerServer: ServerNode {
        // There is always one: nodes are never removed while they write.
        state.read { state in state.node(state.writer) ?? state.nodes[0] }
    }

    private init(parts: ClusterParts, state: ClusterState, forwarder: Forwarder) {
        configuration = parts.configuration
        self.parts = parts
        self.state = state
        self.forwarder = forwarder
        plan = state.read { $0.plan }
        packetFilter = PacketFilter(label: plan.label)
    }

    /// Starts a cluster and returns when all its nodes answer and follow: that takes one to two
    /// seconds, and with two readers up to four.
    ///
    /// - Parameter configuration: What the cluster is to be like.
    /// - Returns: The running cluster. Call ``shutdown()`` when done with it.
    /// - Throws: ``LocalClusterError``, or `CancellationError` when the task is cancelled; nothing
    ///   stays behind then either.
    public static func start(
        _ configuration: Configuration = Configuration()
    ) async throws -> LocalCluster {
        try configuration.validate()
        let programs = try await ServerPrograms.find(in: configuration.programsDirectory)
        let account = try ServerAccount.current()
        let supervisor = try await Supervisor.launch(programs: programs, account: account)
        do {
            let parts = ClusterParts(
                configuration: configuration,
                programs: programs,
                account: account,
                supervisor: supervisor
            )
            return try await start(parts)
        } catch {
            await supervisor.end()
            throw error
        }
    }

    private static func start(_ parts: ClusterParts) async throws -> LocalCluster {
        let (nodes, plan, forwarder) = try await ClusterStart(parts: parts).run()
        let all = nodes.map(\.number)
        let now = ContinuousClock.now
        let state = ClusterState(
            ClusterState.Value(
                plan: plan,
                nodes: nodes,
                writer: all[0],
                clusterEndpoint: EndpointSchedule([all[0]], since: now),
                readerEndpoint: EndpointSchedule(Array(all.dropFirst()), since: now)
            )
        )
        let cluster = LocalCluster(parts: parts, state: state, forwarder: forwarder)
        try cluster.publishTopology()
        try await cluster.openGates()
        return cluster
    }

    /// Runs a closure with a cluster of its own, which is shut down when the closure is left.
    ///
    /// - Parameters:
    ///   - configuration: What the server is to be like.
    ///   - body: What to do with the cluster.
    /// - Returns: What the closure returns.
    /// - Throws: What ``start(_:)`` throws, and the closure's own error untouched.
    public static func with<Result>(
        _ configuration: Configuration = Configuration(),
        _ body: (LocalCluster) async throws -> sending Result
    ) async throws -> sending Result {
        let cluster = try await start(configuration)
        do {
            let result = try await body(cluster)
            await cluster.shutdown()
            return result
        } catch {
            await cluster.shutdown()
            throw error
        }
    }

    /// Stops everything and returns when all processes, packet rules and files are gone.
    ///
    /// A second call does nothing. Everything else throws after it.
    public func shutdown() async {
        let outage = state.read { state in
            state.refusals = [:]
            return state.outage
        }
        outage?.promotion.cancel()
        outage?.settlement.cancel()
        _ = await outage?.promotion.result
        _ = await outage?.settlement.result
        await packetFilter.end()
        await supervisor.end()
        forwarder.stop()
    }
}
