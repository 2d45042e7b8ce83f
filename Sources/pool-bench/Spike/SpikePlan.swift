/// What a spike is to be.
struct SpikePlan: Equatable, Sendable {
    var burst: Int
    var minIdle: Int
    var poolSize: Int
    var connectDelay: Duration
    /// How long each caller's statement takes on the server.
    var work: Duration
    var rounds: Int
    var seed: UInt64

    /// The statement that takes that long.
    var statement: String { "select pg_sleep(\(work.inSeconds))" }
}

/// A round's pool, as far as a spike needs it.
struct SpikePool: Sendable {
    /// Returns when that many connections are idle.
    var waitUntilWarm: @Sendable (Int) async throws -> Void
    /// Does one caller's work under a lease; returns the instant at which it was had.
    var call: @Sendable () async throws -> UInt64
    var gauges: @Sendable () -> PoolGauges
    var errorCode: @Sendable (any Error) -> String
    var shutdown: @Sendable () async -> Void
}

/// What one caller saw, in instants of ``MonotonicClock``.
struct SpikeCall: Sendable {
    var caller: Int
    var start: UInt64
    var acquired: UInt64
    var end: UInt64
    var error: String?

    static func make(by caller: Int, on pool: SpikePool) async -> SpikeCall {
        let start = MonotonicClock.now()
        do {
            let acquired = try await pool.call()
            let end = MonotonicClock.now()
            return SpikeCall(caller: caller, start: start, acquired: acquired, end: end)
        } catch {
            let end = MonotonicClock.now()
            let code = pool.errorCode(error)
            return SpikeCall(caller: caller, start: start, acquired: end, end: end, error: code)
        }
    }
}

/// One burst.
struct SpikeRound: Sendable {
    private var firstStart = UInt64.max
    private var lastEnd: UInt64 = 0
    /// Calls that succeeded, by caller.
    private(set) var completed: [Int]
    private(set) var errors = 0
    var connections = 0

    init(callers: Int) {
        completed = [Int](repeating: 0, count: callers)
    }

    mutating func add(_ call: SpikeCall) {
        firstStart = min(firstStart, call.start)
        lastEnd = max(lastEnd, call.end)
        if call.error == nil {
            completed[call.caller] += 1
        } else {
            errors += 1
        }
    }

    /// From the first caller's start to the last one's end.
    var seconds: Double { MonotonicClock.seconds(from: firstStart, to: lastEnd) }

    var operations: Int { completed.reduce(0, +) }

    var entry: SeriesEntry {
        SeriesEntry(
            seconds: seconds,
            operations: operations,
            errors: errors,
            connections: connections
        )
    }
}
