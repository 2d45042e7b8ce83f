internal import Logging
internal import PGPoolCore
internal import Synchronization

/// The pools of a cluster's readers: made and ended as readers come and go, and chosen from.
///
/// What they may grow to together stays the same, so when a reader comes the others give up their
/// surplus, and when one goes they take over its part.
final class ReaderSet: Sendable {
    private struct Reader {
        var member: TopologyMember
        var pool: ConnectionPool
    }

    private struct State {
        var readers: [Reader] = []
        var members: [ClusterMember] = []
        var choice: ReaderChoice
        var isClosed = false
        /// Pools that are being ended.
        var endings: [Task<Void, Never>] = []
    }

    private let configuration: Cluster.Configuration
    let writer: ConnectionPool
    private let logger: Logger
    private let seed: UInt64
    private let state: Mutex<State>

    init(
        _ configuration: Cluster.Configuration,
        writer: ConnectionPool,
        logger: Logger,
        seed: UInt64
    ) {
        self.configuration = configuration
        self.writer = writer
        self.logger = logger
        self.seed = seed
        state = Mutex(State(choice: configuration.readers.choice(seed: seed)))
    }

    var members: [ClusterMember] { state.withLock { $0.members } }

    var snapshots: [(member: ClusterMember, pool: PoolSnapshot)] {
        state.withLock { $0.readers }.map { (ClusterMember($0.member), $0.pool.snapshot) }
    }

    // MARK: - Members

    /// The topology changed.
    func update(_ members: [TopologyMember], writer: HostID?) {
        let gone = state.withLock { state -> [ConnectionPool] in
            guard !state.isClosed else { return [] }
            state.members = Self.told(members)
            let wanted = members.filter { $0.role == .reader && $0.id != writer }
            var gone: [ConnectionPool] = []
            state.readers.removeAll { reader in
                let isGone = !wanted.contains { $0.id == reader.member.id }
                if isGone { gone.append(reader.pool) }
                return isGone
            }
            for member in wanted {
                if let index = state.readers.firstIndex(where: { $0.member.id == member.id }) {
                    state.readers[index].member = member
                } else if let pool = makePool(for: member) {
                    state.readers.append(Reader(member: member, pool: pool))
                }
            }
            return gone
        }
        share()
        for pool in gone { end(pool) }
    }

    private static func told(_ members: [TopologyMember]) -> [ClusterMember] {
        let all = members.map { ClusterMember($0) }
        return all.filter { $0.role == .writer } + all.filter { $0.role != .writer }
    }

    private func makePool(for member: TopologyMember) -> ConnectionPool? {
        var reader = configuration.pool
        reader.host = member.address.host
        reader.port = String(member.address.port)
        reader.parameters["target_session_attrs"] = nil
        reader.minIdle = 0
        reader.failover.holdsCallers = false
        return try? ConnectionPool(.reader, configuration: reader, observers: [], logger: logger)
    }

    /// Deals out what the readers may have together.
    private func share() {
        let readers = state.withLock { $0.readers }
        let shares = ReaderBalance.shares(
            of: configuration.readers.maxConnections,
            among: readers.map(\.member.id)
        )
        for share in shares {
            guard let reader = readers.first(where: { $0.member.id == share.host }) else {
                continue
            }
            reader.pool.engine.resize(to: max(1, share.limit))
        }
    }

    /// Its callers turn to others; its leases may end.
    private func end(_ pool: ConnectionPool) {
        let ending = Task { await pool.shutdown() }
        state.withLock { $0.endings.append(ending) }
    }

    /// Ends what is chosen from; `shutdown` ends the pools.
    func close() {
        state.withLock { $0.isClosed = true }
    }

    func shutdown(leaseTimeout: Duration) async {
        let (pools, endings) = state.withLock { state in
            defer { (state.readers, state.endings) = ([], []) }
            return (state.readers.map(\.pool), state.endings)
        }
        await withTaskGroup(of: Void.self) { group in
            for pool in pools {
                group.addTask { await pool.shutdown(leaseTimeout: leaseTimeout) }
            }
        }
        for ending in endings { await ending.value }
    }

    // MARK: - Leases

