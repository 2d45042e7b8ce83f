internal import PGPoolCore
internal import Synchronization

/// What the reactor's own thread does.
extension Reactor {
    func run() {
        var batch = Batch()
        while look(into: &batch) {
            // Waiting for more is worth it only where a thread must be woken.
            let isQuiet = batch.calls.isEmpty || focus.isWorthIt && turnsWithoutTasks == 0
            for (handler, readiness) in batch.calls {
                if readiness.isEmpty {
                    handler.reactorDeadlinePassed()
                } else {
                    handler.reactorReady(readiness, &batch.arrived)
                }
            }
            batch.calls.removeAll(keepingCapacity: true)
            if batch.narrowly > 0 {
                focus.looked(at: batch.narrowly, answers: batch.arrived.count)
                batch.narrowly = 0
            }
            // Connections go on to the next statement when all answers are read: each send lets another
            // thread in, which would break up the batch. Those that are shared send in batches anyway.
            for operation in batch.arrived { operation.complete() }
            sendUnsent()
            if batch.finished.isEmpty {
                swap(&batch.finished, &batch.arrived)
            } else {
                batch.finished.append(contentsOf: batch.arrived)
                batch.arrived.removeAll(keepingCapacity: true)
            }
            // Waking a task costs more than all the rest if its thread sleeps, so tasks are woken
            // together, when no socket has more to say, or enough of them wait, or one for long enough.
            batch.rounds = batch.finished.isEmpty ? 0 : batch.rounds + 1
            if isQuiet || batch.finished.count >= Self.wakeUpBatch
                || batch.rounds >= Self.roundsToGather
            {
                for operation in batch.finished { operation.resume() }
                batch.finished.removeAll(keepingCapacity: true)
                batch.rounds = 0
            }
            runJobs(&batch.jobs)
            if !places.isEmpty, batch.finished.isEmpty {
                giveBackPlaces()
                // Statements that waited for them have joined.
                sendUnsent()
            }
        }
        for operation in batch.finished { operation.resume() }
        giveBackPlaces()
        sendUnsent()
    }

    /// Finds what there is to do, on all sockets or on those where this thread has just sent; false when
    /// the thread is to end.
    private func look(into batch: inout Batch) -> Bool {
        let now = Instant.now
        if !sentOn.isEmpty, focus.isNarrow(at: now) {
            for session in sentOn where session.isServed(by: self) {
                batch.calls.append((session, .readable))
            }
            batch.narrowly = batch.calls.count
        }
        // Before it sleeps: it would keep them alive.
        sentOn.removeAll(keepingCapacity: true)
        if batch.narrowly > 0 { return collect(into: &batch) }
        focus.looksAtAll(batch.watched, at: now)
        let isIdle = batch.finished.isEmpty && ownJobs.isEmpty
        guard let wait = isIdle ? prepareToSleep() : 0 else { return false }
        poller.wait(
            milliseconds: wait,
            atMost: focus.isWorthIt ? SocketFocus.sockets : .max,
            into: &batch.ready
        )
        noteProcessor()
        return collect(into: &batch)
    }

    /// Notes where answers may be soon: on this thread's own sockets.
    private func noteSent(_ session: Session) {
        guard sentOn.count < SocketFocus.sockets, session.isServed(by: self),
            !sentOn.contains(where: { $0 === session })
        else { return }
        sentOn.append(session)
    }

    /// Runs the tasks that are ready, and those that they make ready, for a few turns: a lease that one
    /// gives back is used by the next without a look at the sockets in between.
    private func runJobs(_ jobs: inout [ReactorJob]) {
        if jobs.isEmpty, ownJobs.isEmpty {
            turnsWithoutTasks = min(turnsWithoutTasks + 1, Self.turnsToForget)
        } else {
            turnsWithoutTasks = 0
        }
        for _ in 0..<Self.turnsOfJobs {
            jobs += ownJobs
            ownJobs.removeAll(keepingCapacity: true)
            guard !jobs.isEmpty else { return sendUnsent() }
            isRunningTasks = true
            runAll(&jobs)
            isRunningTasks = false
            jobs.removeAll(keepingCapacity: true)
            sendHeldBack()
            sendUnsent()
        }
    }

    /// Runs the jobs; when that takes long, another thread helps, if one sleeps. Not sooner: waking it costs
    /// a few jobs, and then it asks for connections that this thread serves.
    private func runAll(_ jobs: inout [ReactorJob]) {
        var mayAsk = crew != nil && jobs.count >= Self.sharedBatch
        let start = mayAsk ? Instant.now : Instant(nanoseconds: 0)
        var next = 0
        while next < jobs.count {
            jobs[next].run()
            next += 1
            if heldBack.count >= Self.heldBackAtMost { sendHeldBack() }
            if mayAsk, next % Self.jobsBetweenLooks == 0, jobs.count - next > 1,
                Instant.now.nanoseconds - start.nanoseconds >= Self.aloneAtLeast
            {
                // These tasks take their time, and others may want the places.
                giveBackPlaces()
                crew?.share(&jobs, from: next)
                mayAsk = false
            }
        }
    }

