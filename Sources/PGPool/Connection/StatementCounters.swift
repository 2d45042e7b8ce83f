internal import Synchronization

/// What a pool's statement caches did, added up over all connections since the pool was made.
final class StatementCounters: Sendable {
    /// Each session counts its own: one place that all threads write to at each statement is dear.
    final class Hits: Sendable {
        private let count = Atomic<UInt64>(0)

        /// To be called by one thread at a time.
        func add() { count.store(value &+ 1, ordering: .relaxed) }

        var value: UInt64 { count.load(ordering: .relaxed) }
    }

    private struct AllHits {
        var live: [Hits] = []
        var ofEnded: UInt64 = 0
    }

    private let hits = Mutex(AllHits())
    private let misses = Atomic<UInt64>(0)
    private let evictions = Atomic<UInt64>(0)
    private let repairs = Atomic<UInt64>(0)

    /// For a session, until it ends.
    func makeHits() -> Hits {
        let new = Hits()
        hits.withLock { $0.live.append(new) }
        return new
    }

    func end(_ ended: Hits) {
        hits.withLock { hits in
            hits.ofEnded += ended.value
            hits.live.removeAll { $0 === ended }
        }
    }

    func countMiss(evicting isEvicting: Bool) {
        misses.wrappingAdd(1, ordering: .relaxed)
        if isEvicting { evictions.wrappingAdd(1, ordering: .relaxed) }
    }

    func countRepair() { repairs.wrappingAdd(1, ordering: .relaxed) }

    func read(into snapshot: inout PoolSnapshot) {
        snapshot.statementHitsTotal = hits.withLock { hits in
            hits.live.reduce(hits.ofEnded) { $0 + $1.value }
        }
        snapshot.statementMissesTotal = misses.load(ordering: .relaxed)
        snapshot.statementEvictionsTotal = evictions.load(ordering: .relaxed)
        snapshot.statementRepairsTotal = repairs.load(ordering: .relaxed)
    }
}

/// How a session treats statements.
struct SessionStatements: Sendable {
    /// 0 prepares none.
    var cacheSize: Int
    /// For those that don't say.
    var mode: StatementMode
    var counters: StatementCounters
    /// How much of their results is kept.
    var results = ConnectionPool.Configuration.Results()
    /// Functions that are not known count as harmless: a reset would undo what `onConnect` set.
    var trustsFunctions: Bool
}