    /// The pool to use, and notes it in `tried`; the writer's when no reader is left.
    func choose(_ tried: inout Set<HostID>) -> ConnectionPool {
        let chosen = state.withLock { state -> Reader? in
            let candidates = state.readers
                .filter { !tried.contains($0.member.id) }
                .compactMap { reader in
                    reader.pool.engine.load.map { load in
                        ReaderChoice.Candidate(
                            host: reader.member.id,
                            load: load.used,
                            limit: load.limit,
                            lagMilliseconds: reader.member.lagMilliseconds
                        )
                    }
                }
            guard let host = state.choice.choose(among: candidates) else { return nil }
            return state.readers.first { $0.member.id == host }
        }
        guard let chosen else { return writer }
        tried.insert(chosen.member.id)
        return chosen.pool
    }

    /// A lease of a reader's connection, noted in `tried`, or of the writer's, that sees what it has to.
    func acquire(
        by end: Instant,
        _ position: WritePosition?,
        _ tried: inout Set<HostID>,
        _ site: RawCallSite
    ) async throws -> (ConnectionPool, Lease) {
        if let position, position.lsn == nil {
            return (writer, try await writer.engine.acquire(end.fromNow, site))
        }
        let pool = choose(&tried)
        let lease = try await pool.engine.acquire(end.fromNow, site)
        guard let lsn = position?.lsn, pool !== writer else { return (pool, lease) }
        do {
            if try await reaches(lsn, lease, by: .now + end.fromNow / 2) { return (pool, lease) }
        } catch {
            pool.engine.release(lease)
            throw error
        }
        pool.engine.release(lease)
        return (writer, try await writer.engine.acquire(end.fromNow, site))
    }

    /// Waits until the reader has replayed so far. PostgreSQL tells nobody of that, so it is asked.
    private func reaches(_ lsn: String, _ lease: Lease, by end: Instant) async throws -> Bool {
        let connection = PostgresConnection(session: lease.session, leaseNumber: lease.number)
        var pause = Duration.milliseconds(1)
        while true {
            do {
                let rows = try await connection.query(
                    "SELECT coalesce(pg_catalog.pg_last_wal_replay_lsn() >= \(lsn)::pg_lsn, true)",
                    statementTimeout: max(.milliseconds(1), end.fromNow)
                )
                if try rows.decode(Bool.self).first ?? true { return true }
            } catch let error as PostgresError where error.sqlState == .queryCanceled {
                return false
            }
            guard .now + pause < end else { return false }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(20))
        }
    }

    /// Runs what may be run again on another host, as long as there is time.
    func repeating<Result>(
        _ timeout: Duration?,
        _ body: (Instant, inout Set<HostID>) async throws -> sending Result
    ) async throws -> sending Result {
        let end = Instant.now + (timeout ?? configuration.pool.acquire.timeout)
        var tried: Set<HostID> = []
        while true {
            let before = tried
            do {
                return try await body(end, &tried)
            } catch  where Self.mayTurn(error) && tried != before && .now < end {
                continue
            }
        }
    }

    /// Whether another host may do what this one did not. Nothing is committed on a reader, so what
    /// was lost there left nothing behind.
    private static func mayTurn(_ error: any Error) -> Bool {
        switch error {
        case let error as PoolError:
            error.code == .endpointLost || error.code == .connectFailed || error.code == .shutDown
        case let error as PostgresError:
            error.failureClass != .deterministic && error.sqlState != .queryCanceled
        default:
            false
        }
    }
}

extension Cluster.Configuration.Readers {
    func choice(seed: UInt64) -> ReaderChoice {
        let strategy: ReaderStrategy =
            switch self.strategy {
            case .roundRobin: .roundRobin
            case .leastLoaded: .leastLoaded
            case .random: .random
            }
        return ReaderChoice(
            strategy,
            maxLagMilliseconds: maxLag.map { Double($0.wholeNanoseconds) / 1e6 },
            seed: seed
        )
    }
}

extension ClusterMember {
    init(_ member: TopologyMember) {
        let role: Role =
            switch member.role {
            case .writer: .writer
            case .reader: .reader
            case .unknown: .unknown
            }
        self.init(
            host: member.address.host,
            port: Int(member.address.port),
            role: role,
            lag: member.lagMilliseconds.map { .milliseconds($0) }
        )
    }
}
