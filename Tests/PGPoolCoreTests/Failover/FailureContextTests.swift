import Testing

@testable import PGPoolCore

@Suite("What a failure means when more is known")
struct FailureContextTests {
    private func classify(
        _ code: String?,
        _ phase: FailurePhase,
        isFatal: Bool = false,
        _ context: FailureContext
    ) -> String {
        FailureClassifier.classify(
            code.flatMap { SQLState($0) },
            isFatal: isFatal,
            phase: phase,
            context: context
        ).letters
    }

    @Test(
        "A write refused by a reader evicts; refused by a writer it is the caller's own fault",
        arguments: ["25006", "0A000", "55000"]
    )
    func demotion(code: String) {
        #expect(classify(code, .autocommit, FailureContext(role: .reader)) == "Red.")
        #expect(classify(code, .inTransaction, FailureContext(role: .reader)) == "Red.")
        #expect(classify(code, .autocommit, FailureContext(role: .writer)) == "Dkf.")
        #expect(classify(code, .inTransaction, FailureContext(role: .writer)) == "Dkf.")
    }

    @Test("A divisible statement that failed may be half done: nothing makes it safe to repeat")
    func partial() {
        let context = FailureContext(work: .divisible)
        for code in ["23505", "40001", "57014", "53100", "25006", "XX000"] {
            let verdict = FailureClassifier.classify(
                SQLState(code),
                isFatal: false,
                phase: .autocommit,
                context: context
            )
            #expect(verdict.failureClass == .deterministic && verdict.isPartial, "\(code)")
        }
        #expect(classify("40001", .inTransaction, context) == "Rkf.")
        #expect(classify(nil, .autocommit, context) == "Urs.")
    }

    @Test("What is READ ONLY cannot have committed anything")
    func readOnly() {
        let context = FailureContext(work: .readOnly)
        #expect(classify(nil, .autocommit, context) == "Rrs.")
        #expect(classify("57P01", .commit, isFatal: true, context) == "Rrs.")
    }

    @Test("A statement that the connection had prepared is prepared again, outside a transaction")
    func prepareAgain() {
        let named = FailureContext(usesPreparedStatement: true)
        #expect(classify("26000", .autocommit, named) == "Nkfp")
        #expect(classify("26000", .inTransaction, named) == "Rkf.")
        let stale = FailureContext(isStalePlan: true)
        #expect(classify("0A000", .autocommit, stale) == "Nkfp")
        #expect(classify("0A000", .inTransaction, stale) == "Rkf.")
        #expect(classify("26000", .autocommit, FailureContext()) == "Dkf.")
    }

    @Test("25P02 has the class of the transaction's first error")
    func failedTransaction() {
        for first in FailureClass.allCases {
            let verdict = FailureClassifier.classify(
                .inFailedSQLTransaction,
                isFatal: false,
                phase: .inTransaction,
                context: FailureContext(firstError: first)
            )
            #expect(verdict.failureClass == first)
        }
    }

    @Test("A login is refused for good only with a fresh credential, and never during a failover")
    func login() {
        for code in ["28000", "28P01"] {
            #expect(classify(code, .connecting, isFatal: true, FailureContext()) == "Nrfc")
            let fresh = FailureContext(hasFreshCredential: true)
            #expect(classify(code, .connecting, isFatal: true, fresh) == "Drf.")
            let moving = FailureContext(hasFreshCredential: true, isFailingOver: true)
            #expect(classify(code, .connecting, isFatal: true, moving) == "Nroc")
        }
    }
}
