import ArgumentParser
import PGPoolTesting

/// `pool-bench soak`: a long load with faults at random.
struct SoakCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "Adds rows for hours while the writer is harmed at random.",
        discussion: """
            As failover, with faults and pauses drawn by --seed until --duration is over. The rows \
            of each fault's time are compared with what callers were told once it is healed. A \
            superuser counts the pool's connections on every node all the while; the bench samples \
            its own memory and open descriptors.

            Exit status 1 as failover has it, and when a server ever shows more connections than \
            the pool may have, or memory or descriptors grow.
            """
    )

    @Option(
        help: ArgumentHelp("How long; a fault under way is seen to its end.", valueName: "time"),
        transform: BenchDuration.parse
    )
    var duration = Duration.seconds(900)

    @Option(
        help: ArgumentHelp(
            "Which faults; several with commas or by repeating."
                + " Default: kill,freeze,demote,restart-promoted,restart-all.",
            valueName: "fault"
        ),
        transform: DrillFault.list
    )
    var fault: [[DrillFault]] = []

    @Option(
        name: .customLong("min-pause"),
        help: ArgumentHelp("The shortest pause before a fault.", valueName: "time"),
        transform: BenchDuration.parse
    )
    var minPause = Duration.seconds(2)

    @Option(
        name: .customLong("max-pause"),
        help: ArgumentHelp("The longest pause before a fault.", valueName: "time"),
        transform: BenchDuration.parse
    )
    var maxPause = Duration.seconds(15)

    @OptionGroup var drill: DrillOptions
    @OptionGroup var load: LoadOptions

    func validate() throws {
        try Bounds.check("--duration", duration, in: .seconds(5) ... .seconds(604_800))
        try Bounds.check("--min-pause", minPause, in: .zero ... .seconds(3600))
        try Bounds.check("--max-pause", maxPause, in: minPause ... .seconds(3600))
        if load.url != nil { throw ValidationError("--url: a soak needs a cluster of its own") }
        if faults.contains(.manual) {
            throw ValidationError("--fault manual: nobody stays at the keyboard that long")
        }
        if Set(faults).count < faults.count {
            throw ValidationError("--fault: each may be given once")
        }
    }

    var faults: [DrillFault] {
        let named = fault.flatMap(\.self)
        return named.isEmpty ? [.kill, .freeze, .demote, .restartPromoted, .restartAll] : named
    }

    /// Where it takes place.
    var setting: DrillStage.Setting {
        DrillStage.Setting(
            url: nil,
            cluster: drill.cluster(for: faults),
            target: drill.target
        )
    }

    /// What it is to be.
    var planAndLead: (DrillPlan, SoakLead) {
        let plan = drill.plan(faults: faults, seed: load.seed)
        let lead = SoakLead(
            duration: duration,
            faults: faults,
            pause: minPause...maxPause,
            limit: plan.poolSize
        )
        return (plan, lead)
    }

    mutating func run() async throws {
        let (plan, lead) = planAndLead
        try await DrillStage.play(setting, plan, load, scenario: "soak") { session, stage in
            guard let cluster = stage.cluster else { return nil }
            return try await lead.run(session, on: cluster)
        }
    }
}
