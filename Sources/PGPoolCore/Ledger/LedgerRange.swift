/// The time that a partition of tokens spans, in milliseconds since 1970: `to` is not part of it.
package struct LedgerRange: Hashable, Sendable {
    package let from: Int64
    package let to: Int64

    package init(from: Int64, to: Int64) {
        self.from = from
        self.to = to
    }

    /// Reads a partition's bounds as PostgreSQL prints them; `nil` for others than of two UUIDs.
    package init?(bounds: String) {
        let parts = bounds.split(separator: "'", omittingEmptySubsequences: false)
        guard parts.count == 5, let from = Self.milliseconds(parts[1]),
            let to = Self.milliseconds(parts[3])
        else { return nil }
        self.init(from: from, to: to)
    }

    /// The time in a bound, which need not be a whole UUID of version 7.
    private static func milliseconds(_ bound: Substring) -> Int64? {
        let digits = bound.filter { $0 != "-" }
        guard digits.utf8.count == 32 else { return nil }
        return Int64(digits.prefix(12), radix: 16)
    }
}

extension LedgerPartitions {
    /// What must be made: the parts of what must exist that no partition covers. Partitions of
    /// another length, from before a change of the configuration, stay as they are.
    package func missing(
        existing: [LedgerRange],
        at milliseconds: Int64,
        ahead: Int
    ) -> [LedgerRange] {
        let existing = existing.sorted { $0.from < $1.from }
        return needed(at: milliseconds, ahead: ahead).flatMap { partition in
            var missing: [LedgerRange] = []
            var start = partition.startMilliseconds
            let end = partition.endMilliseconds
            for range in existing where range.to > start && range.from < end {
                if range.from > start { missing.append(LedgerRange(from: start, to: range.from)) }
                start = max(start, range.to)
            }
            if start < end { missing.append(LedgerRange(from: start, to: end)) }
            return missing
        }
    }

    /// Whether every token of that time is past its retention.
    package func isExpired(_ range: LedgerRange, at milliseconds: Int64) -> Bool {
        range.to + retentionMilliseconds <= milliseconds
    }
}
