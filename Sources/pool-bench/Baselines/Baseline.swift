/// A program that does the load's work by other means, a slice at a time.
protocol Baseline: Sendable {
    var name: BaselineName { get }

    /// Does once what must be done before the first slice, such as building a program.
    func prepare() async throws

    /// Runs for about the given time and says what was done.
    func run(for duration: Duration) async throws -> BaselineSlice
}

/// What a baseline did in one slice.
struct BaselineSlice: Equatable, Sendable {
    var operations: Int
    /// Operations a second, without the time to connect.
    var throughput: Double
    var clientCPUSeconds: Double
}

/// What every baseline needs to know.
struct BaselineTask: Sendable {
    let connectionString: String
    let workload: Workload
    var connections: Int
    let workers: Int
    let seed: UInt64
    let stop: StopSignal

    func make(_ name: BaselineName) -> any Baseline {
        var task = self
        task.connections = name.connections(workload.mode, poolSize: connections)
        return task.baseline(name)
    }

    private func baseline(_ name: BaselineName) -> any Baseline {
        switch name {
        case .pgbench: PgbenchBaseline(task: self)
        case .libpq: LibpqBaseline(name: name, depth: 1, task: self)
        case .libpqPipeline: LibpqBaseline(name: name, depth: 64, task: self)
        case .pgxpool: PgxpoolBaseline(task: self)
        }
    }
}

/// A baseline couldn't run, or its figures would mean nothing.
struct BaselineError: Error, CustomStringConvertible {
    let name: BaselineName
    let message: String

    var description: String { "baseline \(name.rawValue): \(message)" }
}
