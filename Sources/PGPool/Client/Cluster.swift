public import Logging
internal import PGPoolCore
internal import Synchronization

/// A writer and its readers, whoever they are at the moment.
///
/// ```swift
/// let cluster = try Cluster(
///     "postgresql://app@shop.cluster-abc123.eu-west-1.rds.amazonaws.com/shop", maxConnections: 16)
/// …
/// await cluster.shutdown()
/// ```
///
/// The members are asked of the cluster itself: `aurora_replica_status()` on Aurora,
/// `rds_tools.show_topology()` on RDS Multi-AZ clusters, elsewhere each host of the URL for its own
/// role. Names that follow a failover late are used to find the first member, and for nothing else.
public final class Cluster: Sendable {
    /// The writer's pool. While there is no writer its callers wait, each until its own deadline;
    /// connections never lead to a former writer.
    public let writer: ConnectionPool
    /// The readers' pools as one.
    public let reader: ReaderPool
    private let readers: ReaderSet

    /// A cluster by URL, with defaults for all else; see ``Configuration``.
    ///
    /// - Parameters:
    ///   - url: a cluster endpoint, an instance, or all hosts with commas.
    ///   - maxConnections: what the writer's pool may grow to, and all readers' pools together.
    ///   - logger: as for ``ConnectionPool/init(_:maxConnections:logger:)``.
    /// - Throws: ``PoolError`` with the code `invalidConfiguration`.
    public convenience init(_ url: String, maxConnections: Int, logger: Logger? = nil) throws {
        try self.init(
            configuration: Configuration(url: url, maxConnections: maxConnections),
            logger: logger
        )
    }

    /// A cluster by configuration. It begins at once to ask for its members.
    ///
    /// - Parameters:
    ///   - configuration: all there is to say of it.
    ///   - observers: told what happens in the writer's pool, and of each change of its health.
    ///   - logger: as for ``ConnectionPool/init(_:maxConnections:logger:)``.
    /// - Throws: ``PoolError`` with the code `invalidConfiguration`, naming every field at fault.
    public init(
        configuration: Configuration,
        observers: [any PoolObserver] = [],
        logger: Logger? = nil
    ) throws {
        try configuration.validate()
        let logger = logger ?? Logger(label: "pgpool")
        let engine = PoolEngine(
            configuration: configuration.pool,
            observers: observers,
            logger: logger
        )
        let writer = ConnectionPool(engine: engine)
        let seed = configuration.pool.seed ?? .random(in: .min ... .max)
        let readers = ReaderSet(configuration, writer: writer, logger: logger, seed: seed)
        let monitor = EndpointMonitor(
            .cluster,
            engine: engine,
            topology: TopologyStateMachine(
                configured: configuration.pool.addresses,
                pattern: configuration.pattern,
                settings: configuration.topology,
                seed: seed
            ),
            seed: seed,
            topologyChanged: { [weak readers] in readers?.update($0, writer: $1) }
        )
        self.writer = writer
        self.readers = readers
        reader = ReaderPool(readers: readers)
        engine.start(watchedBy: monitor, isHeld: true)
        monitor.start()
    }

    /// The members as they were last told, the writer first.
    public var members: [ClusterMember] { readers.members }

    /// Waits until the writer is known and a connection to it is open.
    ///
    /// - Parameter timeout: Default: the acquire timeout.
    /// - Throws: ``PoolError``: `noWriter` when hosts answer and all are readers, `acquireTimeout`
    ///   with the last connect error when none answers; `CancellationError`.
    public func waitUntilReady(timeout: Duration? = nil) async throws {
        try await writer.waitUntilReady(timeout: timeout)
    }

    /// A mark of all that the writer has written so far, for reads that must see it: give it to
    /// ``ReaderPool``'s methods as `after`.
    ///
    /// - Throws: as ``ConnectionPool/query(_:acquireTimeout:statementTimeout:sharing:isIdempotent:fileID:line:)``.
    public func writePosition() async throws -> WritePosition {
        let function: Query = """
            SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_proc \
            WHERE proname = 'aurora_replica_status' AND pronamespace = 'pg_catalog'::regnamespace) \
            THEN NULL ELSE pg_catalog.pg_current_wal_insert_lsn()::text END
            """
        let rows = try await writer.query(function, sharing: .never)
        return WritePosition(lsn: try rows.decode(String?.self).first ?? nil)
    }

    /// Ends all pools; as ``ConnectionPool/shutdown(leaseTimeout:)``.
    public func shutdown(leaseTimeout: Duration = .seconds(10)) async {
        readers.close()
        async let ended: Void = readers.shutdown(leaseTimeout: leaseTimeout)
        await writer.shutdown(leaseTimeout: leaseTimeout)
        await ended
    }
}

/// A node of a cluster.
public struct ClusterMember: Hashable, Sendable {
    /// What a member does.
    public enum Role: String, Hashable, Sendable {
        case writer, reader
        /// It has not answered yet, or not lately.
        case unknown
    }

    /// Host name or address.
    public let host: String
    /// Port.
    public let port: Int
    /// What it does.
    public let role: Role
    /// How far a reader lies behind, where the cluster knows.
    public let lag: Duration?
}

/// A mark in the writer's log; see ``Cluster/writePosition()``.
public struct WritePosition: Hashable, Sendable {
    /// Nil where readers cannot be asked how far they have come: the writer serves then.
    let lsn: String?
}
