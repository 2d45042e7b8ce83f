import Foundation
import Synchronization

@testable import PGPoolTesting

/// A session of an application's that a test keeps open, without PGPool.
final class TestSession: Sendable {
    private let session: Mutex<ServerSession>

    private init(_ session: sending ServerSession) { self.session = Mutex(session) }

    /// Logs in over TCP as the ordinary role.
    ///
    /// - Parameters:
    ///   - host: The address of a node or an endpoint.
    ///   - timeout: How long any one answer may take.
    static func open(
        _ cluster: LocalCluster,
        _ host: String,
        timeout: Duration = .seconds(20)
    ) async throws -> TestSession {
        let configuration = cluster.configuration
        let place = ServerSession.Place.tcp(LoopbackAddress(host: host, port: cluster.port))
        return try await ServerSession.onThread {
            TestSession(
                try ServerSession(
                    at: place,
                    user: configuration.role,
                    database: configuration.database,
                    timeout: timeout
                )
            )
        }
    }

    /// Runs SQL; rows with their columns joined by `|`, one a line.
    @discardableResult
    func query(_ sql: String) async throws -> String {
        try await ServerSession.onThread { [self] in
            try session.withLock { session in
                try session.query(sql).map { $0.joined(separator: "|") }.joined(separator: "\n")
            }
        }
    }

    /// What goes wrong when SQL is run; empty when nothing does.
    func complaint(about sql: String) async -> String {
        do {
            try await query(sql)
            return ""
        } catch {
            return "\(error)"
        }
    }
}

/// What goes wrong when an application connects; empty when nothing does.
func connectComplaint(
    _ cluster: LocalCluster,
    _ host: String,
    timeout: Duration = .seconds(20)
) async -> String {
    do {
        _ = try await TestSession.open(cluster, host, timeout: timeout)
        return ""
    } catch {
        return "\(error)"
    }
}

extension LocalCluster {
    /// A cluster with two readers that doesn't dawdle.
    static func replicated(
        promoteAfter: Duration = .milliseconds(200),
        endpointLag: Duration = .seconds(1),
        forwardsNodes: Bool = false,
        _ body: (LocalCluster) async throws -> Void
    ) async throws {
        var configuration = Configuration()
        configuration.readers = 2
        configuration.promoteAfter = promoteAfter
        configuration.endpointLag = endpointLag
        configuration.forwardsNodes = forwardsNodes
        try await with(configuration) { cluster in
            let session = try await TestSession.open(cluster, cluster.host)
            try await session.query("CREATE TABLE ledger (id int PRIMARY KEY)")
            try await body(cluster)
        }
    }

    /// The ledger's rows as a node has them.
    func ledger(on node: Node) async throws -> String {
        try await execute("SELECT string_agg(id::text, ',' ORDER BY id) FROM ledger", on: node)
    }
}
