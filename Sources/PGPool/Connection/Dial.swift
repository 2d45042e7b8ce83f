internal import CLibPQ
internal import PGPoolCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// One attempt to open a connection: resolves, connects, logs in, all within one deadline.
///
/// It runs on a reactor of its own kind: one `PQconnectPoll` computes SCRAM for milliseconds, and
/// must not keep the answers of open connections waiting.
final class Dial: ReactorHandler {
    typealias Outcome = Result<Session, DialFailure>

    /// The reactors that dials run on.
    private static let reactors = [Reactor(), Reactor()]
    private static let next = Atomic<Int>(0)

    private struct State {
        var connection: OpaquePointer?
        var socketToken: ReactorToken?
        var deadlineToken: ReactorToken?
        var phase = DialFailure.Phase.resolving
        var completion: (@Sendable (Outcome) -> Void)?
    }

    private let target: DialTarget
    private let reactor: Reactor
    private let makeSession: @Sendable (OpenConnection) -> Session
    private let started = Instant.now
    private let state: Mutex<State>

    /// - Parameters:
    ///   - makeSession: called when the login is complete.
    ///   - completion: called once, on any thread.
    init(
        _ target: DialTarget,
        makeSession: @escaping @Sendable (OpenConnection) -> Session,
        completion: @escaping @Sendable (Outcome) -> Void
    ) {
        self.target = target
        self.makeSession = makeSession
        reactor =
            Self.reactors[
                Self.next.wrappingAdd(1, ordering: .relaxed).newValue & 1
            ]
        state = Mutex(State(completion: completion))
    }

    /// Begins. The deadline, when it comes, ends the attempt wherever it stands.
    func start(deadline: Instant) {
        state.withLock { $0.deadlineToken = reactor.register(self) }
        if let token = state.withLock({ $0.deadlineToken }) {
            reactor.setDeadline(deadline, token)
        }
        if target.hosts.allSatisfy({ Resolver.needsNoLookUp($0.name) }) {
            connect(target.hosts.map { Resolver.literal($0.name, $0.port) })
            return
        }
        if let resolver = target.resolver {
            Task { [self] in await lookUp(resolver) }
            return
        }
        let names = target.hosts.map(\.name).joined(separator: ",")
        BlockingThreads.resolver.run(for: names) { [self] in
            let (resolved, failure) = Resolver.resolve(target.hosts)
            if let failure {
                finish(failing: failure)
            } else {
                connect(resolved)
            }
        }
    }

    private func lookUp(_ resolver: ConnectionPool.Configuration.Resolver) async {
        var resolved: [ResolvedHost] = []
        var failure = "no host"
        for (name, port) in target.hosts {
            do {
                let addresses = try await resolver(name)
                resolved += addresses.map { ResolvedHost(name: name, port: port, address: $0) }
                if addresses.isEmpty { failure = "\(name): no address" }
            } catch {
                failure = "\(name): \(error)"
            }
        }
        if resolved.isEmpty { finish(failing: failure) } else { connect(resolved) }
    }

    /// Gives up: the pool does not want the connection any more, or its time is over.
    func abandon(didTimeOut: Bool) {
        let phase = state.withLock { $0.phase }
        finish(
            failing: didTimeOut ? "timed out while \(phase.rawValue)" : "given up",
            didTimeOut: didTimeOut
        )
    }

    func reactorReady(_ readiness: Readiness, _ finished: inout [Operation]) {
        poll()
    }

    func reactorDeadlinePassed() {
        abandon(didTimeOut: true)
    }

    // MARK: - Steps

    private func connect(_ hosts: [ResolvedHost]) {
        let keywords = target.keywords(resolved: hosts)
        let isStarted = state.withLock { state in
            guard state.completion != nil else { return true }
            state.phase = .connecting
            let connection = Self.connectStart(keywords)
            state.connection = connection
            guard let connection, PQstatus(connection) != CONNECTION_BAD else { return false }
            PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
            // What the server says now ends the attempt; libpq would print it as well.
            PQsetNoticeProcessor(connection, { _, _ in }, nil)
            return watch(connection, .writable, &state)
        }
        if !isStarted { finishWithMessage() }
    }

