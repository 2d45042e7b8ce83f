/// A throwaway PostgreSQL of one's own, for tests, benchmarks and trials.
///
/// It has one writer, which listens on a free port of the loopback interface only, and keeps
/// everything in a private directory. It needs the server's programs (`apt-get install
/// postgresql`), no running server and no rights: started by root, the server runs as `postgres`.
///
/// ```swift
/// var configuration = LocalCluster.Configuration()
/// configuration.parameters["max_connections"] = "40"
/// configuration.authentication = .scram(password: "secret")
/// try await LocalCluster.with(configuration) { cluster in
///     let pool = try ConnectionPool(cluster.url, maxConnections: 16)
///     try await cluster.restart()
///     let sessions = try await cluster.execute("SELECT count(*) FROM pg_stat_activity")
/// }
/// ```
///
/// Nothing stays behind: a supervisor process stops the server and removes its directory when the
/// cluster is shut down or dropped, and when its owner ends in any other way, be it Ctrl-C, a crash
/// or SIGKILL. That takes a moment, and isn't waited for unless you call ``shutdown()``.
///
/// Servers run with `fsync` off: their data survives a crash of the server, not of the machine.
/// Linux only, since the server's processes are found through `/proc`.
public final class LocalCluster: Sendable {
    /// What the cluster was started with.
    public let configuration: Configuration

    /// The address that the writer listens on.
    public var host: String { writer.host }

    /// The port that the writer listens on; it stays the same until the cluster is shut down.
    public var port: Int { writer.port }

    let supervisor: Supervisor
    let programs: ServerPrograms
    let writer: ServerNode

    private init(
        configuration: Configuration,
        supervisor: Supervisor,
        programs: ServerPrograms,
        writer: ServerNode
    ) {
        self.configuration = configuration
        self.supervisor = supervisor
        self.programs = programs
        self.writer = writer
    }

    /// Starts a cluster and returns when it answers; that takes one to two seconds.
    ///
    /// - Parameter configuration: What the server is to be like.
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
            let writer = try await ServerNode.make(
                named: "writer",
                configuration: configuration,
                supervisor: supervisor,
                account: account
            )
            let cluster = LocalCluster(
                configuration: configuration,
                supervisor: supervisor,
                programs: programs,
                writer: writer
            )
            try await cluster.makeApplicationDatabase()
            return cluster
        } catch {
            await supervisor.end()
            throw error
        }
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

    /// Stops the server and returns when its processes and its directory are gone.
    ///
    /// A second call does nothing. Everything else throws after it.
    public func shutdown() async {
        await supervisor.end()
    }
}
