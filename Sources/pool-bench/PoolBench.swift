import ArgumentParser
import Foundation

/// The commands that measure PGPool.
///
/// Exit status: 0 done and within `--max-errors`, 1 it fell short or couldn't be done, 2 usage, and
/// 128 plus the signal's number when stopped by one.
@main
struct PoolBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pool-bench",
        abstract: "Measures PGPool on a real PostgreSQL.",
        discussion: """
            Without --url a verb starts a throwaway server of its own and removes it afterwards. \
            Durations are written 20s, 150ms. Exit status: 0 done and within --max-errors, \
            1 it fell short, 2 usage.
            """,
        subcommands: [
            RunCommand.self, SpikeCommand.self, FailoverCommand.self, SoakCommand.self,
            ReportCommand.self,
        ]
    )

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            end(with: error)
        }
    }

    /// The parser would say 64 for usage, as `sysexits.h` has it; here it is 2, as for most tools.
    private static func end(with error: any Error) -> Never {
        Console.clearProgress()
        guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
        try? FileHandle.standardError.write(contentsOf: Data((fullMessage(for: error) + "\n").utf8))
        Foundation.exit(2)
    }
}
