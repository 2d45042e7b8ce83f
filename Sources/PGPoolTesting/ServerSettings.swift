import Foundation

/// Writes a server's `postgresql.conf` and `pg_hba.conf`.
///
/// They lie beside the data directory, and not in it: what initdb wrote there stays as it is.
struct ServerSettings {
    let configuration: LocalCluster.Configuration
    let directory: String

    private var password: String? { configuration.authentication.password }

    func write(host: String, port: Int) throws {
        var settings: [(String, String)] = [
            // The data outlives no owner, so nothing is gained by waiting for the disk.
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("log_line_prefix", "%m [%p] %q%u@%d %a "),
        ]
        settings += configuration.parameters.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        settings += [
            ("listen_addresses", host),
            ("port", String(port)),
            ("unix_socket_directories", configuration.usesUnixSocket ? directory : ""),
            ("hba_file", "\(directory)/pg_hba.conf"),
            // Memory in /dev/shm would outlive a server that is killed; this is in its directory.
            ("dynamic_shared_memory_type", "mmap"),
            ("ssl", configuration.tls == .off ? "off" : "on"),
        ]
        if configuration.tls != .off {
            settings += [
                ("ssl_cert_file", "\(directory)/\(ServerCertificate.certificate)"),
                ("ssl_key_file", "\(directory)/\(ServerCertificate.key)"),
            ]
        }
        let text = settings.map { "\($0.0) = \(Self.quoted($0.1))\n" }.joined()
        try Self.write(text, to: "\(directory)/postgresql.conf")
    }

    func writeLoginRules() throws {
        let method = configuration.authentication.description
        let kind = configuration.tls == .required ? "hostssl" : "host"
        let rules = """
            local all all \(method)
            \(kind) all all 127.0.0.0/8 \(method)

            """
        try Self.write(rules, to: "\(directory)/pg_hba.conf")
    }

    /// Backslashes are escapes in this file's strings.
    static func quoted(_ value: String) -> String {
        let escaped = value.replacingOccurrences(of: "\\", with: "\\\\")
        return "'\(escaped.replacingOccurrences(of: "'", with: "''"))'"
    }

    /// The cluster's directory keeps others out; the file itself must be readable by the server's
    /// user where root writes it.
    static func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
    }
}
