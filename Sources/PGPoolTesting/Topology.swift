import Foundation

/// What the control plane tells a node of the cluster.
struct Topology: Codable, Sendable, Equatable {
    /// The node that is told.
    let instance: String
    let nodes: [Member]

    struct Member: Codable, Sendable, Equatable {
        let id: String
        /// What Aurora calls a session: a number of a node's own, except for the writer.
        let session: String
        let writer: Bool
        let host: String
        let port: Int
        /// How far behind the writer, in milliseconds.
        let lag: Int
    }

    /// Sorts its keys, so that the same topology is the same text.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

extension ClusterState.Value {
    /// The topology as one of the nodes is to see it.
    ///
    /// A demoted writer is a reader to everybody, and nobody the writer, until one is promoted. An
    /// old writer that is down is left out once there is a new one.
    func topology(for instance: ServerNode) -> Topology {
        let isDemoted = outage?.fault == .demote && outage?.isBack == false
        let members = nodes.compactMap { node -> Topology.Member? in
            let isOut = outOfService.contains(node.number)
            guard !isOut || isDemoted else { return nil }
            return Topology.Member(
                id: node.id,
                session: "00000000-0000-4000-8000-00000000000\(node.number)",
                writer: node.number == writer && !(isDemoted && outage?.node == node.number),
                host: node.host,
                port: node.port,
                lag: Int((delays[node.number] ?? .zero) / .milliseconds(1))
            )
        }
        return Topology(instance: instance.id, nodes: members)
    }
}

extension LocalCluster {
    /// Tells all nodes that the control plane reaches what the cluster looks like now.
    ///
    /// A node that is frozen or cut off isn't reached: thawed, it says what it knew before.
    func publishTopology() throws {
        let views = state.read { state in
            let unreached = state.outage.flatMap { outage in
                outage.isBack || outage.fault == .demote ? nil : outage.node
            }
            return state.nodes.filter { $0.number != unreached }
                .map { ($0.directory, state.topology(for: $0)) }
        }
        for (directory, view) in views {
            try ServerSettings.write(
                try view.json(),
                to: "\(directory)/\(TopologyFunctions.file)"
            )
        }
    }
}
