public import PGPoolCore

/// What the server, or libpq on its behalf, said of a statement or of a connection.
///
/// `description` is safe to log: it holds no parameter and no row value. What the server's message
/// and detail quote of the data is in ``message`` and ``detail`` only.
public struct PostgresError: Error, Sendable {
    /// What the server's five-character code says; `nil` when the connection was lost without one.
    public var sqlState: SQLState? { boxed.value.sqlState }
    /// `ERROR`, `FATAL` or `PANIC`, not translated.
    public var severity: String { boxed.value.severity }
    /// The server's primary message. It may quote values.
    public var message: String { boxed.value.message }
    /// The server's further detail. It may quote values.
    public var detail: String? { boxed.value.detail }
    /// The server's advice.
    public var hint: String? { boxed.value.hint }
    /// The constraint that was violated, if that is what happened.
    public var constraint: String? { boxed.value.constraint }
    /// The schema and the table that it is about.
    public var schema: String? { boxed.value.schema }
    /// The table that it is about.
    public var table: String? { boxed.value.table }
    /// The column that it is about.
    public var column: String? { boxed.value.column }
    /// Where in the statement, in characters from 1.
    public var position: Int? { boxed.value.position }
    /// Whether the work may be repeated.
    public var failureClass: FailureClass { boxed.value.failureClass }
    /// Whether a part of the statement's work is committed and stays, though it failed: CALL, DO,
    /// VACUUM, CREATE INDEX CONCURRENTLY and several statements in one string may do that outside a
    /// transaction. Its class is `deterministic` then, since repeating would repeat that part.
    public var mayBePartial: Bool { boxed.value.mayBePartial }
    /// What the outcome of a transaction whose commit was to be verified can be asked by later; see
    /// ``ConnectionPool/resolve(_:timeout:fileID:line:)``. `nil` for all other errors.
    public var commitToken: CommitToken? { boxed.value.commitToken }
    /// The statement's text, without its parameters' values.
    public var sql: String? { boxed.value.sql }

    /// One reference: errors lie where there is hardly ever one.
    private let boxed: Boxed<Fields>

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
        boxed = Boxed(
            Fields(
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
                commitToken: commitToken,
                sql: sql
            )
        )
    }

    private init(boxed: Boxed<Fields>) { self.boxed = boxed }

    /// The same, with another class and token.
    func with(_ failureClass: FailureClass, token: CommitToken?) -> PostgresError {
        var fields = boxed.value
        fields.failureClass = failureClass
        fields.commitToken = token
        return PostgresError(boxed: Boxed(fields))
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

extension PostgresError {
    private struct Fields {
        let sqlState: SQLState?
        let severity: String
        let message: String
        let detail: String?
        let hint: String?
        let constraint: String?
        let schema: String?
        let table: String?
        let column: String?
        let position: Int?
        var failureClass: FailureClass
        let mayBePartial: Bool
        var commitToken: CommitToken?
        let sql: String?
    }
}
