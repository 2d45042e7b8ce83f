import Dispatch
import Foundation
import Synchronization

/// Looks at a running load once a second, from a thread of its own.
///
/// The load fills every thread of the concurrency runtime, where a sleeping task would wake late.
/// Seconds are those of the load: the pauses in which baselines run are left out.
final class LoadMonitor: Sendable {
    /// What is counted at one instant.
    struct Reading: Equatable, Sendable {
        /// Seconds of load so far; filled in by the monitor.
        var seconds = 0.0
        var operations = 0
        var errors = 0
        var gauges = PoolGauges()
    }

    fileprivate struct State {
        var loadedBefore: UInt64 = 0
        var resumedAt: UInt64?
        var entryBegan: UInt64 = 0
        var entryReading = Reading()
        var series: [SeriesEntry] = []
        var hasEnded = false
    }

    private static let second: UInt64 = 1_000_000_000

    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let read: @Sendable () -> Reading
    private let onEntry: @Sendable (SeriesEntry, Reading) -> Void

    init(
        read: @escaping @Sendable () -> Reading,
        onEntry: @escaping @Sendable (SeriesEntry, Reading) -> Void
    ) {
        self.read = read
        self.onEntry = onEntry
    }

    func start() {
        let thread = Thread { self.watch() }
        thread.name = "load-monitor"
        thread.start()
    }

    /// The load begins, or goes on.
    func resume() {
        state.withLock { $0.resumedAt = MonotonicClock.now() }
        wake.signal()
    }

    /// The load pauses.
    func pause() {
        state.withLock { state in
            guard let began = state.resumedAt else { return }
            state.loadedBefore += MonotonicClock.now() - began
            state.resumedAt = nil
        }
        wake.signal()
    }

    /// Ends the thread and returns the series; what is left of a second is its last entry, if it
    /// is long enough to mean something.
    func finish() -> [SeriesEntry] {
        pause()
        state.withLock { $0.hasEnded = true }
        wake.signal()
        ended.wait()
        let reading = read()
        return state.withLock { state in
            let rest = state.loadedBefore - state.entryBegan
            if rest >= Self.second / 5 || state.series.isEmpty {
                Self.close(&state, reading, at: state.loadedBefore)
            }
            return state.series
        }
    }

    private func watch() {
        while true {
            let (untilNext, hasEnded) = state.withLock { ($0.untilNextEntry, $0.hasEnded) }
            if hasEnded { break }
            guard let untilNext else {
                wake.wait()
                continue
            }
            let deadline = DispatchTime.now() + .nanoseconds(Int(untilNext))
            guard wake.wait(timeout: deadline) == .timedOut else { continue }
            var reading = read()
            let entry = state.withLock { state in
                let loaded = state.loaded
                reading.seconds = Double(loaded) / 1e9
                return Self.close(&state, reading, at: loaded)
            }
            onEntry(entry, reading)
        }
        ended.signal()
    }

    @discardableResult
    private static func close(_ state: inout State, _ reading: Reading, at end: UInt64)
        -> SeriesEntry
    {
        let entry = SeriesEntry(
            seconds: Double(end - state.entryBegan) / 1e9,
            operations: reading.operations - state.entryReading.operations,
            errors: reading.errors - state.entryReading.errors,
            connections: reading.gauges.connections
        )
        state.series.append(entry)
        state.entryBegan = end
        state.entryReading = reading
        return entry
    }
}

extension LoadMonitor.State {
    /// How long the load has run, pauses left out.
    fileprivate var loaded: UInt64 {
        loadedBefore + (resumedAt.map { MonotonicClock.now() - $0 } ?? 0)
    }

    /// Nanoseconds to the next full second of load; `nil` while it pauses.
    fileprivate var untilNextEntry: UInt64? {
        guard resumedAt != nil else { return nil }
        let target = UInt64(series.count + 1) * 1_000_000_000
        return target > loaded ? target - loaded : 0
    }
}
