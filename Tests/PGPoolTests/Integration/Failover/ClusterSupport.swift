import PGPool
import PGPoolTesting
import Synchronization
import Testing

/// A LocalCluster and a Cluster that is pointed at its cluster endpoint, by name.
func withCluster<Result>(
    _ flavor: LocalCluster.Flavor,
    promoteAfter: Duration = .seconds(1),
    observers: [any PoolObserver] = [],
    local change: (inout LocalCluster.Configuration) -> Void = { _ in },
    configure: (inout Cluster.Configuration) -> Void = { _ in },
    _ body: (LocalCluster, Cluster) async throws -> Result
) async throws -> Result {
    var local = LocalCluster.Configuration()
    local.readers = 2
    local.flavor = flavor
    local.promoteAfter = promoteAfter
    change(&local)
    return try await LocalCluster.with(local) { servers in
        var configuration = try Cluster.Configuration(url: servers.clusterURL, maxConnections: 8)
        configuration.pool.resolver = { [weak servers] in servers?.resolve($0) ?? [] }
        if flavor == .aurora { configuration.instanceHostPattern = servers.instancePattern }
        configure(&configuration)
        let cluster = try Cluster(configuration: configuration, observers: observers)
        do {
            try await cluster.waitUntilReady(timeout: .seconds(20))
            let result = try await body(servers, cluster)
            await cluster.shutdown(leaseTimeout: .seconds(5))
            return result
        } catch {
            await cluster.shutdown(leaseTimeout: .zero)
            throw error
        }
    }
}

extension LocalCluster {
    /// The endpoint's name where there is a topology to be asked, else all nodes.
    var clusterURL: String {
        guard configuration.flavor == .plain else {
            return clusterEndpointURL.replacing(
                "@\(clusterEndpoint):",
                with: "@\(clusterEndpointName):"
            )
        }
        let hosts = nodes.map { "\($0.host):\(port)" }.joined(separator: ",")
        return url.replacing("@\(host):\(port)", with: "@\(hosts)")
    }
}

/// Callers that insert, each row in a transaction of its own, until they are told to stop.
final class Inserters: Sendable {
    struct Report: Sendable {
        var acknowledged: [String: ContinuousClock.Instant] = [:]
        var errors: [(operation: String, error: any Error)] = []
    }

    private let report = Mutex(Report())
    private let isStopped = Atomic<Bool>(false)

    static let table: Query = "CREATE TABLE ledger (operation text)"

    var count: Int { report.withLock { $0.acknowledged.count } }
    var firstAfter: (ContinuousClock.Instant) -> ContinuousClock.Instant? {
        { instant in
            self.report.withLock { $0.acknowledged.values.filter { $0 > instant }.min() }
        }
    }

    func stop() { isStopped.store(true, ordering: .relaxed) }

    /// Runs the workers until ``stop()``.
    func run(_ workers: Int, on pool: ConnectionPool, deadline: Duration = .seconds(15)) async
        -> Report
    {
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<workers {
                group.addTask { [self] in
                    var number = 0
                    while !isStopped.load(ordering: .relaxed) {
                        number += 1
                        await insert("\(worker)/\(number)", pool, deadline)
                    }
                }
            }
        }
        return report.withLock { $0 }
    }

    private func insert(_ operation: String, _ pool: ConnectionPool, _ deadline: Duration) async {
        do {
            try await pool.withTransaction(deadline: deadline, acquireTimeout: deadline) {
                try await $0.query("INSERT INTO ledger VALUES (\(operation))")
            }
            report.withLock { $0.acknowledged[operation] = .now }
        } catch {
            report.withLock { $0.errors.append((operation, error)) }
        }
    }
}

/// The states that an endpoint went through, and when.
final class HealthLog: PoolObserver {
    private let log = Mutex<[(health: EndpointHealth, at: ContinuousClock.Instant)]>([])

    func observe(_ event: PoolEvent) {
        if case .endpointChanged(let health) = event {
            log.withLock { $0.append((health, .now)) }
        }
    }

    /// When the first of these states was entered.
    func first(_ states: EndpointHealth..., after instant: ContinuousClock.Instant)
        -> ContinuousClock.Instant?
    {
        log.withLock { log in
            log.first { states.contains($0.health) && $0.at >= instant }?.at
        }
    }
}
