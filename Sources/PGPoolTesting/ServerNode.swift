import Foundation

/// One PostgreSQL server of a cluster: its files and its life.
struct ServerNode: Sendable {
    let name: String
    let host: String
    let port: Int

    /// Where its settings, its log and its Unix socket are; the data is in `data` below it.
    let directory: String

    private let supervisor: Supervisor

    var logPath: String { "\(directory)/log" }

    /// Makes a server's data and files and starts it, on a port that it could bind.
    static func make(
        named name: String,
        configuration: LocalCluster.Configuration,
        supervisor: Supervisor,
        account: ServerAccount
    ) async throws -> ServerNode {
        let directory = "\(supervisor.directory)/\(name)"
        try await initialise(name, password: configuration.authentication.password, supervisor)
        if configuration.tls != .off {
            try await ServerCertificate.make(in: directory, account: account)
        }
        let settings = ServerSettings(configuration: configuration, directory: directory)
        try settings.writeLoginRules()
        // Between the choice of a port and the server's bind somebody else may take it.
        var attempts = 0
        while true {
            let node = ServerNode(
                name: name,
                host: "127.0.0.1",
                port: try LoopbackPort.pick(),
                directory: directory,
                supervisor: supervisor
            )
            try settings.write(host: node.host, port: node.port)
            attempts += 1
            do {
                try await node.start(timeout: configuration.timeout)
                return node
            } catch let error as LocalClusterError where attempts < 10 && error.isAboutThePort {
                continue
            }
        }
    }

    private static func initialise(
        _ name: String,
        password: String?,
        _ supervisor: Supervisor
    ) async throws {
        let passwordPath = "\(supervisor.directory)/password"
        if let password {
            try ServerSettings.write(password + "\n", to: passwordPath)
        }
        do {
            _ = try await supervisor.ask("initialise", name)
        } catch let error as LocalClusterError where error.code == .serverFailed {
            let output = try? String(
                contentsOfFile: "\(supervisor.directory)/\(name).initdb",
                encoding: .utf8
            )
            throw LocalClusterError(code: .serverFailed, message: "initdb failed", log: output)
        }
        if password != nil { try FileManager.default.removeItem(atPath: passwordPath) }
    }

    func start(timeout: Duration) async throws {
        let logged = (try? log().utf8.count) ?? 0
        _ = try await supervisor.ask("start", name)
        try await wait(for: "come up", timeout: timeout) {
            if hasExited {
                throw LocalClusterError(
                    code: .serverFailed,
                    message: "the server ended while it started",
                    log: newLog(after: logged)
                )
            }
            return isReady
        }
    }

    func stop(mode: LocalCluster.StopMode, timeout: Duration) async throws {
        _ = try await supervisor.ask("signal", name, mode == .fast ? "INT" : "QUIT")
        try await wait(for: "stop", timeout: timeout) { hasExited }
    }

    func kill() async throws {
        _ = try await supervisor.ask("kill", name)
    }

    func processIdentifiers() async throws -> [Int32] {
        try await supervisor.ask("processes", name).split(separator: " ").compactMap { Int32($0) }
    }

    func log() throws -> String {
        try String(contentsOfFile: logPath, encoding: .utf8)
    }

    /// The postmaster says in the eighth line of its pid file that it takes connections.
    private var isReady: Bool {
        let path = "\(directory)/data/postmaster.pid"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.count >= 8 && lines[7].trimmingCharacters(in: .whitespaces) == "ready"
    }

    /// The supervisor notes the postmaster's exit status here, and removes it at the next start.
    private var hasExited: Bool {
        FileManager.default.fileExists(atPath: "\(directory)/exit")
    }

    private func newLog(after offset: Int) -> String? {
        (try? log()).map { String(decoding: $0.utf8.dropFirst(offset).suffix(4096), as: UTF8.self) }
    }

    /// Looks at a condition until it holds. The server's files tell no other way.
    private func wait(
        for event: String,
        timeout: Duration,
        until condition: () throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + timeout
        while try !condition() {
            guard ContinuousClock.now < deadline else {
                throw LocalClusterError(
                    code: .timedOut,
                    message: "the server didn't \(event) within \(timeout)",
                    log: newLog(after: 0)
                )
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

extension LocalClusterError {
    /// Whether another port would help. The servers speak English, as we start them with C messages.
    fileprivate var isAboutThePort: Bool {
        log?.contains("Address already in use") ?? false
    }
}
