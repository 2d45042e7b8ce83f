import PGPool
import Synchronization
import Testing

@testable import PGPoolTesting

/// A line to a cluster's writer that a test can cut.
final class Line: Sendable {
    private static let name = "line"
    private static let host = "127.0.0.1"

    private let forwarder: Forwarder
    private let gate: Forwarder.Gate
    private let cluster: LocalCluster

    private init(_ forwarder: Forwarder, _ gate: Forwarder.Gate, _ cluster: LocalCluster) {
        self.forwarder = forwarder
        self.gate = gate
        self.cluster = cluster
    }

    static func open(to cluster: LocalCluster) async throws -> Line {
        let target = LoopbackAddress(host: cluster.writerServer.serverHost, port: cluster.port)
        let gate = Forwarder.Gate(
            name: name,
            address: LoopbackAddress(host: host, port: try LoopbackPort.pick(on: [host])),
            route: { target },
            readsMessages: true
        )
        let forwarder = try Forwarder()
        try await forwarder.perform(.open(gate))
        return Line(forwarder, gate, cluster)
    }

    /// Cuts what is connected; what connects after that is let through.
    func cut() async throws {
        try await forwarder.perform(.close(Self.name))
        try await forwarder.perform(.open(gate))
    }

    /// Passes no byte any more, while both ends go on acknowledging them; `cut` ends that.
    func stall() async throws {
        try await forwarder.perform(.stall(Self.name, true))
    }

    /// Swallows the next answer to COMMIT and cuts the line instead, so many times in a row.
    func loseAcknowledgements(_ count: Int = 1) async throws {
        try await cutting.withLock { $0 }?.value
        try await forwarder.perform(
            .loseAcknowledgements(Self.name) { [self] in
                let task = Task.detached {
                    try await self.forwarder.perform(.close(Self.name))
                    try await self.forwarder.perform(.open(self.gate))
                }
                cutting.withLock { $0 = task }
                lost.increment()
                guard count > 1 else { return }
                Task.detached { try await self.loseAcknowledgements(count - 1) }
            }
        )
    }

    /// How many acknowledgements were swallowed.
    let lost = Counter()
    private let cutting = Mutex<Task<Void, any Error>?>(nil)

    /// A pool whose connections go through the line.
    func withPool<Result>(
        maxConnections: Int = 4,
        configure: (inout ConnectionPool.Configuration) -> Void = { _ in },
        _ body: (ConnectionPool) async throws -> Result
    ) async throws -> Result {
        let address = gate.address
        return try await PGPoolTests.withPool(
            on: cluster,
            maxConnections: maxConnections,
            configure: { configuration in
                configuration.host = address.host
                configuration.port = String(address.port)
                configure(&configuration)
            },
            body
        )
    }

    deinit {
        forwarder.stop()
    }
}

/// A cluster whose commits wait for its one reader, shared by the tests of a suite that freeze it.
enum Standby {
    static let cluster = Task {
        var configuration = LocalCluster.Configuration()
        configuration.readers = 1
        return try await LocalCluster.start(configuration)
    }
}

extension LocalCluster {
    /// Freezes the readers for as long as the closure runs, so that every commit waits.
    func withoutStandbys<Result>(_ body: () async throws -> Result) async throws -> Result {
        let servers = state.read { $0.readers }
        for server in servers { try await server.freeze() }
        do {
            let result = try await body()
            for server in servers { try await server.thaw() }
            return result
        } catch {
            for server in servers { try await server.thaw() }
            throw error
        }
    }

    /// Waits until that many commits wait for a standby.
    func commitsWait(_ count: Int = 1) async throws {
        try await eventually("\(count) commits wait for a standby") {
            try await execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            ) == "\(count)"
        }
    }
}
