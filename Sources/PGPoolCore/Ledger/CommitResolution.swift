/// What became of a transaction whose COMMIT was not answered.
package enum CommitVerdict: Hashable, Sendable {
    case committed
    /// Undone, and fenced: it cannot commit any more, wherever it may still be running.
    case rolledBack
    case unknown(Doubt)

    package enum Doubt: Hashable, Sendable {
        /// Older than half the retention: its partition may be gone soon, or be gone.
        case tokenTooOld
        /// The transaction, or a prepared one, holds its token's lock until after the deadline.
        case stillRunning
        case deadline
        /// The token's table cannot be used: no partition, no table, no right.
        case ledgerUnusable(SQLState)
    }
}

/// A node on which a token is fenced.
package struct LedgerNode: Hashable, Sendable {
    package let host: HostID
    package let generation: UInt64
    package let systemIdentifier: UInt64?

    package init(host: HostID, generation: UInt64, systemIdentifier: UInt64?) {
        self.host = host
        self.generation = generation
        self.systemIdentifier = systemIdentifier
    }
}

/// What the owner of a resolution is to do.
package enum CommitResolutionAction: Hashable, Sendable {
    /// Find a node that is not in recovery. Answer with `nodeFound` or `noNode`.
    case findNode
    /// On a session to this node: BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL
    /// synchronous_commit = on; SET LOCAL lock_timeout; then the upsert that returns the token's
    /// state. Answer with `fenced` or `fenceFailed`.
    case fence(LedgerNode, lockTimeout: Duration)
    /// COMMIT, never cancelled. Answer with `commitEnded`.
    case commit
    /// Close the session; its late answers do not count.
    case abandon
    /// Call `timerFired` at this instant; replaces what was asked for before.
    case armTimer(Instant)
    case finish(CommitVerdict)
}

