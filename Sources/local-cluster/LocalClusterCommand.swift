public import ArgumentParser
import Dispatch
import Foundation
public import PGPoolTesting

@main
struct LocalClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "local-cluster",
        abstract: "Runs a throwaway PostgreSQL until Ctrl-C, and prints its URLs.",
        discussion: """
            With --readers it is a cluster that behaves like Aurora: readers follow the writer, \
            topology functions tell who writes, and after a fault (--fault) a reader is promoted.

            It prints a line each: url and superuser (the writer's URLs), log (its path), and with \
            readers a line for each node, the endpoints, and the pattern of the instances' hosts.

            Nothing of it stays behind, however this program ends.
            """
    )

    @Option(help: "How many readers follow the writer, 0 to 8.")
    var readers = 0

    @Option(help: "Whose topology functions the nodes offer: aurora, multi-az or plain.")
    var flavor = LocalCluster.Flavor.aurora

    @Option(help: "How long after a fault a reader is promoted, as 3s or 500ms.")
    var promoteAfter = Length(value: .seconds(3))

    @Option(help: "How long the endpoints lag behind a change of roles, as 1s or 500ms.")
    var endpointLag = Length(value: .seconds(1))

    @Flag(help: "Put a forwarder before each node, which stall and lost-ack need.")
    var forwardNodes = false

    @Option(
        help: """
            What to do to the writer once all runs, without healing it: \
            \(LocalCluster.Fault.allCases.map(\.rawValue).joined(separator: ", ")).
            """
    )
    var fault: LocalCluster.Fault?

    @Option(help: "How long after all runs the fault is done, as 5s or 500ms.")
    var faultAfter = Length(value: .zero)

    @Option(help: "The password that logins need, by SCRAM. Default: everybody is trusted.")
    var password: String?

    @Flag(help: "Refuse TCP connections without TLS.")
    var tls = false

    @Flag(help: "Listen on a Unix socket too.")
    var unixSocket = false

    @Option(name: .customLong("set"), help: "A server setting, as name=value. Repeatable.")
    var settings: [String] = []

    func validate() throws {
        for setting in settings where !setting.contains("=") {
            throw ValidationError("'\(setting)' isn't of the form name=value")
        }
    }

    func run() async throws {
        let (signals, sources) = interruptions()
        defer { for source in sources { source.cancel() } }
        try await LocalCluster.with(clusterConfiguration()) { cluster in
            try say(description(of: cluster))
            if let fault {
                try await Task.sleep(for: faultAfter.value)
                try await cluster.inject(fault)
                try say(["fault \(fault)"])
            }
            let reporting = Task {
                guard fault != nil else { return }
                let failover = try await cluster.promotion()
                try say(["writer \(failover.newWriter.id) \(cluster.url(of: failover.newWriter))"])
            }
            for await _ in signals { break }
            reporting.cancel()
        }
    }

    private func clusterConfiguration() -> LocalCluster.Configuration {
        var configuration = LocalCluster.Configuration()
        if let password { configuration.authentication = .scram(password: password) }
        if tls { configuration.tls = .required }
        configuration.usesUnixSocket = unixSocket
        configuration.readers = readers
        configuration.flavor = flavor
        configuration.promoteAfter = promoteAfter.value
        configuration.endpointLag = endpointLag.value
        configuration.forwardsNodes = forwardNodes
        for setting in settings {
            let parts = setting.split(
                separator: "=",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            configuration.parameters[String(parts[0])] = String(parts[1])
        }
        return configuration
    }

    private func description(of cluster: LocalCluster) -> [String] {
        var lines = ["url \(cluster.url)", "superuser \(cluster.superuserURL)"]
        if readers > 0 {
            lines += cluster.nodes.map { "node \($0.id) \($0.role) \(cluster.url(of: $0))" }
            lines.append("cluster-endpoint \(cluster.clusterEndpointURL)")
            lines.append("reader-endpoint \(cluster.readerEndpointURL)")
            lines.append("instance-pattern \(cluster.instancePattern)")
        }
        return lines + ["log \(cluster.logPath)"]
    }

    private func say(_ lines: [String]) throws {
        let text = lines.map { $0 + "\n" }.joined()
        try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    }

    /// SIGINT and SIGTERM as they come, so that the cluster is gone when the prompt is back.
    private func interruptions() -> (AsyncStream<Void>, [any DispatchSourceSignal]) {
        let (signals, feed) = AsyncStream.makeStream(of: Void.self)
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { feed.yield() }
            source.resume()
            return source
        }
        return (signals, sources)
    }
}

extension LocalCluster.Flavor: ExpressibleByArgument {}
extension LocalCluster.Fault: ExpressibleByArgument {}

/// A length of time, written `20s` or `150ms`.
struct Length: ExpressibleByArgument, CustomStringConvertible {
    let value: Duration

    init(value: Duration) { self.value = value }

    init?(argument: String) {
        for (unit, one) in [("ms", Duration.milliseconds(1)), ("s", .seconds(1))] {
            guard argument.hasSuffix(unit), let count = Double(argument.dropLast(unit.count)) else {
                continue
            }
            guard (0...86_400_000).contains(count) else { return nil }
            self.init(value: one * count)
            return
        }
        return nil
    }

    var description: String { "\(value / .seconds(1))s" }
}
