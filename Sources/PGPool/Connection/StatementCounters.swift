internal import Synchronization

/// What a pool's statement caches did, added up over all connections since the pool was made.
final class StatementCounters: Sendable {
    private let hits = Atomic<UInt64>(0)
    private let misses = Atomic<UInt64>(0)
    private let evictions = Atomic<UInt64>(0)
    private let repairs = Atomic<UInt64>(0)

    func countHit() { hits.wrappingAdd(1, ordering: .relaxed) }

    func countMiss(evicting isEvicting: Bool) {
        misses.wrappingAdd(1, ordering: .relaxed)
        if isEvicting { evictions.wrappingAdd(1, ordering: .relaxed) }
    }

    func countRepair() { repairs.wrappingAdd(1, ordering: .relaxed) }

    func read(into snapshot: inout PoolSnapshot) {
        snapshot.statementHitsTotal = hits.load(ordering: .relaxed)
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
    /// Functions that are not known count as harmless: a reset would undo what `onConnect` set.
    var trustsFunctions: Bool
}
