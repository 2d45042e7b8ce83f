/// Where connections to a host are made.
package struct HostAddress: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package var description: String { "\(host):\(port)" }
}

/// Makes an instance's address of its name: `?` stands for the name, a port may follow.
///
/// Behind a private link or a custom domain the instances have other names than those that AWS gives
/// them, and the pattern is configured: `?.db.internal:6432`.
package struct InstanceHostPattern: Hashable, Sendable, CustomStringConvertible {
    /// What is wrong with a pattern.
    package enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
        case empty
        /// Without `?` every instance would have the same host.
        case noPlaceholder(String)
        case severalPlaceholders(String)
        /// The port is no number from 1 to 65535.
        case invalidPort(String)
        /// Spaces, slashes and the like do not belong into a host name.
        case invalidCharacter(String)

        package var description: String {
            switch self {
            case .empty:
                "instanceHostPattern is empty; write it like ?.example.com or ?.example.com:5432"
            case .noPlaceholder(let pattern):
                "instanceHostPattern \(pattern) has no ? to stand for the instance's name"
            case .severalPlaceholders(let pattern):
                "instanceHostPattern \(pattern) has more than one ?"
            case .invalidPort(let pattern):
                "instanceHostPattern \(pattern) has a port that is not from 1 to 65535"
            case .invalidCharacter(let pattern):
                "instanceHostPattern \(pattern) has a character that no host name has"
            }
        }
    }

    private let prefix: String
    private let suffix: String
    package let port: UInt16?

    package init(_ pattern: String) throws(Problem) {
        guard !pattern.isEmpty else { throw .empty }
        let parts = pattern.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { throw .invalidPort(pattern) }
        if parts.count == 2 {
            guard let port = UInt16(parts[1]), port > 0 else { throw .invalidPort(pattern) }
            self.port = port
        } else {
            port = nil
        }
        let pieces = parts[0].split(separator: "?", omittingEmptySubsequences: false)
        guard pieces.count > 1 else { throw .noPlaceholder(pattern) }
        guard pieces.count == 2 else { throw .severalPlaceholders(pattern) }
        let isPlain = parts[0].utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "?"):
                true
            default: false
            }
        }
        guard isPlain else { throw .invalidCharacter(pattern) }
        prefix = String(pieces[0])
        suffix = String(pieces[1])
    }

    /// The address of the instance; `port` is used unless the pattern has one.
    package func address(of instance: String, port fallback: UInt16) -> HostAddress {
        HostAddress(host: prefix + instance + suffix, port: port ?? fallback)
    }

    package var description: String { prefix + "?" + suffix + (port.map { ":\($0)" } ?? "") }
}
