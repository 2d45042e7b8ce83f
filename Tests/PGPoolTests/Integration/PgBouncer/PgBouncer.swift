import Foundation
import PGPool
import Testing

@testable import PGPoolTesting

/// A PgBouncer of a test's own, in transaction mode, on a free port of the loopback interface.
///
/// It runs as LocalCluster's servers do: beside a supervisor that stops it when this process is gone,
/// and as the same user, since it refuses to run as root.
struct PgBouncer {
    let url: String

    private static let program = "/usr/sbin/pgbouncer"

    /// Makes a directory, starts the pooler in it, and answers `log` with the end of what it said.
    private static let script = #"""
        set -u
        program=$1 base=$2 directory= pooler=
        umask 077
        trap '' HUP PIPE
        trap 'exit 0' INT TERM
        exec 3<&0 </dev/null 2>/dev/null
        finish() {
            trap '' INT TERM
            [ -z "$pooler" ] || kill -KILL $pooler
            wait
            [ -z "$directory" ] || rm -rf "$directory"
        }
        trap finish EXIT
        directory=$(mktemp -d "$base/pgpool-bouncer-XXXXXX") ||
            { echo "failed to make a directory in $base"; exit 1; }
        printf '"%s" ""\n' "$3" >"$directory/users"
        printf '%s\nauth_file = %s/users\n' "$4" "$directory" >"$directory/ini"
        "$program" "$directory/ini" >"$directory/log" 2>&1 3<&- &
        pooler=$!
        echo "ok $directory"
        while read -r verb <&3; do echo ok $(tail -n 5 "$directory/log"); done
        """#

    /// Runs a closure beside a pooler that has so many connections to the cluster.
    static func with<Result>(
        _ cluster: LocalCluster,
        servers: Int,
        settings: String = "",
        _ body: (PgBouncer) async throws -> Result
    ) async throws -> Result {
        try #require(
            FileManager.default.isExecutableFile(atPath: program),
            "there is no \(program): apt-get install pgbouncer"
        )
        let target = try ConnectionPool.Configuration(url: cluster.url, maxConnections: 1)
        let user = try #require(target.user)
        let database = try #require(target.database)
        let port = try LoopbackPort.pick(on: ["127.0.0.1"])
        let configuration = """
            [databases]
            \(database) = host=\(cluster.host) port=\(cluster.port)
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = \(port)
            unix_socket_dir =
            auth_type = trust
            pool_mode = transaction
            default_pool_size = \(servers)
            \(settings)
            """
        let supervisor = try await Supervisor.launch(
            script: script,
            arguments: [program, "/tmp", user, configuration],
            account: try ServerAccount.current()
        )
        let bouncer = PgBouncer(url: "postgresql://\(user)@127.0.0.1:\(port)/\(database)")
        do {
            try await bouncer.waitUntilReady(supervisor)
            let result = try await body(bouncer)
            await supervisor.end()
            return result
        } catch {
            await supervisor.end()
            throw error
        }
    }

    private func waitUntilReady(_ supervisor: Supervisor) async throws {
        let pool = try ConnectionPool(url, maxConnections: 1)
        do {
            try await pool.waitUntilReady(timeout: .seconds(20))
        } catch {
            let said = try? await supervisor.ask("log")
            Issue.record("PgBouncer does not answer: \(error)\n\(said ?? "")")
            await pool.shutdown()
            throw error
        }
        await pool.shutdown()
    }

    /// A pool that goes through the pooler.
    func withPool<Result>(
        _ mode: StatementMode,
        maxConnections: Int = 2,
        _ body: (ConnectionPool) async throws -> Result
    ) async throws -> Result {
        var configuration = try ConnectionPool.Configuration(
            url: url,
            maxConnections: maxConnections
        )
        configuration.statementMode = mode
        let pool = try ConnectionPool(configuration: configuration)
        do {
            let result = try await body(pool)
            await pool.shutdown()
            return result
        } catch {
            await pool.shutdown()
            throw error
        }
    }
}
