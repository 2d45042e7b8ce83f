import ArgumentParser
import Foundation

/// Where results go.
enum Output {
    /// The result as one line of JSON.
    static func json(_ result: BenchResult) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(result), as: UTF8.self) + "\n"
    }

    /// Writes what the options ask for, and the summary unless standard output has the JSON.
    static func deliver(_ result: BenchResult, _ options: LoadOptions) throws {
        if options.json != "-" { print(Summary.text(of: result), terminator: "") }
        if let path = options.json {
            let text = try json(result)
            if path == "-" {
                print(text, terminator: "")
            } else {
                try write(text, to: path, option: "--json")
            }
        }
        if let path = options.html {
            let name = BenchTitle.short(result)
            let page = HTMLReport([NamedResult(name: name, result: result)]).page
            try write(page, to: path, option: "--html")
        }
    }

    static func write(_ text: String, to path: String, option: String) throws {
        do {
            try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw OutputError("\(option) \(path): can't be written: \(error.localizedDescription)")
        }
    }

    /// Finds out before the load whether its result can be written after it.
    static func check(_ options: LoadOptions) throws {
        for (option, path) in [("--json", options.json), ("--html", options.html)] {
            guard let path, path != "-" else { continue }
            let folder = URL(filePath: path).deletingLastPathComponent().path
            guard FileManager.default.isWritableFile(atPath: folder) else {
                throw ValidationError("\(option) \(path): the folder can't be written to")
            }
        }
    }
}

/// A file couldn't be read or written.
struct OutputError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
