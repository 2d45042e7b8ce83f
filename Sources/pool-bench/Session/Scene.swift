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
        try Output.check(options)
        let interruption = Interruption()
        interruption.install()
        let result: BenchResult
        do {
            result = try await withServer(options, connections, interruption, body)
        } catch {
            Console.clearProgress()
            if let status = interruption.exitStatus { throw ExitCode(status) }
            throw error
        }
        try Output.deliver(result, options)
        if let status = interruption.exitStatus { throw ExitCode(status) }
        guard result.errorCount <= options.maxErrors else {
            Console.note("\(result.errorCount) errors, --max-errors is \(options.maxErrors)")
            throw ExitCode.failure
        }
    }

    private static func withServer(
        _ options: LoadOptions,
        _ connections: Int,
        _ interruption: Interruption,
        _ body: @Sendable (BenchServer, Interruption) async throws -> BenchResult
    ) async throws -> BenchResult {
        let url = options.url
        if url == nil { Console.progress("starting a server") }
        let server = try await interruption.cancellable {
            try await BenchServer.start(url: url, connections: connections)
        }
        do {
            let result = try await body(server, interruption)
            await server.shutdown()
            return result
        } catch {
            await server.shutdown()
            throw error
        }
    }
}
