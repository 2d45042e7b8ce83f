import Foundation
import Subprocess

/// The user who runs the servers: the owner itself or, as they refuse to run as root, `postgres`.
struct ServerAccount: Sendable {
    private let identity: (user: uid_t, group: gid_t)?

    private init(identity: (user: uid_t, group: gid_t)?) {
        self.identity = identity
    }

    /// The owner itself, whoever it is.
    static let owner = ServerAccount(identity: nil)

    /// The account for a cluster that this process owns.
    static func current() throws -> ServerAccount {
        guard geteuid() == 0 else { return ServerAccount(identity: nil) }
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 * 1024)
        let status = getpwnam_r("postgres", &entry, &buffer, buffer.count, &found)
        guard status == 0, found != nil else {
            throw LocalClusterError(
                code: .accountMissing,
                message: """
                    PostgreSQL refuses to run as root, and there is no user named postgres. \
                    Install the server, which makes one: apt-get install postgresql
                    """
            )
        }
        return ServerAccount(identity: (entry.pw_uid, entry.pw_gid))
    }

    /// How to run a program as this account.
    ///
    /// A child that is only forked must not change its groups itself: glibc would have it wait for
    /// threads that its parent was just making, and that it doesn't have. `setpriv` has no threads.
    func command(_ program: String, _ arguments: [String]) -> (Executable, Arguments) {
        guard let identity else { return (.name(program), Arguments(arguments)) }
        let words = [
            "--reuid=\(identity.user)", "--regid=\(identity.group)",
            "--groups=\(identity.group)", program,
        ]
        return (.name("setpriv"), Arguments(words + arguments))
    }

    /// How `setpriv` ends when it finds no such program.
    static let notFound: TerminationStatus = .exited(127)
}
