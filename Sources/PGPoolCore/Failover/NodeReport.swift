/// What a node says of itself when it is asked.
///
/// A plain server tells recovery, system identifier (`pg_control_system()`) and, as a writer, its
/// timeline (the first eight digits of `pg_walfile_name(pg_current_wal_lsn())`). An Aurora node tells
/// recovery and, by `aurora_replica_status()`, whom it takes for the writer.
package struct NodeReport: Hashable, Sendable {
    /// Whom a node takes for the writer.
    package struct Claim: Hashable, Sendable {
        package var writer: HostID
        /// When the node last heard of that writer, on the servers' clocks, in microseconds:
        /// `last_update_timestamp` of the writer's row.
        package var stamp: Int64

        package init(writer: HostID, stamp: Int64) {
            self.writer = writer
            self.stamp = stamp
        }
    }

    /// `pg_is_in_recovery()`.
    package var isInRecovery: Bool
    /// `default_transaction_read_only`. A writer may have it, so it only breaks ties.
    package var isReadOnly: Bool
    /// Nodes of one cluster share it.
    package var systemIdentifier: UInt64?
    /// Grows with each promotion on plain PostgreSQL. `nil` where it is not told.
    package var timeline: UInt32?
    package var claim: Claim?

    package init(
        isInRecovery: Bool,
        isReadOnly: Bool = false,
        systemIdentifier: UInt64? = nil,
        timeline: UInt32? = nil,
        claim: Claim? = nil
    ) {
        self.isInRecovery = isInRecovery
        self.isReadOnly = isReadOnly
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
        self.claim = claim
    }
}

/// Why a probe has no report.
package enum ProbeFailure: Hashable, Sendable, CaseIterable {
    /// Refused, reset, no route, name unknown.
    case unreachable
    /// No answer within the deadline.
    case timedOut
    /// 53300: the server lives, its role is not known.
    case busy
    /// 57P03: starting up or shutting down.
    case startingUp
    /// The login is refused. It may be part of a failover, so it ends nothing.
    case loginRefused
}

/// Why a node that answered is not taken for the writer.
package enum WriterRefusal: Hashable, Sendable {
    case inRecovery
    /// Another cluster's system identifier: the name leads somewhere else.
    case foreignSystem
    /// Its own topology names another host.
    case namesAnother(HostID)
    /// It never followed a promotion that was seen: it was the writer once.
    case staleTimeline
    /// What it knows is older than what the last writer knew: it was the writer once.
    case staleKnowledge
    /// It was replaced, has neither timeline nor knowledge to show, and was not a reader since.
    case superseded
    /// Another node has newer knowledge of another writer.
    case contradicted(HostID)
}
