/// What a load runs against, and how to look inside.
///
/// The operation's type is known to ``run`` only: it is called once for a slice, and the loop in it
/// is compiled for that operation.
struct LoadTarget: Sendable {
    var run: @Sendable (LoadSlice) async -> Void
    var gauges: @Sendable () -> PoolGauges
    var errorCode: @Sendable (any Error) -> String

    init<Operation: LoadOperation>(
        _ operation: Operation,
        sampledEvery: Int,
        executor: (any TaskExecutor)? = nil,
        gauges: @escaping @Sendable () -> PoolGauges,
        errorCode: @escaping @Sendable (any Error) -> String
    ) {
        let loop = ClosedLoop(
            operation: operation,
            sampledEvery: sampledEvery,
            executor: executor
        )
        run = { await loop.run($0) }
        self.gauges = gauges
        self.errorCode = errorCode
    }
}

/// The pool's counters that the progress line and the series show.
struct PoolGauges: Equatable, Sendable {
    var opening = 0
    var idle = 0
    var leased = 0
    var waiters = 0
    /// All connections, in whatever state.
    var connections = 0
    /// The connections opened so far.
    var opened = 0
    /// The most connections at any one time so far.
    var peak = 0
}
