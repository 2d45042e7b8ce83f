/// Workers that each repeat an operation until the time is up.
struct ClosedLoop<Operation: LoadOperation>: Sendable {
    var operation: Operation
    /// One operation in this many is timed.
    let sampledEvery: Int
    /// Where the workers run; the global executor if `nil`.
    var executor: (any TaskExecutor)?

    /// Runs all workers of a slice and returns when the last one has ended its last operation.
    func run(_ slice: LoadSlice) async {
        await withDiscardingTaskGroup { group in
            for (index, counters) in slice.workers.enumerated() {
                var loop = self
                loop.operation = operation.forWorker(index)
                // A preference that is nil is a preference, too: each change of executors looks it up.
                if let executor {
                    group.addTask(executorPreference: executor) { [loop] in
                        await loop.work(slice, counters, worker: index)
                    }
                } else {
                    group.addTask { [loop] in await loop.work(slice, counters, worker: index) }
                }
            }
        }
    }

    private func work(_ slice: LoadSlice, _ counters: WorkerCounters, worker: Int) async {
        var parameters = ParameterGenerator(seed: slice.seed, worker: worker)
        var buffer = SampleBuffer()
        var start = MonotonicClock.now()
        while start < slice.deadline && !slice.stop.isRequested {
            do {
                let acquired = try await operation.perform(parameters.next(), isTimed: true)
                let end = MonotonicClock.now()
                buffer.append(
                    latency: end &- start,
                    acquire: acquired == 0 ? nil : acquired &- start
                )
                counters.countOperation()
                start = end
            } catch {
                slice.count(error, counters)
                start = MonotonicClock.now()
            }
            if buffer.isFull {
                slice.ledger.add(buffer)
                buffer.removeAll()
            }
            if sampledEvery > 1 {
                await repeatUntimed(slice, counters, &parameters)
                start = MonotonicClock.now()
            }
        }
        slice.ledger.add(buffer)
    }

    /// The operations between two timed ones.
    ///
    /// They may never suspend, so the worker steps aside at the end: otherwise as many workers as
    /// there are threads would keep the machine to themselves.
    private func repeatUntimed(
        _ slice: LoadSlice,
        _ counters: WorkerCounters,
        _ parameters: inout ParameterGenerator
    ) async {
        for _ in 1..<sampledEvery where !slice.stop.isRequested {
            do {
                _ = try await operation.perform(parameters.next(), isTimed: false)
                counters.countOperation()
            } catch {
                slice.count(error, counters)
            }
        }
        await Task.yield()
    }
}

/// One uninterrupted stretch of load.
struct LoadSlice: Sendable {
    let workers: [WorkerCounters]
    let ledger: LatencyLedger
    let stop: StopSignal
    /// An instant of ``MonotonicClock``; nobody begins an operation after it.
    let deadline: UInt64
    let seed: UInt64
    /// Names an error for the result's `errors`.
    let errorCode: @Sendable (any Error) -> String

    /// Counts a failed operation, unless it failed because the load is being stopped.
    func count(_ error: any Error, _ counters: WorkerCounters) {
        if error is CancellationError && stop.isRequested { return }
        counters.countError()
        ledger.addError(errorCode(error))
    }
}
