internal import CLibPQ
internal import PGPoolCore

/// What was sent for one statement, and what its answers will mean.
struct StatementSending {
    /// Answers that come before the statement's own: to what was dropped, to its preparation.
    var precedingResults = 0
    /// How many of them have come.
    var answeredPreceding = 0
    /// The name that it runs by, if it has one.
    var name: String?
    /// Whether it is being prepared under that name.
    var isPreparing = false
    var changesSession = false
    /// The server said that the name, or its plan, is of no use.
    var unusable: Unusable?
    /// The insert of a commit's token, if one went in front of it.
    var token: TokenSending?

    /// Whether there is anything to do about its names once it is answered.
    var needsCare: Bool { unusable != nil || isPreparing }

    enum Unusable {
        /// 26000: there is no such statement.
        case unknown
        /// 0A000: it is there, but what it returns has changed.
        case stale
    }
}

/// One statement of the extended protocol, without the sync that follows it.
extension Session {
    func enterPipeline(_ connection: OpaquePointer, _ state: inout State) -> Bool {
        if !state.isPipelining {
            guard PQenterPipelineMode(connection) == 1 else { return false }
            state.isPipelining = true
        }
        return true
    }

    func sendStatement(
        _ query: Query,
        isUnnamed: Bool,
        _ sending: inout StatementSending,
        _ connection: OpaquePointer,
        _ state: inout State
    ) -> Bool {
        guard state.statements.capacity > 0, !isUnnamed else {
            return sendUnnamed(query, &sending, connection)
        }
        switch state.statements.lookUp(query) {
        case .prepared(let name, let changesSession):
            statementHits.add()
            sending.name = name
            sending.changesSession = changesSession
            return execute(query, by: name, connection)
        case .prepare(let name, let changesSession, let dropped, let isEvicting):
            statementCounters.countMiss(evicting: isEvicting)
            sending.name = name
            sending.isPreparing = true
            sending.changesSession = changesSession
            return prepare(query, as: name, dropping: dropped, &sending, connection)
                && execute(query, by: name, connection)
        }
    }

    private func execute(
        _ query: Query,
        by name: String,
        _ connection: OpaquePointer
    ) -> Bool {
        let count = Int32(query.parameters.count)
        // A string that is passed as it is would be copied for it.
        return name.withCString { name in
            query.parameters.withPointers { pointers, lengths, formats in
                PQsendQueryPrepared(connection, name, count, pointers, lengths, formats, 1)
            }
        } == 1
    }

    /// Parse, bind and execute in one, without leaving anything prepared.
    private func sendUnnamed(
        _ query: Query,
        _ sending: inout StatementSending,
        _ connection: OpaquePointer
    ) -> Bool {
        let types = query.parameters.values.map(\.type.rawValue)
        sending.changesSession = StatementText.changesSession(query.sql)
        return query.parameters.withPointers { pointers, lengths, formats in
            PQsendQueryParams(
                connection,
                query.sql,
                Int32(types.count),
                types,
                pointers,
                lengths,
                formats,
                1
            )
        } == 1
    }

    private func prepare(
        _ query: Query,
        as name: String,
        dropping dropped: [String],
        _ sending: inout StatementSending,
        _ connection: OpaquePointer
    ) -> Bool {
        for old in dropped {
            guard sendAside("DEALLOCATE \(old)", &sending, connection) else { return false }
        }
        sending.precedingResults += 1
        let types = query.parameters.values.map(\.type.rawValue)
        return PQsendPrepare(connection, name, query.sql, Int32(types.count), types) == 1
    }

    /// A statement of our own in front of the caller's, whose answer is thrown away.
    func sendAside(
        _ sql: String,
        _ sending: inout StatementSending,
        _ connection: OpaquePointer
    ) -> Bool {
        sending.precedingResults += 1
        return PQsendQueryParams(connection, sql, 0, nil, nil, nil, nil, 0) == 1
    }
}
