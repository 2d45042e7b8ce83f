import Foundation
import Subprocess

extension LocalCluster {
    /// The superuser's name.
    public static let superuser = "postgres"

    /// Whom a URL logs in.
    public enum Login: Sendable, Hashable {
        /// The ordinary role, to the database it owns.
        case application
        /// The superuser, to the database `postgres`.
        case superuser
    }

    /// The ordinary role's connection URL: to the present writer over TCP, with the password and full checks of the
    /// server's certificate where the configuration has them.
    public var url: String { url(for: .application) }

    /// The superuser's connection URL, otherwise as ``url``.
    public var superuserURL: String { url(for: .superuser) }

    /// Makes a connection URL.
    ///
    /// - Parameters:
    ///   - login: Whom it logs in, and to which database.
    ///   - password: Another password than the right one; an empty one leaves it out.
    ///   - host: The host to name: a node's or an endpoint's, or ``socketDirectory`` for the Unix
    ///     socket. Default: ``host``.
    ///   - sslMode: libpq's `sslmode`. Default: `verify-full` with TLS over TCP, otherwise not said.
    /// - Returns: A URL that libpq and `psql` understand.
    public func url(
        for login: Login,
        password: String? = nil,
        host: String? = nil,
        sslMode: String? = nil
    ) -> String {
        let isOrdinary = login == .application
        return connectionURL(
            user: isOrdinary ? configuration.role : Self.superuser,
            database: isOrdinary ? configuration.database : "postgres",
            password: password,
            host: host ?? self.host,
            sslMode: sslMode
        )
    }

    private func connectionURL(
        user: String,
        database: String,
        password: String?,
        host: String,
        sslMode: String?
    ) -> String {
        var credentials = Self.percentEncoded(user)
        let secret = password ?? configuration.authentication.password ?? ""
        if !secret.isEmpty { credentials += ":" + Self.percentEncoded(secret) }

        var options: [String] = []
        var authority = "\(host):\(port)"
        if host.hasPrefix("/") {
            authority = ""
            options = ["host=\(Self.percentEncoded(host))", "port=\(port)"]
        }
        let isVerified = configuration.tls != .off && !host.hasPrefix("/")
        if let mode = sslMode ?? (isVerified ? "verify-full" : nil) {
            options.append("sslmode=\(mode)")
        }
        if let path = certificateAuthorityPath {
            options.append("sslrootcert=\(Self.percentEncoded(path))")
        }
        let query = options.isEmpty ? "" : "?" + options.joined(separator: "&")
        return "postgresql://\(credentials)@\(authority)/\(Self.percentEncoded(database))\(query)"
    }

    /// The certificate of the authority that signed the server's, for `sslrootcert`; `nil` without
    /// TLS.
    public var certificateAuthorityPath: String? {
        configuration.tls == .off ? nil : "\(supervisor.directory)/\(ServerCertificate.authority)"
    }

    /// The directory of the present writer's Unix socket; `nil` unless the configuration asks for one.
    public var socketDirectory: String? {
        configuration.usesUnixSocket ? writerServer.directory : nil
    }

    /// Runs SQL as the superuser, through `psql` and so without PGPool.
    ///
    /// Several statements run in one transaction, as with `psql -c`.
    ///
    /// - Parameters:
    ///   - sql: The statements.
    ///   - database: Where to run them. Default: the ordinary role's database.
    ///   - node: On which node, forwarders passed by. Default: the present writer.
    /// - Returns: The rows, one a line, columns separated by `|`, without headings.
    /// - Throws: ``LocalClusterError`` with the server's message.
    @discardableResult
    public func execute(
        _ sql: String,
        in database: String? = nil,
        on node: Node? = nil
    ) async throws -> String {
        let server = try node.map(serverNode) ?? writerServer
        let target = connectionURL(
            user: Self.superuser,
            database: database ?? configuration.database,
            password: nil,
            host: server.serverHost,
            sslMode: nil
        )
        // The owner's libpq settings (PGOPTIONS, PGSERVICE and so on) are for other servers.
        let owners = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PG") }
        var environment: [Subprocess.Environment.Key: String] = [:]
        for (name, value) in owners {
            if let key = Subprocess.Environment.Key(rawValue: name) { environment[key] = value }
        }
        let result = try await run(
            .path(programs.path(of: "psql")),
            arguments: [
                "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", target, "-c", sql,
            ],
            environment: .custom(environment),
            output: .string(limit: 64 << 20),
            error: .string(limit: 1 << 20)
        )
        guard result.terminationStatus.isSuccess else {
            throw LocalClusterError(
                code: .statementFailed,
                message: result.standardError.trimmingCharacters(in: .whitespacesAndNewlines)
            )
        }
        return result.standardOutput.trimmingCharacters(in: .newlines)
    }

    static func quotedName(_ name: String) -> String {
        "\"\(name.replacingOccurrences(of: "\"", with: "\"\""))\""
    }

    static func percentEncoded(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain = byte.isASCIIAlphanumeric || "-._~".utf8.contains(byte)
            return isPlain ? String(UnicodeScalar(byte)) : "%" + hexadecimal(byte)
        }.joined()
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.count < 2 ? "0" + digits : digits
    }
}
