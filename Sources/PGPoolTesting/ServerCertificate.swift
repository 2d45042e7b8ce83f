import Foundation
import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// A throwaway authority and a server certificate that it signed, made by the `openssl` program.
enum ServerCertificate {
    static let authority = "authority.crt"
    static let certificate = "server.crt"
    static let key = "server.key"

    private static let authorityKey = "authority.key"
    private static let request = "server.csr"
    private static let newKey = [
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
    ]

    /// Writes the files, as the user who runs the server, so that it owns its key.
    ///
    /// - Parameters:
    ///   - names: The names that the certificate is for, besides `localhost`.
    ///   - addresses: The addresses that it is for.
    static func make(
        in directory: String,
        names: [String],
        addresses: [String],
        account: ServerAccount
    ) async throws {
        let subjects = (["localhost"] + names).map { "DNS:\($0)" } + addresses.map { "IP:\($0)" }
        let settings = """
            [req]
            distinguished_name = name
            prompt = no
            [name]
            CN = PGPool throwaway authority
            [authority]
            basicConstraints = critical, CA:TRUE
            keyUsage = critical, keyCertSign, cRLSign
            subjectKeyIdentifier = hash
            [server]
            basicConstraints = critical, CA:FALSE
            subjectAltName = \(subjects.joined(separator: ", "))
            extendedKeyUsage = serverAuth

            """
        try ServerSettings.write(settings, to: "\(directory)/openssl.cnf")
        let tool = OpenSSL(directory: directory, account: account)
        try await tool.run(
            ["req", "-x509", "-config", "openssl.cnf", "-extensions", "authority"] + newKey
                + ["-days", "30", "-keyout", authorityKey, "-out", authority]
        )
        try await tool.run(
            ["req", "-new", "-config", "openssl.cnf", "-subj", "/CN=localhost"] + newKey
                + ["-keyout", key, "-out", request]
        )
        try await tool.run([
            "x509", "-req", "-in", request, "-CA", authority, "-CAkey", authorityKey,
            "-set_serial", "1", "-days", "30", "-extfile", "openssl.cnf", "-extensions", "server",
            "-out", certificate,
        ])
        for name in [authorityKey, request, "openssl.cnf"] {
            try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
        }
    }
}

private struct OpenSSL {
    let directory: String
    let account: ServerAccount

    func run(_ arguments: [String]) async throws {
        let result: ExecutionResult<Void, DiscardedOutput, StringOutput<UTF8>>
        do {
            result = try await Subprocess.run(
                .name("openssl"),
                arguments: Arguments(arguments),
                workingDirectory: FilePath(directory),
                platformOptions: account.platformOptions,
                output: .discarded,
                error: .string(limit: 64 << 10)
            )
        } catch let error as SubprocessError where error.code == .executableNotFound {
            throw LocalClusterError(
                code: .programMissing,
                message: "TLS needs the openssl program. Install it: apt-get install openssl"
            )
        }
        guard result.terminationStatus.isSuccess else {
            throw LocalClusterError(
                code: .serverFailed,
                message: "openssl \(arguments[0]) failed",
                log: result.standardError
            )
        }
    }
}
