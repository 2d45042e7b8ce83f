import Testing

@testable import pool_bench

@Suite struct LedgerAuditTests {
    /// An audit of one worker's operations; each row is an operation's number.
    private func audit(_ outcomes: [LedgerOutcome], rows: [Int]) -> LedgerTotals {
        var audit = LedgerAudit(outcomes: [outcomes])
        for number in rows { audit.add(worker: 0, number: number) }
        return audit.totals
    }

    @Test func nothingIsWrongWhenEachAcknowledgedOperationHasOneRow() {
        let totals = audit([.acknowledged, .acknowledged, .rolledBack], rows: [1, 0])
        #expect(totals == LedgerTotals(acknowledged: 2, present: 2))
    }

    @Test func anAcknowledgedOperationWithoutARowIsLost() {
        let totals = audit([.acknowledged, .acknowledged], rows: [1])
        #expect(totals == LedgerTotals(acknowledged: 2, present: 1, lost: 1))
    }

    @Test(arguments: LedgerOutcome.allCases)
    func twoRowsOfAnOperationAreADuplicateWhateverWasReported(_ outcome: LedgerOutcome) {
        let totals = audit([outcome], rows: [0, 0])
        #expect(totals.duplicated == 1)
        #expect(totals.present == 1)
    }

    @Test(
        arguments: [
            (LedgerOutcome.notExecuted, 1), (.rolledBack, 1), (.deterministic, 1), (.unknown, 0),
            (.withdrawn, 0), (.open, 0), (.acknowledged, 0),
        ]
    )
    func aRowThatWasDeniedIsAPhantom(_ outcome: LedgerOutcome, _ expected: Int) {
        #expect(audit([outcome], rows: [0]).phantom == expected)
        #expect(audit([outcome], rows: []).phantom == 0)
    }

    @Test func anUnknownOutcomeIsNeverLostAndMayBePresent() {
        let totals = audit([.unknown, .unknown, .unknown], rows: [2])
        #expect(totals == LedgerTotals(present: 1, unknown: 3, unknownPresent: 1))
    }

    @Test func aRowOfNobodyIsAPhantom() {
        var audit = LedgerAudit(outcomes: [[.acknowledged], []])
        audit.add(worker: 0, number: 0)
        audit.add(worker: 0, number: 1)
        audit.add(worker: 1, number: 0)
        audit.add(worker: 2, number: 0)
        audit.add(worker: -1, number: 0)
        #expect(audit.totals == LedgerTotals(acknowledged: 1, present: 1, phantom: 4))
    }

    @Test func manyRowsOfOneOperationStayOneDuplicate() {
        let totals = audit([.acknowledged], rows: [Int](repeating: 0, count: 1000))
        #expect(totals == LedgerTotals(acknowledged: 1, present: 1, duplicated: 1))
    }

    @Test func segmentsAddUp() {
        let first = audit([.acknowledged, .unknown], rows: [0, 1])
        let second = audit([.acknowledged, .rolledBack], rows: [1, 1])
        #expect(
            first + second
                == LedgerTotals(
                    acknowledged: 2,
                    present: 3,
                    lost: 1,
                    duplicated: 1,
                    phantom: 1,
                    unknown: 1,
                    unknownPresent: 1
                )
        )
    }

    @Test func aBookIsSettledWhenNobodyWaits() {
        let book = LedgerBook(table: LedgerTable(run: 35), workers: 2)
        #expect(book.isSettled)
        #expect(book.begin(worker: 1) == 0)
        #expect(book.begin(worker: 1) == 1)
        book.end(worker: 1, number: 0, .acknowledged)
        #expect(!book.isSettled)
        book.end(worker: 1, number: 1, .unknown)
        #expect(book.isSettled)
        #expect(book.outcomes == [[], [.acknowledged, .unknown]])
        #expect(book.table.name == "pool_bench_ledger_z_0")
    }
}
