internal import CLibPQ
internal import PGPoolCore

/// Where to connect and how: libpq's parameters (PostgreSQL manual, 34.1.2), by name.
struct DialTarget: Sendable {
    /// Everything but the hosts and ports.
    var parameters: [String: String]
    var hosts: [(name: String, port: String)]
    /// Looks names up in place of the system's resolver.
    var resolver: ConnectionPool.Configuration.Resolver?
    /// What must not appear in a message.
    var secrets: [String]

    /// Takes libpq's comma-separated lists apart.
    init(parameters: [String: String], host: String, port: String, secrets: [String]) {
        self.parameters = parameters
        self.secrets = secrets.filter { !$0.isEmpty }
        let names = host.split(separator: ",", omittingEmptySubsequences: false)
        let ports = port.split(separator: ",", omittingEmptySubsequences: false)
        hosts = names.enumerated().map { index, name in
            (String(name), String(ports.count == 1 ? ports[0] : ports[min(index, ports.count - 1)]))
        }
    }

    /// The parameters for libpq, once the names are resolved.
    ///
    /// `host` stays beside `hostaddr`, for certificates are checked against names.
    func keywords(resolved: [ResolvedHost]) -> [(String, String)] {
        var result = parameters.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        result.append(("host", resolved.map(\.name).joined(separator: ",")))
        result.append(("port", resolved.map(\.port).joined(separator: ",")))
        if resolved.contains(where: { !$0.address.isEmpty }) {
            result.append(("hostaddr", resolved.map(\.address).joined(separator: ",")))
        }
        return result
    }

    /// One of the hosts, or another, whatever role it has; for the pool's own questions without the
    /// session's settings, and under a name that tells them from the pool's connections.
    func aimed(at address: HostAddress, asking: Bool) -> DialTarget {
        var target = self
        target.hosts = [(address.host, String(address.port))]
        target.parameters["target_session_attrs"] = nil
        // It says where the configured hosts are.
        if hosts.count != 1 || hosts[0].name != address.host { target.parameters["hostaddr"] = nil }
        guard asking else { return target }
        target.parameters["options"] = nil
        let name = parameters["application_name"] ?? ""
        target.parameters["application_name"] = name.prefix(57) + " watch"
        return target
    }

    /// `text` without the secrets.
    func redacted(_ text: String) -> String {
        secrets.reduce(text) { $0.replacing($1, with: "***") }
    }

    /// Takes a connection URI, or a `keyword=value` string, apart with libpq's own parser.
    ///
    /// Returns nil when libpq refuses it; its message may quote the password, so it is dropped.
    static func parse(_ url: String) -> [String: String]? {
        var message: UnsafeMutablePointer<CChar>?
        defer { if let message { PQfreemem(message) } }
        guard let options = PQconninfoParse(url, &message) else { return nil }
        defer { PQconninfoFree(options) }
        var result: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val {
                result[String(cString: keyword)] = String(cString: value)
            }
            option += 1
        }
        return result
    }
}

/// One address of one host. A Unix socket's directory has no address.
struct ResolvedHost: Sendable {
    var name: String
    var port: String
    var address: String
}

/// Why a dial failed.
struct DialFailure: Error, Sendable {
    /// How far it had got.
    enum Phase: String, Sendable {
        case resolving = "resolving the name"
        case connecting = "connecting"
        case tls = "TLS"
        case login = "login"
        case setUp = "setting up the session"
    }

    var phase: Phase
    var message: String
    var sqlState: SQLState?
    var elapsed: Duration
    var didTimeOut = false

    /// What it says of the host.
    var verdict: FailureVerdict {
        FailureClassifier.classify(sqlState, isFatal: true, phase: .connecting)
    }

    /// Whether trying again can help only after somebody changed something.
    var isDeterministic: Bool {
        if didTimeOut { return false }
        switch sqlState {
        case nil:
            // A server that goes away in the middle of either says nothing of the configuration.
            let words: [String] =
                switch phase {
                case .tls: ["certificate", "does not support SSL"]
                case .login: ["no password supplied", "authentication method"]
                case .connecting, .resolving: ["root certificate"]
                case .setUp: []
                }
            return words.contains { message.contains($0) }
        case .connectionException?, .insufficientResources?, .operatorIntervention?,
            .objectNotInPrerequisiteState?, .systemError?, .internalError?:
            return false
        default:
            // A login, a database or a setting that the server does not accept.
            return true
        }
    }
}
