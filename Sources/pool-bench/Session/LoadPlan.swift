/// What a steady load is to be.
struct LoadPlan: Equatable, Sendable {
    var workload: Workload
    var workers: Int
    var executor = LoadExecutor.global
    var poolSize: Int
    /// How long the load runs in all; pauses for baselines are left out.
    var duration: Duration
    /// How many slices the load is cut into, with each baseline once after each of them.
    var pairs: Int
    var seed: UInt64
    /// How transactions are committed.
    var commit = CommitMode.plain
    /// SQL that makes what the statement needs.
    var setUp: String?

    var slice: Duration { duration / pairs }

    /// Load before the measured one: it opens the connections and prepares the statement.
    var warmUp: Duration { min(.seconds(1), duration / 10) }

    var settings: BenchSettings {
        BenchSettings(
            mode: workload.mode,
            workers: workers,
            poolSize: poolSize,
            executor: executor,
            statement: workload.mode == .idle ? nil : workload.statement,
            pairs: pairs,
            commit: workload.mode == .transaction ? commit : nil
        )
    }
}