/// Finds out whether a transaction in doubt was committed, and sees to it that it stays so.
///
/// The upsert on the token's unique key waits for the old transaction if it still runs. It writes in
/// both cases, so that its own commit waits for replication in both: only what is acknowledged
/// without a warning on the node that was asked is true for good. Until then nothing is concluded,
/// and repeating changes nothing: the first state of a token stays.
package struct CommitResolution: Sendable {
    package typealias Actions = [CommitResolutionAction]

    private enum State: Hashable {
        case idle
        case finding
        case fencing(LedgerNode)
        case committing(LedgerNode, CommitVerdict)
        /// Something failed: again after a pause.
        case pausing(until: Instant)
        case finished(CommitVerdict)
    }

    package let token: UUIDv7
    package let deadline: Instant
    private let systemIdentifier: UInt64?
    private let backoff = Backoff(base: .milliseconds(10), maximum: .milliseconds(250))
    private var generator: SeededGenerator
    private var failures = 0
    private var state = State.idle

    /// - Parameter systemIdentifier: that of the cluster on which the transaction ran.
    package init(token: UUIDv7, systemIdentifier: UInt64?, deadline: Instant, seed: UInt64) {
        self.token = token
        self.systemIdentifier = systemIdentifier
        self.deadline = deadline
        generator = SeededGenerator(seed: seed)
    }

    package var verdict: CommitVerdict? {
        if case .finished(let verdict) = state { return verdict }
        return nil
    }

    // MARK: - Events

    /// - Parameter wallClock: milliseconds since 1970, on the clock that tokens are made with.
    package mutating func start(
        wallClock: Int64,
        retention: Duration,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard state == .idle else { return }
        let age = wallClock - token.milliseconds
        guard age <= retention.wholeNanoseconds / 1_000_000 / 2 else {
            return finish(.unknown(.tokenTooOld), into: &actions)
        }
        guard now < deadline else { return finish(.unknown(.deadline), into: &actions) }
        actions.append(.armTimer(deadline))
        find(into: &actions)
    }

    package mutating func nodeFound(
        _ node: LedgerNode,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard state == .finding else { return }
        if let own = systemIdentifier, let told = node.systemIdentifier, own != told {
            return pause(at: now, into: &actions)
        }
        guard now < deadline else { return finish(.unknown(.deadline), into: &actions) }
        state = .fencing(node)
        // 0 would mean no timeout at all.
        actions.append(.fence(node, lockTimeout: max(.milliseconds(1), deadline - now)))
    }

    package mutating func noNode(at now: Instant, into actions: inout Actions) {
        guard state == .finding else { return }
        pause(at: now, into: &actions)
    }

    /// The upsert returned the token's state: `c` as its transaction wrote it, `f` as a fence did.
    package mutating func fenced(_ status: Character, at now: Instant, into actions: inout Actions)
    {
        guard case .fencing(let node) = state else { return }
        switch status {
        case "c": state = .committing(node, .committed)
        case "f": state = .committing(node, .rolledBack)
        default:
            actions.append(.abandon)
            return finish(.unknown(.ledgerUnusable(.internalError)), into: &actions)
        }
        actions.append(.commit)
    }

    /// The session to the node failed before the COMMIT; `nil` if it was lost.
    package mutating func fenceFailed(
        _ sqlState: SQLState?,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard case .fencing = state else { return }
        actions.append(.abandon)
        switch sqlState {
        case .some(.lockNotAvailable):
            finish(.unknown(.stillRunning), into: &actions)
        case .some(let code) where Self.isUnusable(code):
            finish(.unknown(.ledgerUnusable(code)), into: &actions)
        default:
            pause(at: now, into: &actions)
        }
    }

    /// The COMMIT ended. Only a success proves that what was read is there to stay.
    package mutating func commitEnded(
        _ outcome: OutcomeEvidence.Outcome,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard case .committing(_, let verdict) = state else { return }
        if outcome == .succeeded {
            finish(verdict, into: &actions)
        } else {
            actions.append(.abandon)
            pause(at: now, into: &actions)
        }
    }

    /// The writer changed: what the former one has not acknowledged does not count.
    package mutating func generationChanged(
        to generation: UInt64,
        at now: Instant,
        into actions: inout Actions
    ) {
        switch state {
        case .fencing(let node), .committing(let node, _):
            guard node.generation != generation else { return }
            actions.append(.abandon)
            find(into: &actions)
        case .idle, .finding, .pausing, .finished:
            break
        }
    }

    package mutating func timerFired(at now: Instant, into actions: inout Actions) {
        if case .finished = state { return }
        if state == .idle { return }
        guard now < deadline else {
            if case .fencing = state { actions.append(.abandon) }
            if case .committing = state { actions.append(.abandon) }
            return finish(.unknown(.deadline), into: &actions)
        }
        if case .pausing(let until) = state {
            guard now >= until else { return actions.append(.armTimer(until)) }
            find(into: &actions)
        }
        actions.append(.armTimer(deadline))
    }

    // MARK: - Helpers

    /// No such table, schema or partition, no right: time does not mend it.
    package static func isUnusable(_ code: SQLState) -> Bool {
        code == .undefinedTable || code == .insufficientPrivilege || code == .checkViolation
            || code == .invalidSchemaName
    }

    private mutating func find(into actions: inout Actions) {
        state = .finding
        actions.append(.findNode)
    }

    private mutating func pause(at now: Instant, into actions: inout Actions) {
        failures += 1
        let until = now + backoff.delay(afterFailures: failures, using: &generator)
        guard until < deadline else {
            // Nothing can be concluded before the deadline; it says so when it comes.
            state = .pausing(until: deadline)
            return actions.append(.armTimer(deadline))
        }
        state = .pausing(until: until)
        actions.append(.armTimer(until))
    }

    private mutating func finish(_ verdict: CommitVerdict, into actions: inout Actions) {
        state = .finished(verdict)
        actions.append(.finish(verdict))
    }
}

extension SQLState {
    /// 23514; also what a row without a partition gets.
    package static let checkViolation = SQLState("23514") ?? .integrityConstraintViolation
    /// 3F000.
    package static let invalidSchemaName = SQLState("3F000") ?? .undefinedTable
}
