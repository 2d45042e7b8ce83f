extension LocalCluster {
    /// What a cluster and its servers are to be like.
    public struct Configuration: Sendable {
        /// How many readers the cluster starts with, 0 to 8. They follow the writer by streaming
        /// replication, and a commit is acknowledged when any one of them has it. Default: 0.
        public var readers = 0

        /// Whose topology functions the servers offer. Default: ``Flavor/aurora``.
        public var flavor: Flavor = .aurora

        /// How long after a fault of the writer a reader is promoted, as a managed service's
        /// health checks take their time. Default: 3 s.
        public var promoteAfter: Duration = .seconds(3)

        /// How long after a change of roles the endpoints' names and addresses lead to where they
        /// led before, as DNS does. Default: 1 s.
        public var endpointLag: Duration = .seconds(1)

        /// Whether a forwarder stands before each node, which ``Fault/stall`` and
        /// ``Fault/lostAcknowledgement`` need. It costs throughput, and a server that is down then
        /// refuses connections by its forwarder. Default: `false`.
        public var forwardsNodes = false

        /// Settings for each server's `postgresql.conf`, such as `["max_connections": "40"]`.
        ///
        /// Those that the cluster sets itself (`port`, `listen_addresses`, file locations, `ssl…`)
        /// are refused. Default: none.
        public var parameters: [String: String] = [:]

        /// How logins are checked. Default: ``Authentication/trust``.
        public var authentication: Authentication = .trust

        /// Whether the server speaks TLS. Default: ``TLS/off``.
        public var tls: TLS = .off

        /// Whether the server also listens on a Unix socket, in the cluster's private directory.
        /// Default: `false`.
        public var usesUnixSocket = false

        /// The name of the ordinary role that is made besides the superuser. Default: `app`.
        public var role = "app"

        /// The name of the database that is made, owned by ``role``. Default: `app`.
        public var database = "app"

        /// The folder that holds `initdb`, `pg_basebackup`, `postgres` and `psql`.
        ///
        /// Default: `nil`, which means the folder that `pg_config --bindir` names, else the newest
        /// under `/usr/lib/postgresql`.
        public var programsDirectory: String?

        /// How long the server may take to start or to stop before that is an error. Default: 60 s.
        public var timeout: Duration = .seconds(60)

        /// A server that trusts everybody, without TLS.
        public init() {}
    }

    /// Whose topology functions a cluster imitates.
    public enum Flavor: String, Sendable, Hashable, CaseIterable {
        /// Aurora: `aurora_replica_status()`, `aurora_db_instance_identifier()`,
        /// `aurora_version()`, and `aurora_stat_utils` among `rds.extensions`.
        case aurora
        /// An RDS Multi-AZ DB cluster: `rds_tools.show_topology()` and its kin.
        case multiAZ = "multi-az"
        /// None: plain streaming replication, where only `pg_is_in_recovery()` tells.
        case plain

        var extensions: String {
            switch self {
            case .aurora: "aurora_stat_utils,plpgsql"
            case .multiAZ: "rds_tools,plpgsql"
            case .plain: ""
            }
        }
    }

    /// How a server checks logins.
    public enum Authentication: Sendable, Hashable, CustomStringConvertible {
        /// Whoever connects is who they say they are.
        case trust
        /// Both the ordinary role and the superuser need this password, by SCRAM-SHA-256.
        case scram(password: String)

        /// The method's name, without the password.
        public var description: String {
            switch self {
            case .trust: "trust"
            case .scram: "scram-sha-256"
            }
        }

        var password: String? {
            guard case .scram(let password) = self else { return nil }
            return password
        }
    }

    /// Whether a server speaks TLS, with a certificate for `localhost` and the cluster's own
    /// addresses and names that a throwaway authority signed (``LocalCluster/certificateAuthorityPath``).
    public enum TLS: Sendable, Hashable {
        /// No TLS.
        case off
        /// TLS for those who ask for it.
        case optional
        /// TCP connections without TLS are refused.
        case required
    }
}

extension LocalCluster.Configuration {
    /// Settings that the cluster depends on.
    private static let reserved: Set<String> = [
        "config_file", "data_directory", "dynamic_shared_memory_type", "external_pid_file",
        "hba_file", "hot_standby", "ident_file", "listen_addresses", "logging_collector", "port",
        "primary_conninfo", "rds.extensions", "ssl", "ssl_ca_file", "ssl_cert_file",
        "ssl_key_file", "synchronous_standby_names", "unix_socket_directories",
    ]

    /// Reports all that is wrong with the configuration at once.
    func validate() throws {
        var problems: [String] = []
        for (name, value) in parameters.sorted(by: { $0.key < $1.key }) {
            if Self.reserved.contains(name.lowercased()) {
                problems.append("the parameter \(name) is set by the cluster itself")
            }
            let isName = name.utf8.allSatisfy { byte in
                byte.isASCIIAlphanumeric || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
            }
            if name.isEmpty || !isName { problems.append("'\(name)' is no parameter's name") }
            if value.isMultiline { problems.append("the value of \(name) has more than one line") }
        }
        if !(0...AddressPlan.maxNodes - 1).contains(readers) {
            problems.append("readers must be 0 to \(AddressPlan.maxNodes - 1), not \(readers)")
        }
        if promoteAfter < .zero { problems.append("promoteAfter must not be negative") }
        if endpointLag < .zero { problems.append("endpointLag must not be negative") }
        if role.isEmpty || role.isMultiline
            || [LocalCluster.superuser, ServerNode.controlRole].contains(role)
        {
            problems.append("'\(role)' can't be the ordinary role's name")
        }
        let taken = ["postgres", "template0", "template1"]
        if database.isEmpty || database.isMultiline || taken.contains(database) {
            problems.append("'\(database)' can't be the database's name")
        }
        if let password = authentication.password, password.isEmpty || password.isMultiline {
            problems.append("the password must be one line and not empty")
        }
        guard problems.isEmpty else {
            throw LocalClusterError(
                code: .invalidConfiguration,
                message: problems.joined(separator: "; ")
            )
        }
    }
}

extension String {
    fileprivate var isMultiline: Bool { utf8.contains { $0 == 0 || $0 == 10 || $0 == 13 } }
}

extension UInt8 {
    var isASCIIAlphanumeric: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }
}
