/// What has been heard of one piece of work that was sent, until its sync or the connection's end.
///
/// Several results may tell of one fate, and the last is not the truest: after a loss libpq adds
/// results of its own, a COMMIT of a failed transaction is a success with another tag, and a
/// deferred constraint fails after the statement's own success. Feed what comes in the order in
/// which it comes.
package struct OutcomeEvidence: Sendable {
    /// How the work ended.
    package enum Outcome: Hashable, Sendable {
        case succeeded
        case failed(FailureVerdict)
    }

    package let phase: FailurePhase
    package var context: FailureContext
    private var first: FailureVerdict?
    private var tag: String?
    private var isDoubtful = false
    private var ended: Outcome?

    package init(phase: FailurePhase, context: FailureContext = FailureContext()) {
        self.phase = phase
        self.context = context
    }

    /// The end, once it is known.
    package var outcome: Outcome? { ended }

    /// A statement was completed. That is not its success yet.
    package mutating func completed(tag: String) {
        self.tag = tag
    }

    /// The server warned.
    ///
    /// - 57P01 comes from a backend that is told to end while its commit waits for a standby: it is
    ///   committed here, and perhaps nowhere else.
    /// - 01000 from `SyncRepWaitForLSN` comes from such a wait that was cancelled: committed here
    ///   only (`synchronous_standby_names` in the PostgreSQL manual). Where the server does not say
    ///   which function warned, one in answer to COMMIT, or after a statement's completion, is taken
    ///   for it, which errs on the safe side.
    /// - 25P01 in answer to COMMIT: there was no transaction, so who knows what became of its work.
    ///
    /// - Parameter routine: the server's function that warned (field `R`, never translated).
    package mutating func warned(_ sqlState: SQLState, routine: String? = nil) {
        guard phase == .commit || phase == .autocommit else { return }
        switch sqlState {
        case .adminShutdown:
            isDoubtful = true
        case _ where sqlState == .plainWarning && routine == Self.waitRoutine:
            isDoubtful = true
        case _ where sqlState == .plainWarning && routine == nil:
            isDoubtful = isDoubtful || phase == .commit || tag != nil
        case .noActiveTransaction:
            isDoubtful = isDoubtful || phase == .commit
        default:
            break
        }
    }

    /// An error result came. The first one counts.
    package mutating func failed(_ sqlState: SQLState?, isFatal: Bool) {
        guard ended == nil else { return }
        let verdict = FailureClassifier.classify(
            sqlState,
            isFatal: isFatal,
            phase: phase,
            context: context
        )
        guard var earlier = first else {
            first = verdict
            return
        }
        guard verdict.connection != .keep else { return }
        if earlier.connection != .evict { earlier.connection = verdict.connection }
        earlier.endpoint = verdict.endpoint
        first = earlier
    }

    /// The sync came: what was sent is settled.
    package mutating func synced() {
        guard ended == nil else { return }
        if let first {
            ended = .failed(first)
        } else if isDoubtful {
            ended = .failed(Self.doubt)
        } else if phase == .commit, tag == "ROLLBACK" {
            ended = .failed(
                FailureVerdict(
                    failureClass: context.firstError ?? .rolledBack,
                    connection: .keep,
                    endpoint: .fine
                )
            )
        } else {
            ended = .succeeded
        }
    }

    /// The connection ended before the sync.
    package mutating func connectionLost() {
        guard ended == nil else { return }
        if isDoubtful, first == nil {
            ended = .failed(Self.doubt)
            return
        }
        failed(nil, isFatal: true)
        if let first { ended = .failed(first) }
    }

    /// What waits for a standby, in the server's sources since version 9.1.
    private static let waitRoutine = "SyncRepWaitForLSN"

    private static let doubt = FailureVerdict(
        failureClass: .outcomeUnknown,
        connection: .retire,
        endpoint: .suspect
    )
}

extension SQLState {
    /// 01000.
    package static let plainWarning = SQLState("01000") ?? .internalError
    /// 25P01.
    package static let noActiveTransaction = SQLState("25P01") ?? .internalError
}
