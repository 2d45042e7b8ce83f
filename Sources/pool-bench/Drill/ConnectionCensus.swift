import PGPool
import PGPoolTesting

/// Counts a pool's connections on every server, again and again, as the superuser.
final class ConnectionCensus: Sendable {
    private let figures: Box<SoakFigures.ServerConnections>
    private let nodes: [CensusNode]

    /// - Parameters:
    ///   - cluster: Whose servers are asked; the nodes that it has now.
    ///   - limit: The most connections that one server may ever show.
    init(_ cluster: LocalCluster, limit: Int) throws {
        figures = Box(SoakFigures.ServerConnections(limit: limit))
        nodes = try cluster.nodes.map { try CensusNode(url: cluster.url(of: $0, for: .superuser)) }
    }

    var result: SoakFigures.ServerConnections { figures.value }

    /// Asks until the task is cancelled. Each node has a task of its own, so that one that hangs
    /// holds up none of the others.
    func run() async {
        await withDiscardingTaskGroup { group in
            for node in nodes {
                group.addTask { [figures] in
                    while !Task.isCancelled {
                        if let count = try? await node.count() {
                            figures.update {
                                $0.add(
                                    count.leasable,
                                    watchers: count.watchers,
                                    ghosts: count.ghosts
                                )
                            }
                        }
                        try? await Task.sleep(for: .milliseconds(50))
                    }
                }
            }
        }
        for node in nodes { await node.shutdown() }
    }
}

/// The superuser's session on one node, opened anew when it is lost.
private struct CensusNode: Sendable {
    private let pool: ConnectionPool
    private static let patience = Duration.seconds(1)

    init(url: String) throws {
        var configuration = try ConnectionPool.Configuration(url: url, maxConnections: 1)
        configuration.name = "pool-bench census"
        configuration.opening.timeout = Self.patience
        configuration.opening.backoffMaximum = .milliseconds(200)
        configuration.acquire.timeout = Self.patience
        pool = try ConnectionPool(configuration: configuration, logger: BenchPool.drillLogger)
    }

    /// The pool's connections here; those that watch the host, told by their name; and those
    /// besides whose other end is closed: a server that was frozen serves them for a moment when it
    /// wakes, whatever became of the one who called.
    func count() async throws -> (leasable: Int, watchers: Int, ghosts: Int) {
        let rows = try await pool.query(
            """
            SELECT coalesce(client_port, -1), application_name LIKE '% watch'
            FROM pg_stat_activity
            WHERE application_name IN (\(DrillPlan.applicationName), \(DrillPlan.watcherName))
            """,
            statementTimeout: Self.patience,
            sharing: .never
        )
        // Read after the answer: what is in both was open all the while.
        let connections = try rows.decode((Int32, Bool).self)
        let established = OwnSockets.establishedPorts()
        let open = connections.filter { established.contains(Int($0.0)) }
        let watchers = open.filter(\.1).count
        return (open.count - watchers, watchers, connections.count - open.count)
    }

    func shutdown() async { await pool.shutdown(leaseTimeout: .seconds(1)) }
}
