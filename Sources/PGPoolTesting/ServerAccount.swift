import Foundation
import Subprocess

/// The user who runs the servers: the owner itself or, as they refuse to run as root, `postgres`.
struct ServerAccount: Sendable {
    private let identity: (user: uid_t, group: gid_t)?

    private init(identity: (user: uid_t, group: gid_t)?) {
        self.identity = identity
    }

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

    /// Makes a child process run as this account.
    var platformOptions: PlatformOptions {
        var options = PlatformOptions()
        if let identity {
            options.userID = identity.user
            options.groupID = identity.group
            options.supplementaryGroups = [identity.group]
        }
        return options
    }
}
