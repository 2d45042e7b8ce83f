import Foundation
import Subprocess
import Synchronization

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// The process that starts a cluster's servers, and stops them when their owner is gone.
///
/// It runs in a session of its own, so that a Ctrl-C at the owner's terminal doesn't reach it or
/// the servers, and as the user who runs the servers.
final class Supervisor: Sendable {
    /// The private directory that it made and will remove; empty if it made none.
    let directory: String

    private let commands: AsyncStream<Command>.Continuation
    private let session: Task<Void, Never>

    /// One line to the supervisor and whoever waits for the line it answers.
    private struct Command: Sendable {
        /// Nothing is sent for the first one: the supervisor speaks first.
        let line: String?
        let reply: CheckedContinuation<String, any Error>
    }

    private init(
        directory: String,
        commands: AsyncStream<Command>.Continuation,
        session: Task<Void, Never>
    ) {
        self.directory = directory
        self.commands = commands
        self.session = session
    }

    deinit {
        commands.finish()
    }

    /// Starts a cluster's supervisor and waits until it has made its directory.
    static func launch(programs: ServerPrograms, account: ServerAccount) async throws -> Supervisor
    {
        try await launch(
            script: script,
            arguments: [programs.directory, temporary, ServerNode.controlRole],
            account: account
        )
    }

    /// Starts a shell script that answers commands, and waits for its first answer.
    static func launch(
        script: String,
        arguments: [String],
        account: ServerAccount
    ) async throws -> Supervisor {
        let pipe = try CommandPipe()
        let (stream, commands) = AsyncStream.makeStream(of: Command.self)
        let words = ["-c", script, "pgpool-supervisor"] + arguments
        let session = Task.detached {
            await converse(stream, commands, through: pipe, account.command("sh", words))
        }
        do {
            let directory = try await Self.ask(nil, through: commands)
            return Supervisor(directory: directory, commands: commands, session: session)
        } catch {
            commands.finish()
            await session.value
            throw error
        }
    }

    /// Sends a command and waits for its answer.
    ///
    /// - Returns: What the supervisor says after `ok`.
    func ask(_ words: String...) async throws -> String {
        try await Self.ask(words.joined(separator: " "), through: commands)
    }

    /// The instant of an uptime in seconds, as `/proc/uptime` has it; now, if it is none. It has
    /// hundredths, rounded down.
    static func instant(ofUptime text: String) -> ContinuousClock.Instant {
        // Read first: whatever comes between makes the instant earlier, never later than it was.
        let reference = ContinuousClock.now
        var time = timespec()
        guard let uptime = Double(text), clock_gettime(CLOCK_BOOTTIME, &time) == 0 else {
            return .now
        }
        let now = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        return reference - .seconds(max(0, now - uptime))
    }

    /// Has everything stopped and removed, and returns when that is done and the supervisor gone.
    func end() async {
        commands.finish()
        await session.value
    }

    private static func ask(
        _ line: String?,
        through commands: AsyncStream<Command>.Continuation
    ) async throws -> String {
        let answer = try await withCheckedThrowingContinuation { reply in
            if case .enqueued = commands.yield(Command(line: line, reply: reply)) { return }
            reply.resume(throwing: lost)
        }
        let words = answer.split(separator: " ", maxSplits: 1)
        guard words.first == "ok" else {
            throw LocalClusterError(code: .serverFailed, message: "the supervisor: \(answer)")
        }
        return words.count > 1 ? String(words[1]) : ""
    }

    /// Runs the supervisor process and carries commands to it until no more can come.
    private static func converse(
        _ stream: AsyncStream<Command>,
        _ commands: AsyncStream<Command>.Continuation,
        through pipe: CommandPipe,
        _ program: (executable: Executable, arguments: Arguments)
    ) async {
        var options = PlatformOptions()
        options.createSession = true
        var failure: any Error = lost
        do {
            _ = try await run(
                program.executable,
                arguments: program.arguments,
                environment: .custom(ServerPrograms.serverEnvironment),
                workingDirectory: "/",
                platformOptions: options,
                input: .fileDescriptor(pipe.readEnd, closeAfterSpawningProcess: false),
                output: .sequence,
                error: .discarded
            ) { execution in
                // Closing on every way out is what tells the supervisor to end.
                defer { pipe.close() }
                var answers = execution.standardOutput.strings().makeAsyncIterator()
                for await command in stream {
                    do {
                        if let line = command.line { try pipe.send(line) }
                        guard let answer = try await answers.next() else { throw lost }
                        command.reply.resume(returning: answer)
                    } catch {
                        command.reply.resume(throwing: error)
                    }
                }
            }
        } catch {
            failure = error
        }
        commands.finish()
        for await command in stream { command.reply.resume(throwing: failure) }
    }

    private static var temporary: String {
        let directory = FileManager.default.temporaryDirectory.path
        return directory.count > 1 && directory.hasSuffix("/")
            ? String(directory.dropLast()) : directory
    }

    private static var lost: LocalClusterError {
        LocalClusterError(
            code: .supervisorLost,
            message: "the cluster was shut down, or its supervisor process was killed"
        )
    }
}

/// The pipe whose end tells the supervisor that its owner is gone.
///
/// Both ends are closed on exec, so that no other child of the owner keeps it open. The owner
/// keeps the read end too: a write to a supervisor that was killed then raises no SIGPIPE.
final class CommandPipe: Sendable {
    let readEnd: FileDescriptor
    private let writeEnd: FileDescriptor
    private let isOpen = Mutex(true)

    init() throws {
        var ends: [Int32] = [-1, -1]
        // A socket pair in a pipe's place, since on Linux it can be made closed on exec at once;
        // between two calls another thread might start a program that keeps it open.
        #if os(Linux)
            let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
            guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw Errno(rawValue: errno) }
        #else
            guard socketpair(AF_UNIX, SOCK_STREAM, 0, &ends) == 0 else {
                throw Errno(rawValue: errno)
            }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        #endif
        readEnd = FileDescriptor(rawValue: ends[0])
        writeEnd = FileDescriptor(rawValue: ends[1])
    }

    deinit { close() }

    /// Writes a line. One is answered before the next is sent, so the pipe never fills.
    func send(_ line: String) throws {
        try isOpen.withLock { isOpen in
            guard isOpen else { throw Errno.badFileDescriptor }
            _ = try writeEnd.writeAll(Array((line + "\n").utf8))
        }
    }

    func close() {
        isOpen.withLock { isOpen in
            guard isOpen else { return }
            isOpen = false
            try? readEnd.close()
            try? writeEnd.close()
        }
    }
}
