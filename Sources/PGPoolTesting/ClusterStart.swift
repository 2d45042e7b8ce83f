import Foundation

/// Makes a cluster's nodes from nothing.
struct ClusterStart {
    let parts: ClusterParts

    private var configuration: LocalCluster.Configuration { parts.configuration }

    /// Returns the nodes, the first of which writes, the addresses they have, and the forwarder.
    ///
    /// A standby is a copy of what initdb made, since that is faster than a base backup: from its
    /// first moment on it follows what the writer does after that.
    func run() async throws -> ([ServerNode], AddressPlan, Forwarder) {
        let readers = configuration.readers
        let makePlan = {
            try AddressPlan.make(
                forwards: configuration.forwardsNodes,
                isSingle: readers == 0 && !configuration.forwardsNodes
            )
        }
        var plan = try makePlan()
        let forwarder = try Forwarder()
        do {
            var first = ServerNode(number: 1, plan: plan, members: parts)
            try await first.initialise()
            if readers > 0 { try await recordLimits(of: first) }
            let standbys = try await copies(of: first, count: readers, plan: plan)
            if configuration.tls != .off {
                try await ServerCertificate.make(
                    in: parts.supervisor.directory,
                    names: plan.names,
                    addresses: plan.addresses,
                    account: parts.account
                )
            }
            try first.writeLoginRules()
            // Between the choice of a port and the server's bind somebody else may take it.
            var attempts = 1
            while true {
                do {
                    try first.set([:])
                    try await first.start(timeout: configuration.timeout)
                    break
                } catch let error as LocalClusterError
                    where error.isAboutThePort && attempts < 10 && readers == 0
                {
                    attempts += 1
                    plan = try makePlan()
                    first = ServerNode(number: 1, plan: plan, members: parts)
                }
            }
            try await start(standbys, following: first)
            return ([first] + standbys, plan, forwarder)
        } catch {
            forwarder.stop()
            throw error
        }
    }

    /// Settings that a standby must not have lower than the writer, as initdb's data records them.
    /// <https://www.postgresql.org/docs/current/hot-standby.html>
    private static let limits: Set<String> = [
        "max_connections", "max_locks_per_transaction", "max_prepared_transactions",
        "max_wal_senders", "max_worker_processes",
    ]

    /// Lets a start record other limits than initdb's before the data is copied; else standbys with
    /// lower ones would refuse it.
    private func recordLimits(of first: ServerNode) async throws {
        let names = configuration.parameters.keys.map { $0.lowercased() }
        guard !Self.limits.isDisjoint(with: names) else { return }
        try first.set(["listen_addresses": ""])
        try first.writeLoginRules()
        try await first.start(timeout: configuration.timeout)
        try await first.stop(mode: .fast, timeout: configuration.timeout)
        try first.set(["listen_addresses": nil])
    }

    private func copies(
        of first: ServerNode,
        count: Int,
        plan: AddressPlan
    ) async throws -> [ServerNode] {
        var nodes: [ServerNode] = []
        for number in 0..<count {
            let node = ServerNode(number: number + 2, plan: plan, members: parts)
            try await first.copyData(to: node)
            try node.writeLoginRules()
            try node.follow(first)
            nodes.append(node)
        }
        return nodes
    }

    private func start(_ standbys: [ServerNode], following first: ServerNode) async throws {
        var logged: [Int] = []
        for node in standbys { logged.append(try await node.launch()) }
        try await makeContents(on: first)
        for (node, length) in zip(standbys, logged) {
            try await node.waitUntilReady(timeout: configuration.timeout, after: length)
        }
        try await first.waitUntilFollowed(by: standbys, timeout: configuration.timeout)
        guard !standbys.isEmpty else { return }
        try first.set(["synchronous_standby_names": ServerNode.anyOne])
        try await first.reload()
    }

    /// The roles, the topology functions and the application's database.
    private func makeContents(on writer: ServerNode) async throws {
        let password = configuration.authentication.password.map {
            " PASSWORD '\($0.replacingOccurrences(of: "'", with: "''"))'"
        }
        let powers = "SUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS LOGIN"
        let role = LocalCluster.quotedName(configuration.role)
        let database = LocalCluster.quotedName(configuration.database)
        let functions = TopologyFunctions.sql(for: configuration.flavor)
        try await writer.session { session in
            try session.query("CREATE ROLE \(LocalCluster.superuser) \(powers)\(password ?? "")")
            try session.query("CREATE ROLE \(role) LOGIN\(password ?? "")")
            if let functions { try session.query(functions) }
        }
        if let functions {
            try await writer.session(database: "template1") { _ = try $0.query(functions) }
        }
        try await writer.ask("CREATE DATABASE \(database) OWNER \(role)", timeout: .seconds(60))
    }
}
