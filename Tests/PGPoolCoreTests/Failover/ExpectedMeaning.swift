@testable import PGPoolCore

/// What is expected of a SQLSTATE, written out by hand: a letter for each phase, in the order of
/// `FailurePhase` (connecting, nothing sent, in a transaction, COPY in, autocommit, commit).
enum ExpectedMeaning: String, Sendable, CaseIterable {
    case ordinary, lost, unknown, protocol_ = "protocol", crash, startingUp, full, scarce
    case transient, cancelled, serverTrouble, readOnly, doubtful, failedTransaction, login
    case configuration, idle, idleInTransaction

    /// Classes: N not executed, R rolled back, U unknown, D deterministic. Connection: k keep,
    /// r retire, e evict. Endpoint: f fine, b busy, s suspect, m maybe demoted, o failing over.
    struct Row: Sendable {
        let classes: String
        let connection: String
        let endpoint: String
        var remedy = "......"
    }

    /// As an error: the session goes on.
    var error: Row {
        switch self {
        case .ordinary, .configuration, .idle, .idleInTransaction:
            Row(classes: "DDDDDR", connection: "kkkkkk", endpoint: "ffffff")
        case .lost: Row(classes: "NNRRUU", connection: "rrrrrr", endpoint: "ssssss")
        case .unknown: Row(classes: "UUUUUU", connection: "rrrrrr", endpoint: "ssssss")
        case .protocol_: Row(classes: "DDDDDD", connection: "kkkkkk", endpoint: "ffffff")
        case .crash: Row(classes: "NNRRUU", connection: "eeeeee", endpoint: "ssssss")
        case .startingUp: Row(classes: "NNRRRR", connection: "rrrrrr", endpoint: "oooooo")
        case .full, .scarce: Row(classes: "NNRRRR", connection: "kkkkkk", endpoint: "bbbbbb")
        case .transient, .failedTransaction:
            Row(classes: "NNRRRR", connection: "kkkkkk", endpoint: "ffffff")
        case .cancelled, .serverTrouble:
            Row(classes: "NNRRRR", connection: "kkkkkk", endpoint: "ffffff", remedy: "llllll")
        case .readOnly: Row(classes: "NNRRRR", connection: "rrrrrr", endpoint: "mmmmmm")
        case .doubtful: Row(classes: "NNRRRR", connection: "kkkkkk", endpoint: "mmmmmm")
        case .login:
            Row(classes: "NDDDDR", connection: "rkkkkk", endpoint: "ffffff", remedy: "c.....")
        }
    }

    /// As FATAL or PANIC: the session is over.
    var fatal: Row {
        switch self {
        case .ordinary, .lost, .protocol_, .scarce, .transient, .cancelled, .serverTrouble,
            .readOnly, .doubtful, .failedTransaction:
            Row(classes: "NNRRUU", connection: "rrrrrr", endpoint: "ssssss")
        case .unknown: Row(classes: "UUUUUU", connection: "rrrrrr", endpoint: "ssssss")
        case .crash: Row(classes: "NNRRUU", connection: "eeeeee", endpoint: "ssssss")
        case .startingUp: Row(classes: "NNRRNU", connection: "rrrrrr", endpoint: "oooooo")
        case .full: Row(classes: "NNRRNU", connection: "rrrrrr", endpoint: "bbbbbb")
        case .login:
            Row(classes: "NNRRUU", connection: "rrrrrr", endpoint: "fsssss", remedy: "c.....")
        case .configuration: Row(classes: "DNRRUU", connection: "rrrrrr", endpoint: "fsssss")
        case .idle: Row(classes: "NNNNNN", connection: "rrrrrr", endpoint: "ffffff")
        case .idleInTransaction: Row(classes: "RRRRRR", connection: "rrrrrr", endpoint: "ffffff")
        }
    }
}

extension FailureVerdict {
    /// The four letters of this verdict, as in ``ExpectedMeaning/Row``.
    var letters: String {
        let failure =
            switch failureClass {
            case .notExecuted: "N"
            case .rolledBack: "R"
            case .outcomeUnknown: "U"
            case .deterministic: "D"
            }
        let fate =
            switch connection {
            case .keep: "k"
            case .retire: "r"
            case .evict: "e"
            }
        let host =
            switch endpoint {
            case .fine: "f"
            case .busy: "b"
            case .suspect: "s"
            case .maybeDemoted: "m"
            case .demoted: "d"
            case .failingOver: "o"
            }
        let help =
            switch remedy {
            case .none: "."
            case .leaveToCaller: "l"
            case .renewCredential: "c"
            case .prepareAgain: "p"
            }
        return failure + fate + host + help
    }
}
