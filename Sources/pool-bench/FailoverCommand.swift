import ArgumentParser
import PGPoolTesting

/// `pool-bench failover`: rows are added while the writer is harmed, and counted afterwards.
struct FailoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failover",
        abstract: "Harms the writer under load, and counts what was lost.",
        discussion: """
            Each of --workers callers adds one row per transaction to a ledger. Each round does a \
            fault to the writer, waits for the next writer's first row and for the throughput of \
            before, and heals the cluster. In the end the rows are compared with what callers were \
            told.

            Without --url the cluster is one of its own. stall and lost-ack put a forwarder before \
            each node, cut needs root. With --url the only fault is manual: it says when to do \
            the failover, and watches.

            Exit status 1 also when a row is lost, duplicated, or there though it was reported not \
            to be, when a round doesn't recover, and when more outcomes are unknown than were in \
            flight, or, with verified commits, any. With plain commits these aren't counted for \
            --max-errors.
            """
    )

    @Option(
        help: ArgumentHelp(
            "What to do: \(DrillFault.allCases.map(\.rawValue).joined(separator: ", "))."
                + " Several with commas or by repeating. Default: kill, or manual with --url.",
            valueName: "fault"
        ),
        transform: DrillFault.list
    )
    var fault: [[DrillFault]] = []

    @Option(help: ArgumentHelp("How often each fault is done.", valueName: "n"))
    var rounds = 1

    @OptionGroup var drill: DrillOptions
    @OptionGroup var load: LoadOptions

    func validate() throws {
        try Bounds.check("--rounds", rounds, in: 1...10_000)
        if Set(faults).count < faults.count {
            throw ValidationError("--fault: each may be given once; --rounds repeats them")
        }
        let isManual = faults == [.manual]
        if load.url != nil && !isManual {
            throw ValidationError("--url: the only fault of somebody's cluster is manual")
        }
        if load.url == nil && drill.instancePattern != nil {
            throw ValidationError("--instance-pattern: needs a --url")
        }
        if load.url == nil && faults.contains(.manual) {
            throw ValidationError("--fault manual: needs a --url")
        }
    }

    /// The kinds of fault.
    var faults: [DrillFault] {
        let named = fault.flatMap(\.self)
        return named.isEmpty ? [load.url == nil ? .kill : .manual] : named
    }

    /// Each kind in turn, as often as it is wanted.
    var plan: DrillPlan {
        let all = (0..<rounds).flatMap { _ in faults }
        return drill.plan(faults: all, seed: load.seed)
    }

    /// Where it takes place.
    var setting: DrillStage.Setting {
        DrillStage.Setting(
            url: load.url,
            cluster: drill.cluster(for: faults),
            target: drill.target,
            instancePattern: drill.instancePattern
        )
    }

    mutating func run() async throws {
        let plan = plan
        try await DrillStage.play(setting, plan, load, scenario: "failover") { session, _ in
            for fault in plan.faults {
                guard try await session.play(fault) else { break }
            }
            return nil
        }
    }
}
