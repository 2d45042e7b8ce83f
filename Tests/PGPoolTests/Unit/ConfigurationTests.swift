import PGPoolCore
import Testing

@testable import PGPool

@Suite("Configuration")
struct ConfigurationTests {
    @Test("A URL is read as libpq reads it")
    func url() throws {
        let configuration = try ConnectionPool.Configuration(
            url: "postgresql://ada:s%40cret@one,two:5433/shop?sslmode=require&application_name=x",
            maxConnections: 3
        )
        #expect(configuration.host == "one,two" && configuration.port == ",5433")
        #expect(configuration.database == "shop" && configuration.user == "ada")
        #expect(configuration.password?.value == "s@cret" && configuration.name == "x")
        #expect(configuration.parameters["sslmode"] == "require")
    }

    @Test("Every value out of bounds is named, with its bound, and nothing is mended")
    func validation() throws {
        var configuration = ConnectionPool.Configuration(host: "", port: 0, maxConnections: 0)
        configuration.minIdle = -1
        configuration.acquire.timeout = .zero
        configuration.opening.maxConcurrent = 0
        configuration.lifetime.maximum = .zero
        configuration.upkeep.probeTimeout = .zero
        configuration.serverSettings = ["bad name": "1"]
        configuration.reactors = []
        configuration.name = "ü"
        let error = try #require(throws: PoolError.self) { try configuration.validate() }
        #expect(error.code == .invalidConfiguration && error.failureClass == .deterministic)
        for field in [
            "maxConnections", "minIdle", "host", "port", "acquire.timeout",
            "opening.maxConcurrent", "lifetime.maximum", "upkeep.probeTimeout", "serverSettings",
            "reactors", "name",
        ] {
            #expect(error.message.contains(field), "\(field) is not named in: \(error.message)")
        }
    }

    @Test("Settings are escaped as libpq's options want them")
    func options() {
        var configuration = ConnectionPool.Configuration(host: "h", maxConnections: 1)
        configuration.serverSettings = ["a": "x y", "b": "c\\d"]
        #expect(configuration.target.parameters["options"] == "-c a=x\\ y -c b=c\\\\d")
    }

    @Test("A secret never shows")
    func secret() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped] {
            #expect(!text.contains("hunter2"))
        }
    }

    @Test("A verbose libpq message gives its SQLSTATE and loses the server's source line")
    func verboseMessage() {
        let (text, state) = Dial.readVerbose(
            """
            connection to server at "127.0.0.1", port 5432 failed: FATAL:  28P01: password \
            authentication failed for user "app"
            LOCATION:  auth_failed, auth.c:338
            """
        )
        #expect(state == .invalidPassword && !text.contains("LOCATION"))
        #expect(Dial.readVerbose("connection refused").sqlState == nil)
    }

    @Test("A failed login is deterministic when the server says what is wrong with it")
    func deterministic() {
        func isDeterministic(_ phase: DialFailure.Phase, _ text: String, _ code: String?) -> Bool {
            DialFailure(
                phase: phase,
                message: text,
                sqlState: code.flatMap { SQLState($0) },
                elapsed: .zero
            ).isDeterministic
        }
        #expect(isDeterministic(.login, "", "28P01"))
        #expect(isDeterministic(.login, "", "3D000"))
        #expect(!isDeterministic(.login, "", "53300"))
        #expect(!isDeterministic(.login, "", "57P03"))
        #expect(!isDeterministic(.connecting, "connection refused", nil))
        #expect(!isDeterministic(.tls, "server closed the connection unexpectedly", nil))
        #expect(isDeterministic(.tls, "certificate verify failed", nil))
    }
}
