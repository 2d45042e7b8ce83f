import ArgumentParser

/// What the verbs that run a load have in common: a server, Ctrl-C, the result's way out.
enum Scene {
    /// Runs a verb's load and ends the process with the status that its result deserves.
    ///
    /// - Parameters:
    ///   - options: The common options.
    ///   - connections: The most connections that the verb opens, for a server of its own.
    ///   - body: Measures; it returns what it has when it is interrupted.
    /// - Throws: The exit status, or why nothing could be measured.
    static func play(
        _ options: LoadOptions,
        connections: Int,
        _ body: @Sendable (BenchServer, Interruption) async throws -> BenchResult
    ) async throws {
        try await play(
            options,
            judge: { result in
                guard result.errorCount > options.maxErrors else { return [] }
                return ["\(result.errorCount) errors, --max-errors is \(options.maxErrors)"]
            },
            start: {
                if options.url == nil { Console.progress("starting a server") }
                return try await BenchServer.start(url: options.url, connections: connections)
            },
            end: { await $0.shutdown() },
            body
        )
    }

    /// As above, on whatever stage the verb needs.
    ///
    /// - Parameters:
    ///   - options: The common options.
    ///   - judge: In which ways a result falls short; none of them makes the exit status 0.
    ///   - start: Makes the stage; cancelled by Ctrl-C.
    ///   - end: Clears it away, whatever happened.
    ///   - body: Measures; it returns what it has when it is interrupted.
    /// - Throws: The exit status, or why nothing could be measured.
    static func play<Stage: Sendable>(
        _ options: LoadOptions,
        judge: (BenchResult) -> [String],
        start: @escaping @Sendable () async throws -> Stage,
        end: @Sendable (Stage) async -> Void,
        _ body: @Sendable (Stage, Interruption) async throws -> BenchResult
    ) async throws {
        try Output.check(options)
        let interruption = Interruption()
        interruption.install()
        let result: BenchResult
        do {
            let stage = try await interruption.cancellable { try await start() }
            do {
                result = try await body(stage, interruption)
            } catch {
                await end(stage)
                throw error
            }
            await end(stage)
        } catch {
            Console.clearProgress()
            if let status = interruption.exitStatus { throw ExitCode(status) }
            throw error
        }
        try Output.deliver(result, options)
        if let status = interruption.exitStatus { throw ExitCode(status) }
        let shortcomings = judge(result)
        for shortcoming in shortcomings { Console.note(shortcoming) }
        if !shortcomings.isEmpty { throw ExitCode.failure }
    }
}
