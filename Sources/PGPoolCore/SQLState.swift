/// A five-character SQLSTATE (SQL:2016 §24; PostgreSQL manual, appendix A).
///
/// Matching by `case` works by value, and by class when the pattern is a class's own code, the one
/// that ends in `000`:
///
/// ```swift
/// switch error.sqlState {
/// case .uniqueViolation?: …                // 23505 only
/// case .integrityConstraintViolation?: …   // every 23xxx
/// default: …
/// }
/// ```
public struct SQLState: Hashable, Sendable, CustomStringConvertible {
    /// The five characters, in the low 40 bits, the first one highest.
    private let packed: UInt64

    /// Makes a SQLSTATE of five upper-case letters or digits; `nil` for anything else.
    public init?(_ code: some StringProtocol) {
        var packed: UInt64 = 0
        var count = 0
        for byte in code.utf8 {
            guard
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            else { return nil }
            packed = packed << 8 | UInt64(byte)
            count += 1
            guard count <= 5 else { return nil }
        }
        guard count == 5 else { return nil }
        self.packed = packed
    }

    private init(known code: StaticString) {
        var packed: UInt64 = 0
        code.withUTF8Buffer { for byte in $0 { packed = packed << 8 | UInt64(byte) } }
        self.packed = packed
    }

    /// The five characters.
    public var description: String {
        String(
            decoding: (0..<5).map { UInt8(truncatingIfNeeded: packed >> (32 - 8 * $0)) },
            as: UTF8.self
        )
    }

    /// The code that stands for the whole class: the first two characters and `000`.
    public var classCode: SQLState {
        SQLState(packed: packed & 0xFF_FF00_0000 | 0x30_3030)
    }

    private init(packed: UInt64) {
        self.packed = packed
    }

    /// Whether `pattern` is this code or the code of its class.
    public func matches(_ pattern: SQLState) -> Bool {
        self == pattern || (pattern == pattern.classCode && classCode == pattern)
    }

    /// Pattern matching in `switch`; see ``matches(_:)``.
    public static func ~= (pattern: SQLState, value: SQLState) -> Bool {
        value.matches(pattern)
    }
}

extension SQLState {
    /// 08000 and its class.
    public static let connectionException = SQLState(known: "08000")
    /// 08007: whether the transaction committed is not known.
    public static let transactionResolutionUnknown = SQLState(known: "08007")
    /// 08P01.
    public static let protocolViolation = SQLState(known: "08P01")
    /// 0A000.
    public static let featureNotSupported = SQLState(known: "0A000")
    /// 23000 and its class.
    public static let integrityConstraintViolation = SQLState(known: "23000")
    /// 23503.
    public static let foreignKeyViolation = SQLState(known: "23503")
    /// 23505.
    public static let uniqueViolation = SQLState(known: "23505")
    /// 25001.
    public static let activeSQLTransaction = SQLState(known: "25001")
    /// 25006: a write in a read-only transaction, as on a reader.
    public static let readOnlySQLTransaction = SQLState(known: "25006")
    /// 25P02: an earlier statement of the transaction failed.
    public static let inFailedSQLTransaction = SQLState(known: "25P02")
    /// 25P03.
    public static let idleInTransactionSessionTimeout = SQLState(known: "25P03")
    /// 25P04 (PostgreSQL 17).
    public static let transactionTimeout = SQLState(known: "25P04")
    /// 26000: a prepared statement is not known.
    public static let invalidSQLStatementName = SQLState(known: "26000")
    /// 28000 and its class: the login is refused.
    public static let invalidAuthorizationSpecification = SQLState(known: "28000")
    /// 28P01.
    public static let invalidPassword = SQLState(known: "28P01")
    /// 3D000: no such database.
    public static let invalidCatalogName = SQLState(known: "3D000")
    /// 40000 and its class.
    public static let transactionRollback = SQLState(known: "40000")
    /// 40001.
    public static let serializationFailure = SQLState(known: "40001")
    /// 40003.
    public static let statementCompletionUnknown = SQLState(known: "40003")
    /// 40P01.
    public static let deadlockDetected = SQLState(known: "40P01")
    /// 42000 and its class: syntax errors and access rule violations.
    public static let syntaxErrorOrAccessRuleViolation = SQLState(known: "42000")
    /// 42601.
    public static let syntaxError = SQLState(known: "42601")
    /// 42P01.
    public static let undefinedTable = SQLState(known: "42P01")
    /// 53000 and its class.
    public static let insufficientResources = SQLState(known: "53000")
    /// 53300: the server, the role or the database has no connection left.
    public static let tooManyConnections = SQLState(known: "53300")
    /// A statement or a value is larger than the server takes.
    public static let programLimitExceeded = SQLState(known: "54000")
    /// 55000.
    public static let objectNotInPrerequisiteState = SQLState(known: "55000")
    /// 55006.
    public static let objectInUse = SQLState(known: "55006")
    /// 55P03.
    public static let lockNotAvailable = SQLState(known: "55P03")
    /// 57000 and its class: cancelled, shutting down, starting up.
    public static let operatorIntervention = SQLState(known: "57000")
    /// 57014: cancelled, by a user or by `statement_timeout`.
    public static let queryCanceled = SQLState(known: "57014")
    /// 57P01.
    public static let adminShutdown = SQLState(known: "57P01")
    /// 57P02.
    public static let crashShutdown = SQLState(known: "57P02")
    /// 57P03: starting up, shutting down or recovering.
    public static let cannotConnectNow = SQLState(known: "57P03")
    /// 57P05 (PostgreSQL 14).
    public static let idleSessionTimeout = SQLState(known: "57P05")
    /// 58000 and its class.
    public static let systemError = SQLState(known: "58000")
    /// F0000 and its class.
    public static let configFileError = SQLState(known: "F0000")
    /// XX000 and its class.
    public static let internalError = SQLState(known: "XX000")
}
