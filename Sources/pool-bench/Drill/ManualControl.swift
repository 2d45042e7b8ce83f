import PGPool

/// A cluster whose failovers are made by somebody else: it says when, and watches all hosts.
final class ManualControl: FaultControl {
    let writerURL: String
    private let watches: [HostWatch]
    private let state = Box(ManualFailover())

    /// - Parameter url: A URL that leads to the writer; with several hosts each is watched.
    /// - Throws: `PoolError` when the URL can't be read.
    init(url: String) throws {
        writerURL = url
        let whole = try ConnectionPool.Configuration(url: url, maxConnections: 1)
        let hosts = whole.host.split(separator: ",").map(String.init)
        let ports = whole.port.split(separator: ",").map(String.init)
        watches = try hosts.enumerated().map { index, host in
            var configuration = whole
            configuration.host = host
            configuration.port = ports.count > 1 ? ports[index] : whole.port
            configuration.parameters["target_session_attrs"] = "any"
            return try HostWatch(configuration)
        }
        for watch in watches {
            watch.start { [state] sighting in state.update { $0.note(sighting) } }
        }
    }

    var promotion: Promotion? { state.value.promotion }

    func inject(_ fault: DrillFault) async throws {
        state.update { $0.begin() }
        Console.note("Fail the cluster over now. Rows are being added; nothing else is waited for.")
    }

    func heal() async throws {}

    func shutdown() async {
        for watch in watches { await watch.shutdown() }
    }
}

/// What one look at a host showed.
enum HostSighting: Equatable, Sendable {
    /// It writes; `identity` tells servers apart, and a server from itself before a restart.
    case writer(identity: String, at: UInt64)
    /// It answers and doesn't write.
    case reader(identity: String)
    /// It didn't answer what was asked then.
    case silent(lastWriter: String?, since: UInt64)
}

/// Makes a failover out of what the hosts show.
struct ManualFailover: Equatable, Sendable {
    private var writer: String?
    private var lastSeen: UInt64 = 0
    private var isExpected = false
    private var faultBegan: UInt64?
    private(set) var promotion: Promotion?

    /// From now on a failover counts.
    mutating func begin() {
        isExpected = true
        faultBegan = nil
        promotion = nil
    }

    mutating func note(_ sighting: HostSighting) {
        switch sighting {
        case .writer(let identity, let instant):
            if let writer, writer != identity, isExpected {
                promotion = Promotion(faultBegan: faultBegan ?? lastSeen, promoted: instant)
                isExpected = false
            } else if let writer, writer != identity, promotion != nil {
                // The former writer, which doesn't know yet.
                return
            }
            writer = identity
            lastSeen = instant
        case .reader(let identity):
            if identity == writer { noteFault(at: lastSeen) }
        case .silent(let lastWriter, let instant):
            if let writer, lastWriter == writer { noteFault(at: instant) }
        }
    }

    private mutating func noteFault(at instant: UInt64) {
        if isExpected, faultBegan == nil { faultBegan = instant }
    }
}

/// Looks at one host again and again, on a connection of its own.
final class HostWatch: Sendable {
    private let pool: ConnectionPool
    private let task = Box<Task<Void, Never>?>(nil)

    private static let interval = Duration.milliseconds(20)
    private static let patience = Duration.seconds(1)
    /// Whether it writes, and who it is: another server, or the same one restarted, differs.
    private static let question: Query = """
        SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off',
        coalesce(host(inet_server_addr()), '') || ' ' || pg_postmaster_start_time()::text
        """

    init(_ configuration: ConnectionPool.Configuration) throws {
        var configuration = configuration
        configuration.maxConnections = 1
        configuration.name = "pool-bench watch"
        configuration.opening.timeout = Self.patience
        configuration.opening.backoffMaximum = .milliseconds(100)
        configuration.acquire.timeout = Self.patience
        configuration.upkeep.probeTimeout = Self.patience
        pool = try ConnectionPool(configuration: configuration, logger: BenchPool.drillLogger)
    }

    func start(_ report: @escaping @Sendable (HostSighting) -> Void) {
        task.value = Task { [pool] in
            var lastWriter: String?
            while !Task.isCancelled {
                let start = MonotonicClock.now()
                do {
                    let row = try await pool.query(
                        Self.question,
                        statementTimeout: Self.patience,
                        sharing: .never
                    ).first
                    guard let (writes, identity) = try row?.decode((Bool, String).self) else {
                        continue
                    }
                    lastWriter = writes ? identity : lastWriter
                    report(
                        writes
                            ? .writer(identity: identity, at: MonotonicClock.now())
                            : .reader(identity: identity)
                    )
                } catch {
                    report(.silent(lastWriter: lastWriter, since: start))
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    func shutdown() async {
        task.value?.cancel()
        await task.value?.value
        await pool.shutdown(leaseTimeout: .seconds(1))
    }
}
