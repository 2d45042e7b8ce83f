internal import CLibPQ
internal import DequeModule
internal import PGPoolCore

/// Rows one by one, and a COPY's data, as libpq hands them out.
extension Session {
    /// Called when a statement may have become the one that the server answers: from here on libpq
    /// hands out its rows one by one (PostgreSQL manual, 34.6).
    func begin(_ operation: Operation, _ connection: OpaquePointer) {
        guard let exchange = operation.exchange, !exchange.isSingleRow else { return }
        if operation.phase == .commit, StatementText.onlyReads(operation.query.sql) {
            operation.phase = .inTransaction
        }
        if operation.phase != .copyIn { exchange.endPhase = operation.phase }
        guard operation.sending.precedingResults == 0 else { return }
        guard exchange.purpose == .rows else {
            // Once the end of the data is handed over, it commits.
            let mayGoOn = exchange.copy == .sending || !exchange.hasTakenData
            if exchange.purpose == .copyIn, operation.phase == .autocommit, mayGoOn {
                operation.phase = .copyIn
            }
            return
        }
        exchange.isSingleRow = PQsetSingleRowMode(connection) == 1
    }

    /// Whether the next result may be asked for: not while the task is behind, nor in the middle of
    /// a COPY.
    func mayReadOn(
        _ operation: Operation,
        _ connection: OpaquePointer,
        _ state: inout State
    ) -> Bool {
        guard let exchange = operation.exchange else { return true }
        begin(operation, connection)
        switch exchange.copy {
        case .sending:
            guard state.isLost || PQstatus(connection) == CONNECTION_BAD else { return false }
            // libpq then hands out the server's last words, if there were any.
            PQputCopyEnd(connection, "lost")
            exchange.copy = .none
            return true
        case .receiving:
            return receiveCopy(exchange, connection, &state)
        case .none:
            guard exchange.isFull else { return true }
            pauseReading(&state)
            return false
        }
    }

    /// Takes a result of a stream's or a COPY's; false if it is as of any other statement.
    func exchange(
        _ result: OpaquePointer,
        of operation: Operation,
        _ connection: OpaquePointer,
        _ state: inout State
    ) -> Bool {
        guard let exchange = operation.exchange, operation.sending.precedingResults == 0 else {
            return false
        }
        switch PQresultStatus(result) {
        case PGRES_SINGLE_TUPLE, PGRES_TUPLES_OK:
            if exchange.columns == nil { exchange.columns = Self.columns(of: result) }
            if let columns = exchange.columns, !exchange.isDiscarding {
                keep(result, columns, exchange)
            }
            guard PQresultStatus(result) == PGRES_TUPLES_OK else { break }
            noteTag(
                result,
                of: operation,
                changesSession: operation.sending.changesSession,
                sql: operation.query.sql,
                &state
            )
            operation.add(ResultHandle.keep(result))
            return true
        case PGRES_COPY_IN:
            guard exchange.purpose == .copyIn, operation.outcome == nil, !operation.didTimeOut
            else { return false }
            guard !exchange.hasTakenData else {
                noteWrongUse(operation, "there is only one COPY in a copyIn")
                return false
            }
            exchange.hasTakenData = true
            exchange.copy = .sending
        case PGRES_COPY_OUT:
            if exchange.purpose != .copyOut {
                exchange.isDiscarding = true
                noteWrongUse(operation, "it copies from the server: use copyOut")
            }
            exchange.copy = .receiving
        default:
            return false
        }
        PQclear(result)
        return true
    }

    private func noteWrongUse(_ operation: Operation, _ message: String) {
        guard operation.error == nil else { return }
        operation.error = PostgresError(
            sqlState: .featureNotSupported,
            message: message,
            failureClass: .deterministic,
            sql: operation.query.sql
        )
    }

    private static func columns(of result: OpaquePointer) -> RowColumns {
        let count = PQnfields(result)
        return RowColumns(
            names: (0..<count).map { column in
                PQfname(result, column).map { String(cString: $0) } ?? String(column)
            },
            types: (0..<count).map { PostgresType(rawValue: PQftype(result, $0)) }
        )
    }

    private func keep(_ result: OpaquePointer, _ columns: RowColumns, _ exchange: Exchange) {
        let count = min(PQnfields(result), Int32(columns.names.count))
        for row in 0..<PQntuples(result) {
            let batch = exchange.batch(columns)
            for column in 0..<count {
                let length = PQgetlength(result, row, column)
                // NULL has length 0 as the empty value has.
                if length == 0, PQgetisnull(result, row, column) != 0 {
                    batch.append(nil)
                } else {
                    batch.append(
                        UnsafeRawBufferPointer(
                            start: PQgetvalue(result, row, column),
                            count: Int(length)
                        )
                    )
                }
            }
            exchange.endRow(batch)
        }
    }
}
