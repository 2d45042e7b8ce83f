internal import CLibPQ
internal import PGPoolCore
internal import Synchronization

/// The warnings that say something of a commit (FailureClassifier has what they mean).
///
/// libpq reports notices from within its calls, while the session's lock is held by the caller, so
/// they wait here for the answer that they belong to: libpq reads no further than that.
final class CommitWarnings: Sendable {
    private static let known: [(SQLState, String?)] = [
        (.adminShutdown, nil), (.plainWarning, "SyncRepWaitForLSN"), (.plainWarning, nil),
        (.noActiveTransaction, nil),
    ]

    private let seen = Atomic<UInt8>(0)

    /// A load, for every answer.
    var isEmpty: Bool { seen.load(ordering: .relaxed) == 0 }

    func note(severity: String, _ sqlState: String, routine: String?) {
        guard severity == "WARNING" else { return }
        for (index, entry) in Self.known.enumerated()
        where entry.0.description == sqlState && (entry.1 == nil || entry.1 == routine) {
            // A warning of another function's says nothing of the commit.
            if entry.0 == .plainWarning, entry.1 == nil, routine != nil { return }
            seen.bitwiseOr(1 << UInt8(index), ordering: .relaxed)
            return
        }
    }

    /// Hands them to what they were about, and forgets them.
    func take(into evidence: inout OutcomeEvidence) {
        let bits = seen.exchange(0, ordering: .relaxed)
        for (index, entry) in Self.known.enumerated() where bits & 1 << UInt8(index) != 0 {
            evidence.warned(entry.0, routine: entry.1)
        }
    }
}

extension Session {
    func installNoticeReceiver() {
        state.withLock { state in
            let context = Unmanaged.passUnretained(self).toOpaque()
            _ = PQsetNoticeReceiver(
                state.connection,
                { context, result in
                    guard let context, let result else { return }
                    let session = Unmanaged<Session>.fromOpaque(context).takeUnretainedValue()
                    let severity = ErrorReport.severity(result)
                    let sqlState = ErrorReport.field(result, "C") ?? ""
                    session.warnings.note(
                        severity: severity,
                        sqlState,
                        routine: ErrorReport.field(result, "R")
                    )
                    session.events.sessionNotice(
                        session,
                        severity: severity,
                        sqlState: sqlState,
                        message: ErrorReport.field(result, "M") ?? ""
                    )
                },
                context
            )
        }
    }
}
