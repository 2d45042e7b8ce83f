import Logging
import PGPool
import PGPoolTesting
import Synchronization
import Testing

/// The servers that the suites share: each is started once, and goes with the test process.
enum Servers {
    /// Trusts everybody.
    static let plain = Task { try await LocalCluster.start() }

    /// Wants a password, and TLS.
    static let secured = Task {
        var configuration = LocalCluster.Configuration()
        configuration.authentication = .scram(password: "correct horse")
        configuration.tls = .required
        return try await LocalCluster.start(configuration)
    }
}

/// A pool on a server, shut down when the closure is left.
func withPool<Result>(
    on cluster: LocalCluster,
    maxConnections: Int = 4,
    observers: [any PoolObserver] = [],
    configure: (inout ConnectionPool.Configuration) -> Void = { _ in },
    _ body: (ConnectionPool) async throws -> Result
) async throws -> Result {
    var configuration = try ConnectionPool.Configuration(
        url: cluster.url,
        maxConnections: maxConnections
    )
    configure(&configuration)
    let pool = try ConnectionPool(configuration: configuration, observers: observers)
    do {
        let result = try await body(pool)
        await pool.shutdown(leaseTimeout: .seconds(5))
        return result
    } catch {
        await pool.shutdown(leaseTimeout: .zero)
        throw error
    }
}

/// Waits for a condition, and fails with its description when it does not come true in time.
func eventually(
    _ what: String,
    within limit: Duration = .seconds(20),
    seeing pool: ConnectionPool? = nil,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let end = clock.now + limit
    while try await !condition() {
        guard clock.now < end else {
            let state = pool.map { "; the pool: \($0.snapshot), opened \($0.snapshot.openedTotal)" }
            Issue.record(
                "did not come true within \(limit): \(what)\(state ?? "")",
                sourceLocation: sourceLocation
            )
            throw ConditionNotMet(what: what)
        }
        // Proof: it is the condition that is waited for; this only keeps from asking too often.
        try await Task.sleep(for: .milliseconds(2))
    }
}

struct ConditionNotMet: Error {
    var what: String
}

/// Runs a closure that must fail with a `PoolError`, and returns that.
func poolError(
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
) async throws -> PoolError {
    try await #require(throws: PoolError.self, sourceLocation: sourceLocation) {
        try await body()
    }
}

/// Keeps events.
final class Recorder: PoolObserver {
    private let kept = Mutex<[PoolEvent]>([])

    func observe(_ event: PoolEvent) {
        kept.withLock { $0.append(event) }
    }

    var events: [PoolEvent] { kept.withLock { $0 } }

    var closeReasons: [String] {
        events.compactMap { if case .connectionClosed(let reason) = $0 { reason } else { nil } }
    }
}

/// A gate that tasks wait at until it is opened.
final class Gate: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    func open() {
        continuation.finish()
    }

    func wait() async {
        for await _ in stream {}
    }
}

/// A flag that tasks look at.
final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}

/// A number that tasks count up.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
    /// Returns what it is now.
    @discardableResult
    func increment() -> Int { count.add(1, ordering: .relaxed).newValue }
}

/// Keeps what is logged, with its metadata.
final class KeptLog: LogHandler, Sendable {
    let messages = Mutex<[String]>([])
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }

    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        messages.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
    }
}
