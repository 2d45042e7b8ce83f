import Testing

@testable import PGPoolCore

@Suite("Resolving a commit in doubt")
struct CommitResolutionTests {
    private let now = Instant(nanoseconds: 5_000_000_000)
    private let wallClock: Int64 = 1_700_000_000_000
    private let node = LedgerNode(host: HostID(1), generation: 4, systemIdentifier: 7)
    private var actions: [CommitResolutionAction] = []
    private var machine: CommitResolution
    private let failure = FailureVerdict(
        failureClass: .outcomeUnknown,
        connection: .retire,
        endpoint: .suspect
    )

    init() {
        machine = CommitResolution(
            token: UUIDv7(milliseconds: 1_700_000_000_000, random: (1, 2)),
            systemIdentifier: 7,
            deadline: Instant(nanoseconds: 8_000_000_000),
            seed: 1
        )
    }

    private mutating func start(age: Int64 = 0) {
        machine.start(
            wallClock: wallClock + age,
            retention: .seconds(86_400),
            at: now,
            into: &actions
        )
    }

    private mutating func fence(_ status: Character) {
        machine.nodeFound(node, at: now, into: &actions)
        machine.fenced(status, at: now, into: &actions)
    }

    @Test("A verdict counts when the fence's own commit was acknowledged, not before")
    mutating func acknowledged() {
        start()
        machine.nodeFound(node, at: now, into: &actions)
        #expect(actions.last == .fence(node, lockTimeout: .seconds(3)))
        machine.fenced("c", at: now, into: &actions)
        #expect(machine.verdict == nil && actions.last == .commit)
        machine.commitEnded(.succeeded, at: now, into: &actions)
        #expect(machine.verdict == .committed && actions.last == .finish(.committed))
    }

    @Test("What was fenced is rolled back for good")
    mutating func fencedOff() {
        start()
        fence("f")
        machine.commitEnded(.succeeded, at: now, into: &actions)
        #expect(machine.verdict == .rolledBack)
    }

    @Test("An answer that is lost or warned about proves nothing: again from the search")
    mutating func lost() throws {
        start()
        fence("c")
        actions.removeAll()
        machine.commitEnded(.failed(failure), at: now, into: &actions)
        #expect(machine.verdict == nil && actions.first == .abandon)
        guard case .armTimer(let again) = actions.last else {
            Issue.record("no timer for the next attempt")
            return
        }
        machine.timerFired(at: again, into: &actions)
        #expect(actions.contains(.findNode))
        fence("f")
        machine.commitEnded(.succeeded, at: now, into: &actions)
        #expect(machine.verdict == .rolledBack)
    }

    @Test("When the writer changes, what the old one has not acknowledged does not count")
    mutating func changed() {
        start()
        fence("c")
        actions.removeAll()
        machine.generationChanged(to: 4, at: now, into: &actions)
        #expect(actions.isEmpty)
        machine.generationChanged(to: 5, at: now, into: &actions)
        #expect(actions == [.abandon, .findNode])
        machine.commitEnded(.succeeded, at: now, into: &actions)
        #expect(machine.verdict == nil)
    }

    @Test("A node of another cluster is not asked")
    mutating func foreign() {
        start()
        actions.removeAll()
        let other = LedgerNode(host: HostID(1), generation: 4, systemIdentifier: 8)
        machine.nodeFound(other, at: now, into: &actions)
        #expect(actions.allSatisfy { if case .armTimer = $0 { true } else { false } })
    }

    @Test("A token older than half the retention stays unknown, and nothing is asked")
    mutating func old() {
        start(age: 43_200_001)
        #expect(actions == [.finish(.unknown(.tokenTooOld))])
    }

    @Test("At half the retention it is still resolved")
    mutating func halfWay() {
        start(age: 43_200_000)
        #expect(actions.contains(.findNode))
    }

    @Test("A lock held past the deadline, a ledger that cannot be used, the deadline: unknown")
    mutating func unknown() throws {
        for (code, doubt) in [
            ("55P03", CommitVerdict.Doubt.stillRunning),
            ("42P01", .ledgerUnusable(.undefinedTable)),
            ("23514", .ledgerUnusable(.checkViolation)),
            ("42501", .ledgerUnusable(.insufficientPrivilege)),
        ] {
            self = CommitResolutionTests()
            start()
            machine.nodeFound(node, at: now, into: &actions)
            let state = try #require(SQLState(code))
            machine.fenceFailed(state, at: now, into: &actions)
            #expect(machine.verdict == .unknown(doubt))
        }
        self = CommitResolutionTests()
        start()
        fence("c")
        machine.timerFired(at: machine.deadline, into: &actions)
        #expect(machine.verdict == .unknown(.deadline))
        machine.commitEnded(.succeeded, at: now, into: &actions)
        #expect(machine.verdict == .unknown(.deadline))
    }
}
