internal import CLibPQ
internal import PGPoolCore

/// What a command left behind in the session, as far as its tag and its text tell.
extension Session {
    /// Notes what a command did to the session, so that the next lease does not inherit it.
    func noteTag(
        _ result: OpaquePointer,
        of operation: Operation,
        changesSession: Bool,
        sql: @autoclosure () -> String,
        _ state: inout State
    ) {
        guard let tag = PQcmdStatus(result) else { return }
        // The tags of ordinary statements, by their first letter, cost one comparison.
        var runsQuery = false
        switch UInt8(bitPattern: tag[0]) {
        case UInt8(ascii: "I"): break
        case UInt8(ascii: "U") where tag[1] == CChar(UInt8(ascii: "P")): break
        case UInt8(ascii: "D") where tag[2] == CChar(UInt8(ascii: "L")): break
        case UInt8(ascii: "M") where tag[1] == CChar(UInt8(ascii: "E")): break
        case UInt8(ascii: "S") where tag[2] == CChar(UInt8(ascii: "L")): runsQuery = true
        default:
            if operation.isShared { refuseToShare(operation, &state) }
            // READ ONLY may become READ WRITE before the first query.
            if tag[0] == CChar(UInt8(ascii: "S")), tag[1] == CChar(UInt8(ascii: "E")) {
                state.transaction.isReadOnly = false
            }
            let tag = String(cString: tag)
            runsQuery = tag == "EXPLAIN" || tag.hasPrefix("COPY")
            switch SessionEffect(tag: tag, sql: sql()) {
            case .none: break
            case .settings: state.isDirty = true
            case .statements:
                state.isDirty = true
                state.needsDiscard = true
            }
        }
        // An unknown function in a write is taken for a default or a check, and in a definition for a name.
        if changesSession,
            runsQuery && !trustsFunctions || StatementText.namesSessionFunction(sql())
        {
            state.isDirty = true
        }
    }

    /// A statement turned out to be one that must not have neighbours: nobody uses the connection
    /// any more.
    private func refuseToShare(_ operation: Operation, _ state: inout State) {
        let error = PostgresError(
            sqlState: .featureNotSupported,
            message: "the statement must not share a connection: run it with sharing: .never",
            failureClass: .outcomeUnknown,
            sql: operation.query.sql
        )
        operation.error = operation.error ?? error
        noteLost(&state, message: "a neighbour's statement changed the session")
    }
}
