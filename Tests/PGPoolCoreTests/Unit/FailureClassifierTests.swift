import PGPoolCore
import Testing

@Suite("What a failure means")
struct FailureClassifierTests {
    private func classify(
        _ code: String?,
        _ phase: FailurePhase,
        isFatal: Bool = false
    ) -> FailureVerdict {
        FailureClassifier.classify(code.flatMap { SQLState($0) }, isFatal: isFatal, phase: phase)
    }

    @Test("A connection that is lost without a word is judged by how far the work had got")
    func lost() {
        #expect(classify(nil, .connecting).failureClass == .notExecuted)
        #expect(classify(nil, .nothingSent).failureClass == .notExecuted)
        #expect(classify(nil, .inTransaction).failureClass == .rolledBack)
        #expect(classify(nil, .autocommit).failureClass == .outcomeUnknown)
        #expect(classify(nil, .commit).failureClass == .outcomeUnknown)
    }

    @Test("Fatal messages are judged by phase, whatever their code")
    func fatal() {
        for code in ["57P01", "XX000", "40001", "08P01"] {
            let verdict = classify(code, .autocommit, isFatal: true)
            #expect(verdict.failureClass == .outcomeUnknown && verdict.connection == .retire)
        }
        #expect(classify("57P05", .autocommit, isFatal: true).failureClass == .notExecuted)
        #expect(classify("25P03", .commit, isFatal: true).failureClass == .rolledBack)
    }

    @Test("08007 is never safe to repeat")
    func unknown() {
        for phase in FailurePhase.allCases {
            #expect(classify("08007", phase).failureClass == .outcomeUnknown)
        }
    }

    @Test("A full server is busy, not dead: nothing is evicted")
    func busy() {
        let verdict = classify("53300", .connecting, isFatal: true)
        #expect(verdict.failureClass == .notExecuted && verdict.endpoint == .busy)
    }

    @Test("A crash evicts, a read-only answer only raises a doubt")
    func endpoint() {
        #expect(classify("57P02", .autocommit, isFatal: true).connection == .evict)
        #expect(classify("25006", .autocommit).endpoint == .maybeDemoted)
        #expect(classify("25006", .autocommit).failureClass == .rolledBack)
    }

    @Test("Errors in answer to COMMIT were rolled back; elsewhere repeating cannot help")
    func commit() {
        #expect(classify("23503", .commit).failureClass == .rolledBack)
        #expect(classify("23503", .autocommit).failureClass == .deterministic)
        #expect(classify("40001", .inTransaction).failureClass == .rolledBack)
    }

    @Test("A SQLSTATE matches itself and its class")
    func sqlState() {
        #expect(SQLState("23505") == .uniqueViolation)
        #expect(SQLState("23505")?.matches(.integrityConstraintViolation) == true)
        #expect(SQLState("23505")?.matches(.foreignKeyViolation) == false)
        #expect(SQLState("2350") == nil && SQLState("23505x") == nil && SQLState("23a05") == nil)
        #expect(SQLState.uniqueViolation.description == "23505")
    }
}
