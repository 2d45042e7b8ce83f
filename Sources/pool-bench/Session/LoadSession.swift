/// A steady load, cut into slices between which the baselines run.
struct LoadSession: Sendable {
    let plan: LoadPlan
    let target: LoadTarget
    let baselines: [any Baseline]
    let stop: StopSignal

    /// Runs everything; a stop ends it early and leaves what was measured so far.
    func run() async throws -> BenchResult {
        for baseline in baselines { try await baseline.prepare() }
        let warmUpErrors = await warmUp()
        var measured = Measured(plan: plan)
        let workers = (0..<plan.workers).map { _ in WorkerCounters() }
        let ledger = LatencyLedger()
        let monitor = makeMonitor(workers)
        monitor.start()
        do {
            for pair in 1...plan.pairs where !stop.isRequested {
                monitor.resume()
                let own = await load(for: plan.slice, workers, ledger, round: pair)
                monitor.pause()
                measured.add(own)
                for baseline in baselines where !stop.isRequested {
                    let name = baseline.name
                    Console.progress("\(name.rawValue): pair \(pair) of \(plan.pairs)")
                    let slice = try await baseline.run(for: plan.slice)
                    if !stop.isRequested { measured.add(slice, of: name, against: own) }
                }
            }
        } catch  where stop.isRequested {
            // Stopping a baseline makes it fail; what was measured before counts.
        } catch {
            _ = monitor.finish()
            Console.clearProgress()
            throw error
        }
        let series = monitor.finish()
        Console.clearProgress()
        return measured.result(
            workers: workers,
            contents: ledger.contents,
            warmUpErrors: warmUpErrors,
            series: series,
            gauges: target.gauges(),
            wasInterrupted: stop.isRequested
        )
    }

    /// Only its failures are kept.
    private func warmUp() async -> [String: Int] {
        Console.progress("warming up")
        let ledger = LatencyLedger()
        let workers = (0..<plan.workers).map { _ in WorkerCounters() }
        _ = await load(for: plan.warmUp, workers, ledger, round: 0)
        return ledger.contents.errors
    }

    private func load(
        for duration: Duration,
        _ workers: [WorkerCounters],
        _ ledger: LatencyLedger,
        round: Int
    ) async -> OwnSlice {
        let before = workers.reduce(0) { $0 + $1.operations }
        let cpu = ProcessUsage.ownCPUSeconds()
        let start = MonotonicClock.now()
        let slice = LoadSlice(
            workers: workers,
            ledger: ledger,
            stop: stop,
            deadline: start + UInt64(duration.wholeNanoseconds),
            seed: plan.seed &+ UInt64(round) << 32,
            errorCode: target.errorCode
        )
        await target.run(slice)
        return OwnSlice(
            operations: workers.reduce(0) { $0 + $1.operations } - before,
            seconds: MonotonicClock.seconds(from: start, to: MonotonicClock.now()),
            cpuSeconds: ProcessUsage.ownCPUSeconds() - cpu
        )
    }

    private func makeMonitor(_ workers: [WorkerCounters]) -> LoadMonitor {
        let gauges = target.gauges
        let plan = plan
        return LoadMonitor(
            read: {
                LoadMonitor.Reading(
                    operations: workers.reduce(0) { $0 + $1.operations },
                    errors: workers.reduce(0) { $0 + $1.errors },
                    gauges: gauges()
                )
            },
            onEntry: { entry, reading in
                Console.progress(ProgressText.line(plan: plan, entry: entry, reading: reading))
            }
        )
    }
}

/// What the pool did in one slice.
struct OwnSlice: Equatable, Sendable {
    var operations: Int
    var seconds: Double
    var cpuSeconds: Double

    var throughput: Double { seconds > 0 ? Double(operations) / seconds : 0 }
}
