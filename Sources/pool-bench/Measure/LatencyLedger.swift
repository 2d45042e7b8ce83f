import Histogram
import Synchronization

/// The latencies and failures of all workers.
///
/// A worker keeps what it measured in a buffer of its own and hands it in when that is full, so the
/// lock is taken once in ``SampleBuffer/capacity`` timed operations. A full histogram for each of a
/// thousand workers would take hundreds of megabytes and show up as the pool's memory.
final class LatencyLedger: Sendable {
    /// What was recorded, as a value.
    struct Contents: Sendable {
        /// From the call to its return, in nanoseconds.
        var latency = LatencyLedger.histogram()
        /// From the call to having the connection, in nanoseconds.
        var acquire = LatencyLedger.histogram()
        /// How often operations failed, by code.
        var errors: [String: Int] = [:]
    }

    /// Longer latencies are recorded as this.
    static let longest: UInt64 = 3_600_000_000_000

    private let state = Mutex(Contents())

    var contents: Contents { state.withLock { $0 } }

    func add(_ buffer: SampleBuffer) {
        state.withLock { contents in
            for value in buffer.latencies { contents.latency.record(min(value, Self.longest)) }
            for value in buffer.acquires { contents.acquire.record(min(value, Self.longest)) }
        }
    }

    func addAcquire(nanoseconds: UInt64) {
        state.withLock { contents in
            _ = contents.acquire.record(min(nanoseconds, Self.longest))
        }
    }

    func addError(_ code: String) {
        state.withLock { $0.errors[code, default: 0] += 1 }
    }

    static func histogram() -> Histogram<UInt64> {
        Histogram(highestTrackableValue: longest, numberOfSignificantValueDigits: .three)
    }
}

/// The samples that one worker has not handed in yet.
struct SampleBuffer {
    static let capacity = 128

    private(set) var latencies: [UInt64] = []
    private(set) var acquires: [UInt64] = []

    init() {
        latencies.reserveCapacity(Self.capacity)
        acquires.reserveCapacity(Self.capacity)
    }

    var isFull: Bool { latencies.count >= Self.capacity }

    /// Adds one operation's times, in nanoseconds; `acquire` is `nil` where it can't be told apart.
    mutating func append(latency: UInt64, acquire: UInt64?) {
        latencies.append(latency)
        if let acquire { acquires.append(acquire) }
    }

    mutating func removeAll() {
        latencies.removeAll(keepingCapacity: true)
        acquires.removeAll(keepingCapacity: true)
    }
}
