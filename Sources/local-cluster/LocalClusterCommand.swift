import ArgumentParser
import Dispatch
import Foundation
import PGPoolTesting

@main
struct LocalClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "local-cluster",
        abstract: "Runs a throwaway PostgreSQL until Ctrl-C, and prints its URL.",
        discussion: "Nothing of it stays behind, however this program ends."
    )

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
        var configuration = LocalCluster.Configuration()
        if let password { configuration.authentication = .scram(password: password) }
        if tls { configuration.tls = .required }
        configuration.usesUnixSocket = unixSocket
        for setting in settings {
            let parts = setting.split(
                separator: "=",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            configuration.parameters[String(parts[0])] = String(parts[1])
        }
        let (signals, sources) = interruptions()
        defer { for source in sources { source.cancel() } }
        try await LocalCluster.with(configuration) { cluster in
            let lines = ["url \(cluster.url)", "superuser \(cluster.superuserURL)"]
            let text = (lines + ["log \(cluster.logPath)", ""]).joined(separator: "\n")
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
            for await _ in signals { break }
        }
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
