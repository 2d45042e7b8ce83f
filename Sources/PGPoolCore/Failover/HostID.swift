/// Names one host of a cluster for as long as the cluster is known.
///
/// A host is what connections are made to (an instance's host name and port), not the machine that
/// happens to answer there: see ``NodeReport`` for how the two are told apart.
package struct HostID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32

    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package static func < (left: HostID, right: HostID) -> Bool { left.rawValue < right.rawValue }

    package var description: String { "host \(rawValue)" }
}

/// Names one probe; later probes have greater serials.
package struct ProbeID: Hashable, Sendable {
    package let serial: UInt64

    package init(serial: UInt64) {
        self.serial = serial
    }
}
