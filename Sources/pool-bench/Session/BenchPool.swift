/// The seam to the pool and to the throwaway server; neither is on this branch yet, and every use
/// throws.
struct BenchPool {
    struct Missing: Error, CustomStringConvertible {
        var description: String { "the pool isn't plugged in" }
    }

    init(url: String, plan: LoadPlan) throws { throw Missing() }

    func target(for workload: Workload) -> LoadTarget {
        LoadTarget(Nothing(), sampledEvery: 1, gauges: { PoolGauges() }, errorCode: { "\($0)" })
    }

    func shutdown() async {}

    static func spike(url: String, plan: SpikePlan) throws -> SpikePool { throw Missing() }

    private struct Nothing: LoadOperation {
        func perform(_ parameter: Int32, isTimed: Bool) async throws -> UInt64 { throw Missing() }
    }
}

extension BenchServer {
    static func start(url: String?, connections: Int) async throws -> BenchServer {
        guard let url else { throw BenchPool.Missing() }
        return BenchServer(url: url, shutdown: {})
    }
}
