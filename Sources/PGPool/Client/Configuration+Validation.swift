internal import PGPoolCore

extension ConnectionPool.Configuration {
    /// Checks all values and reports all that are out of bounds at once. Nothing is mended silently.
    ///
    /// - Throws: ``PoolError`` with the code `invalidConfiguration`, whose message names each field
    ///   and its bound.
    public func validate() throws {
        var problems: [String] = []
        func check(_ isRight: Bool, _ problem: String) {
            if !isRight { problems.append(problem) }
        }
        check((1...100_000).contains(maxConnections), "maxConnections: 1 to 100,000")
        check(
            minIdle >= 0 && minIdle <= max(0, maxConnections),
            "minIdle: 0 to maxConnections"
        )
        check(!host.isEmpty, "host: must not be empty")
        check(hasValidPorts, "port: 1 to 65,535, one or as many as there are hosts")
        check(acquire.timeout > .zero, "acquire.timeout: more than 0")
        check((acquire.maxWaiters ?? 0) >= 0, "acquire.maxWaiters: 0 or more")
        check(opening.timeout > .zero, "opening.timeout: more than 0")
        check((1...1_000).contains(opening.maxConcurrent), "opening.maxConcurrent: 1 to 1,000")
        check(opening.backoffBase > .zero, "opening.backoffBase: more than 0")
        check(
            opening.backoffMaximum >= opening.backoffBase,
            "opening.backoffMaximum: at least opening.backoffBase"
        )
        check(lifetime.maximum.map { $0 > .zero } ?? true, "lifetime.maximum: more than 0")
        check(lifetime.idleTimeout.map { $0 > .zero } ?? true, "lifetime.idleTimeout: more than 0")
        check(upkeep.validationBypass >= .zero, "upkeep.validationBypass: 0 or more")
        check(
            upkeep.keepAliveInterval.map { $0 > .zero } ?? true,
            "upkeep.keepAliveInterval: more than 0"
        )
        check(upkeep.probeTimeout > .zero, "upkeep.probeTimeout: more than 0")
        check(
            upkeep.longLeaseThreshold.map { $0 > .zero } ?? true,
            "upkeep.longLeaseThreshold: more than 0"
        )
        problems += failover.problems
        problems += retry.problems.map { "retry." + $0 }
        check((1...10_000).contains(sharing.depth), "sharing.depth: 1 to 10,000")
        check(sharing.patience > .zero, "sharing.patience: more than 0")
        check(!reactors.isEmpty, "reactors: at least one")
        check(statementCacheSize >= 0, "statementCacheSize: 0 or more")
        check(
            name.utf8.count <= 63 && name.utf8.allSatisfy { (32...126).contains($0) },
            "name: at most 63 printable ASCII characters"
        )
        problems += commitLedger.problems
        problems += settingProblems
        check((0...1_000).contains(maxListeners), "maxListeners: 0 to 1,000")
        problems += results.problems
        guard problems.isEmpty else {
            throw PoolError(
                .invalidConfiguration,
                problems.joined(separator: "; "),
                failureClass: .deterministic
            )
        }
    }

    private var hasValidPorts: Bool {
        let ports = port.split(separator: ",", omittingEmptySubsequences: false)
        let hosts = host.split(separator: ",", omittingEmptySubsequences: false)
        return (ports.count == 1 || ports.count == hosts.count)
            && ports.allSatisfy { Int($0).map { (1...65_535).contains($0) } ?? false }
    }

    /// The hosts, one by one.
    var addresses: [HostAddress] {
        target.hosts.compactMap { host in
            UInt16(host.port).map { HostAddress(host: host.name, port: $0) }
        }
    }

    /// What the state machine needs to know.
    var settings: PoolSettings {
        var settings = PoolSettings(maxConnections: maxConnections)
        settings.minIdle = minIdle
        settings.maxWaiters = acquire.maxWaiters ?? max(1_000, 10 * maxConnections)
        settings.maxConcurrentOpenings = opening.maxConcurrent
        settings.openingTimeout = opening.timeout
        settings.maxLifetime = lifetime.maximum
        settings.idleTimeout = lifetime.idleTimeout
        settings.validationBypass = upkeep.validationBypass
        settings.keepAliveInterval = upkeep.keepAliveInterval
        settings.quarantineTimeout = upkeep.probeTimeout
        settings.longLeaseThreshold = upkeep.longLeaseThreshold
        settings.holdsCallers = failover.holdsCallers
        settings.sharedDepth = sharing.depth
        settings.sharedPatience = sharing.patience
        settings.backoff = Backoff(base: opening.backoffBase, maximum: opening.backoffMaximum)
        return settings
    }

    /// Where to connect and how.
    var target: DialTarget {
        var all = parameters
        all["dbname"] = database
        all["user"] = user
        all["password"] = password?.value
        all["application_name"] = name
        all["client_encoding"] = "UTF8"
        // libpq's default, `prefer`, costs a round trip.
        all["gssencmode"] = parameters["gssencmode"] ?? "disable"
        // The deadline of the attempt is ours; libpq's is not enforced when connecting in steps.
        all["connect_timeout"] = nil
        // A peer that is gone without a word is noticed by the system, too (tcp(7)).
        let patience = [
            "tcp_user_timeout": "10000", "keepalives_idle": "10", "keepalives_interval": "3",
            "keepalives_count": "3",
        ]
        all.merge(patience) { said, _ in said }
        addSettings(to: &all)
        var target = DialTarget(
            parameters: all,
            host: host,
            port: port,
            secrets: [password?.value ?? ""]
        )
        target.resolver = resolver
        return target
    }
}
