import Foundation

#if canImport(Glibc)
    import Glibc
#endif

extension ServerNode {
    /// A commit waits for any one standby.
    /// <https://www.postgresql.org/docs/current/runtime-config-replication.html>
    static let anyOne = "ANY 1 (*)"

    /// Writes the settings of a standby of another server, or of none.
    ///
    /// It follows through the writer's private socket, so that no fault of the network makes the
    /// promise of acknowledged commits depend on timing.
    func follow(_ writer: ServerNode?) throws {
        let source = writer.map {
            "host='\($0.controlDirectory)' port=\(port) user=\(Self.controlRole) "
                + "application_name=\(name) connect_timeout=2"
        }
        try set([
            "primary_conninfo": source ?? "",
            "synchronous_standby_names": nil,
            "default_transaction_read_only": nil,
            "recovery_min_apply_delay": nil,
        ])
    }

    /// Waits until standbys have all that this server has written so far.
    func waitUntilFollowed(by standbys: [ServerNode], timeout: Duration) async throws {
        guard !standbys.isEmpty else { return }
        let names = standbys.map { "'\($0.name)'" }.joined(separator: ", ")
        let count = standbys.count
        let goal = try await session { session in
            let streaming = """
                SELECT count(DISTINCT application_name) >= \(count) FROM pg_stat_replication
                WHERE application_name IN (\(names)) AND state = 'streaming'
                """
            try session.wait(until: streaming, what: "be followed by \(names)", timeout: timeout)
            return try session.query("SELECT pg_current_wal_lsn()").first?.first ?? "0/0"
        }
        // Asked directly: an idle standby tells its writer how far it is only every ten seconds.
        for standby in standbys {
            try await standby.session { session in
                _ = try session.wait(
                    until: "SELECT coalesce(pg_last_wal_replay_lsn(), '0/0') >= '\(goal)'",
                    what: "catch up",
                    timeout: timeout
                )
            }
        }
    }

    /// Waits until a standby streams, whichever.
    func waitUntilFollowedByAny(timeout: Duration) async throws {
        try await session { session in
            _ = try session.wait(
                until: """
                    SELECT EXISTS (SELECT FROM pg_stat_replication
                    WHERE state = 'streaming' AND application_name LIKE 'node-%')
                    """,
                what: "be followed",
                timeout: timeout
            )
        }
    }

    /// Stops receiving from whatever writer there was, and tells how much has been received.
    ///
    /// Once all standbys have stopped, nothing can be acknowledged that the best of them lacks.
    func detach(timeout: Duration) async throws -> UInt64 {
        try follow(nil)
        try await reload()
        let received = try await session(timeout: .seconds(2)) { session in
            try session.wait(
                until: """
                    SELECT current_setting('primary_conninfo') = ''
                    AND NOT EXISTS (SELECT FROM pg_stat_wal_receiver)
                    """,
                what: "stop following",
                timeout: timeout
            )
            return try session.query(
                """
                SELECT greatest(coalesce(pg_last_wal_receive_lsn(), '0/0'),
                coalesce(pg_last_wal_replay_lsn(), '0/0')) - '0/0'::pg_lsn
                """
            )
        }
        return received.first?.first.flatMap { UInt64($0) } ?? 0
    }

    /// Ends recovery, and returns when this server says that it writes.
    func promote(timeout: Duration) async throws -> ContinuousClock.Instant {
        try await session { session in
            try session.query("SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(false) END")
            return try session.wait(
                until: "SELECT NOT pg_is_in_recovery()",
                what: "become the writer",
                timeout: timeout
            )
        }
    }
}

extension ServerSession {
    /// Asks again and again until the answer is true, and returns when it was.
    @discardableResult
    func wait(
        until condition: String,
        what event: String,
        timeout: Duration
    ) throws -> ContinuousClock.Instant {
        let deadline = ContinuousClock.now + timeout
        while try query(condition).first?.first != "t" {
            guard ContinuousClock.now < deadline else {
                throw LocalClusterError(
                    code: .timedOut,
                    message: "the server didn't \(event) within \(timeout)"
                )
            }
            // It is a thread that may block.
            usleep(2000)
        }
        return ContinuousClock.now
    }
}
