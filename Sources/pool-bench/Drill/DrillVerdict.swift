/// In which ways a drill fell short; empty when it kept its promises.
enum DrillVerdict {
    /// - Parameters:
    ///   - result: Of a drill that wasn't interrupted by hand.
    ///   - maxErrors: The failed operations to put up with. With plain commits those whose outcome
    ///     is unknown aren't among them: a lost answer to COMMIT can be told in no other way.
    static func shortcomings(of result: BenchResult, maxErrors: Int) -> [String] {
        var found: [String] = []
        let isPlain = result.settings.commit == .plain
        let unknown = result.ledger?.unknown ?? result.rounds?.reduce(0) { $0 + $1.unknown } ?? 0
        let errors = result.errorCount - (isPlain ? unknown : 0)
        if errors > maxErrors { found.append("\(errors) errors, --max-errors is \(maxErrors)") }
        found += rounds(result.rounds ?? [])
        if let totals = result.ledger {
            found += ledger(totals, isPlain: isPlain)
        } else {
            found.append("the ledger wasn't audited")
        }
        if let soak = result.soak { found += self.soak(soak) }
        return found
    }

    private static func rounds(_ rounds: [DrillRound]) -> [String] {
        var found: [String] = []
        let stuck = rounds.filter { !$0.recovered }.count
        if stuck > 0 { found.append("\(stuck) of \(rounds.count) rounds didn't recover") }
        for (index, round) in rounds.enumerated() where round.unknown > round.maxUnknown {
            found.append(
                "round \(index + 1): \(round.unknown) outcomes unknown,"
                    + " more than the \(round.inFlight) in flight"
            )
        }
        return found
    }

    private static func ledger(_ totals: LedgerTotals, isPlain: Bool) -> [String] {
        var counts = [
            ("lost", totals.lost), ("duplicated", totals.duplicated), ("phantom", totals.phantom),
        ]
        if !isPlain { counts.append(("unknown", totals.unknown)) }
        return counts.filter { $0.1 > 0 }.map { "\($0.0): \($0.1)" }
    }

    private static func soak(_ soak: SoakFigures) -> [String] {
        var found: [String] = []
        let server = soak.serverConnections
        if server.peak <= server.limit && server.violations > 0 {
            let most = SoakFigures.ServerConnections.maxWatchers
            found.append(
                "more than \(most) connections beside a full pool on a server,"
                    + " in \(server.violations) of \(server.samples) samples"
            )
        } else if server.violations > 0 {
            found.append("\(server.peak) connections on a server, the limit is \(server.limit)")
        }
        if server.samples == 0 { found.append("no server ever told its connections") }
        if !soak.memory.isFlat { found.append("memory grew") }
        if !soak.descriptors.isFlat { found.append("open descriptors grew") }
        return found
    }
}
