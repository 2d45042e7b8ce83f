import Testing

@testable import PGPoolCore

@Suite("What became of work, from what was heard of it")
struct OutcomeEvidenceTests {
    private func failure(
        _ phase: FailurePhase,
        _ context: FailureContext = FailureContext(),
        _ hear: (inout OutcomeEvidence) -> Void
    ) -> FailureClass? {
        var evidence = OutcomeEvidence(phase: phase, context: context)
        hear(&evidence)
        guard case .failed(let verdict) = evidence.outcome else { return nil }
        return verdict.failureClass
    }

    @Test("A statement has succeeded at its sync, not before")
    func syncDecides() {
        var evidence = OutcomeEvidence(phase: .autocommit)
        evidence.completed(tag: "INSERT 0 1")
        #expect(evidence.outcome == nil)
        evidence.synced()
        #expect(evidence.outcome == .succeeded)
    }

    @Test("A deferred constraint fails after the statement's own success")
    func deferred() {
        let failure = failure(.autocommit) {
            $0.completed(tag: "INSERT 0 1")
            $0.failed(.foreignKeyViolation, isFatal: false)
            $0.synced()
        }
        #expect(failure == .deterministic)
    }

    @Test("Completed, then terminated before the sync: it may have committed or not")
    func terminatedBeforeSync() {
        let failure = failure(.autocommit) {
            $0.completed(tag: "INSERT 0 1")
            $0.failed(.adminShutdown, isFatal: true)
            $0.connectionLost()
        }
        #expect(failure == .outcomeUnknown)
    }

    @Test("COMMIT of a failed transaction is a success with the tag ROLLBACK")
    func taggedRollback() {
        #expect(
            failure(.commit) {
                $0.completed(tag: "ROLLBACK")
                $0.synced()
            } == .rolledBack
        )
        #expect(
            failure(.commit, FailureContext(firstError: .deterministic)) {
                $0.completed(tag: "ROLLBACK")
                $0.synced()
            } == .deterministic
        )
    }

    @Test("Of several results for one loss the first counts")
    func firstCounts() {
        let failure = failure(.autocommit) {
            $0.failed(.serializationFailure, isFatal: false)
            $0.failed(.protocolViolation, isFatal: true)
            $0.connectionLost()
        }
        #expect(failure == .rolledBack)
    }

    @Test("The first error's class stays, the lost connection is retired all the same")
    func lostAfterError() {
        var evidence = OutcomeEvidence(phase: .autocommit)
        evidence.failed(.uniqueViolation, isFatal: false)
        evidence.connectionLost()
        guard case .failed(let verdict) = evidence.outcome else {
            Issue.record("an error and a loss are a failure")
            return
        }
        #expect(verdict.letters == "Drs.")
    }

    @Test("A warning in the wait for a standby makes the outcome unknown")
    func warnings() {
        #expect(
            failure(.commit) {
                $0.warned(.adminShutdown)
                $0.connectionLost()
            } == .outcomeUnknown
        )
        #expect(
            failure(.commit) {
                $0.warned(.plainWarning)
                $0.completed(tag: "COMMIT")
                $0.synced()
            } == .outcomeUnknown
        )
        #expect(
            failure(.autocommit) {
                $0.completed(tag: "INSERT 0 1")
                $0.warned(.plainWarning)
                $0.synced()
            } == .outcomeUnknown
        )
        #expect(
            failure(.autocommit, FailureContext(work: .readOnly)) {
                $0.warned(.adminShutdown)
                $0.connectionLost()
            } == .outcomeUnknown
        )
    }

    @Test("A function's own warning, before its statement completed, means nothing")
    func ordinaryWarning() {
        var evidence = OutcomeEvidence(phase: .autocommit)
        evidence.warned(.plainWarning)
        evidence.completed(tag: "SELECT 1")
        evidence.synced()
        #expect(evidence.outcome == .succeeded)
    }

    @Test("The server's own name for what warned settles it")
    func warningsByRoutine() {
        for phase in [FailurePhase.autocommit, .commit] {
            var waited = OutcomeEvidence(phase: phase)
            waited.warned(.plainWarning, routine: "SyncRepWaitForLSN")
            waited.completed(tag: "COMMIT")
            waited.synced()
            #expect(waited.outcome != .succeeded)
            var raised = OutcomeEvidence(phase: phase)
            raised.completed(tag: "COMMIT")
            raised.warned(.plainWarning, routine: "exec_stmt_raise")
            raised.synced()
            #expect(raised.outcome == .succeeded)
        }
    }

    @Test("What commits is not cancelled")
    func cancelling() {
        for phase in FailurePhase.allCases {
            #expect(phase.mayCancel(onlyReads: true) == (phase != .commit))
            let isCommitting = phase == .commit || phase == .autocommit
            #expect(phase.mayCancel(onlyReads: false) == !isCommitting)
        }
    }

    @Test("A write in a transaction that was asked to be READ ONLY is the caller's fault")
    func readOnlyAskedFor() {
        let verdict = FailureClassifier.classify(
            .readOnlySQLTransaction,
            isFatal: false,
            phase: .inTransaction,
            context: FailureContext(work: .readOnly)
        )
        #expect(verdict.failureClass == .deterministic)
        #expect(verdict.connection == .keep && verdict.endpoint == .fine)
    }

    @Test("COPY that was not ended by the client is undone with the connection")
    func copyIn() {
        #expect(failure(.copyIn) { $0.connectionLost() } == .rolledBack)
    }

    @Test("What comes after the end changes nothing")
    func afterTheEnd() {
        var evidence = OutcomeEvidence(phase: .commit)
        evidence.completed(tag: "COMMIT")
        evidence.synced()
        evidence.failed(.adminShutdown, isFatal: true)
        evidence.connectionLost()
        #expect(evidence.outcome == .succeeded)
    }
}
