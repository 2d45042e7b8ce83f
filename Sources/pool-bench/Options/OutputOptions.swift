import ArgumentParser

/// The options that every verb which runs a load has.
struct LoadOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Use this server instead of a throwaway one; a libpq URL.",
            valueName: "url"
        )
    )
    var url: String?

    @Option(
        help: ArgumentHelp("Write the result as JSON; - is standard output.", valueName: "path")
    )
    var json: String?

    @Option(help: ArgumentHelp("Write a report with plots.", valueName: "path"))
    var html: String?

    @Option(
        name: .customLong("max-errors"),
        help: ArgumentHelp("Exit with 1 when more operations fail.", valueName: "n")
    )
    var maxErrors = 0

    @Option(help: ArgumentHelp("Seed of the random parameters; drawn if not said.", valueName: "n"))
    var seed: UInt64?

    func validate() throws {
        try Bounds.check("--max-errors", maxErrors, in: 0...Int(Int32.max))
        if html == "-" { throw ValidationError("--html -: must be a file's path") }
    }
}
