import Foundation
import Synchronization

/// One PostgreSQL server of a cluster: its files and its life.
final class ServerNode: Sendable {
    /// The bootstrap superuser. The control plane and the standbys use it, through a socket that
    /// no fault reaches; people and programs get `postgres`.
    static let controlRole = "pgpool_control"

    /// The number that its names and its address end with; from 1.
    let number: Int

    /// Where clients reach it.
    let host: String

    /// Where the server itself listens: elsewhere when a forwarder stands before it.
    let serverHost: String

    let port: Int

    /// Where its settings, its log and its Unix sockets are; the data is in `data` below it.
    let directory: String

    private let settings: ServerSettings
    private let supervisor: Supervisor
    private let changes = Mutex<[String: String]>([:])

    var id: String { String(number) }
    var name: String { Self.name(of: number) }
    var logPath: String { "\(directory)/log" }
    var controlDirectory: String { settings.controlDirectory }

    init(number: Int, plan: AddressPlan, members: ClusterParts) {
        self.number = number
        host = plan.host(of: number)
        serverHost = plan.serverHost(of: number)
        port = plan.port
        supervisor = members.supervisor
        directory = "\(members.supervisor.directory)/\(Self.name(of: number))"
        settings = ServerSettings(
            configuration: members.configuration,
            clusterDirectory: members.supervisor.directory,
            directory: directory
        )
    }

    private static func name(of number: Int) -> String { "node-\(number)" }

    // MARK: Files

    /// Makes the first server's data.
    func initialise() async throws {
        do {
            _ = try await supervisor.ask("initialise", name)
        } catch let error as LocalClusterError where error.code == .serverFailed {
            let output = try? String(contentsOfFile: "\(directory).initdb", encoding: .utf8)
            throw LocalClusterError(code: .serverFailed, message: "initdb failed", log: output)
        }
    }

    /// Makes a standby's data from this server's, which must be stopped.
    func copyData(to standby: ServerNode) async throws {
        _ = try await supervisor.ask("copy", name, standby.name)
    }

    /// Makes this server a standby with a running server's data; its own is thrown away.
    func cloneData(of source: ServerNode, timeout: Duration) async throws {
        _ = try await supervisor.ask("clone", name, source.controlDirectory, String(port))
        let note = "\(directory)/cloned"
        try await wait(for: "get its data from \(source.name)", timeout: timeout) {
            FileManager.default.fileExists(atPath: note)
        }
        // It is written after it is made.
        try await wait(for: "get its data from \(source.name)", timeout: .seconds(5)) {
            try !String(contentsOfFile: note, encoding: .utf8).isEmpty
        }
        let status = try String(contentsOfFile: note, encoding: .utf8)
        guard status.trimmingCharacters(in: .whitespacesAndNewlines) == "0" else {
            throw LocalClusterError(
                code: .serverFailed,
                message: "pg_basebackup failed",
                log: newLog(after: 0)
            )
        }
    }

    /// Says whether the next start is a standby's.
    func setStandby(_ isStandby: Bool) async throws {
        _ = try await supervisor.ask(isStandby ? "standby" : "primary", name)
    }

    /// Removes the server and all its files.
    func remove() async throws {
        _ = try await supervisor.ask("remove", name)
    }

    /// Changes settings, or with `nil` takes a change back, and writes them all.
    ///
    /// They count from the next start or, where the server allows it, from ``reload()`` on.
    func set(_ wanted: [String: String?]) throws {
        try changes.withLock { changes in
            for (name, value) in wanted { changes[name] = value }
            try settings.write(host: serverHost, port: port, changes: changes)
        }
    }

    func writeLoginRules() throws { try settings.writeLoginRules() }

    // MARK: Life

    func start(timeout: Duration) async throws {
        let logged = try await launch()
        try await waitUntilReady(timeout: timeout, after: logged)
    }

    /// Starts the server and doesn't wait; returns how long its log was.
    func launch() async throws -> Int {
        let logged = (try? log().utf8.count) ?? 0
        _ = try await supervisor.ask("start", name)
        return logged
    }

    func waitUntilReady(timeout: Duration, after logged: Int) async throws {
        try await wait(for: "come up", timeout: timeout) {
            if hasExited {
                throw LocalClusterError(
                    code: .serverFailed,
                    message: "the server ended while it started",
                    log: newLog(after: logged)
                )
            }
            return status == "ready"
        }
    }

    /// Waits until a standby that takes no connections is up.
    func waitUntilRefusing(timeout: Duration) async throws {
        try await wait(for: "come up", timeout: timeout) { status == "standby" }
    }

    func stop(mode: LocalCluster.StopMode, timeout: Duration) async throws {
        _ = try await supervisor.ask("signal", name, mode == .fast ? "INT" : "QUIT")
        try await wait(for: "stop", timeout: timeout) { hasExited }
    }

    /// Has the server read its settings again. It does so a moment later.
    /// Returns when the signal went out.
    @discardableResult
    func reload() async throws -> ContinuousClock.Instant {
        Supervisor.instant(ofUptime: try await supervisor.ask("signal", name, "HUP"))
    }

    /// Returns when the first signal went out.
    @discardableResult
    func kill() async throws -> ContinuousClock.Instant {
        Supervisor.instant(ofUptime: try await supervisor.ask("kill", name))
    }

    /// Returns when the first signal went out.
    @discardableResult
    func freeze() async throws -> ContinuousClock.Instant {
        Supervisor.instant(ofUptime: try await supervisor.ask("freeze", name))
    }

    func thaw() async throws { _ = try await supervisor.ask("thaw", name) }

    func processIdentifiers() async throws -> [Int32] {
        try await supervisor.ask("processes", name).split(separator: " ").compactMap { Int32($0) }
    }

    func log() throws -> String {
        try String(contentsOfFile: logPath, encoding: .utf8)
    }

    /// What the postmaster says of itself in the eighth line of its pid file.
    private var status: String? {
        let path = "\(directory)/data/postmaster.pid"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.count >= 8 ? lines[7].trimmingCharacters(in: .whitespaces) : nil
    }

    /// The supervisor notes the postmaster's exit status here, and removes it at the next start.
    var hasExited: Bool { FileManager.default.fileExists(atPath: "\(directory)/exit") }

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
    var isAboutThePort: Bool { log?.contains("Address already in use") ?? false }
}
