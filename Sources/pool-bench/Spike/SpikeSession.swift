/// Bursts of callers on pools with few warm connections, a round each.
struct SpikeSession: Sendable {
    let plan: SpikePlan
    let stop: StopSignal
    /// Makes the round's pool, with its few connections on their way.
    let makePool: @Sendable () async throws -> SpikePool

    /// Runs the rounds; a stop ends them early.
    func run() async throws -> BenchResult {
        let ledger = LatencyLedger()
        var rounds: [SpikeRound] = []
        var gauges = PoolGauges()
        let cpu = ProcessUsage.ownCPUSeconds()
        do {
            for number in 1...plan.rounds where !stop.isRequested {
                Console.progress("spike: round \(number) of \(plan.rounds)")
                let (round, after) = try await runRound(ledger)
                rounds.append(round)
                gauges.opened += after.opened
                gauges.peak = max(gauges.peak, after.peak)
            }
        } catch is CancellationError {
            // What was measured before counts.
        }
        Console.clearProgress()
        return result(rounds, ledger, gauges, cpu: ProcessUsage.ownCPUSeconds() - cpu)
    }

    private func runRound(_ ledger: LatencyLedger) async throws -> (SpikeRound, PoolGauges) {
        let pool = try await makePool()
        do {
            try await pool.waitUntilWarm(plan.minIdle)
        } catch {
            await pool.shutdown()
            throw error
        }
        let round = await burst(pool, ledger)
        let gauges = pool.gauges()
        await pool.shutdown()
        try Task.checkCancellation()
        return (round, gauges)
    }

    /// All callers at once; the burst lasts from the first one's start to the last one's end.
    private func burst(_ pool: SpikePool, _ ledger: LatencyLedger) async -> SpikeRound {
        await withTaskGroup(of: SpikeCall.self) { group in
            for caller in 0..<plan.burst {
                group.addTask { await SpikeCall.make(by: caller, on: pool) }
            }
            var round = SpikeRound(callers: plan.burst)
            var buffer = SampleBuffer()
            for await call in group {
                round.add(call)
                if let error = call.error {
                    ledger.addError(error)
                } else {
                    buffer.append(
                        latency: call.end - call.start,
                        acquire: call.acquired - call.start
                    )
                }
            }
            ledger.add(buffer)
            round.connections = pool.gauges().connections
            return round
        }
    }

    private func result(
        _ rounds: [SpikeRound],
        _ ledger: LatencyLedger,
        _ gauges: PoolGauges,
        cpu: Double
    ) -> BenchResult {
        let contents = ledger.contents
        let seconds = rounds.reduce(0) { $0 + $1.seconds }
        let operations = rounds.reduce(0) { $0 + $1.operations }
        var settings = BenchSettings(workers: plan.burst, poolSize: plan.poolSize)
        settings.minIdle = plan.minIdle
        settings.connectDelay = plan.connectDelay.inSeconds * 1e3
        settings.work = plan.work.inSeconds * 1e3
        settings.rounds = rounds.count
        settings.wasInterrupted = stop.isRequested
        return BenchResult(
            scenario: "spike",
            settings: settings,
            seed: plan.seed,
            seconds: seconds,
            operations: operations,
            throughput: seconds > 0 ? Double(operations) / seconds : 0,
            errors: contents.errors,
            latency: LatencySummary(contents.latency),
            acquire: LatencySummary(contents.acquire),
            clientCPUSeconds: cpu,
            peakResidentBytes: ProcessUsage.peakResidentBytes(),
            connectionsOpened: gauges.opened,
            connectionsPeak: gauges.peak,
            operationsPerWorker: Statistics.spread(
                (0..<plan.burst).map { caller in
                    rounds.reduce(0) { $0 + $1.completed[caller] }
                }
            ),
            series: rounds.map(\.entry),
            histogram: LatencyDistribution(contents.latency, sampledEvery: 1),
            burst: Statistics.median(rounds.map { $0.seconds * 1e3 })
        )
    }
}
