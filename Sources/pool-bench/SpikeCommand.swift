import ArgumentParser

/// `pool-bench spike`: a burst of callers on a pool with few warm connections and slow connects.
struct SpikeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spike",
        abstract: "Lets a burst of callers loose on a pool with few warm connections.",
        discussion: """
            Each round has a pool of its own. A forwarder before the server delays every connect. \
            When --min-idle connections are idle, --burst callers start at once; each holds a \
            connection for a statement of --work. burst_ms is the median of the rounds, each from \
            the first caller's start to the last one's end.
            """
    )

    @Option(help: ArgumentHelp("Callers that start at once.", valueName: "n"))
    var burst = 50

    @Option(
        name: .customLong("min-idle"),
        help: ArgumentHelp("Connections that are open before.", valueName: "n")
    )
    var minIdle = 5

    @Option(
        name: .customLong("pool-size"),
        help: ArgumentHelp("Connections that the pool may open.", valueName: "n")
    )
    var poolSize = 50

    @Option(
        name: .customLong("connect-delay"),
        help: ArgumentHelp("How long each connect is delayed.", valueName: "time"),
        transform: BenchDuration.parse
    )
    var connectDelay = Duration.milliseconds(150)

    @Option(
        help: ArgumentHelp("How long each caller's statement takes.", valueName: "time"),
        transform: BenchDuration.parse
    )
    var work = Duration.milliseconds(2)

    @Option(help: ArgumentHelp("How often.", valueName: "n"))
    var rounds = 5

    @OptionGroup var load: LoadOptions

    func validate() throws {
        try Bounds.check("--burst", burst, in: 1...100_000)
        try Bounds.check("--pool-size", poolSize, in: 1...10_000)
        try Bounds.check("--min-idle", minIdle, in: 1...poolSize)
        try Bounds.check("--connect-delay", connectDelay, in: .zero ... .seconds(60))
        try Bounds.check("--work", work, in: .zero ... .seconds(60))
        try Bounds.check("--rounds", rounds, in: 1...10_000)
    }

    mutating func run() async throws {
        let plan = SpikePlan(
            burst: burst,
            minIdle: minIdle,
            poolSize: poolSize,
            connectDelay: connectDelay,
            work: work,
            rounds: rounds,
            seed: load.seed ?? UInt64(UInt32.random(in: 0 ... .max))
        )
        try await Scene.play(load, connections: 2 * poolSize) { server, interruption in
            let forwarder = try server.forwarder(connectDelay: plan.connectDelay)
            defer { forwarder.stop() }
            let url = server.url(port: forwarder.port)
            let session = SpikeSession(plan: plan, stop: interruption.stop) {
                try BenchPool.spike(url: url, plan: plan)
            }
            return try await interruption.cancellable { try await session.run() }
        }
    }
}