    /// Whether tasks that wait for answers run on this thread, as it seems. To be called on it.
    var runsTasks: Bool { turnsWithoutTasks < Self.turnsToForget }

    /// Calls the session's `sendDue` when this thread has run some tasks; false if it runs none now, and the
    /// session is to send at once. Either way its answer may be soon. To be called on it.
    ///
    /// Each send lets a server process in, after which little of what tasks need is left in the
    /// processor's cache. So they run first, and then all that they sent leaves.
    func holdBack(_ session: Session) -> Bool {
        guard isRunningTasks else {
            noteSent(session)
            return false
        }
        heldBack.append(session)
        return true
    }

    /// Gives back what places nobody took: the tasks have run for which they were kept, or one of them wants
    /// another connection of this pool. To be called on it.
    func giveBackPlaces(of pool: (any SessionEvents)? = nil) {
        // One by one: what is told of it may come back here.
        while let (session, count) = places.remove(of: pool) {
            session.events.placesLeft(on: session, count: count)
        }
    }

    private func sendHeldBack() {
        while let session = heldBack.popLast() {
            session.sendDue()
            noteSent(session)
        }
    }

    /// Calls the session's `sendInbox` when this thread has run the tasks that are ready now. To be
    /// called on it.
    func sendLater(_ session: Session) {
        if !unsent.contains(where: { $0 === session }) { unsent.append(session) }
    }

    /// Calls the session's `sendInbox` on this reactor's thread.
    func sendSoon(_ session: Session) {
        let mustWake = state.withLock { state in
            state.unsent.append(session)
            return wakesForWork(&state)
        }
        if mustWake { poller.wakeUp() }
    }

    private func sendUnsent() {
        // A statement that is refused there makes room for another, which adds its session again.
        while let session = unsent.popLast() {
            // Another's thread is reading from it, most likely, and can go on with that.
            if session.reactor === self {
                session.sendInbox()
            } else if !session.sendInboxIfFree() {
                session.reactor.sendSoon(session)
            }
        }
    }

    /// So many times in a row tasks run before the sockets are looked at again.
    private static let turnsOfJobs = 4
    /// After so many turns without a task it seems to run none.
    static let turnsToForget = 8
    private static let heldBackAtMost = 16
    private static let roundsToGather = 8
    /// Tasks that are woken together at the most.
    private static let wakeUpBatch = 32
    /// From how many jobs on a thread asks another for help.
    private static let sharedBatch = 32
    /// So long, in nanoseconds, it first runs them alone.
    private static let aloneAtLeast: Int64 = 200_000
    /// Jobs between two looks at the clock.
    private static let jobsBetweenLooks = 16

    /// What one round of the thread works on; kept for its storage.
    private struct Batch {
        var ready: [(token: UInt64, readiness: Readiness)] = []
        var calls: [(any ReactorHandler, Readiness)] = []
        var jobs: [ReactorJob] = []
        /// Operations that are over since this round began.
        var arrived: [Operation] = []
        /// Operations that gave their connections on, and whose tasks are still to be woken.
        var finished: [Operation] = []
        /// Rounds that the first of them has waited.
        var rounds = 0
        /// Sockets that were looked at because something was sent on them.
        var narrowly = 0
        /// All sockets there are.
        var watched = 0
    }

    /// Looks up who is to be called; false when the thread is to end.
    private func collect(into batch: inout Batch) -> Bool {
        defer { batch.ready.removeAll(keepingCapacity: true) }
        return state.withLock { state in
            state.sleepsUntil = nil
            batch.watched = state.registry.sockets
            state.registry.collectReady(batch.ready, into: &batch.calls)
            if state.registry.hasDeadlines {
                state.registry.collectDue(at: .now, into: &batch.calls)
            }
            swap(&state.jobs, &batch.jobs)
            if !state.unsent.isEmpty {
                unsent += state.unsent
                state.unsent.removeAll()
            }
            return !state.isShutDown
        }
    }

    /// How long to sleep, in milliseconds; `nil` ends the thread.
    private func prepareToSleep() -> Int32? {
        state.withLock { state in
            if state.isShutDown { return nil }
            if !state.jobs.isEmpty || !state.unsent.isEmpty { return 0 }
            guard let deadline = state.registry.firstDeadline else {
                state.sleepsUntil = .distantFuture
                return -1
            }
            let left = deadline.nanoseconds - Instant.now.nanoseconds
            guard left > 0 else { return 0 }
            state.sleepsUntil = deadline
            return Int32(clamping: (left + 999_999) / 1_000_000)
        }
    }
}
