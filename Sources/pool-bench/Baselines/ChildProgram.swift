import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// Runs a program to its end and measures what CPU it took.
struct ChildProgram: Sendable {
    /// What came of a program that ended by itself.
    struct Outcome: Sendable {
        var output: String
        var errorOutput: String
        var isSuccess: Bool
        var status: String
        var cpuSeconds: Double
    }

    /// Programs talk briefly; more than this means that something is wrong.
    private static let outputLimit = 1 << 20

    let path: String
    var environment: [String: String] = [:]

    /// Runs the program; a cancelled task kills it.
    ///
    /// The CPU is the growth of all waited-for children's, so one program runs at a time.
    func run(_ arguments: [String]) async throws -> Outcome {
        let changes = environment.reduce(into: [Environment.Key: String?]()) { changes, entry in
            changes[Environment.Key(stringLiteral: entry.key)] = entry.value
        }
        let before = ProcessUsage.childrenCPUSeconds()
        let result = try await Subprocess.run(
            .path(FilePath(path)),
            arguments: Arguments(arguments),
            environment: .inherit.updating(changes),
            output: .string(limit: Self.outputLimit),
            error: .string(limit: Self.outputLimit)
        )
        try Task.checkCancellation()
        return Outcome(
            output: result.standardOutput,
            errorOutput: result.standardError,
            isSuccess: result.terminationStatus.isSuccess,
            status: result.terminationStatus.description,
            cpuSeconds: ProcessUsage.childrenCPUSeconds() - before
        )
    }
}

extension ChildProgram.Outcome {
    /// The last lines of what the program complained about, for an error message.
    var complaint: String {
        let lines = errorOutput.split(whereSeparator: \.isNewline).suffix(3)
        return ([status] + lines.map(String.init)).joined(separator: "; ")
    }
}
