/// What a host name of Amazon RDS says of itself ("Amazon Aurora connections", AWS documentation).
package struct RDSEndpoint: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// Follows the writer, late.
        case cluster
        /// `cluster-ro-`: any reader, by DNS.
        case reader
        /// `cluster-custom-`.
        case custom
        case instance
        /// RDS Proxy: it has a topology of its own.
        case proxy
        /// The writer of a global database.
        case global
    }

    package let kind: Kind
    /// The cluster's or the instance's name, in lower case.
    package let name: String
    /// What all names of a cluster in an account and region share.
    package let domainID: String
    /// `nil` for a global endpoint.
    package let region: String?
    /// What follows the domain identifier: `eu-west-1.rds.amazonaws.com`.
    private let suffix: String

    /// `nil` for a name that is not of RDS's making: a custom domain, an address, another service.
    package init?(host: String) {
        var text = Substring(host.lowercased())
        if text.hasSuffix(".") { text.removeLast() }
        guard
            let domain = [
                ".amazonaws.com.cn", ".amazonaws.com", ".c2s.ic.gov", ".sc2s.sgov.gov",
            ].first(where: { text.hasSuffix($0) })
        else { return nil }
        let labels = text.dropLast(domain.utf8.count).split(
            separator: ".",
            omittingEmptySubsequences: false
        )
        guard labels.count == 4, labels.allSatisfy({ !$0.isEmpty }) else { return nil }
        // Mostly REGION.rds, in China and elsewhere rds.REGION.
        let services: Set<Substring> = ["rds", "rds-fips"]
        guard services.contains(labels[3]) != services.contains(labels[2]) else { return nil }
        let place = services.contains(labels[3]) ? labels[2] : labels[3]
        name = String(labels[0])
        suffix = labels[2...].joined(separator: ".") + domain
        region = place == "global" ? nil : String(place)

        let prefixes: [(String, Kind)] = [
            ("cluster-ro-", .reader), ("cluster-custom-", .custom), ("cluster-", .cluster),
            ("proxy-", .proxy), ("global-", .global),
        ]
        let known = prefixes.first { labels[1].hasPrefix($0.0) }
        kind = known?.1 ?? .instance
        domainID = String(labels[1].dropFirst(known?.0.utf8.count ?? 0))
        guard !domainID.isEmpty, (kind == .global) == (region == nil) else { return nil }
    }

    /// How the cluster's instances are called. `nil` behind a proxy and for a global endpoint, whose
    /// instances have names in each region.
    package var instancePattern: InstanceHostPattern? {
        switch kind {
        case .proxy, .global: nil
        case .cluster, .reader, .custom, .instance:
            try? InstanceHostPattern("?.\(domainID).\(suffix)")
        }
    }

    /// Whether the name belongs to a blue/green deployment's side that is not in service:
    /// `-green-xxxxxx` before the switch-over, `-old1` after it.
    package var isAside: Bool {
        if let mark = name.firstRange(of: "-green-") {
            return name[mark.upperBound...].utf8.count == 6
        }
        guard let mark = name.firstRange(of: "-old") else { return false }
        let number = name[mark.upperBound...]
        return !number.isEmpty && number.utf8.allSatisfy { (48...57).contains($0) }
    }
}
