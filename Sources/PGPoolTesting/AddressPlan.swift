/// The addresses, the port and the names of one cluster.
struct AddressPlan: Sendable, Hashable {
    /// The first three numbers of all its addresses.
    let network: String
    let port: Int
    /// Whether forwarders stand before the servers, which then listen on addresses of their own.
    let forwards: Bool
    /// What Aurora puts into the names of a cluster's hosts; different for each cluster.
    let label: String

    /// The highest number that a node can have.
    static let maxNodes = 9

    private static let region = "local-1.rds.amazonaws.com"

    /// Chooses at random. A single writer is at home at 127.0.0.1; a cluster has a network of its
    /// own, so that what drops packets of its nodes can hit nobody else.
    static func make(forwards: Bool, isSingle: Bool) throws -> AddressPlan {
        var generator = SystemRandomNumberGenerator()
        let own = "127.\(Int.random(in: 16...250, using: &generator))"
        let network = isSingle ? "127.0.0" : "\(own).\(Int.random(in: 1...250, using: &generator))"
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        let label = (0..<11).compactMap { _ in letters.randomElement(using: &generator) }
        let draft = AddressPlan(network: network, port: 0, forwards: forwards, label: "")
        let port = try LoopbackPort.pick(on: draft.addresses)
        return AddressPlan(
            network: network,
            port: port,
            forwards: forwards,
            label: "c" + String(label)
        )
    }

    func host(of number: Int) -> String { "\(network).\(number)" }

    func serverHost(of number: Int) -> String {
        forwards ? "\(network).\(100 + number)" : host(of: number)
    }

    var clusterAddress: String { "\(network).200" }
    var readerAddress: String { "\(network).201" }

    var clusterName: String { "pgpool.cluster-\(label).\(Self.region)" }
    var readerName: String { "pgpool.cluster-ro-\(label).\(Self.region)" }
    var instancePattern: String { "?.\(label).\(Self.region)" }

    func instanceName(of number: Int) -> String { "\(number).\(label).\(Self.region)" }

    /// Every address that the cluster may listen on.
    var addresses: [String] {
        let nodes = 1...Self.maxNodes
        return nodes.map(host) + (forwards ? nodes.map(serverHost) : [])
            + [clusterAddress, readerAddress]
    }

    /// Every name that clients may use.
    var names: [String] {
        [clusterName, readerName] + (1...Self.maxNodes).map(instanceName)
    }
}
