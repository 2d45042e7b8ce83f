internal import PGPoolCore

/// How large a statement may be.
///
/// A message to the server holds less than 1 GiB (`PQ_LARGE_MESSAGE_LIMIT` in PostgreSQL's `libpq.h`); a
/// server that is sent more ends the connection. A message counts its parameters in 16 bits.
enum QuerySize {
    /// Bytes of the text and of all parameters; what a message has besides is left free.
    static let maxBytes = (1 << 30) - 4_096
    static let maxParameters = 65_535
    /// What a message has for each parameter besides its bytes: a format and a length.
    static let bytesPerParameter = 6

    /// Why a statement is not sent, if it is too large.
    static func refusal(bytes: Int, parameters: Int, sql: String) -> PostgresError? {
        let problem: String
        if parameters > maxParameters {
            problem = "\(parameters) parameters; at most \(maxParameters) can be sent"
        } else if bytes + bytesPerParameter * parameters > maxBytes {
            problem =
                "\(bytes + bytesPerParameter * parameters) bytes with its parameters; at most "
                + "\(maxBytes) can be sent"
        } else {
            return nil
        }
        return PostgresError(
            sqlState: .programLimitExceeded,
            message: "the statement has \(problem)",
            failureClass: .deterministic,
            sql: sql.utf8.count < maxBytes / 2 ? sql : nil
        )
    }
}

extension Query {
    /// Why it is not sent, if it is too large.
    var sizeRefusal: PostgresError? {
        QuerySize.refusal(
            bytes: sql.utf8.count + parameters.bytes.count,
            parameters: parameters.count,
            sql: sql
        )
    }
}
