import Histogram
import Synchronization
import Testing

@testable import pool_bench

@Suite(.timeLimit(.minutes(1))) struct ClosedLoopTests {
    /// Fails every tenth time, and stops the load after a number of operations.
    private final class Scripted: LoadOperation, Sendable {
        struct Failure: Error {}
        let calls = Atomic<Int>(0)
        let stop: StopSignal
        let limit: Int

        init(limit: Int, stop: StopSignal) {
            self.limit = limit
            self.stop = stop
        }

        func perform(_ parameter: Int32, isTimed: Bool) async throws -> UInt64 {
            let call = calls.add(1, ordering: .relaxed).newValue
            if call >= limit { stop.request() }
            if call.isMultiple(of: 10) { throw Failure() }
            return isTimed ? MonotonicClock.now() : 0
        }
    }

    private func slice(
        _ workers: Int,
        _ stop: StopSignal,
        _ ledger: LatencyLedger,
        deadline: UInt64 = .max
    ) -> LoadSlice {
        LoadSlice(
            workers: (0..<workers).map { _ in WorkerCounters() },
            ledger: ledger,
            stop: stop,
            deadline: deadline,
            seed: 1,
            errorCode: { _ in "failure" }
        )
    }

    @Test(arguments: [1, 256])
    func countsEveryOperationAndError(_ sampledEvery: Int) async {
        let stop = StopSignal()
        let ledger = LatencyLedger()
        let slice = slice(8, stop, ledger)
        let operation = Scripted(limit: 20_000, stop: stop)
        await ClosedLoop(operation: operation, sampledEvery: sampledEvery).run(slice)

        let calls = operation.calls.load(ordering: .relaxed)
        let operations = slice.workers.reduce(0) { $0 + $1.operations }
        let errors = slice.workers.reduce(0) { $0 + $1.errors }
        #expect(operations + errors == calls)
        #expect(errors == calls / 10)
        #expect(ledger.contents.errors == ["failure": errors])
        #expect(slice.workers.allSatisfy { $0.operations > 0 } || sampledEvery == 1)
        if sampledEvery == 1 {
            #expect(ledger.contents.latency.totalCount == UInt64(operations))
        } else {
            #expect(ledger.contents.latency.totalCount < UInt64(operations / 100))
        }
    }

    @Test func beginsNothingAfterTheDeadline() async {
        let stop = StopSignal()
        let slice = slice(4, stop, LatencyLedger(), deadline: 0)
        let operation = Scripted(limit: .max, stop: stop)
        await ClosedLoop(operation: operation, sampledEvery: 1).run(slice)
        #expect(operation.calls.load(ordering: .relaxed) == 0)
    }

    @Test func aLoadWithoutBaselinesFillsTheResult() async throws {
        let stop = StopSignal()
        let plan = LoadPlan(
            workload: try Workload(mode: .exclusive),
            workers: 4,
            poolSize: 2,
            duration: .seconds(60),
            pairs: 1,
            seed: 9
        )
        let target = LoadTarget(
            Scripted(limit: 5000, stop: stop),
            sampledEvery: 1,
            gauges: { PoolGauges(connections: 2, opened: 2, peak: 2) },
            errorCode: { _ in "failure" }
        )
        let session = LoadSession(plan: plan, target: target, baselines: [], stop: stop)
        let result = try await session.run()
        #expect(result.settings.wasInterrupted)
        #expect(result.seed == 9)
        #expect(result.connectionsPeak == 2)
        #expect(result.baselines == nil)
        #expect((result.errors["failure"] ?? 0) >= 500)
    }

    @Test func theSeriesAddsUp() async {
        let reading = OperationCount()
        let monitor = LoadMonitor(read: { reading.reading }, onEntry: { _, _ in })
        monitor.start()
        monitor.resume()
        reading.count.store(100, ordering: .relaxed)
        monitor.pause()
        monitor.resume()
        reading.count.store(250, ordering: .relaxed)
        let series = monitor.finish()
        #expect(series.reduce(0) { $0 + $1.operations } == 250)
        #expect(series.count == 1)
    }

    private final class OperationCount: Sendable {
        let count = Atomic<Int>(0)

        var reading: LoadMonitor.Reading {
            LoadMonitor.Reading(operations: count.load(ordering: .relaxed))
        }
    }
}
