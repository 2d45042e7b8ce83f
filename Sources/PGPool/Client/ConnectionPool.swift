public import Logging
internal import PGPoolCore

/// A bounded pool of connections to one PostgreSQL server.
///
/// ```swift
/// let pool = try ConnectionPool("postgresql://app@localhost/shop", maxConnections: 16)
///
/// let rows = try await pool.query("SELECT id, name FROM users WHERE org = \(7)")
/// for (id, name) in try rows.decode((Int, String).self) { print(id, name) }
///
/// await pool.shutdown()
/// ```
///
/// Connections are opened as callers need them, never more than the limit. Callers wait in the
/// order in which they came, each until its own deadline. A pool needs no `run()`: it looks after
/// its connections from the moment it is made until ``shutdown(leaseTimeout:)``. One that is dropped without
/// closes its connections and says so in the log.
public actor ConnectionPool {
    nonisolated let engine: PoolEngine
    nonisolated let listeners = ListenerRegistry()
    nonisolated let ledger: CommitLedger

    /// A pool by URL, with defaults for all else; see ``Configuration``.
    ///
    /// - Parameters:
    ///   - url: as libpq reads it; several hosts, Unix sockets and parameters among it.
    ///   - maxConnections: what the pool may grow to.
    ///   - logger: gets `debug` messages, and a `warning` for what no caller sees. Default: the
    ///     logger `pgpool` of the process's logging system.
    /// - Throws: ``PoolError`` with the code `invalidConfiguration`.
    public init(_ url: String, maxConnections: Int, logger: Logger? = nil) throws {
        try self.init(
            configuration: Configuration(url: url, maxConnections: maxConnections),
            logger: logger
        )
    }

    /// A pool by configuration. It starts at once to open what should be idle; nothing else.
    ///
    /// - Parameters:
    ///   - configuration: all there is to say of the pool.
    ///   - observers: told what happens; the hook for metrics.
    ///   - logger: see ``init(_:maxConnections:logger:)``.
    /// - Throws: ``PoolError`` with the code `invalidConfiguration`, naming every field at fault.
    public init(
        configuration: Configuration,
        observers: [any PoolObserver] = [],
        logger: Logger? = nil
    ) throws {
        try self.init(.pool, configuration: configuration, observers: observers, logger: logger)
    }

    init(
        _ scope: EndpointMonitor.Scope,
        configuration: Configuration,
        observers: [any PoolObserver],
        logger: Logger?
    ) throws {
        try configuration.validate()
        ledger = CommitLedger(configuration.commitLedger)
        engine = PoolEngine(
            configuration: configuration,
            observers: observers,
            logger: logger ?? Logger(label: "pgpool")
        )
        guard configuration.failover.isEnabled else {
            engine.start()
            return
        }
        let seed = configuration.seed ?? .random(in: .min ... .max)
        let hosts = TopologyStateMachine(
            configured: configuration.addresses,
            pattern: nil,
            seed: seed
        )
        let monitor = EndpointMonitor(scope, engine: engine, topology: hosts, seed: seed)
        engine.start(watchedBy: monitor)
        monitor.start()
    }

    /// A pool whose engine somebody else has started.
    init(engine: PoolEngine) {
        self.engine = engine
        ledger = CommitLedger(engine.configuration.commitLedger)
    }

    deinit {
        listeners.close()
        engine.abandon()
    }

    /// The pool's state at this instant.
    public nonisolated var snapshot: PoolSnapshot { engine.snapshot }

    /// Changes the limit while the pool runs. No lease is cut short: when the pool shrinks, idle
    /// connections close at once and leased ones as they come back.
    ///
    /// - Throws: ``PoolError`` with the code `invalidConfiguration` unless 1 ≤ `limit` ≤ 100,000.
    public nonisolated func resize(to limit: Int) throws {
        guard (1...100_000).contains(limit) else {
            throw PoolError(
                .invalidConfiguration,
                "maxConnections: 1 to 100,000",
                failureClass: .deterministic
            )
        }
        engine.resize(to: limit)
    }

    /// Retires every connection that is open now: idle ones at once, leased ones as they come back.
    public nonisolated func evict() {
        engine.evict()
    }

    /// Stops granting. Callers queue, and their deadlines go on.
    public nonisolated func pause() {
        engine.pause()
    }

    /// Grants again after ``pause()``.
    public nonisolated func resume() {
        engine.resume()
    }

    /// Refuses new callers, serves those that wait, then waits for leases to come back.
    ///
    /// Cancelling the task does not cut it short; a further call with shorter times does.
    ///
    /// - Parameters:
    ///   - queueTimeout: how long callers that wait are still served; then they fail with `shutDown`.
    ///   - leaseTimeout: how long after that leases may take; then their connections are closed
    ///     under them.
    public nonisolated func drain(queueTimeout: Duration, leaseTimeout: Duration) async {
        listeners.close()
        engine.beginDrain(queue: queueTimeout, leases: leaseTimeout)
        await engine.finished()
        await listeners.finished()
    }

    /// Ends the pool: callers that wait fail, idle connections close, leases may take a while.
    ///
    /// - Parameter leaseTimeout: how long leases may take before their connections are closed under
    ///   them. Default: 10 s.
    public nonisolated func shutdown(leaseTimeout: Duration = .seconds(10)) async {
        await drain(queueTimeout: .zero, leaseTimeout: leaseTimeout)
    }

    /// Waits until a connection has proven that the server answers, and `minIdle` are open, or as many as
    /// the limit allows. None is kept from others meanwhile.
    ///
    /// - Parameter timeout: Default: the acquire timeout.
    /// - Throws: ``PoolError`` as acquiring does; `CancellationError`.
    public nonisolated func waitUntilReady(
        timeout: Duration? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) async throws {
        let site = RawCallSite(fileID: fileID, line: line)
        let end = Instant.now + (timeout ?? engine.configuration.acquire.timeout)
        engine.release(try await engine.acquire(end.fromNow, site))
        try await engine.waitUntilOpen(engine.configuration.minIdle, by: end)
    }
}
