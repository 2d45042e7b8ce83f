internal import PGPoolCore

/// What a server has to answer questions about its cluster with.
enum NodeFlavor: String, Sendable {
    /// `aurora_replica_status()`.
    case aurora
    /// `rds_tools.show_topology()`: an RDS Multi-AZ cluster.
    case multiAZ
    /// It speaks for itself.
    case plain
    /// It speaks for itself and must not be asked about its control file.
    case minimal
}

/// What a node said when it was asked what it is.
struct NodeAnswer: Sendable {
    enum Detail: Sendable {
        case alone(systemIdentifier: UInt64?, timeline: UInt32?)
        case aurora(instance: String?, [TopologyAnswer.AuroraRow], serverTime: Int64)
        case multiAZ(id: String?, [TopologyAnswer.MultiAZRow], writerID: String?)
    }

    var isInRecovery: Bool
    var isReadOnly: Bool
    var detail: Detail

    /// What the node can be asked for again.
    var flavor: NodeFlavor {
        switch detail {
        case .alone(let systemIdentifier, _): systemIdentifier == nil ? .minimal : .plain
        case .aurora: .aurora
        case .multiAZ: .multiAZ
        }
    }
}

/// The questions, as SQL. All names are qualified: a session's `search_path` is anybody's.
enum NodeQuestion {
    /// Tells the flavor. Extensions are looked for, not called: an ordinary role may look.
    static let flavor = """
        SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_proc p \
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
        WHERE n.nspname = 'pg_catalog' AND p.proname = 'aurora_replica_status') THEN 'aurora' \
        WHEN EXISTS (SELECT FROM pg_catalog.pg_proc p \
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
        WHERE n.nspname = 'rds_tools' AND p.proname = 'show_topology') THEN 'multiAZ' \
        ELSE 'plain' END
        """

    static func sql(_ flavor: NodeFlavor) -> String {
        switch flavor {
        case .aurora: aurora
        case .multiAZ: multiAZ
        case .plain: plain
        case .minimal: minimal
        }
    }

    private static let role = """
        pg_catalog.pg_is_in_recovery(), \
        pg_catalog.current_setting('default_transaction_read_only')::bool
        """
    private static let minimal = "SELECT \(role)"
    private static let plain = """
        SELECT \(role), (SELECT system_identifier FROM pg_catalog.pg_control_system()), \
        CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL \
        ELSE pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) END
        """
    private static let aurora = """
        SELECT \(role), pg_catalog.aurora_db_instance_identifier()::text, s.server_id::text, \
        s.session_id = 'MASTER_SESSION_ID', coalesce(s.replica_lag_in_msec, 0)::float8, \
        coalesce(s.cpu, 0)::float8, \
        (extract(epoch FROM s.last_update_timestamp) * 1000000)::int8, \
        (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8 \
        FROM (SELECT 1) AS one LEFT JOIN pg_catalog.aurora_replica_status() AS s ON true
        """
    private static let multiAZ = """
        SELECT \(role), rds_tools.dbi_resource_id()::text, t.id::text, t.endpoint::text, \
        t.port::int4, rds_tools.multi_az_db_cluster_source_dbi_resource_id()::text \
        FROM (SELECT 1) AS one LEFT JOIN rds_tools.show_topology('pgpool') AS t ON true
        """

    /// Reads the answer to ``sql(_:)``.
    ///
    /// - Throws: ``PostgresDecodingError``.
    static func read(_ rows: Rows, _ flavor: NodeFlavor) throws -> NodeAnswer? {
        switch flavor {
        case .minimal:
            return try rows.decode((Bool, Bool).self).first.map {
                NodeAnswer(
                    isInRecovery: $0.0,
                    isReadOnly: $0.1,
                    detail: .alone(systemIdentifier: nil, timeline: nil)
                )
            }
        case .plain:
            return try rows.decode((Bool, Bool, Int64?, String?).self).first.map {
                NodeAnswer(
                    isInRecovery: $0.0,
                    isReadOnly: $0.1,
                    detail: .alone(
                        systemIdentifier: $0.2.map { UInt64(bitPattern: $0) },
                        timeline: $0.3.flatMap { UInt32($0.prefix(8), radix: 16) }
                    )
                )
            }
        case .aurora: return try readAurora(rows)
        case .multiAZ: return try readMultiAZ(rows)
        }
    }

    private static func readAurora(_ rows: Rows) throws -> NodeAnswer? {
        let table = try rows.decode(
            (Bool, Bool, String?, String?, Bool?, Double, Double, Int64?, Int64).self
        )
        guard let first = table.first else { return nil }
        let nodes = table.compactMap { row -> TopologyAnswer.AuroraRow? in
            row.3.map { name in
                TopologyAnswer.AuroraRow(
                    instance: name,
                    isWriter: row.4 ?? false,
                    lagMilliseconds: row.5,
                    cpu: row.6,
                    updatedAt: row.7
                )
            }
        }
        // A writer that was told that it is none answers so here before anywhere else.
        let isCalledReader = nodes.contains { $0.instance == first.2 && !$0.isWriter }
        return NodeAnswer(
            isInRecovery: first.0 || isCalledReader,
            isReadOnly: first.1,
            detail: .aurora(instance: first.2, nodes, serverTime: first.8)
        )
    }

    private static func readMultiAZ(_ rows: Rows) throws -> NodeAnswer? {
        let table = try rows.decode(
            (Bool, Bool, String?, String?, String?, Int32?, String?).self
        )
        guard let first = table.first else { return nil }
        let nodes = table.compactMap { row -> TopologyAnswer.MultiAZRow? in
            guard let id = row.3, let host = row.4, let port = row.5.flatMap(UInt16.init(exactly:))
            else { return nil }
            return TopologyAnswer.MultiAZRow(id: id, address: HostAddress(host: host, port: port))
        }
        let source = first.6.flatMap { $0.isEmpty ? nil : $0 }
        // A writer that was told that it is none names another one.
        let isCalledReader = source.map { $0 != first.2 } ?? false
        return NodeAnswer(
            isInRecovery: first.0 || isCalledReader,
            isReadOnly: first.1,
            detail: .multiAZ(
                id: first.2,
                nodes,
                writerID: source ?? (first.0 ? nil : first.2)
            )
        )
    }
}

extension NodeAnswer {
    /// As the topology wants it.
    var topology: TopologyAnswer {
        switch detail {
        case .alone(_, let timeline): .plain(isInRecovery: isInRecovery, timeline: timeline)
        case .aurora(_, let rows, let time): .aurora(rows, serverTime: time)
        case .multiAZ(_, let rows, let writer): .multiAZ(rows, writerID: writer)
        }
    }

    /// As the endpoint wants it.
    ///
    /// - Parameters:
    ///   - host: who was asked. A name that leads to some instance or other makes no claim: that
    ///     instance goes by another name.
    ///   - topology: knows the hosts by their instances' names.
    func report(of host: HostID, in topology: TopologyStateMachine) -> NodeReport {
        var report = NodeReport(isInRecovery: isInRecovery, isReadOnly: isReadOnly)
        switch detail {
        case .alone(let systemIdentifier, let timeline):
            report.systemIdentifier = systemIdentifier
            report.timeline = timeline
        case .aurora(let instance, let rows, let time):
            guard let instance, topology.id(ofInstance: instance) == host,
                let writer = rows.first(where: \.isWriter),
                let id = topology.id(ofInstance: writer.instance)
            else { break }
            report.claim = NodeReport.Claim(writer: id, stamp: writer.updatedAt ?? time)
        case .multiAZ:
            break
        }
        return report
    }
}
