/// The texts of what is said to the server about commit tokens. Every name is qualified and quoted,
/// since callers change `search_path` and choose the names.
package struct LedgerSQL: Sendable {
    package let schema: String
    package let table: String
    /// The table's name as SQL.
    package let name: String
    /// The insert of a token, `$1`; returns what the commit is going to wait for.
    package let insert: String

    package init(schema: String, table: String) {
        self.schema = schema
        self.table = table
        name = "\(Self.quoted(schema)).\(Self.quoted(table))"
        insert = """
            INSERT INTO \(name) (id) VALUES ($1) \
            RETURNING pg_catalog.current_setting('synchronous_commit')
            """
    }

    /// An identifier, quoted.
    package static func quoted(_ name: String) -> String {
        "\"\(name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
    }

    /// A string, quoted, whatever `standard_conforming_strings` says.
    package static func literal(_ text: String) -> String {
        var quoted = ""
        for character in text.unicodeScalars {
            if character == "'" || character == "\\" { quoted.unicodeScalars.append(character) }
            quoted.unicodeScalars.append(character)
        }
        return (text.contains("\\") ? " E'" : "'") + quoted + "'"
    }

    // MARK: - Resolution

    /// Begins the transaction that fences a token.
    package static let fenceBegin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

    /// Fences a token, unless its transaction was committed; the last result is its state. Waits for
    /// the transaction if it still runs, at most `lockTimeout`.
    package func fence(_ token: UUIDv7, lockTimeout: Duration) -> String {
        let milliseconds = max(1, min(lockTimeout.wholeNanoseconds / 1_000_000, 2_147_483_647))
        return """
            SET LOCAL synchronous_commit = on; SET LOCAL client_min_messages = warning; \
            SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = \(milliseconds); \
            INSERT INTO \(name) AS token (id, st) VALUES ('\(token)', 'f') \
            ON CONFLICT (id) DO UPDATE SET n = token.n + 1 RETURNING st
            """
    }

    // MARK: - Set-up

    /// Keeps two that set up or prune from hindering each other; held until the transaction's end.
    package var lock: String {
        let key = Self.literal("pgpool.commit_ledger \(name)")
        return "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(\(key), 0))"
    }

    /// Whether the schema exists, whether the table does, whether this role may alter it, and the
    /// server's time in milliseconds since 1970; all as text, which every protocol carries alike.
    package var state: String {
        """
        SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace \
        WHERE nspname = \(Self.literal(schema)))::text, (c.oid IS NOT NULL)::text, \
        COALESCE(pg_catalog.pg_has_role(c.relowner, 'USAGE'), false)::text, \
        (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint::text \
        FROM (SELECT) AS one LEFT JOIN pg_catalog.pg_class AS c ON c.relname = \
        \(Self.literal(table)) AND c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace \
        WHERE nspname = \(Self.literal(schema)))
        """
    }

    package var createSchema: String { "CREATE SCHEMA \(Self.quoted(schema))" }

    package var createTable: String {
        """
        CREATE TABLE \(name) (id uuid PRIMARY KEY, st "char" NOT NULL DEFAULT 'c', \
        n integer NOT NULL DEFAULT 0) PARTITION BY RANGE (id)
        """
    }

    /// What ordinary roles need, and no more.
    package func grants(to role: String) -> [String] {
        let role = Self.quoted(role)
        return [
            "GRANT USAGE ON SCHEMA \(Self.quoted(schema)) TO \(role)",
            "GRANT SELECT, INSERT, UPDATE (n) ON \(name) TO \(role)",
        ]
    }

    /// The partitions: their names, bounds, and whether one is half detached, all as text.
    package var partitions: String {
        """
        SELECT c.relname::text, pg_catalog.pg_get_expr(c.relpartbound, c.oid), \
        i.inhdetachpending::text \
        FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid \
        WHERE i.inhparent = \(Self.literal(name))::pg_catalog.regclass
        """
    }

    /// Makes a partition and attaches it, which other than CREATE … PARTITION OF lets transactions
    /// that use the table go on.
    package func create(_ range: LedgerRange) -> [String] {
        let partition = qualified(partitionName(range))
        return [
            "CREATE TABLE \(partition) (LIKE \(name) INCLUDING ALL)",
            """
            ALTER TABLE \(name) ATTACH PARTITION \(partition) FOR VALUES \
            FROM ('\(UUIDv7.lowerBound(milliseconds: range.from))') \
            TO ('\(UUIDv7.lowerBound(milliseconds: range.to))')
            """,
        ]
    }

    package func partitionName(_ range: LedgerRange) -> String { "\(table)_\(range.from)" }

    /// Takes a partition out without stopping those who use the table.
    package func detach(_ partition: String, isPending: Bool) -> String {
        "ALTER TABLE \(name) DETACH PARTITION \(qualified(partition)) "
            + (isPending ? "FINALIZE" : "CONCURRENTLY")
    }

    package func drop(_ partition: String) -> String { "DROP TABLE \(qualified(partition))" }

    private func qualified(_ partition: String) -> String {
        "\(Self.quoted(schema)).\(Self.quoted(partition))"
    }
}
