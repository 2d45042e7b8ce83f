/// Decides what a failure means from its SQLSTATE, its severity and how far the work had got.
package enum FailureClassifier {
    /// - Parameters:
    ///   - sqlState: what the server said; `nil` when the connection was lost without a word.
    ///   - isFatal: whether the severity is FATAL or PANIC.
    package static func classify(
        _ sqlState: SQLState?,
        isFatal: Bool,
        phase: FailurePhase
    ) -> FailureVerdict {
        guard let sqlState else { return lost(phase) }
        switch sqlState {
        case .transactionResolutionUnknown, .statementCompletionUnknown:
            return FailureVerdict(
                failureClass: .outcomeUnknown,
                connection: .retire,
                endpoint: .suspect
            )
        case .cannotConnectNow:
            return FailureVerdict(
                failureClass: .notExecuted,
                connection: .retire,
                endpoint: .failingOver
            )
        case .tooManyConnections:
            return FailureVerdict(
                failureClass: .notExecuted,
                connection: .retire,
                endpoint: .busy
            )
        case .invalidAuthorizationSpecification:
            return FailureVerdict(
                failureClass: phase == .connecting ? .notExecuted : .deterministic,
                connection: isFatal ? .retire : .keep,
                endpoint: .fine
            )
        case .crashShutdown:
            return FailureVerdict(
                failureClass: byPhase(phase),
                connection: .evict,
                endpoint: .suspect
            )
        default:
            return isFatal ? fatal(sqlState, phase) : error(sqlState, phase)
        }
    }

    /// The connection ended without a message from the server.
    private static func lost(_ phase: FailurePhase) -> FailureVerdict {
        FailureVerdict(failureClass: byPhase(phase), connection: .retire, endpoint: .suspect)
    }

    private static func byPhase(_ phase: FailurePhase) -> FailureClass {
        switch phase {
        case .connecting, .nothingSent: .notExecuted
        case .inTransaction: .rolledBack
        case .autocommit, .commit: .outcomeUnknown
        }
    }

    private static func fatal(_ sqlState: SQLState, _ phase: FailurePhase) -> FailureVerdict {
        switch sqlState {
        case .idleSessionTimeout:
            FailureVerdict(failureClass: .notExecuted, connection: .retire, endpoint: .fine)
        case .idleInTransactionSessionTimeout, .transactionTimeout:
            FailureVerdict(failureClass: .rolledBack, connection: .retire, endpoint: .fine)
        case .invalidCatalogName:
            FailureVerdict(failureClass: .deterministic, connection: .retire, endpoint: .fine)
        default:
            lost(phase)
        }
    }

    private static func error(_ sqlState: SQLState, _ phase: FailurePhase) -> FailureVerdict {
        func keep(_ failureClass: FailureClass, _ endpoint: EndpointVerdict = .fine)
            -> FailureVerdict
        {
            FailureVerdict(failureClass: failureClass, connection: .keep, endpoint: endpoint)
        }
        switch sqlState {
        case .protocolViolation:
            return keep(.deterministic)
        case .connectionException, .adminShutdown, SQLState.databaseDropped:
            return lost(phase)
        case .readOnlySQLTransaction, .objectNotInPrerequisiteState, .featureNotSupported:
            return keep(.rolledBack, .maybeDemoted)
        case .insufficientResources:
            return keep(.rolledBack, .busy)
        case .lockNotAvailable, .objectInUse, .queryCanceled, .serializationFailure,
            .deadlockDetected, .systemError, .internalError, .configFileError:
            return keep(.rolledBack)
        default:
            // Deferred constraints and serialization speak up in answer to COMMIT: it was undone.
            return keep(phase == .commit ? .rolledBack : .deterministic)
        }
    }
}

extension SQLState {
    /// 57P04.
    package static let databaseDropped = SQLState("57P04") ?? .adminShutdown
}
