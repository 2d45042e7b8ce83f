import Foundation
import Subprocess
import Testing

@testable import PGPoolTesting

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// However a cluster's owner ends, nothing of the cluster stays behind.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct LocalClusterCleanupTests {
    @Test(arguments: ["running", "stopped", "killed"])
    func shutdownLeavesNothing(state: String) async throws {
        let cluster = try await LocalCluster.start()
        let remains = try Remains(logPath: cluster.logPath)
        if state == "stopped" { try await cluster.stop() }
        if state == "killed" { try await cluster.kill() }
        await cluster.shutdown()
        #expect(try remains.description == "")
        await cluster.shutdown()
        let error = await #expect(throws: LocalClusterError.self) { try await cluster.start() }
        #expect(error?.code == .supervisorLost)
    }

    @Test func aStoppedProcessDoesNotHoldUpShutdown() async throws {
        let cluster = try await LocalCluster.start()
        let remains = try Remains(logPath: cluster.logPath)
        for process in try await cluster.processIdentifiers() { kill(process, SIGSTOP) }
        await cluster.shutdown()
        #expect(try remains.description == "")
    }

    @Test func anErrorInTheClosureLeavesNothing() async throws {
        struct Mishap: Error {}
        var remains: Remains?
        await #expect(throws: Mishap.self) {
            try await LocalCluster.with { cluster in
                remains = try Remains(logPath: cluster.logPath)
                throw Mishap()
            }
        }
        #expect(try remains?.description == "")
    }

    @Test func aClusterThatIsDroppedGoesAway() async throws {
        let remains = try await {
            let cluster = try await LocalCluster.start()
            return try Remains(logPath: cluster.logPath)
        }()
        try await expectNothing(of: remains)
    }

    /// A program that the owner started must not keep the supervisor waiting for the owner's end.
    @Test func theOwnersOtherChildrenDoNotKeepAClusterAlive() async throws {
        let cluster = try await LocalCluster.start()
        let remains = try Remains(logPath: cluster.logPath)
        var child: pid_t = 0
        let words = ["sleep", "600"].map { (word: String) in strdup(word) }
        defer { words.forEach { free($0) } }
        try #require(posix_spawnp(&child, "sleep", nil, nil, words + [nil], environ) == 0)
        await cluster.shutdown()
        #expect(try remains.description == "")
        #expect(kill(child, SIGKILL) == 0, "the child was to outlive the cluster")
        var status: Int32 = 0
        #expect(waitpid(child, &status, 0) == child)
    }

    @Test(arguments: [SIGKILL, SIGINT, SIGTERM, SIGSEGV, SIGHUP])
    func anOwnerThatIsSignalledLeavesNothing(signal: Int32) async throws {
        var remains: Remains?
        let end = try await runOwner { execution in
            var lines = execution.standardOutput.strings().makeAsyncIterator()
            while let line = try await lines.next() {
                guard line.hasPrefix("log ") else { continue }
                remains = try Remains(logPath: String(line.dropFirst(4)))
                // To the group, as a terminal does it.
                try #require(kill(-execution.processIdentifier.value, signal) == 0)
            }
        }
        let noted = try #require(remains, "the owner ended early: \(end.errors)")
        let isPolite = signal == SIGINT || signal == SIGTERM
        #expect(end.status.isSuccess == isPolite)
        if isPolite { #expect(try noted.description == "", "it exits only when all is gone") }
        try await expectNothing(of: noted)
    }

    /// Stopped processes and dropped packets must not survive their owner either.
    @Test(arguments: ["freeze", "cut"])
    func anOwnerThatIsKilledDuringAFaultLeavesNothing(fault: String) async throws {
        let isRoot = geteuid() == 0
        var remains: Remains?
        var host: String?
        let words = ["--readers", "2", "--fault", fault, "--promote-after", "600s"]
        let end = try await runOwner(arguments: words) { execution in
            var lines = execution.standardOutput.strings().makeAsyncIterator()
            while let line = try await lines.next() {
                if line.hasPrefix("log ") {
                    remains = try Remains(logPath: String(line.dropFirst(4)))
                }
                if line.hasPrefix("url ") {
                    host = line.split(separator: "@").last?.split(separator: ":").first
                        .map(String.init)
                }
                guard line.hasPrefix("fault ") else { continue }
                if isRoot && fault == "cut" {
                    #expect(try await Kernel.packetRules().contains(try #require(host)))
                }
                try #require(kill(execution.processIdentifier.value, SIGKILL) == 0)
            }
        }
        let noted = try #require(remains, "the owner ended early: \(end.errors)")
        if isRoot || fault == "freeze" {
            #expect(end.status == .signaled(SIGKILL), "\(end.errors)")
        } else {
            #expect(end.errors.contains("needsRoot"), "\(end.errors)")
        }
        try await expectNothing(of: noted)
        guard isRoot, let host else { return }
        try await eventually(
            { try await !Kernel.packetRules().contains(host) },
            orElse: "packets of \(host) are still dropped: see PacketFilter's script"
        )
    }

    @Test(.enabled(if: geteuid() == 0, "only root can become somebody else"))
    func cuttingPacketsNeedsRootAndSaysSo() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let program = "\(folder.path)/local-cluster"
        try FileManager.default.copyItem(atPath: localCluster, toPath: program)
        let words = ["--readers", "1", "--fault", "cut"]
        let end = try await runOwner(program, user: 65_534, arguments: words) { _ in }
        #expect(!end.status.isSuccess)
        #expect(end.errors.contains("needsRoot: only root may drop packets"), "\(end.errors)")
    }

    /// The moments of a start, told by the file that has just appeared.
    @Test(arguments: ["", "node-1/data", "node-1/data/pg_wal", "server.key", "node-1/log"])
    func anOwnerThatIsKilledWhileStartingLeavesNothing(moment: String) async throws {
        let base = try TemporaryFolder()
        defer { base.remove() }
        let end = try await runOwner(temporary: base.path) { execution in
            try await eventually(
                { base.contents().contains { base.has("\($0)/\(moment)") } },
                orElse: "no \(moment) came about: see how the owner ended"
            )
            try #require(kill(execution.processIdentifier.value, SIGKILL) == 0)
        }
        #expect(end.status == .signaled(SIGKILL), "the owner ended early: \(end.errors)")
        try await eventually(
            { base.contents().isEmpty },
            orElse: "still there: \(base.contents()). The supervisor missed its owner's end"
        )
        #expect(try Kernel.processes(in: base.path).isEmpty)
    }

    @Test(.enabled(if: geteuid() == 0, "only root can become somebody else"))
    func anOrdinaryUserNeedsNoRights() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        // The checkout may lie where nobody else may look.
        let program = "\(folder.path)/local-cluster"
        try FileManager.default.copyItem(atPath: localCluster, toPath: program)
        var remains: Remains?
        let end = try await runOwner(program, user: 65_534) { execution in
            var lines = execution.standardOutput.strings().makeAsyncIterator()
            while let line = try await lines.next() {
                guard line.hasPrefix("log ") else { continue }
                let noted = try Remains(logPath: String(line.dropFirst(4)))
                remains = noted
                let attributes = try FileManager.default.attributesOfItem(atPath: noted.directory)
                #expect(attributes[.ownerAccountID] as? Int == 65_534)
                #expect(attributes[.posixPermissions] as? Int == 0o700)
                try #require(kill(execution.processIdentifier.value, SIGKILL) == 0)
            }
        }
        try await expectNothing(
            of: try #require(remains, "the owner ended early: \(end.errors)")
        )
    }

    private func expectNothing(of remains: Remains) async throws {
        try await eventually(
            { try remains.description.isEmpty },
            orElse: "still there: \((try? remains.description) ?? "?"). See the supervisor's script"
        )
    }
}

