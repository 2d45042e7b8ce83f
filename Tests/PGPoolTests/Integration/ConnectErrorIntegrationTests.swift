import PGPool
import PGPoolTesting
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite("Errors of connecting say what failed, where and after how long, and no secret")
struct ConnectErrorIntegrationTests {
    private func failure(
        _ url: String,
        timeout: Duration = .milliseconds(400),
        configure: (inout ConnectionPool.Configuration) -> Void = { _ in }
    ) async throws -> PoolError {
        var configuration = try ConnectionPool.Configuration(url: url, maxConnections: 2)
        configuration.acquire.timeout = timeout
        configure(&configuration)
        let pool = try ConnectionPool(configuration: configuration)
        let error = try await poolError { try await pool.query("SELECT 1") }
        await pool.shutdown()
        #expect(error.snapshot.limit == 2)
        #expect(!error.description.contains("hunter2"), "the password is in the error")
        #expect(!"\(String(reflecting: error))".contains("hunter2"), "the password is in a dump")
        return error
    }

    @Test("SCRAM and TLS logins work, and both are really there")
    func securedLogin() async throws {
        let cluster = try await Servers.secured.value
        try await withPool(on: cluster) { pool in
            let rows = try await pool.query(
                """
                SELECT ssl, (SELECT rolpassword IS NULL FROM pg_roles WHERE rolname = current_user)
                FROM pg_stat_ssl WHERE pid = pg_backend_pid()
                """
            )
            #expect(try rows[0].decode(Bool.self, at: 0), "the connection is not encrypted")
        }
    }

    @Test("A wrong password fails at once, as deterministic")
    func wrongPassword() async throws {
        let cluster = try await Servers.secured.value
        let url = cluster.url(for: .application, password: "hunter2")
        let error = try await failure(url, timeout: .seconds(20))
        #expect(error.code == .connectFailed && error.failureClass == .deterministic)
        #expect(error.sqlState == .invalidPassword)
        #expect(error.lastConnectFailure?.phase == "login")
        #expect(error.waited < .seconds(10))
    }

    @Test("A database that does not exist")
    func wrongDatabase() async throws {
        let cluster = try await Servers.plain.value
        let error = try await failure(cluster.url, timeout: .seconds(20)) {
            $0.database = "nowhere"
            $0.password = "hunter2"
        }
        #expect(error.code == .connectFailed && error.sqlState == .invalidCatalogName)
    }

    @Test("A certificate of an unknown authority")
    func untrustedCertificate() async throws {
        let cluster = try await Servers.secured.value
        let error = try await failure(
            "postgresql://app:hunter2@127.0.0.1:\(cluster.port)/app",
            timeout: .seconds(20)
        ) {
            $0.parameters["sslmode"] = "verify-full"
            $0.parameters["sslrootcert"] = "/nonexistent/root.crt"
        }
        #expect(error.code == .connectFailed)
        #expect(error.lastConnectFailure?.message.contains("root.crt") == true)
    }

    @Test("A wrong port: refused, tried again until the deadline")
    func wrongPort() async throws {
        let error = try await failure("postgresql://app:hunter2@127.0.0.1:1/app")
        #expect(error.code == .acquireTimeout && error.phase == .connecting)
        #expect(error.lastConnectFailure?.phase == "connecting")
        #expect(error.lastConnectFailure?.message.contains("refused") == true)
    }

    @Test("A name that does not resolve")
    func unknownName() async throws {
        let error = try await failure(
            "postgresql://app:hunter2@does-not-exist.invalid/app",
            timeout: .seconds(8)
        )
        #expect(error.code == .acquireTimeout)
        #expect(error.lastConnectFailure?.phase == "resolving the name")
        #expect(error.lastConnectFailure?.message.contains("does-not-exist.invalid") == true)
    }

    @Test("A host that accepts and never answers")
    func silentHost() async throws {
        let listener = try SilentListener()
        let error = try await failure(
            "postgresql://app:hunter2@127.0.0.1:\(listener.port)/app?sslmode=disable",
            timeout: .seconds(1)
        ) { $0.opening.timeout = .milliseconds(200) }
        #expect(error.code == .acquireTimeout && error.phase == .connecting)
        let last = try #require(error.lastConnectFailure)
        #expect(last.phase == "login" && last.elapsed >= .milliseconds(200))
        #expect(last.message.contains("timed out"))
    }

    @Test("A URL that cannot be read is not quoted")
    func badURL() throws {
        let error = try #require(throws: PoolError.self) {
            try ConnectionPool("postgresql://app:hunter2@[::1/app", maxConnections: 1)
        }
        #expect(error.code == .invalidConfiguration)
        #expect(!"\(error)".contains("hunter2"))
    }
}

/// Listens on loopback; the kernel accepts, and nobody ever answers.
private final class SilentListener {
    let descriptor: Int32
    let port: UInt16

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { [descriptor] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && listen(descriptor, 16) == 0
                    && getsockname(descriptor, pointer, &length) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        try #require(bound, "no free port on loopback")
    }

    deinit {
        close(descriptor)
    }
}
