import ArgumentParser
import Foundation

/// `pool-bench run`: a steady closed-loop load.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs a steady load: workers that each repeat an operation.",
        discussion: """
            Modes: idle acquires and releases; exclusive is withConnection around one statement; \
            statement is pool.query on a connection of its own; shared is pool.query, which shares \
            connections when all are taken; transaction is a transaction of one statement; mixed is \
            shared for nine workers in ten and transactions of 5 ms for the tenth, whose waits are what \
            acquire tells; mixed-exclusive is the same without sharing. Baselines run \
            on the same server with as many connections, interleaved: the load is cut into --pairs \
            slices, after each of which every baseline runs as long; a ratio is the pairs' median. In \
            shared mode pgbench, libpq and pgxpool get 16 connections at least.
            """
    )

    @Option(help: ArgumentHelp("Tasks that repeat the operation.", valueName: "n"))
    var workers = 16

    @Option(
        name: .customLong("pool-size"),
        help: ArgumentHelp("Connections, the pool's and each baseline's.", valueName: "n")
    )
    var poolSize = 16

    @Option(
        help: ArgumentHelp("How long the load runs, baselines not counted.", valueName: "time"),
        transform: BenchDuration.parse
    )
    var duration = Duration.seconds(10)

    @Option(
        help: ArgumentHelp(
            "A file with one SQL statement; $1 is a random int. Default: select $1::int",
            valueName: "file"
        )
    )
    var script: String?

    @Option(
        name: .customLong("set-up"),
        help: ArgumentHelp("A file with SQL that is run once, before the load.", valueName: "file")
    )
    var setUp: String?

    @Option(help: "How --mode transaction commits.")
    var commit = CommitMode.plain

    @Option(help: "What one operation is.")
    var mode = LoadMode.exclusive

    @Option(help: "Where the workers run: Swift's global executor or the reactors' threads.")
    var executor = LoadExecutor.global

    @Option(help: "Compare with this program; may be given several times.")
    var baseline: [BaselineName] = []

    @Option(
        help: ArgumentHelp("Slices of the load. Default: 5 with baselines.", valueName: "n")
    )
    var pairs: Int?

    @OptionGroup var load: LoadOptions

    func validate() throws {
        try Bounds.check("--workers", workers, in: 1...100_000)
        try Bounds.check("--pool-size", poolSize, in: 1...10_000)
        try Bounds.check("--duration", duration, in: .milliseconds(100) ... .seconds(86_400))
        if let pairs {
            try Bounds.check("--pairs", pairs, in: 1...1000)
            if baseline.isEmpty { throw ValidationError("--pairs \(pairs): needs a --baseline") }
        }
        if Set(baseline).count < baseline.count {
            throw ValidationError("--baseline: each may be given once")
        }
        if let name = baseline.first(where: { !$0.supports(mode) }) {
            throw ValidationError(
                "--baseline \(name.rawValue): has no counterpart of --mode \(mode.rawValue)"
            )
        }
        if commit == .verified, mode != .transaction {
            throw ValidationError("--commit verified: needs --mode transaction")
        }
        _ = try plan(seed: 0)
    }

    mutating func run() async throws {
        let plan = try plan(seed: load.seed ?? UInt64(UInt32.random(in: 0 ... .max)))
        let names = baseline
        let others = names.map { $0.connections(mode, poolSize: poolSize) }.max() ?? 0
        let connections = poolSize + max(others, poolSize)
        try await Scene.play(load, connections: connections) { server, interruption in
            let pool = try BenchPool(url: server.url, plan: plan)
            let task = BaselineTask(
                connectionString: server.url,
                workload: plan.workload,
                connections: plan.poolSize,
                workers: plan.workers,
                seed: plan.seed,
                stop: interruption.stop
            )
            let session = LoadSession(
                plan: plan,
                target: pool.target(for: plan.workload),
                baselines: names.map(task.make),
                stop: interruption.stop
            )
            let outcome: Result<BenchResult, any Error>
            do {
                try await pool.prepare(plan)
                outcome = .success(try await interruption.cancellable { try await session.run() })
            } catch {
                outcome = .failure(error)
            }
            await pool.shutdown()
            return try outcome.get()
        }
    }

    func plan(seed: UInt64) throws -> LoadPlan {
        LoadPlan(
            workload: try Workload(script: script, mode: mode),
            workers: workers,
            executor: executor,
            poolSize: poolSize,
            duration: duration,
            pairs: pairs ?? (baseline.isEmpty ? 1 : 5),
            seed: seed,
            commit: commit,
            setUp: try setUp.map(Self.text)
        )
    }

    private static func text(of path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path),
            let text = String(bytes: data, encoding: .utf8)
        else { throw ValidationError("--set-up \(path): the file can't be read as UTF-8") }
        return text
    }
}