/// The program, which is built beside the tests.
private let localCluster = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("local-cluster").path

/// Runs `local-cluster`, which owns a cluster, in a process group of its own.
private func runOwner(
    _ program: String = localCluster,
    user: UInt32? = nil,
    temporary: String? = nil,
    arguments: [String] = ["--tls"],
    _ body: (Execution<NoInput, SequenceOutput, StringOutput<UTF8>>) async throws -> Void
) async throws -> (status: TerminationStatus, errors: String) {
    var options = PlatformOptions()
    options.processGroupID = 0
    if let user {
        options.userID = user
        options.groupID = user
        options.supplementaryGroups = [user]
    }
    // The runtime's backtracer would catch a signal from outside, and then go on.
    var environment = ServerPrograms.serverEnvironment
    environment["SWIFT_BACKTRACE"] = "enable=no"
    environment["TMPDIR"] = temporary
    let result = try await run(
        .path(FilePath(program)),
        arguments: Arguments(arguments),
        environment: .custom(environment),
        workingDirectory: "/",
        platformOptions: options,
        input: .none,
        output: .sequence,
        error: .string(limit: 64 << 10),
        body: body
    )
    return (result.terminationStatus, result.standardError)
}

/// A folder that the server's user may write to as well.
private struct TemporaryFolder {
    let path: String

    init() throws {
        path = "/tmp/pgpool-test-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: path)
    }

    func contents() -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    }

    func has(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(path)/\(name)")
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }
}
