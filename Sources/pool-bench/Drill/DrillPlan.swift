/// What a drill is to be.
struct DrillPlan: Equatable, Sendable {
    /// The pool's connections carry it, so that they can be counted on the servers.
    static let applicationName = "pool-bench-drill"
    /// Those that the library asks hosts with, beside a pool.
    static let watcherName = "pool-bench-drill watch"

    var workers: Int
    var poolSize: Int
    /// How long each caller waits for its row.
    var deadline: Duration
    var commit: CommitMode
    /// The faults in the order in which they are done.
    var faults: [DrillFault]
    /// How long a round may take from its fault to full throughput.
    var roundLimit: Duration
    var seed: UInt64

    var settings: BenchSettings {
        var settings = BenchSettings(workers: workers, poolSize: poolSize)
        settings.commit = commit
        settings.deadline = deadline.inSeconds * 1e3
        settings.faults = DrillFault.allCases.filter(faults.contains)
        settings.rounds = faults.count
        return settings
    }
}
