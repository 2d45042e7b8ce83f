internal import Logging
internal import PGPoolCore
internal import Synchronization

/// One listener: a connection of its own, replaced when it is lost, and what came over it.
///
/// It is no lease: it would keep a connection from everybody for as long as it listens.
final class NotificationListener: SessionEvents {
    /// A connection, from its login to its end.
    private struct Line: Sendable {
        let session: Session
        let isLost = OneShot<Void>()
        let isClosed = OneShot<Void>()
    }

    private struct State {
        var line: Line?
        /// The attempt to connect that is under way.
        var dial: Dial?
        var isClosed = false
        /// A connection was lost, and its successor has said nothing yet.
        var owesGap = false
        var tasks: [Task<Void, Never>] = []
    }

    let buffer: NotificationBuffer
    private let subscription: String
    private let engine: PoolEngine
    private let registry: ListenerRegistry
    private let state = Mutex(State())

    init(
        _ channels: [String],
        limit: Int,
        engine: PoolEngine,
        registry: ListenerRegistry
    ) {
        buffer = NotificationBuffer(limit: limit)
        subscription = channels.map { channel in
            let listen: Query = "LISTEN \(identifier: channel)"
            return listen.sql
        }.joined(separator: "; ")
        self.engine = engine
        self.registry = registry
    }

    /// Connects and subscribes, then goes on by itself until it is closed.
    ///
    /// - Throws: `DialFailure`, ``PostgresError``, `CancellationError`, the last one also when it is closed.
    func start(deadline: Instant) async throws {
        do {
            var line: Line?
            var backoff = Pauses(engine.configuration)
            while line == nil {
                guard !isClosed, !Task.isCancelled else { throw CancellationError() }
                do {
                    line = try await open(deadline: deadline)
                } catch let failure as DialFailure {
                    let pause = backoff.next()
                    guard !failure.isDeterministic, .now + pause < deadline else { throw failure }
                    await sleep(for: pause)
                }
            }
            if let line { goOn(with: line) }
        } catch {
            close(discarding: true)
            await end()
            throw error
        }
    }

    /// Ends it; the connection follows.
    func close(discarding: Bool) {
        let (line, dial, tasks) = state.withLock { state in
            state.isClosed = true
            defer { state.tasks = [] }
            return (state.line, state.dial, state.tasks)
        }
        buffer.finish(discarding: discarding)
        for task in tasks { task.cancel() }
        dial?.abandon(didTimeOut: false)
        line?.session.close()
    }

    /// Sleeps until it is closed, or the task cancelled, at the longest.
    private func sleep(for pause: Duration) async {
        let sleep = Task { _ = try? await Task.sleep(for: pause) }
        let isClosed = state.withLock { state in
            state.tasks.append(sleep)
            return state.isClosed
        }
        if isClosed { sleep.cancel() }
        await withTaskCancellationHandler {
            await sleep.value
        } onCancel: {
            sleep.cancel()
        }
    }

    private var isClosed: Bool { state.withLock { $0.isClosed } }

    // MARK: - The connection

    private func open(deadline: Instant) async throws -> Line {
        let session = try await dial(deadline: deadline).get()
        let line = Line(session: session)
        let isWanted = state.withLock { state in
            state.line = line
            return !state.isClosed
        }
        do {
            guard session.start() else {
                throw DialFailure(
                    phase: .setUp,
                    message: "the socket cannot be watched",
                    elapsed: .zero
                )
            }
            guard isWanted, !Task.isCancelled else { throw CancellationError() }
            try await run(subscription, on: session, within: deadline - .now)
            return line
        } catch {
            session.close()
            await line.isClosed.wait()
            state.withLock { $0.line = nil }
            throw error
        }
    }

