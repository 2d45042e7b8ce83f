/// What the caller of a ledger operation was told.
enum LedgerOutcome: UInt8, Sendable, CaseIterable {
    /// Nothing yet.
    case open
    /// It is committed.
    case acknowledged
    /// The server never began it.
    case notExecuted
    /// The server undid it.
    case rolledBack
    /// It may have been committed.
    case unknown
    /// Repeating it can't help.
    case deterministic
    /// Nothing, because the drill itself was stopped.
    case withdrawn

    /// Whether the caller was told that there is no row.
    var deniesRow: Bool {
        switch self {
        case .notExecuted, .rolledBack, .deterministic: true
        case .open, .acknowledged, .unknown, .withdrawn: false
        }
    }
}

/// Compares what callers were told with the rows that are there in the end.
struct LedgerAudit: Sendable {
    /// By worker, by the number of the operation.
    private let outcomes: [[LedgerOutcome]]
    private var counts: [[UInt8]]
    private var strays = 0

    init(outcomes: [[LedgerOutcome]]) {
        self.outcomes = outcomes
        counts = outcomes.map { [UInt8](repeating: 0, count: $0.count) }
    }

    /// Notes a row of the table.
    mutating func add(worker: Int, number: Int) {
        guard outcomes.indices.contains(worker), outcomes[worker].indices.contains(number) else {
            strays += 1
            return
        }
        if counts[worker][number] < .max { counts[worker][number] += 1 }
    }

    /// The findings, once all rows were noted.
    var totals: LedgerTotals {
        var totals = LedgerTotals()
        for worker in outcomes.indices {
            for (outcome, count) in zip(outcomes[worker], counts[worker]) {
                totals.add(outcome, rows: Int(count))
            }
        }
        // A row of an operation that nobody asked for is as wrong as one that was denied.
        totals.phantom += strays
        return totals
    }
}

/// What an audit found.
struct LedgerTotals: Equatable, Sendable {
    /// Operations that were acknowledged.
    var acknowledged = 0
    /// Operations with at least one row.
    var present = 0
    /// Operations that were acknowledged and have no row.
    var lost = 0
    /// Operations with more than one row.
    var duplicated = 0
    /// Operations with a row that were reported `notExecuted`, `rolledBack` or `deterministic`, and
    /// rows of operations that there never were.
    var phantom = 0
    /// Operations reported `outcomeUnknown`.
    var unknown = 0
    /// Those of them that have a row.
    var unknownPresent = 0

    fileprivate mutating func add(_ outcome: LedgerOutcome, rows: Int) {
        if rows > 0 { present += 1 }
        if rows > 1 { duplicated += 1 }
        switch outcome {
        case .acknowledged:
            acknowledged += 1
            if rows == 0 { lost += 1 }
        case .unknown:
            unknown += 1
            if rows > 0 { unknownPresent += 1 }
        case .open, .notExecuted, .rolledBack, .deterministic, .withdrawn: break
        }
        if outcome.deniesRow && rows > 0 { phantom += 1 }
    }

    static func + (left: LedgerTotals, right: LedgerTotals) -> LedgerTotals {
        LedgerTotals(
            acknowledged: left.acknowledged + right.acknowledged,
            present: left.present + right.present,
            lost: left.lost + right.lost,
            duplicated: left.duplicated + right.duplicated,
            phantom: left.phantom + right.phantom,
            unknown: left.unknown + right.unknown,
            unknownPresent: left.unknownPresent + right.unknownPresent
        )
    }
}
