import PGPoolCore
import Testing

@testable import PGPool

@Suite("Settings in the startup packet")
struct ServerSettingsTests {
    private func options(_ settings: [String: String]) -> String? {
        var configuration = ConnectionPool.Configuration(host: "h", maxConnections: 1)
        configuration.serverSettings = settings
        return configuration.target.parameters["options"]
    }

    /// What the server makes of options: `pg_split_opts` in `src/backend/utils/init/postinit.c`.
    private func split(_ options: String) -> [String] {
        var words: [String] = []
        var word: [UInt8]?
        var isEscaped = false
        for byte in options.utf8 {
            if isEscaped {
                word = (word ?? []) + [byte]
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                word = word ?? []
                isEscaped = true
            } else if byte == 32 || (9...13).contains(byte) {
                if let word { words.append(String(decoding: word, as: UTF8.self)) }
                word = nil
            } else {
                word = (word ?? []) + [byte]
            }
        }
        if let word { words.append(String(decoding: word, as: UTF8.self)) }
        return words
    }

    static let hostile = [
        "", " ", "\\", "\\ ", " -c log_statement=all", "\t-c\u{B}x=1", "a\nb\r\n\u{C}c", "\\\\\\",
        "x\\", "'; DROP TABLE t; --", "\u{E9}\u{301} \u{1F600}", "\"a\", b", "$(id) `id` %s",
    ]

    @Test("Every value arrives as one value", arguments: hostile)
    func values(value: String) {
        let options = options(["search_path": value, "x.y": value]) ?? ""
        #expect(split(options) == ["-c", "search_path=\(value)", "-c", "x.y=\(value)"])
    }

    @Test("Every value that the server would split is escaped, whichever it is")
    func generated() {
        var generator = SeededGenerator(seed: 42)
        let alphabet: [Character] = [" ", "\\", "\t", "\n", "a", "=", "-", "c", "'", "\u{B}", "\r"]
        for _ in 0..<2_000 {
            let length = Int.random(in: 0...12, using: &generator)
            let value = String(
                (0..<length).map { _ in alphabet.randomElement(using: &generator) ?? "a" }
            )
            let options = options(["a": value]) ?? ""
            #expect(split(options) == ["-c", "a=\(value)"], "\(value.debugDescription)")
        }
    }

    @Test(
        "A name that is none is refused by name",
        arguments: ["", "a b", "1a", "a=b", "a.", ".a", "a\\", "-c", "ä", "a\n", "a.1b", "a'"]
    )
    func names(name: String) throws {
        var configuration = ConnectionPool.Configuration(host: "h", maxConnections: 1)
        configuration.serverSettings = [name: "x"]
        let error = try #require(throws: PoolError.self) { try configuration.validate() }
        #expect(error.message.contains("serverSettings[\(name.debugDescription)]"))
        #expect(error.code == .invalidConfiguration && error.failureClass == .deterministic)
    }

    @Test("Values that cannot travel are refused, and the error does not quote them")
    func refusedValues() throws {
        for settings in [
            ["a": "secret\0"], ["client_encoding": "secret"], ["Client_Encoding": "secret"],
            ["a": "secret", "A": "secret"], ["a": String(repeating: "secret", count: 2_000)],
        ] {
            var configuration = ConnectionPool.Configuration(host: "h", maxConnections: 1)
            configuration.serverSettings = settings
            let error = try #require(throws: PoolError.self) { try configuration.validate() }
            #expect(error.message.contains("serverSettings"))
            #expect(!"\(error)".contains("secret"), "\(error)")
        }
    }

    @Test("The URL's own options stay, and the application's name goes by its own name")
    func others() throws {
        var configuration = try ConnectionPool.Configuration(
            url: "postgresql://h/d?options=-c%20a%3D1",
            maxConnections: 1
        )
        configuration.serverSettings = ["b": "2", "Application_Name": "till 3"]
        let parameters = configuration.target.parameters
        #expect(parameters["options"] == "-c a=1 -c b=2")
        #expect(parameters["application_name"] == "till 3")
    }

    @Test("A statement with parameters cannot go by the simple protocol")
    func simpleMode() throws {
        let query: Query = "SELECT \(1), \("secret")"
        let error = try #require(throws: PostgresError.self) {
            _ = try PostgresConnection.form(of: query, mode: .simple)
        }
        #expect(error.failureClass == .deterministic && error.message.contains("statementMode"))
        #expect(try PostgresConnection.form(of: "SELECT 1", mode: .simple).kind == .simple)
        let own = try PostgresConnection.form(of: query.sent(as: .unnamed), mode: .simple)
        #expect(own.kind == .extended && own.isUnnamed)
    }
}
