import Synchronization

extension LocalCluster {
    /// How one failover went.
    public struct Failover: Sendable, Hashable {
        /// What harmed the writer.
        public let fault: Fault
        /// The node that was the writer.
        public let oldWriter: Node
        /// The node that is the writer now.
        public let newWriter: Node
        /// When the fault began; for a lost acknowledgement, when the answer was dropped.
        public let faultBegan: ContinuousClock.Instant
        /// When the control plane began to promote.
        public let promotionBegan: ContinuousClock.Instant
        /// When the new writer first answered `pg_is_in_recovery()` with false.
        public let promoted: ContinuousClock.Instant
    }

    /// The failover that ended last, if there was one.
    public var lastFailover: Failover? { state.read { $0.lastFailover } }

    /// Promotes the reader that has received most, once the service's patience is over.
    func failOver(from old: ServerNode, _ fault: Fault) async throws -> Failover {
        try await Task.sleep(for: configuration.promoteAfter)
        let promotionBegan = ContinuousClock.now
        let readers = state.read { $0.readers }
        let chosen: ServerNode
        if let number = state.read({ $0.outage?.chosen }),
            let node = state.read({ $0.node(number) })
        {
            chosen = node
            try await node.start(timeout: configuration.timeout)
            try await openGate(of: node)
        } else {
            chosen = try await choose(among: readers)
        }
        if fault == .restartPromoted {
            try await chosen.ask("SELECT pg_promote(false)")
            try await chosen.stop(mode: .fast, timeout: configuration.timeout)
            try await chosen.start(timeout: configuration.timeout)
        }
        let promoted = try await chosen.promote(timeout: configuration.timeout)
        return try note(fault, from: old, to: chosen, promotionBegan, promoted)
    }

    private func note(
        _ fault: Fault,
        from old: ServerNode,
        to new: ServerNode,
        _ promotionBegan: ContinuousClock.Instant,
        _ promoted: ContinuousClock.Instant
    ) throws -> Failover {
        let failover = state.read { state in
            state.writer = new.number
            state.outOfService.insert(old.number)
            state.delays = [:]
            if fault == .restartAll {
                state.outOfService.formUnion(state.nodes.map(\.number))
                state.outOfService.remove(new.number)
            }
            let failover = Failover(
                fault: fault,
                oldWriter: state.publicNode(old.number),
                newWriter: state.publicNode(new.number),
                faultBegan: state.outage?.began ?? promotionBegan,
                promotionBegan: promotionBegan,
                promoted: promoted
            )
            state.lastFailover = failover
            return failover
        }
        try publishTopology()
        let isStale = fault == .staleEndpoint
        scheduleEndpoints(after: isStale ? .seconds(20) : configuration.endpointLag)
        return failover
    }

    /// Points the survivors at the new writer, and has its commits wait for one of them again as
    /// soon as one streams.
    func settle(_ failover: Failover) async throws {
        let writer = writerServer
        let survivors = state.read { $0.readers }
        for node in survivors {
            try node.follow(writer)
            try await node.reload()
        }
        if !survivors.isEmpty {
            try await writer.waitUntilFollowedByAny(timeout: configuration.timeout)
            try await setSynchronous(true, on: writer)
            try await writer.waitUntilFollowed(by: survivors, timeout: configuration.timeout)
        }
        if failover.fault == .staleEndpoint,
            let old = state.read({ $0.nodes.first { $0.id == failover.oldWriter.id } })
        {
            try await bringBack(old)
        }
    }

    /// Has all readers stop receiving, and finds the one that received most.
    func choose(among readers: [ServerNode]) async throws -> ServerNode {
        let timeout = configuration.timeout
        let received = try await withThrowingTaskGroup(of: (Int, UInt64).self) { group in
            for reader in readers {
                group.addTask { (reader.number, try await reader.detach(timeout: timeout)) }
            }
            var received: [Int: UInt64] = [:]
            for try await (number, position) in group { received[number] = position }
            return received
        }
        let best = readers.max { left, right in
            (received[left.number] ?? 0, -left.number) < (
                received[right.number] ?? 0, -right.number
            )
        }
        guard let best else {
            throw LocalClusterError(code: .noReader, message: "no reader is left to promote")
        }
        return best
    }
}

/// A fault that is under way.
struct Outage: Sendable {
    let fault: LocalCluster.Fault
    /// The old writer's number.
    let node: Int
    var began: ContinuousClock.Instant
    /// A lost acknowledgement begins with the next COMMIT, all others at once.
    var hasBegun: Bool
    /// Ends when the new writer writes.
    let promotion: Task<LocalCluster.Failover, any Error>
    /// Ends when the survivors follow it.
    let settlement: Task<Void, any Error>
    /// The reader that was found best before all died.
    var chosen: Int?
    /// Whether the old writer is a reader by now, which the control plane reaches.
    var isBack = false
}

/// Something that happens or fails once, for one task that waits for it.
final class OneShot: Sendable {
    private let stream: AsyncThrowingStream<Void, any Error>
    private let feed: AsyncThrowingStream<Void, any Error>.Continuation

    init() { (stream, feed) = AsyncThrowingStream.makeStream() }

    func succeed() { feed.finish() }
    func fail(_ error: any Error) { feed.finish(throwing: error) }

    /// Returns when it happened.
    func wait() async throws {
        for try await _ in stream {}
        try Task.checkCancellation()
    }
}
