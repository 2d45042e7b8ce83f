import Foundation
import Subprocess
import Testing

@testable import PGPoolTesting

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// How a run of `psql` ended.
struct PsqlResult {
    let succeeded: Bool
    let output: String
    let errors: String
}

/// Runs a statement through `psql` and a URL, as a user of the cluster would.
func psql(_ cluster: LocalCluster, _ url: String, _ sql: String) async throws -> PsqlResult {
    let result = try await run(
        .path(cluster.programs.path(of: "psql")),
        arguments: ["-X", "-A", "-t", "-w", "-d", url, "-c", sql],
        output: .string(limit: 1 << 20),
        error: .string(limit: 1 << 20)
    )
    return PsqlResult(
        succeeded: result.terminationStatus.isSuccess,
        output: result.standardOutput.trimmingCharacters(in: .newlines),
        errors: result.standardError
    )
}

/// Waits until a condition holds, and fails with advice when it doesn't.
func eventually(
    _ condition: () async throws -> Bool,
    orElse advice: @autoclosure () -> Comment,
    sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record(advice(), sourceLocation: sourceLocation)
            return
        }
        // Proof: it is the condition that is waited for; this only keeps from asking too often.
        try await Task.sleep(for: .milliseconds(10))
    }
}

/// What the kernel knows about processes and shared memory.
enum Kernel {
    /// The processes that work in a directory or below it, removed or not.
    static func processes(in directory: String) throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }
            .filter { process in
                let link = "/proc/\(process)/cwd"
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: link)
                return target?.hasPrefix(directory + "/") ?? false
            }
    }

    /// The supervisor of a server's process: the leader of its session.
    static func supervisor(of postmaster: Int32) throws -> Int32 {
        let leader = getsid(postmaster)
        try #require(isSupervisor(leader), "the postmaster isn't in its supervisor's session")
        return leader
    }

    static func isSupervisor(_ process: Int32) -> Bool {
        let path = "/proc/\(process)/cmdline"
        let line = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return line.contains("pgpool-supervisor")
    }

    /// All rules of nftables, which only root sees.
    static func packetRules() async throws -> String {
        let result = try await run(
            .path("/usr/sbin/nft"),
            arguments: ["list", "ruleset"],
            output: .string(limit: 1 << 20),
            error: .discarded
        )
        return result.standardOutput
    }

    /// The identifiers of all System V shared memory segments.
    static func sharedMemory() throws -> Set<String> {
        let text = try String(contentsOfFile: "/proc/sysvipc/shm", encoding: .utf8)
        return Set(
            text.split(separator: "\n").dropFirst().compactMap { line in
                line.split(separator: " ").dropFirst().first.map(String.init)
            }
        )
    }
}

/// The parts of a running cluster that must be gone after it.
struct Remains {
    let directory: String
    let supervisor: Int32
    let segment: String

    /// Takes note of them, given the path of the writer's log.
    init(logPath: String) throws {
        let writer = URL(fileURLWithPath: logPath).deletingLastPathComponent()
        directory = writer.deletingLastPathComponent().path
        let pidFile = writer.appendingPathComponent("data/postmaster.pid")
        let lines = try String(contentsOf: pidFile, encoding: .utf8).split(
            separator: "\n",
            omittingEmptySubsequences: false
        )
        supervisor = try Kernel.supervisor(of: try #require(Int32(lines[0])))
        segment = try #require(lines[6].split(separator: " ").last.map(String.init))
        try #require(try Kernel.sharedMemory().contains(segment))
        try #require(try !Kernel.processes(in: directory).isEmpty)
    }

    /// What is left, in words; empty when nothing is.
    var description: String {
        get throws {
            var left: [String] = []
            if FileManager.default.fileExists(atPath: directory) { left.append(directory) }
            left += try Kernel.processes(in: directory).map { "server process \($0)" }
            if Kernel.isSupervisor(supervisor) { left.append("supervisor \(supervisor)") }
            if try Kernel.sharedMemory().contains(segment) { left.append("segment \(segment)") }
            return left.joined(separator: ", ")
        }
    }
}
