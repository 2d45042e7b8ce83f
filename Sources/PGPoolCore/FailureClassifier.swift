/// Decides what a failure means from its SQLSTATE, its severity and how far the work had got.
///
/// The codes are those of the PostgreSQL manual, appendix A; the test `DocumentedCodesTests` states
/// for each of them what becomes of it.
package enum FailureClassifier {
    /// - Parameters:
    ///   - sqlState: what the server said; `nil` when the connection was lost without a word.
    ///   - isFatal: whether the severity is FATAL or PANIC: the session is over.
    ///   - context: what else is known; by default nothing.
    package static func classify(
        _ sqlState: SQLState?,
        isFatal: Bool,
        phase: FailurePhase,
        context: FailureContext = FailureContext()
    ) -> FailureVerdict {
        guard let sqlState else { return lost(phase, context) }
        if let verdict = whateverSeverity(sqlState, phase, context) { return verdict }
        return isFatal
            ? fatal(sqlState, phase, context)
            : wholly(error(sqlState, phase, context), phase, context)
    }

    // MARK: - The session is over

    /// The connection ended, with or without a message that says no more than that.
    private static func lost(_ phase: FailurePhase, _ context: FailureContext) -> FailureVerdict {
        FailureVerdict(
            failureClass: byPhase(phase, context),
            connection: .retire,
            endpoint: .suspect
        )
    }

    private static func byPhase(_ phase: FailurePhase, _ context: FailureContext) -> FailureClass {
        switch phase {
        case .connecting, .nothingSent: .notExecuted
        case .inTransaction, .copyIn: .rolledBack
        case .autocommit, .commit: context.work == .readOnly ? .rolledBack : .outcomeUnknown
        }
    }

    /// Codes that mean the same as an error and as the end of the session.
    private static func whateverSeverity(
        _ sqlState: SQLState,
        _ phase: FailurePhase,
        _ context: FailureContext
    ) -> FailureVerdict? {
        switch sqlState {
        case .transactionResolutionUnknown, .statementCompletionUnknown:
            FailureVerdict(failureClass: .outcomeUnknown, connection: .retire, endpoint: .suspect)
        case .crashShutdown:
            FailureVerdict(
                failureClass: byPhase(phase, context),
                connection: .evict,
                endpoint: .suspect
            )
        case .adminShutdown, .databaseDropped:
            lost(phase, context)
        default:
            nil
        }
    }

    private static func fatal(
        _ sqlState: SQLState,
        _ phase: FailurePhase,
        _ context: FailureContext
    ) -> FailureVerdict {
        func over(
            _ failureClass: FailureClass,
            _ endpoint: EndpointVerdict = .fine
        ) -> FailureVerdict {
            FailureVerdict(failureClass: failureClass, connection: .retire, endpoint: endpoint)
        }
        switch sqlState {
        case .idleSessionTimeout:
            return over(.notExecuted)
        case .idleInTransactionSessionTimeout, .transactionTimeout:
            return over(.rolledBack)
        case .cannotConnectNow:
            return over(refused(phase, context), .failingOver)
        case .tooManyConnections:
            return over(refused(phase, context), .busy)
        case .invalidAuthorizationSpecification where phase == .connecting:
            return loginRefused(context)
        case .invalidCatalogName, .insufficientPrivilege, .invalidParameterValue,
            .undefinedObject:
            // No such database, no right to connect to it, a setting that the server refuses: the
            // configuration is at fault.
            return phase == .connecting ? over(.deterministic) : lost(phase, context)
        default:
            return lost(phase, context)
        }
    }

    /// The server had no session to give. A pooler in between says so to the first statement, too;
    /// nobody can say so truthfully of a transaction that was under way.
    private static func refused(_ phase: FailurePhase, _ context: FailureContext) -> FailureClass {
        phase == .autocommit ? .notExecuted : byPhase(phase, context)
    }

    private static func loginRefused(_ context: FailureContext) -> FailureVerdict {
        if context.isFailingOver {
            return FailureVerdict(
                failureClass: .notExecuted,
                connection: .retire,
                endpoint: .failingOver,
                remedy: .renewCredential
            )
        }
        return FailureVerdict(
            failureClass: context.hasFreshCredential ? .deterministic : .notExecuted,
            connection: .retire,
            endpoint: .fine,
            remedy: context.hasFreshCredential ? .none : .renewCredential
        )
    }

    // MARK: - The session goes on

    private static func error(
        _ sqlState: SQLState,
        _ phase: FailurePhase,
        _ context: FailureContext
    ) -> FailureVerdict {
        func keep(
            _ failureClass: FailureClass,
            _ endpoint: EndpointVerdict = .fine,
            _ remedy: FailureRemedy = .none
        ) -> FailureVerdict {
            FailureVerdict(
                failureClass: failureClass,
                connection: .keep,
                endpoint: endpoint,
                remedy: remedy
            )
        }
        let undone = undone(phase)
        switch sqlState {
        case .protocolViolation:
            return keep(.deterministic)
        case .connectionException:
            return lost(phase, context)
        case .invalidSQLStatementName where context.usesPreparedStatement,
            .featureNotSupported where context.isStalePlan:
            return prepareAgain(phase)
        case .readOnlySQLTransaction where context.work == .readOnly:
            // The caller asked for it: any server says so.
            return keep(phase == .commit ? .rolledBack : .deterministic)
        case .readOnlySQLTransaction, .featureNotSupported,
            // 55000 alone: as a pattern it would stand for its class.
            _ where sqlState == .objectNotInPrerequisiteState:
            return readOnly(sqlState, phase, context)
        case .inFailedSQLTransaction:
            return keep(context.firstError ?? undone)
        case .insufficientResources:
            return keep(undone, .busy)
        case .queryCanceled, .systemError, .internalError, .configFileError:
            return keep(undone, .fine, .leaveToCaller)
        case .cannotConnectNow:
            return FailureVerdict(
                failureClass: undone,
                connection: .retire,
                endpoint: .failingOver
            )
        case .lockNotAvailable, .objectInUse, .serializationFailure, .deadlockDetected:
            return keep(undone)
        case .invalidAuthorizationSpecification where phase == .connecting:
            return loginRefused(context)
        default:
            // Deferred constraints and serialization speak up in answer to COMMIT: it was undone.
            return keep(phase == .commit ? .rolledBack : .deterministic)
        }
    }

    /// An error undoes what it answers; where nothing was sent there was nothing to undo.
    private static func undone(_ phase: FailurePhase) -> FailureClass {
        phase == .connecting || phase == .nothingSent ? .notExecuted : .rolledBack
    }

    private static func prepareAgain(_ phase: FailurePhase) -> FailureVerdict {
        FailureVerdict(
            failureClass: phase == .autocommit ? .notExecuted : undone(phase),
            connection: .keep,
            endpoint: .fine,
            remedy: phase == .autocommit ? .prepareAgain : .none
        )
    }

    /// What a reader says to a write; a writer says it too, to other things. So nothing is evicted
    /// before the role is known.
    private static func readOnly(
        _ sqlState: SQLState,
        _ phase: FailurePhase,
        _ context: FailureContext
    ) -> FailureVerdict {
        switch context.role {
        case .reader:
            FailureVerdict(failureClass: undone(phase), connection: .evict, endpoint: .demoted)
        case .writer:
            FailureVerdict(
                failureClass: phase == .commit ? .rolledBack : .deterministic,
                connection: .keep,
                endpoint: .fine
            )
        case .unknown:
            // 0A000 and 55000 are ordinary errors of a writer (`currval` before `nextval`): they
            // cost the connection only once the role is known.
            FailureVerdict(
                failureClass: undone(phase),
                connection: sqlState == .readOnlySQLTransaction ? .retire : .keep,
                endpoint: .maybeDemoted
            )
        }
    }

    /// A divisible statement that fails outside a transaction may be half done: repeating it repeats
    /// the first half.
    private static func wholly(
        _ verdict: FailureVerdict,
        _ phase: FailurePhase,
        _ context: FailureContext
    ) -> FailureVerdict {
        guard context.work == .divisible, phase == .autocommit,
            verdict.failureClass != .outcomeUnknown
        else { return verdict }
        var partial = verdict
        partial.failureClass = .deterministic
        partial.remedy = .none
        partial.isPartial = true
        return partial
    }
}

extension SQLState {
    /// 57P04.
    package static let databaseDropped = SQLState("57P04") ?? .adminShutdown
    /// 42501.
    package static let insufficientPrivilege = SQLState("42501") ?? .syntaxError
    /// 22023.
    package static let invalidParameterValue = SQLState("22023") ?? .syntaxError
    /// 42704.
    package static let undefinedObject = SQLState("42704") ?? .syntaxError
}
