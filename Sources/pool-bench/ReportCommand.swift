import ArgumentParser
import Foundation

/// `pool-bench report`: renders results that were written before.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Renders JSON results to one HTML page."
    )

    @Argument(help: ArgumentHelp("Results that --json wrote.", valueName: "result.json"))
    var results: [String]

    @Option(help: ArgumentHelp("Where the page goes.", valueName: "path"))
    var html: String

    func validate() throws {
        if results.isEmpty { throw ValidationError("name at least one result") }
    }

    func run() throws {
        let named = try results.map { path in
            NamedResult(
                name: URL(filePath: path).deletingPathExtension().lastPathComponent,
                result: try Self.read(path)
            )
        }
        try Output.write(HTMLReport(named).page, to: html, option: "--html")
    }

    private static func read(_ path: String) throws -> BenchResult {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw OutputError("\(path): can't be read")
        }
        do {
            return try JSONDecoder().decode(BenchResult.self, from: data)
        } catch {
            throw OutputError("\(path): not a result of pool-bench: \(error)")
        }
    }
}
