internal import PGPoolCore

/// Makes the table of tokens, its partitions to come, and drops those that are past their retention.
struct LedgerUpkeep {
    let ledger: CommitLedger
    let connection: PostgresConnection

    private var sql: LedgerSQL { ledger.sql }
    private var partitions: LedgerPartitions {
        LedgerPartitions(
            width: ledger.configuration.partitionLength,
            retention: ledger.configuration.retention
        )
    }

    // Its statements go by the connection, in the transaction that is open on it: what callers may keep
    // of results does not bound them.

    /// What is there.
    private struct State {
        var hasSchema: Bool
        var hasTable: Bool
        var mayAlter: Bool
        /// The server's clock: those of clients may differ.
        var now: Int64
    }

    /// Makes what is missing; in one transaction, so that nobody sees half of it.
    func prepare(roles: [String]) async throws {
        try await connection.withTransaction { _ in
            try await connection.queryAll(sql.lock)
            let state = try await state()
            var texts: [String] = []
            if !state.hasSchema { texts.append(sql.createSchema) }
            if !state.hasTable { texts.append(sql.createTable) }
            for text in texts { try await connection.queryAll(text) }
            try await makePartitions(at: state.now)
            for text in roles.flatMap({ sql.grants(to: $0) }) {
                try await connection.queryAll(text)
            }
        }
    }

    /// Makes the partitions to come and drops the old ones; false if this role may not.
    func maintain() async throws -> Bool {
        let now: Int64? = try await connection.withTransaction { _ in
            let state = try await state()
            guard state.hasTable, state.mayAlter else { return nil }
            try await connection.queryAll(sql.lock)
            // It must not make others wait behind it while it waits itself.
            try await connection.queryAll("SET LOCAL lock_timeout = '2s'")
            try await makePartitions(at: state.now)
            return state.now
        }
        guard let now else { return false }
        try await prune(at: now)
        return true
    }

    private func state() async throws -> State {
        let rows = try await connection.queryAll(sql.state)
        let values = try rows[0].decode((String, String, String, String).self)
        return State(
            hasSchema: values.0 == "true",
            hasTable: values.1 == "true",
            mayAlter: values.2 == "true",
            now: Int64(values.3) ?? 0
        )
    }

    private func makePartitions(at now: Int64) async throws {
        let missing = partitions.missing(
            existing: try await list().compactMap(\.range),
            at: now,
            ahead: ledger.configuration.partitionsAhead
        )
        for text in missing.flatMap({ sql.create($0) }) {
            try await connection.queryAll(text)
        }
    }

    /// DETACH … CONCURRENTLY stops nobody, and cannot be part of a transaction. Where it was cut
    /// short, the next call ends it. A detached partition is dropped at once, so a call that was cut
    /// short in between leaves a table that nothing refers to.
    private func prune(at now: Int64) async throws {
        for partition in try await list()
        where partition.isPending
            || partition.range.map({ partitions.isExpired($0, at: now) })
                ?? false
        {
            let detach = sql.detach(partition.name, isPending: partition.isPending)
            try await connection.queryAll(detach)
            try await connection.queryAll(sql.drop(partition.name))
        }
    }

    private func list() async throws -> [(name: String, range: LedgerRange?, isPending: Bool)] {
        try await connection.queryAll(sql.partitions).map { row in
            let (name, bounds, isPending) = try row.decode((String, String?, String).self)
            return (name, bounds.flatMap { LedgerRange(bounds: $0) }, isPending == "true")
        }
    }
}
