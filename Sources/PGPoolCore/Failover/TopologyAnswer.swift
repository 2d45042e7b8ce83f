package enum HostRole: String, Hashable, Sendable {
    case writer, reader, unknown
}

/// What a host answered when it was asked for the topology.
package enum TopologyAnswer: Hashable, Sendable {
    /// A row of `aurora_replica_status()`.
    package struct AuroraRow: Hashable, Sendable {
        package var instance: String
        /// `session_id = 'MASTER_SESSION_ID'`.
        package var isWriter: Bool
        /// `replica_lag_in_msec`, 0 where it is null.
        package var lagMilliseconds: Double
        package var cpu: Double
        /// `last_update_timestamp` in microseconds on the servers' clocks; `nil` where it is null.
        package var updatedAt: Int64?

        package init(
            instance: String,
            isWriter: Bool,
            lagMilliseconds: Double = 0,
            cpu: Double = 0,
            updatedAt: Int64?
        ) {
            self.instance = instance
            self.isWriter = isWriter
            self.lagMilliseconds = lagMilliseconds
            self.cpu = cpu
            self.updatedAt = updatedAt
        }
    }

    /// A row of `rds_tools.show_topology()`.
    package struct MultiAZRow: Hashable, Sendable {
        package var id: String
        package var address: HostAddress

        package init(id: String, address: HostAddress) {
            self.id = id
            self.address = address
        }
    }

    /// Aurora's view; `serverTime` is the answering node's clock, in microseconds.
    case aurora([AuroraRow], serverTime: Int64)
    /// An RDS Multi-AZ cluster's view, and the writer's identifier where the node knows it
    /// (`rds_tools.multi_az_db_cluster_source_dbi_resource_id()`, its own on the writer).
    case multiAZ([MultiAZRow], writerID: String?)
    /// A plain server speaks for itself only; a writer tells its timeline.
    case plain(isInRecovery: Bool, timeline: UInt32?)
}

/// A host of the cluster.
package struct TopologyMember: Hashable, Sendable {
    package let id: HostID
    package let address: HostAddress
    package var role: HostRole
    /// How far a reader lies behind, where it is known.
    package var lagMilliseconds: Double?
    package var cpu: Double?
}
