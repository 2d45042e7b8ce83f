import Synchronization

/// The callers of a drill: each adds one row after the other, in a transaction each.
final class DrillCrew: Sendable {
    let plan: DrillPlan
    let target: any DrillTarget
    let recorder = DrillRecorder()
    let counters: [WorkerCounters]
    private let attempts = AttemptCounter()
    private let book: Mutex<LedgerBook>
    private let halt = StopSignal()
    private let stop: StopSignal

    init(plan: DrillPlan, target: any DrillTarget, book: LedgerBook, stop: StopSignal) {
        self.plan = plan
        self.target = target
        self.stop = stop
        self.book = Mutex(book)
        counters = (0..<plan.workers).map { _ in WorkerCounters() }
    }

    /// What operations that begin now are written down in.
    var currentBook: LedgerBook { book.withLock { $0 } }

    /// Has operations that begin from now on written into another book, and returns the one before.
    func turn(to next: LedgerBook) -> LedgerBook {
        book.withLock { current in
            defer { current = next }
            return current
        }
    }

    /// Lets every caller end the operation it is at.
    func end() { halt.request() }

    /// Runs all callers until ``end()``, or until the task is cancelled.
    func work() async {
        await withDiscardingTaskGroup { group in
            for worker in 0..<plan.workers {
                group.addTask { await self.work(as: worker) }
            }
        }
    }

    private func work(as worker: Int) async {
        var buffer = SampleBuffer()
        while !halt.isRequested && !stop.isRequested && !Task.isCancelled {
            let start = MonotonicClock.now()
            let outcome = await operate(worker, &buffer, since: start)
            if buffer.isFull {
                recorder.latencies.add(buffer)
                buffer.removeAll()
            }
            // Whoever was refused at once would ask again thousands of times a second.
            let tookLong = MonotonicClock.now() - start > Self.pauseAfterFailure
            if outcome != .acknowledged && !tookLong {
                try? await Task.sleep(for: .nanoseconds(Self.pauseAfterFailure))
            }
        }
        recorder.latencies.add(buffer)
    }

    private static let pauseAfterFailure: UInt64 = 10_000_000

    private func operate(
        _ worker: Int,
        _ buffer: inout SampleBuffer,
        since start: UInt64
    ) async -> LedgerOutcome {
        // Between them nobody may turn the book, or it would seem settled.
        let operation = book.withLock { book in
            LedgerOperation(book: book, worker: worker, recorder: recorder, attempts: attempts)
        }
        do {
            try await target.transact(operation, deadline: plan.deadline)
            let end = MonotonicClock.now()
            operation.end(.acknowledged, at: end)
            let entered = operation.enteredAt
            buffer.append(latency: end - start, acquire: entered > start ? entered - start : nil)
            counters[worker].countOperation()
            return .acknowledged
        } catch {
            let outcome = LedgerOutcome(error)
            operation.end(outcome, at: MonotonicClock.now())
            if outcome != .withdrawn {
                counters[worker].countError()
                recorder.latencies.addError(BenchPool.errorCode(error))
            }
            return outcome
        }
    }
}
