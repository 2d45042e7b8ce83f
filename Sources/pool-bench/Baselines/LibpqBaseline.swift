import CPoolBenchBaselines
import Foundation

/// The minimal C loop over libpq and epoll, on a thread of its own in this process.
struct LibpqBaseline: Baseline {
    let name: BaselineName
    /// Statements under way on each connection.
    let depth: Int
    let task: BaselineTask

    func prepare() async throws {}

    func run(for duration: Duration) async throws -> BaselineSlice {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                continuation.resume(with: Result { try loop(for: duration) })
            }
            thread.name = "libpq-baseline"
            thread.start()
        }
    }

    private func loop(for duration: Duration) throws -> BaselineSlice {
        let workload = task.workload
        var result = pool_bench_libpq_result()
        let status = task.connectionString.withCString { conninfo in
            workload.statement.withCString { statement in
                var options = pool_bench_libpq_options(
                    conninfo: conninfo,
                    statement: statement,
                    has_parameter: workload.hasParameter ? 1 : 0,
                    returns_parameter: workload.returnsParameter ? 1 : 0,
                    is_transaction: workload.mode == .transaction ? 1 : 0,
                    parameter_min: Workload.parameters.lowerBound,
                    parameter_max: Workload.parameters.upperBound,
                    connections: Int32(task.connections),
                    depth: Int32(depth),
                    seconds: duration.inSeconds,
                    seed: task.seed,
                    stop_descriptor: task.stop.descriptor
                )
                return pool_bench_libpq_run(&options, &result)
            }
        }
        guard status == 0 else { throw BaselineError(name: name, message: message(of: result)) }
        return BaselineSlice(
            operations: Int(result.operations),
            throughput: Double(result.operations) / result.seconds,
            clientCPUSeconds: result.cpu_seconds
        )
    }

    private func message(of result: pool_bench_libpq_result) -> String {
        withUnsafeBytes(of: result.error) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
