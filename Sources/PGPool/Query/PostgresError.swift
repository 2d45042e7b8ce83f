public import PGPoolCore

/// What the server, or libpq on its behalf, said of a statement or of a connection.
///
/// `description` is safe to log: it holds no parameter and no row value. What the server's message
/// and detail quote of the data is in ``message`` and ``detail`` only.
public struct PostgresError: Error, Sendable {
    /// What the server's five-character code says; `nil` when the connection was lost without one.
    public let sqlState: SQLState?
    /// `ERROR`, `FATAL` or `PANIC`, not translated.
    public let severity: String
    /// The server's primary message. It may quote values.
    public let message: String
    /// The server's further detail. It may quote values.
    public let detail: String?
    /// The server's advice.
    public let hint: String?
    /// The constraint that was violated, if that is what happened.
    public let constraint: String?
    /// The schema and the table that it is about.
    public let schema: String?
    /// The table that it is about.
    public let table: String?
    /// The column that it is about.
    public let column: String?
    /// Where in the statement, in characters from 1.
    public let position: Int?
    /// Whether the work may be repeated.
    public let failureClass: FailureClass
    /// Whether a part of the statement's work is committed and stays, though it failed: CALL, DO,
    /// VACUUM, CREATE INDEX CONCURRENTLY and several statements in one string may do that outside a
    /// transaction. Its class is `deterministic` then, since repeating would repeat that part.
    public let mayBePartial: Bool
    /// What the outcome of a transaction whose commit was to be verified can be asked by later; see
    /// ``ConnectionPool/resolve(_:timeout:fileID:line:)``. `nil` for all other errors.
    public let commitToken: CommitToken?
    /// The statement's text, without its parameters' values.
    public let sql: String?

    package init(
        sqlState: SQLState?,
        severity: String = "ERROR",
        message: String,
        detail: String? = nil,
        hint: String? = nil,
        constraint: String? = nil,
        schema: String? = nil,
        table: String? = nil,
        column: String? = nil,
        position: Int? = nil,
        failureClass: FailureClass,
        mayBePartial: Bool = false,
        commitToken: CommitToken? = nil,
        sql: String? = nil
    ) {
        self.sqlState = sqlState
        self.severity = severity
        self.message = message
        self.detail = detail
        self.hint = hint
        self.constraint = constraint
        self.schema = schema
        self.table = table
        self.column = column
        self.position = position
        self.failureClass = failureClass
        self.mayBePartial = mayBePartial
        self.commitToken = commitToken
        self.sql = sql
    }

    /// The same, with another class and token.
    func with(_ failureClass: FailureClass, token: CommitToken?) -> PostgresError {
        PostgresError(
            sqlState: sqlState,
            severity: severity,
            message: message,
            detail: detail,
            hint: hint,
            constraint: constraint,
            schema: schema,
            table: table,
            column: column,
            position: position,
            failureClass: failureClass,
            mayBePartial: mayBePartial,
            commitToken: token,
            sql: sql
        )
    }

    /// Whether the server ended the session with this message.
    public var isFatal: Bool { severity == "FATAL" || severity == "PANIC" }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    /// SQLSTATE, severity, class and the names of what was violated; no values.
    public var description: String {
        var parts = [
            "\(severity) \(sqlState?.description ?? "connection lost")", failureClass.rawValue,
        ]
        if mayBePartial { parts.append("a part may be committed") }
        if let commitToken { parts.append("commit token \(commitToken)") }
        if let constraint { parts.append("constraint \(constraint)") }
        if let table { parts.append("table \(table)") }
        if let column { parts.append("column \(column)") }
        return "PostgresError(\(parts.joined(separator: ", ")))"
    }

    /// The description, and the server's message and the statement's text.
    public var debugDescription: String {
        "\(description): \(message)" + (sql.map { " in: \($0)" } ?? "")
    }
}