    private func dial(deadline: Instant) async -> Dial.Outcome {
        let configuration = engine.configuration
        let reactor = configuration.reactors[configuration.reactors.count - 1]
        let outcome = OneShot<Dial.Outcome>()
        let dial = Dial(
            engine.target,
            makeSession: { [self] open in
                Session(
                    open,
                    id: ConnectionID(index: 0, serial: 0),
                    reactor: reactor,
                    events: self,
                    statements: SessionStatements(
                        cacheSize: 0,
                        mode: .cached,
                        counters: engine.statementCounters,
                        trustsFunctions: true
                    )
                )
            },
            completion: { outcome.set($0) }
        )
        let isWanted = state.withLock { state in
            state.dial = dial
            return !state.isClosed
        }
        dial.start(deadline: min(deadline, .now + configuration.opening.timeout))
        if !isWanted { dial.abandon(didTimeOut: false) }
        defer { state.withLock { $0.dial = nil } }
        return await withTaskCancellationHandler {
            await outcome.wait()
        } onCancel: {
            dial.abandon(didTimeOut: false)
        }
    }

    private func run(_ sql: String, on session: Session, within timeout: Duration) async throws {
        let connection = PostgresConnection(session: session, leaseNumber: session.beginLease())
        try await connection.run(Operation(Query(sql), .simple), timeout)
    }

    private func goOn(with line: Line) {
        let life = Task { [self] in await live(line) }
        let keepAlive = Task { [self] in await askNowAndThen() }
        let isClosed = state.withLock { state in
            if !state.isClosed { state.tasks = [life, keepAlive] }
            return state.isClosed
        }
        guard isClosed else { return }
        life.cancel()
        keepAlive.cancel()
        line.session.close()
    }

    private func live(_ first: Line) async {
        var line: Line? = first
        while let current = line {
            await current.isLost.wait()
            current.session.close()
            await current.isClosed.wait()
            state.withLock { state in
                state.line = nil
                state.owesGap = true
            }
            line = await reconnect()
            if line != nil { payGap() }
        }
        await end()
    }

    /// A new connection, however long it takes; `nil` once it is not wanted any more.
    private func reconnect() async -> Line? {
        var pauses = Pauses(engine.configuration)
        while !isClosed, !Task.isCancelled {
            do {
                return try await open(deadline: .now + engine.configuration.opening.timeout)
            } catch {
                try? await Task.sleep(for: pauses.next())
            }
        }
        return nil
    }

    /// A host that hangs sends no end of its connections: only asking it tells.
    private func askNowAndThen() async {
        guard let interval = engine.configuration.upkeep.keepAliveInterval else { return }
        while (try? await Task.sleep(for: interval)) != nil {
            guard let session = state.withLock({ $0.line })?.session else { continue }
            do {
                try await run("", on: session, within: engine.configuration.upkeep.probeTimeout)
            } catch is PostgresError {
                session.close()
            } catch {
                // The listener was closed, and its connection with it.
            }
        }
    }

    private func end() async {
        buffer.finish(discarding: false)
        registry.remove(self)
    }

    private func payGap() {
        let isOwed = state.withLock { state in
            defer { state.owesGap = false }
            return state.owesGap
        }
        if isOwed { buffer.addGap() }
    }

    // MARK: - Reports

    private func line(of session: Session) -> Line? {
        state.withLock { $0.line.flatMap { $0.session === session ? $0 : nil } }
    }

    func sessionNotified(_ session: Session, _ notification: PostgresNotification) {
        // What comes over a new connection comes after the gap.
        payGap()
        buffer.add(notification)
    }

    func sessionLost(_ session: Session, _ error: PostgresError) {
        line(of: session)?.isLost.set(())
        engine.logger.debug(
            "a listener's connection was lost",
            metadata: ["pool": "\(engine.configuration.name)", "error": "\(error.description)"]
        )
    }

    func sessionClosed(_ session: Session) {
        guard let line = line(of: session) else { return }
        line.isLost.set(())
        line.isClosed.set(())
    }

    func sessionNotice(_ session: Session, severity: String, sqlState: String, message: String) {
        engine.sessionNotice(session, severity: severity, sqlState: sqlState, message: message)
    }
}

/// The pauses between attempts to connect.
private struct Pauses {
    private let backoff: Backoff
    private var generator: SeededGenerator
    private var failures = 0

    init(_ configuration: ConnectionPool.Configuration) {
        backoff = Backoff(
            base: configuration.opening.backoffBase,
            maximum: configuration.opening.backoffMaximum
        )
        generator = SeededGenerator(seed: configuration.seed ?? .random(in: .min ... .max))
    }

    mutating func next() -> Duration {
        failures += 1
        return backoff.delay(afterFailures: failures, using: &generator)
    }
}
