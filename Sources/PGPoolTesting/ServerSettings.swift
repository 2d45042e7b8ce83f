import Foundation

/// Writes a server's `postgresql.conf` and `pg_hba.conf`.
///
/// They lie beside the data directory, and not in it: what initdb wrote there stays as it is.
struct ServerSettings: Sendable {
    let configuration: LocalCluster.Configuration
    /// The cluster's directory, which holds the certificates.
    let clusterDirectory: String
    let directory: String

    /// The directory of the Unix socket that only the control plane and the standbys use.
    var controlDirectory: String { "\(directory)/control" }

    private var password: String? { configuration.authentication.password }

    /// Writes `postgresql.conf`.
    ///
    /// - Parameter changes: What comes and goes while the cluster lives; it overrides the rest.
    func write(host: String, port: Int, changes: [String: String]) throws {
        var settings: [(String, String)] = [
            // The data outlives no owner, so nothing is gained by waiting for the disk.
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("log_line_prefix", "%m [%p] %q%u@%d %a "),
            ("max_wal_senders", "16"),
            // A reader must find all that it missed, and be back as soon as the writer is.
            ("wal_keep_size", "256MB"),
            ("wal_retrieve_retry_interval", "100ms"),
            ("rds.extensions", configuration.flavor.extensions),
        ]
        settings += configuration.parameters.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        let sockets = configuration.usesUnixSocket ? "\(controlDirectory), \(directory)" : nil
        settings += [
            ("listen_addresses", host),
            ("port", String(port)),
            ("unix_socket_directories", sockets ?? controlDirectory),
            ("hba_file", "\(directory)/pg_hba.conf"),
            // Memory in /dev/shm would outlive a server that is killed; this is in its directory.
            ("dynamic_shared_memory_type", "mmap"),
            ("ssl", configuration.tls == .off ? "off" : "on"),
        ]
        if configuration.tls != .off {
            settings += [
                ("ssl_cert_file", "\(clusterDirectory)/\(ServerCertificate.certificate)"),
                ("ssl_key_file", "\(clusterDirectory)/\(ServerCertificate.key)"),
            ]
        }
        settings += changes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        let text = settings.map { "\($0.0) = \(Self.quoted($0.1))\n" }.joined()
        try Self.write(text, to: "\(directory)/postgresql.conf")
    }

    func writeLoginRules() throws {
        let method = configuration.authentication.description
        let kind = configuration.tls == .required ? "hostssl" : "host"
        let control = ServerNode.controlRole
        // The control plane's role has no password and no way in but through the private socket.
        let rules = """
            local all \(control) trust
            local replication \(control) trust
            host all,replication \(control) all reject
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

    /// Replaces a file at once, so that nobody reads a part of it.
    ///
    /// The cluster's directory keeps others out; the file itself must be readable by the server's
    /// user where root writes it.
    static func write(_ text: String, to path: String) throws {
        let draft = "\(path).new"
        try Data(text.utf8).write(to: URL(fileURLWithPath: draft))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: draft)
        guard rename(draft, path) == 0 else {
            throw LocalClusterError(code: .serverFailed, message: "can't write \(path)")
        }
    }
}
