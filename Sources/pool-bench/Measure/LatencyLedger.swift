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
            for sample in buffer.samples {
                contents.latency.record(min(sample.latency, Self.longest))
                guard let acquire = sample.acquire else { continue }
                contents.acquire.record(min(acquire, Self.longest))
            }
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

    /// An operation's times, in nanoseconds.
    struct Sample {
        var latency: UInt64
        /// `nil` where it can't be told apart.
        var acquire: UInt64?
    }

    private(set) var samples: [Sample] = []

    init() {
        samples.reserveCapacity(Self.capacity)
    }

    var isFull: Bool { samples.count >= Self.capacity }

    mutating func append(latency: UInt64, acquire: UInt64?) {
        samples.append(Sample(latency: latency, acquire: acquire))
    }

    mutating func removeAll() {
        samples.removeAll(keepingCapacity: true)
    }
}
