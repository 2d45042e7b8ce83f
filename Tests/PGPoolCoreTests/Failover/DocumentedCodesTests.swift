import Testing

@testable import PGPoolCore

@Suite("Every documented SQLSTATE, in every phase")
struct DocumentedCodesTests {
    @Test("The list is whole: no line is lost, no code stands twice")
    func whole() {
        #expect(DocumentedCodes.all.count == DocumentedCodes.count)
        #expect(Set(DocumentedCodes.all.map(\.code)).count == DocumentedCodes.count)
        for meaning in ExpectedMeaning.allCases {
            #expect(DocumentedCodes.all.contains { $0.meaning == meaning }, "\(meaning) is unused")
        }
    }

    @Test("Each becomes what the table says", arguments: [false, true])
    func becomes(isFatal: Bool) throws {
        for entry in DocumentedCodes.all {
            let state = try #require(SQLState(entry.code))
            let row = isFatal ? entry.meaning.fatal : entry.meaning.error
            for (index, phase) in FailurePhase.allCases.enumerated() {
                let wanted = [row.classes, row.connection, row.endpoint, row.remedy]
                    .map { String(Array($0)[index]) }
                    .joined()
                let verdict = FailureClassifier.classify(state, isFatal: isFatal, phase: phase)
                #expect(
                    verdict.letters == wanted,
                    "\(entry.code) \(entry.condition), fatal \(isFatal), \(phase)"
                )
                #expect(!verdict.isPartial)
            }
        }
    }

    @Test("No class that is safe to repeat is given to what may have committed")
    func neverSafeWhenFatal() throws {
        // The session ended while the answer to COMMIT was out. Only what ends an idle session is
        // known not to have read it.
        let idle: Set = ["57P05", "25P03", "25P04"]
        for entry in DocumentedCodes.all where !idle.contains(entry.code) {
            let state = try #require(SQLState(entry.code))
            let verdict = FailureClassifier.classify(state, isFatal: true, phase: .commit)
            #expect(verdict.failureClass == .outcomeUnknown, "\(entry.code)")
        }
    }
}
