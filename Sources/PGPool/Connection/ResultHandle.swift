internal import CLibPQ
internal import PGPoolCore

/// A statement's result as an operation keeps it.
protocol KeptResult: ResultStorage {
    /// What its cells take in memory, in bytes, and what else libpq keeps for them.
    var memorySize: Int { get }
}

/// Owns one `PGresult`; it is freed with the last row that somebody holds.
final class ResultHandle: KeptResult {
    // Proof: libpq never changes a complete result, and reading one is thread-safe (libpq 34.20).
    nonisolated(unsafe) private let result: OpaquePointer
    let rowCount: Int
    let columnCount: Int

    init(_ result: OpaquePointer) {
        self.result = result
        rowCount = Int(PQntuples(result))
        columnCount = Int(PQnfields(result))
    }

    deinit {
        PQclear(result)
    }

    var memorySize: Int { PQresultMemorySize(result) }

    /// Owns a result, or frees it and has what it held.
    static func keep(_ result: OpaquePointer) -> any KeptResult {
        CompactResult.take(result) ?? ResultHandle(result)
    }

    var affectedRows: Int {
        Int(String(cString: PQcmdTuples(result))) ?? 0
    }

    var commandTag: String {
        String(cString: PQcmdStatus(result))
    }

    func columnName(_ column: Int) -> String {
        PQfname(result, Int32(column)).map { String(cString: $0) } ?? String(column)
    }

    func columnType(_ column: Int) -> PostgresType {
        // The simple protocol sends text: eight digits must not be read as a binary bigint.
        guard PQfformat(result, Int32(column)) == 1 else { return .text }
        return PostgresType(rawValue: PQftype(result, Int32(column)))
    }

    func cell(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        let (row, column) = (Int32(truncatingIfNeeded: row), Int32(truncatingIfNeeded: column))
        let length = Int(PQgetlength(result, row, column))
        // NULL has length 0 as the empty value has.
        if length == 0, PQgetisnull(result, row, column) != 0 { return nil }
        return UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: length)
    }
}

/// What libpq says of an error.
enum ErrorReport {
    static func field(_ result: OpaquePointer, _ code: Character) -> String? {
        code.asciiValue.flatMap { PQresultErrorField(result, Int32($0)) }.map {
            String(cString: $0)
        }
    }

    static func sqlState(_ result: OpaquePointer) -> SQLState? {
        field(result, "C").flatMap { SQLState($0) }
    }

    static func severity(_ result: OpaquePointer) -> String {
        // PgBouncer sends only S.
        field(result, "V") ?? field(result, "S") ?? "ERROR"
    }

    /// The error that a result carries, with its class.
    static func error(
        _ result: OpaquePointer,
        phase: FailurePhase,
        sql: String?,
        context: FailureContext = FailureContext()
    ) -> (error: PostgresError, verdict: FailureVerdict) {
        let state = sqlState(result)
        let severity = state == nil ? "FATAL" : severity(result)
        let verdict = FailureClassifier.classify(
            state,
            isFatal: severity != "ERROR",
            phase: phase,
            context: context
        )
        let error = PostgresError(
            sqlState: state,
            severity: severity,
            message: field(result, "M") ?? trimmed(PQresultErrorMessage(result)),
            detail: field(result, "D"),
            hint: field(result, "H"),
            constraint: field(result, "n"),
            schema: field(result, "s"),
            table: field(result, "t"),
            column: field(result, "c"),
            position: field(result, "P").flatMap { Int($0) },
            failureClass: verdict.failureClass,
            mayBePartial: verdict.isPartial,
            sql: sql
        )
        return (error, verdict)
    }

    static func trimmed(_ message: UnsafePointer<CChar>?) -> String {
        guard let message else { return "" }
        var text = Substring(String(cString: message))
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
