import ArgumentParser
import Foundation

/// The statement that the load repeats, the same for the pool and for its baselines.
struct Workload: Equatable, Sendable {
    /// The statement unless a script says otherwise: it returns its random parameter.
    static let standard = "select $1::int"

    /// The range of the random parameter; pgbench draws from the same.
    static let parameters: ClosedRange<Int32> = 1...1_000_000

    /// SQL with at most one parameter, `$1`.
    let statement: String
    let mode: LoadMode

    /// Whether the statement takes the random parameter.
    let hasParameter: Bool

    /// Whether the answer must be the parameter; the load checks it.
    let returnsParameter: Bool

    init(statement: String = Workload.standard, mode: LoadMode) throws {
        var text = statement.trimmingCharacters(in: .whitespacesAndNewlines)
        if text.hasSuffix(";") { text.removeLast() }
        if text.isEmpty { throw ValidationError("--script: the file holds no statement") }
        if text.contains(";") {
            throw ValidationError("--script: the file must hold one statement, without a ';' in it")
        }
        if text.firstMatch(of: /\$([2-9]|1[0-9])/) != nil {
            throw ValidationError("--script: the only parameter is $1, a random int")
        }
        self.statement = text
        self.mode = mode
        hasParameter = text.contains("$1")
        returnsParameter = text == Self.standard
    }

    init(script path: String?, mode: LoadMode) throws {
        guard let path else {
            try self.init(mode: mode)
            return
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ValidationError("--script \(path): the file can't be read")
        }
        guard let text = String(bytes: data, encoding: .utf8) else {
            throw ValidationError("--script \(path): the file isn't UTF-8")
        }
        try self.init(statement: text, mode: mode)
    }

    /// The same for pgbench, whose variables are `:name`.
    var pgbenchScript: String {
        let body = statement.replacing("$1", with: ":x") + ";\n"
        let draw = "\\set x random(\(Self.parameters.lowerBound), \(Self.parameters.upperBound))\n"
        let isTransaction = mode == .transaction
        return (hasParameter ? draw : "") + (isTransaction ? "begin;\n\(body)end;\n" : body)
    }
}
