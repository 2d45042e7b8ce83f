import Histogram

/// A drill from its first row to the audit of the last.
struct DrillSession: Sendable {
    let scenario: String
    let plan: DrillPlan
    let control: any FaultControl
    let crew: DrillCrew
    let log = DrillLog()
    /// The rounds that are planned; `nil` where time decides.
    let plannedRounds: Int?
    private let stop: StopSignal
    private let cpu = ProcessUsage.ownCPUSeconds()

    init(
        scenario: String,
        plan: DrillPlan,
        target: any DrillTarget,
        control: any FaultControl,
        stop: StopSignal
    ) async throws {
        self.scenario = scenario
        self.plan = plan
        self.control = control
        self.stop = stop
        plannedRounds = scenario == "failover" ? plan.faults.count : nil
        try await target.prepare()
        let table = LedgerTable(run: plan.seed)
        try await table.create(at: control.writerURL)
        let book = LedgerBook(table: table, workers: plan.workers)
        crew = DrillCrew(plan: plan, target: target, book: book, stop: stop)
    }

    /// Runs the load while something leads it, audits the ledger, and tells what was found.
    ///
    /// - Parameter lead: Does the faults; what it returns besides is part of the result.
    func run(
        _ lead: @escaping @Sendable (DrillSession) async throws -> SoakFigures?
    ) async throws -> BenchResult {
        let monitor = makeMonitor()
        monitor.start()
        monitor.resume()
        let start = MonotonicClock.now()
        let soak: SoakFigures?
        do {
            soak = try await underLoad(lead)
        } catch is CancellationError {
            soak = nil
        } catch {
            _ = monitor.finish()
            await dropTable()
            throw error
        }
        let seconds = MonotonicClock.seconds(from: start, to: MonotonicClock.now())
        let series = monitor.finish()
        log.note(crew.recorder.outage)
        Console.progress("\(scenario): auditing")
        let isAudited = try await audit()
        await dropTable()
        Console.clearProgress()
        var result = result(seconds: seconds, series: series)
        result.soak = soak
        result.ledger = isAudited ? log.totals : nil
        return result
    }

    /// Plays a round. One that finds no load to begin with ends the drill, unless it is the first.
    ///
    /// - Returns: Whether there may be another.
    func play(_ fault: DrillFault) async throws -> Bool {
        do {
            try await RoundDirector(crew: crew, control: control, log: log).play(fault)
            return true
        } catch let error as LoadNeverFlowed where !log.rounds.isEmpty {
            log.giveUp(error.description)
            return false
        }
    }

    /// Begins a new table, and audits the one before once its last operation has ended.
    func turnPage(segment: Int) async throws {
        let table = LedgerTable(run: plan.seed, segment: segment)
        try await table.create(at: control.writerURL)
        let before = crew.turn(to: LedgerBook(table: table, workers: plan.workers))
        while !before.isSettled { try await Task.sleep(for: .milliseconds(20)) }
        let url = control.writerURL
        log.add(try await before.table.audit(before.outcomes, at: url))
        await before.table.drop(at: url)
    }

    private func underLoad(
        _ lead: @escaping @Sendable (DrillSession) async throws -> SoakFigures?
    ) async throws -> SoakFigures? {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await crew.work() }
            let soak: SoakFigures?
            do {
                soak = try await lead(self)
            } catch {
                // Callers that wait for a writer would otherwise do so to their deadline.
                group.cancelAll()
                throw error
            }
            crew.end()
            let patience = ContinuousClock.now + plan.deadline + .seconds(30)
            while !crew.currentBook.isSettled, ContinuousClock.now < patience {
                try await Task.sleep(for: .milliseconds(20))
            }
            if !crew.currentBook.isSettled {
                log.giveUp("operations that never ended were cancelled")
                group.cancelAll()
            }
            return soak
        }
    }

    /// Compares the last table with what callers were told; not when the drill was interrupted, for
    /// then there may be no writer.
    private func audit() async throws -> Bool {
        guard !stop.isRequested else { return false }
        let book = crew.currentBook
        log.add(try await book.table.audit(book.outcomes, at: control.writerURL))
        return true
    }

    /// Tidies up also when the drill was interrupted, which would cancel what this task does.
    private func dropTable() async {
        let (table, url) = (crew.currentBook.table, control.writerURL)
        await Task { await table.drop(at: url) }.value
    }

    private func makeMonitor() -> LoadMonitor {
        LoadMonitor(
            read: {
                LoadMonitor.Reading(
                    operations: crew.recorder.acknowledged,
                    errors: crew.recorder.failed,
                    gauges: crew.target.gauges
                )
            },
            onEntry: { entry, reading in
                Console.progress(
                    DrillText.progress(scenario, log, plannedRounds, entry, reading)
                )
            }
        )
    }

    private func result(seconds: Double, series: [SeriesEntry]) -> BenchResult {
        let contents = crew.recorder.latencies.contents
        let gauges = crew.target.gauges
        let operations = crew.recorder.acknowledged
        var settings = plan.settings
        settings.rounds = log.rounds.count
        settings.wasInterrupted = stop.isRequested || log.remark != nil
        return BenchResult(
            scenario: scenario,
            settings: settings,
            seed: plan.seed,
            seconds: seconds,
            operations: operations,
            throughput: seconds > 0 ? Double(operations) / seconds : 0,
            errors: contents.errors,
            latency: LatencySummary(contents.latency),
            acquire: contents.acquire.totalCount > 0 ? LatencySummary(contents.acquire) : nil,
            clientCPUSeconds: ProcessUsage.ownCPUSeconds() - cpu,
            peakResidentBytes: ProcessUsage.peakResidentBytes(),
            connectionsOpened: gauges.opened,
            connectionsPeak: max(gauges.peak, series.map(\.connections).max() ?? 0),
            operationsPerWorker: Statistics.spread(crew.counters.map(\.operations)),
            series: series,
            histogram: LatencyDistribution(contents.latency, sampledEvery: 1),
            rounds: log.rounds,
            timeline: crew.recorder.timeline
        )
    }
}
