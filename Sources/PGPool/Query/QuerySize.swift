internal import PGPoolCore

/// How large a statement may be: a message to the server holds less than 1 GiB (`MaxAllocSize` in
/// PostgreSQL's `memutils.h`), and a server that is sent more ends the connection.
enum QuerySize {
    static let limit = 1 << 30

    /// Why a statement of so many bytes, text and parameters, is not sent.
    static func refusal(of bytes: Int, sql: String) -> PostgresError? {
        guard bytes >= limit else { return nil }
        return PostgresError(
            sqlState: .programLimitExceeded,
            message: "the statement and its parameters have \(bytes) bytes; at most \(limit - 1) "
                + "can be sent",
            failureClass: .deterministic,
            sql: sql.utf8.count < limit / 2 ? sql : nil
        )
    }
}

extension Query {
    var sizeRefusal: PostgresError? {
        QuerySize.refusal(of: sql.utf8.count + parameters.bytes.count, sql: sql)
    }
}
