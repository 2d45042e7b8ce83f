/// The SQL of the topology functions, for each database that a session may be in.
///
/// The nodes can't write, except for one, and must agree. So the functions read a file that the
/// control plane keeps beside each node's data, and are `SECURITY DEFINER`, since only superusers
/// read files.
enum TopologyFunctions {
    static let file = "topology.json"

    static func sql(for flavor: LocalCluster.Flavor) -> String? {
        switch flavor {
        case .aurora: systemTables + settings + aurora
        case .multiAZ: systemTables + settings + multiAZ
        case .plain: nil
        }
    }

    private static let systemTables = "SET allow_system_table_mods = on;\n"

    private static let document =
        "pg_read_file(current_setting('data_directory') || '/../\(file)')::jsonb"
    private static let rights = "STABLE SECURITY DEFINER SET search_path = pg_catalog"

    /// Custom settings are not in this view, yet clients look there to tell Aurora.
    private static let settings = """
        CREATE OR REPLACE VIEW pg_catalog.pg_settings AS
        SELECT * FROM pg_show_all_settings()
        UNION ALL SELECT 'rds.extensions', current_setting('rds.extensions'), NULL,
        'Customized Options', 'Extensions that the service offers.', NULL, 'postmaster', 'string',
        'configuration file', NULL, NULL, NULL, '', current_setting('rds.extensions'), NULL, NULL,
        false;

        """

    /// Columns as in
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora_replica_status.html>.
    private static let aurora = """
        CREATE FUNCTION pg_catalog.aurora_db_instance_identifier() RETURNS text LANGUAGE sql
        \(rights) AS $$ SELECT \(document) ->> 'instance' $$;

        CREATE FUNCTION pg_catalog.aurora_version() RETURNS text LANGUAGE sql
        \(rights) AS $$ SELECT split_part(current_setting('server_version'), ' ', 1) || '.0' $$;

        CREATE FUNCTION pg_catalog.aurora_replica_status(
            OUT server_id text, OUT session_id text, OUT durable_lsn bigint,
            OUT highest_lsn_rcvd bigint, OUT current_read_lsn bigint,
            OUT cur_replay_latency_in_usec bigint, OUT active_txns int, OUT is_current boolean,
            OUT last_transport_error int, OUT last_error_timestamp timestamptz,
            OUT last_update_timestamp timestamptz, OUT feedback_xmin bigint,
            OUT feedback_epoch int, OUT replica_lag_in_msec bigint,
            OUT log_stream_speed_in_kib_per_second double precision,
            OUT log_buffer_sequence_number bigint, OUT oldest_read_view_trx_id bigint,
            OUT oldest_read_view_lsn bigint, OUT pending_read_ios int, OUT read_ios int,
            OUT iops int, OUT cpu real
        ) RETURNS SETOF record LANGUAGE sql \(rights) AS $$
        SELECT n.id, CASE WHEN n.writer THEN 'MASTER_SESSION_ID' ELSE n.session END, l.lsn,
            CASE WHEN NOT n.writer THEN l.lsn END, CASE WHEN NOT n.writer THEN l.lsn END,
            CASE WHEN NOT n.writer THEN 0 END, NULL::int, true, 0, NULL::timestamptz, now(),
            NULL::bigint, NULL::int, CASE WHEN NOT n.writer THEN n.lag END, 0::float8, 0::bigint,
            NULL::bigint, NULL::bigint, 0, 0, 0, 1::real
        FROM jsonb_to_recordset(\(document) -> 'nodes')
            AS n(id text, session text, writer boolean, lag bigint),
        LATERAL (SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_lsn() END - '0/0')::bigint AS lsn) AS l
        $$;
        """

    private static let multiAZ = """
        CREATE SCHEMA rds_tools;
        GRANT USAGE ON SCHEMA rds_tools TO PUBLIC;

        CREATE FUNCTION rds_tools.show_topology(
            driver text DEFAULT NULL, OUT id text, OUT endpoint text, OUT port int
        ) RETURNS SETOF record LANGUAGE sql \(rights) AS $$
        SELECT 'db-' || n.id, n.host, n.port FROM jsonb_to_recordset(\(document) -> 'nodes')
            AS n(id text, host text, port int)
        $$;

        CREATE FUNCTION rds_tools.dbi_resource_id(OUT dbi_resource_id text) LANGUAGE sql
        \(rights) AS $$ SELECT 'db-' || (\(document) ->> 'instance') $$;

        CREATE FUNCTION rds_tools.multi_az_db_cluster_source_dbi_resource_id(
            OUT multi_az_db_cluster_source_dbi_resource_id text
        ) LANGUAGE sql \(rights) AS $$
        SELECT 'db-' || n.id FROM (SELECT \(document) AS d) AS f,
            jsonb_to_recordset(d -> 'nodes') AS n(id text, writer boolean)
        WHERE n.writer AND n.id <> d ->> 'instance'
        $$;
        """
}
