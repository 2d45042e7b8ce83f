import Foundation
import Subprocess
import Synchronization

/// Drops packets of nodes by nftables, which only root may.
///
/// The rules live in a table of the cluster's own, which a shell process of root's removes when its
/// input ends: at the cluster's end, and when its owner dies, however it dies.
final class PacketFilter: Sendable {
    private let table: String
    private let guardian = Mutex<Supervisor?>(nil)

    init(label: String) { table = "pgpool_\(label)" }

    /// Throws a named error unless packets can be dropped.
    func checkPossible() throws {
        guard geteuid() == 0 else {
            throw LocalClusterError(
                code: .needsRoot,
                message: "only root may drop packets: run as root, or use stall"
            )
        }
        let folders = ["/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin"]
        guard folders.contains(where: { FileManager.default.isExecutableFile(atPath: "\($0)/nft") })
        else {
            throw LocalClusterError(
                code: .programMissing,
                message: "nft is missing. Install it: apt-get install nftables"
            )
        }
    }

    /// Drops all packets to and from an address and port.
    func cut(_ address: LoopbackAddress) async throws {
        try checkPossible()
        let running = guardian.withLock { $0 }
        let chosen: Supervisor
        if let running {
            chosen = running
        } else {
            chosen = try await Supervisor.launch(script: Self.script, arguments: [table])
            guardian.withLock { $0 = chosen }
        }
        _ = try await chosen.ask("cut", address.host, String(address.port))
    }

    /// Lets all packets pass.
    func mend() async throws {
        guard let running = guardian.withLock({ $0 }) else { return }
        _ = try await running.ask("mend")
    }

    /// Removes the rules, and returns when they are gone.
    func end() async {
        let running = guardian.withLock { guardian in
            defer { guardian = nil }
            return guardian
        }
        await running?.end()
    }

    /// As the supervisor's: a command a line, and an answer to each.
    private static let script = #"""
        set -u
        table=$1
        PATH=$PATH:/usr/sbin:/sbin
        trap '' HUP PIPE
        trap 'exit 0' INT TERM
        exec 3<&0 </dev/null 2>/dev/null
        mend() { nft list table inet "$table" >/dev/null || return 0; nft delete table inet "$table"; }
        trap 'trap "" INT TERM; mend' EXIT
        cut() {
            mend
            nft -f - <<END
        table inet $table {
            chain drops {
                type filter hook output priority 0
                ip daddr $1 tcp dport $2 drop
                ip saddr $1 tcp sport $2 drop
            }
        }
        END
        }
        echo ok
        while read -r verb host port <&3; do
            case $verb in
            cut) cut "$host" "$port" && echo ok || echo "failed: nft refused the rules" ;;
            mend) mend && echo ok || echo "failed: nft refused to remove the rules" ;;
            *) echo "failed: unknown command" ;;
            esac
        done
        """#
}
