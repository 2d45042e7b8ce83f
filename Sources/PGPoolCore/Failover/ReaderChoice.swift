/// How a reader is chosen for a lease.
package enum ReaderStrategy: Hashable, Sendable {
    case roundRobin
    /// The one with the smallest part of its connections in use.
    case leastLoaded
    case random
}

/// Chooses the reader that serves the next lease.
package struct ReaderChoice: Sendable {
    /// A reader that may be chosen.
    package struct Candidate: Hashable, Sendable {
        package var host: HostID
        /// Leases it serves and callers that wait for it.
        package var load: Int
        /// The connections it may have.
        package var limit: Int
        /// `nil` where it is not known.
        package var lagMilliseconds: Double?

        package init(host: HostID, load: Int, limit: Int, lagMilliseconds: Double? = nil) {
            self.host = host
            self.load = load
            self.limit = limit
            self.lagMilliseconds = lagMilliseconds
        }
    }

    package var strategy: ReaderStrategy
    /// Readers further behind are not chosen, nor are those whose lag is not known. `nil`: any.
    package var maxLagMilliseconds: Double?
    private var last: HostID?
    private var generator: SeededGenerator

    package init(_ strategy: ReaderStrategy, maxLagMilliseconds: Double? = nil, seed: UInt64) {
        self.strategy = strategy
        self.maxLagMilliseconds = maxLagMilliseconds
        generator = SeededGenerator(seed: seed)
    }

    /// The reader to use, or `nil` if none will do: the writer serves then.
    package mutating func choose(among candidates: [Candidate]) -> HostID? {
        let usable = candidates.filter(isFresh).sorted { $0.host < $1.host }
        guard !usable.isEmpty else { return nil }
        let chosen: HostID
        switch strategy {
        case .random:
            chosen = usable[Int(generator.next() % UInt64(usable.count))].host
        case .roundRobin:
            chosen = next(of: usable)
        case .leastLoaded:
            var least = usable[0]
            for other in usable.dropFirst() where isLess(other, least) { least = other }
            chosen = next(of: usable.filter { !isLess(least, $0) && !isLess($0, least) })
        }
        last = chosen
        return chosen
    }

    private func isFresh(_ candidate: Candidate) -> Bool {
        guard candidate.limit > 0 else { return false }
        guard let maxLagMilliseconds else { return true }
        return candidate.lagMilliseconds.map { $0 <= maxLagMilliseconds } ?? false
    }

    /// Compares load by limit without dividing.
    private func isLess(_ left: Candidate, _ right: Candidate) -> Bool {
        left.load * right.limit < right.load * left.limit
    }

    /// The one after the last chosen, in the order of the hosts; it need not be among them any more.
    private func next(of usable: [Candidate]) -> HostID {
        guard let last else { return usable[0].host }
        return (usable.first { $0.host > last } ?? usable[0]).host
    }
}
