import Foundation

/// pgbench with prepared statements, two threads, and as many connections as the pool has.
struct PgbenchBaseline: Baseline {
    let name = BaselineName.pgbench
    let task: BaselineTask

    func prepare() async throws {
        _ = try program()
    }

    func run(for duration: Duration) async throws -> BaselineSlice {
        let script = FileManager.default.temporaryDirectory
            .appending(path: "pool-bench-\(UUID().uuidString).sql")
        try Data(task.workload.pgbenchScript.utf8).write(to: script, options: .withoutOverwriting)
        defer { try? FileManager.default.removeItem(at: script) }

        let outcome = try await program().run([
            "-n", "-M", "prepared", "-c", "\(task.connections)", "-j", "2",
            // pgbench counts whole seconds; the ratio is one of rates, so a longer slice is fair.
            "-T", "\(max(1, Int(duration.inSeconds.rounded(.up))))",
            "--random-seed", "\(task.seed & 0x7FFF_FFFF)",
            "-f", script.path,
        ])
        guard outcome.isSuccess, let figures = PgbenchOutput(outcome.output) else {
            throw BaselineError(name: name, message: outcome.complaint)
        }
        guard figures.failed == 0 else {
            throw BaselineError(
                name: name,
                message: "\(figures.failed) of \(figures.transactions) transactions failed"
            )
        }
        return BaselineSlice(
            operations: figures.transactions,
            throughput: figures.throughput,
            clientCPUSeconds: outcome.cpuSeconds
        )
    }

    private func program() throws -> ChildProgram {
        guard let path = ProgramSearch.postgresql("pgbench") else {
            throw BaselineError(
                name: name,
                message: "pgbench isn't installed: apt-get install postgresql-contrib"
            )
        }
        return ChildProgram(
            path: path,
            environment: ConnectionEnvironment.variables(of: task.connectionString)
        )
    }
}
