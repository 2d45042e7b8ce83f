import ArgumentParser
import PGPoolTesting

/// What is done to the writer: what ``LocalCluster`` can do, or what somebody does by hand.
enum DrillFault: String, CaseIterable, Codable, Sendable {
    case kill, freeze, demote, stall, cut
    case lostAcknowledgement = "lost-ack"
    case restartPromoted = "restart-promoted"
    case restartAll = "restart-all"
    case staleEndpoint = "stale-endpoint"
    case manual

    /// The fault of a local cluster; `nil` for one that is done by hand.
    var local: LocalCluster.Fault? { LocalCluster.Fault(rawValue: rawValue) }

    /// Whether forwarders before the nodes are needed.
    var needsForwarders: Bool { self == .stall || self == .lostAcknowledgement }

    /// Reads `kill,freeze`.
    static func list(_ text: String) throws -> [DrillFault] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
            guard let fault = DrillFault(rawValue: String(word)) else {
                let known = allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("'\(word)' is no fault; there are \(known)")
            }
            return fault
        }
    }
}

/// How a transaction's outcome is made sure of.
enum CommitMode: String, CaseIterable, Codable, Sendable, ExpressibleByArgument {
    /// By the answer to COMMIT; when that is lost, the outcome is unknown.
    case plain
    /// When the answer is lost, by looking into the commit ledger on the next writer.
    case verified
}

/// What a drill writes through.
enum DrillTargetName: String, CaseIterable, Codable, Sendable, ExpressibleByArgument {
    /// A `Cluster`'s writer.
    case cluster
    /// A `ConnectionPool` whose URL names all hosts.
    case pool
}

/// The options of the verbs that harm a cluster.
struct DrillOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Callers that each add a row at a time.", valueName: "n"))
    var workers = 64

    @Option(
        name: .customLong("pool-size"),
        help: ArgumentHelp("The most connections to the writer.", valueName: "n")
    )
    var poolSize = 16

    @Option(
        help: ArgumentHelp("How long a caller waits for its row.", valueName: "time"),
        transform: BenchDuration.parse
    )
    var deadline = Duration.seconds(15)

    @Option(help: "Whether a lost answer to COMMIT is looked into: plain or verified.")
    var commit = CommitMode.plain

    @Option(help: "What the rows go through: cluster or pool.")
    var target = DrillTargetName.cluster

    @Option(
        help: ArgumentHelp(
            "Whose topology functions a local cluster has: \(Self.flavors).",
            valueName: "flavor"
        ),
        transform: Self.flavor
    )
    var flavor = LocalCluster.Flavor.aurora

    @Option(
        name: .customLong("instance-pattern"),
        help: ArgumentHelp(
            "With --url: the hosts of the instances, such as ?.db.internal:6432, if the URL doesn't say.",
            valueName: "pattern"
        )
    )
    var instancePattern: String?

    @Option(help: ArgumentHelp("Readers of a local cluster.", valueName: "n"))
    var readers = 2

    @Option(
        name: .customLong("promote-after"),
        help: ArgumentHelp(
            "How long after the fault a local cluster promotes a reader.",
            valueName: "time"
        ),
        transform: BenchDuration.parse
    )
    var promoteAfter = Duration.seconds(3)

    @Option(
        name: .customLong("round-limit"),
        help: ArgumentHelp(
            "A round that isn't over so long after the promotion counts as not recovered.",
            valueName: "time"
        ),
        transform: BenchDuration.parse
    )
    var roundLimit = Duration.seconds(60)

    private static let flavors = LocalCluster.Flavor.allCases.map(\.rawValue)
        .joined(separator: ", ")

    private static func flavor(_ text: String) throws -> LocalCluster.Flavor {
        guard let flavor = LocalCluster.Flavor(rawValue: text) else {
            throw ValidationError("'\(text)' is none of \(flavors)")
        }
        return flavor
    }

    func validate() throws {
        try Bounds.check("--workers", workers, in: 1...10_000)
        try Bounds.check("--pool-size", poolSize, in: 1...1_000)
        try Bounds.check("--deadline", deadline, in: .milliseconds(10) ... .seconds(3600))
        try Bounds.check("--readers", readers, in: 1...8)
        try Bounds.check("--promote-after", promoteAfter, in: .zero ... .seconds(600))
        try Bounds.check("--round-limit", roundLimit, in: .seconds(1) ... .seconds(3600))
    }

    /// The plan for these faults.
    func plan(faults: [DrillFault], seed: UInt64?) -> DrillPlan {
        DrillPlan(
            workers: workers,
            poolSize: poolSize,
            deadline: deadline,
            commit: commit,
            faults: faults,
            roundLimit: roundLimit,
            seed: seed ?? UInt64(UInt32.random(in: 0 ... .max))
        )
    }

    /// A cluster of our own, on which these faults can be done.
    func cluster(for faults: [DrillFault]) -> LocalCluster.Configuration {
        var configuration = LocalCluster.Configuration()
        configuration.readers = readers
        configuration.flavor = flavor
        configuration.promoteAfter = promoteAfter
        configuration.forwardsNodes = faults.contains(where: \.needsForwarders)
        // The pool, what a cluster needs beside it, replication, the drill's own sessions.
        configuration.parameters["max_connections"] = String(2 * poolSize + 40)
        return configuration
    }
}