    private static func connectStart(_ keywords: [(String, String)]) -> OpaquePointer? {
        var names: [UnsafeMutablePointer<CChar>?] = keywords.map { strdup($0.0) }
        var values: [UnsafeMutablePointer<CChar>?] = keywords.map { strdup($0.1) }
        defer { for pointer in names + values { free(pointer) } }
        names.append(nil)
        values.append(nil)
        return names.withUnsafeBufferPointer { names in
            values.withUnsafeBufferPointer { values in
                names.withMemoryRebound(to: UnsafePointer<CChar>?.self) { names in
                    values.withMemoryRebound(to: UnsafePointer<CChar>?.self) { values in
                        PQconnectStartParams(names.baseAddress, values.baseAddress, 0)
                    }
                }
            }
        }
    }

    /// Registers the socket anew: it may be another one, under the same number.
    private func watch(
        _ connection: OpaquePointer,
        _ interest: Readiness,
        _ state: inout State
    ) -> Bool {
        if let token = state.socketToken { reactor.unregister(token) }
        state.socketToken = reactor.register(
            self,
            descriptor: PQsocket(connection),
            interest: interest
        )
        return state.socketToken != nil
    }

    private func poll() {
        enum Step { case waiting, ready, failed, over }
        let step = state.withLock { state -> Step in
            guard let connection = state.connection, state.completion != nil else { return .over }
            state.phase = Self.phase(connection) ?? state.phase
            // The socket may be closed and another opened under its number while libpq works.
            if let token = state.socketToken { reactor.unregister(token) }
            state.socketToken = nil
            switch PQconnectPoll(connection) {
            case PGRES_POLLING_OK: return .ready
            case PGRES_POLLING_READING:
                return watch(connection, .readable, &state) ? .waiting : .failed
            case PGRES_POLLING_WRITING:
                return watch(connection, .writable, &state) ? .waiting : .failed
            default: return .failed
            }
        }
        switch step {
        case .waiting, .over: break
        case .ready: finishOpen()
        case .failed: finishWithMessage()
        }
    }

    private static func phase(_ connection: OpaquePointer) -> DialFailure.Phase? {
        switch PQstatus(connection) {
        case CONNECTION_STARTED, CONNECTION_NEEDED: .connecting
        case CONNECTION_SSL_STARTUP, CONNECTION_GSS_STARTUP: .tls
        case CONNECTION_BAD: nil
        default: .login
        }
    }

    // MARK: - Ends

    private func takeCompletion(_ state: inout State) -> (@Sendable (Outcome) -> Void)? {
        let completion = state.completion
        state.completion = nil
        if let token = state.socketToken { reactor.unregister(token) }
        if let token = state.deadlineToken { reactor.unregister(token) }
        state.socketToken = nil
        state.deadlineToken = nil
        return completion
    }

    private func finishOpen() {
        var completion: (@Sendable (Outcome) -> Void)?
        let open = state.withLock { state -> OpenConnection? in
            completion = takeCompletion(&state)
            guard completion != nil, let connection = state.connection else { return nil }
            state.connection = nil
            PQsetErrorVerbosity(connection, PQERRORS_DEFAULT)
            return OpenConnection(pointer: connection)
        }
        if let completion, let open { completion(.success(makeSession(open))) }
    }

    private func finishWithMessage() {
        let message = state.withLock { state in
            state.connection.map { ErrorReport.trimmed(PQerrorMessage($0)) } ?? "out of memory"
        }
        finish(failing: message)
    }

    private func finish(failing message: String, didTimeOut: Bool = false) {
        let (text, sqlState) = Self.readVerbose(target.redacted(message))
        let (completion, phase) = state.withLock { state in
            let completion = takeCompletion(&state)
            if completion != nil, let connection = state.connection {
                PQfinish(connection)
                state.connection = nil
            }
            return (completion, state.phase)
        }
        completion?(
            .failure(
                DialFailure(
                    phase: phase,
                    message: text,
                    sqlState: sqlState,
                    elapsed: Instant.now - started,
                    didTimeOut: didTimeOut
                )
            )
        )
    }

    /// A verbose message carries the SQLSTATE, as in `FATAL:  28P01: password …`, and the place in
    /// the server's source, which helps nobody here.
    static func readVerbose(_ message: String) -> (text: String, sqlState: SQLState?) {
        let lines = message.split(separator: "\n").filter { !$0.hasPrefix("LOCATION:") }
        let text = lines.joined(separator: "\n")
        for match in text.matches(of: #/(?:FATAL|ERROR|PANIC): +([0-9A-Z]{5}): /#) {
            if let state = SQLState(match.1) { return (text, state) }
        }
        return (text, nil)
    }
}

/// A connection on its way from its dial to its session.
struct OpenConnection: @unchecked Sendable {
    // Proof: the dial has let go of it when it makes this, and one session takes it over.
    let pointer: OpaquePointer
}
