internal import CLibPQ
internal import DequeModule
internal import PGPoolCore
internal import Synchronization

/// The way out: what is submitted is sent at once where libpq's mode allows, else kept in order.
extension Session {
    /// Sends a statement, or keeps it until it can be sent. Its `finish()` follows in any case.
    ///
    /// - Parameter lease: the lease that it belongs to; `nil` for the pool's own statements.
    func submit(_ operation: Operation, lease: UInt64? = nil) {
        var finished: [Operation] = []
        state.withLock { state in
            isTouched.store(true, ordering: .sequentiallyConsistent)
            if let refusal = refusal(of: operation, lease, state) {
                operation.outcome = .failure(refusal)
                finished.append(operation)
                return
            }
            if operation.exchange != nil { state.open = operation }
            if mayFollow(operation, state) {
                send(operation, &state)
            } else {
                state.pending.append(operation)
            }
            if let timeout = operation.timeout {
                operation.deadline = .now + timeout
                armNextDeadline(state)
            }
            if state.isLost { finished = takeAll(&state) }
        }
        for operation in finished { operation.finish() }
    }

    private func refusal(
        of operation: Operation,
        _ lease: UInt64?,
        _ state: State
    ) -> (any Error)? {
        if operation.isCancelled { return CancellationError() }
        if let lease, lease != leaseNumber.load(ordering: .sequentiallyConsistent) {
            return LeaseEndedError()
        }
        if lease != nil, let open = state.open, open !== operation { return Self.busy(open) }
        guard state.connection == nil || state.isLost || state.isClosing else { return nil }
        return lostError(state, phase: .nothingSent, sql: operation.query.sql)
    }

    /// Whether the statement can be sent right behind what was sent before it.
    private func mayFollow(_ operation: Operation, _ state: State) -> Bool {
        guard !state.mustSettle, state.pending.isEmpty else { return false }
        return state.sent.isEmpty
            || (operation.kind == .extended && state.isPipelining && operation.exchange == nil)
    }

    /// Sends what was kept, as far as the mode allows.
    func sendPending(_ state: inout State) {
        guard !state.isLost, !state.isClosing else { return }
        if state.mustSettle {
            settleIfPossible(&state)
            return
        }
        while let next = state.pending.first {
            // Rows come one by one only of a statement that is first.
            guard
                state.sent.isEmpty
                    || (next.kind == .extended && state.isPipelining && next.exchange == nil)
            else { return }
            state.pending.removeFirst()
            send(next, &state)
            if state.isLost { return }
        }
    }

    func send(_ operation: Operation, _ state: inout State) {
        guard let connection = state.connection else { return }
        operation.phase = phase(of: operation, connection)
        state.sent.append(operation)
        let wasSent =
            switch operation.kind {
            case .extended: sendExtended(operation, connection, &state)
            case .simple: sendSimple(operation, connection, &state)
            }
        if wasSent {
            begin(operation, connection)
            flush(connection, &state)
        } else {
            operation.phase = .nothingSent
            noteLost(&state, message: ErrorReport.trimmed(PQerrorMessage(connection)))
        }
    }

    private func phase(of operation: Operation, _ connection: OpaquePointer) -> FailurePhase {
        if operation.isCommit { return .commit }
        switch PQtransactionStatus(connection) {
        case PQTRANS_INTRANS, PQTRANS_INERROR:
            return StatementText.mayCommit(operation.query.sql) ? .commit : .inTransaction
        default:
            return .autocommit
        }
    }

    private func sendSimple(
        _ operation: Operation,
        _ connection: OpaquePointer,
        _ state: inout State
    ) -> Bool {
        if state.isPipelining {
            guard PQexitPipelineMode(connection) == 1 else { return false }
            state.isPipelining = false
        }
        operation.changesSession = StatementText.changesSession(operation.query.sql)
        return PQsendQuery(connection, operation.query.sql) == 1
    }

    private func sendExtended(
        _ operation: Operation,
        _ connection: OpaquePointer,
        _ state: inout State
    ) -> Bool {
        if !state.isPipelining {
            guard PQenterPipelineMode(connection) == 1 else { return false }
            state.isPipelining = true
        }
        let values = operation.query.parameters.values
        guard state.statements.capacity > 0 else { return sendUnnamed(operation, connection) }
        let name: String
        switch state.statements.lookUp(operation.query) {
        case .prepared(let known, let changesSession):
            name = known
            operation.changesSession = changesSession
        case .prepare(let new, let changesSession, let evicted):
            name = new
            operation.changesSession = changesSession
            operation.preparedName = new
            guard prepare(operation, as: new, evicting: evicted, connection) else { return false }
        }
        let executed = operation.query.parameters.withPointers { pointers, lengths, formats in
            PQsendQueryPrepared(
                connection,
                name,
                Int32(values.count),
                pointers,
                lengths,
                formats,
                1
            )
        }
        return executed == 1 && PQpipelineSync(connection) == 1
    }

    /// Parse, bind and execute in one, without leaving anything prepared.
    private func sendUnnamed(_ operation: Operation, _ connection: OpaquePointer) -> Bool {
        let values = operation.query.parameters.values
        let types = values.map(\.type.rawValue)
        operation.changesSession = StatementText.changesSession(operation.query.sql)
        let sent = operation.query.parameters.withPointers { pointers, lengths, formats in
            PQsendQueryParams(
                connection,
                operation.query.sql,
                Int32(values.count),
                types,
                pointers,
                lengths,
                formats,
                1
            )
        }
        return sent == 1 && PQpipelineSync(connection) == 1
    }

    private func prepare(
        _ operation: Operation,
        as name: String,
        evicting evicted: String?,
        _ connection: OpaquePointer
    ) -> Bool {
        if let evicted {
            let text = "DEALLOCATE \(evicted)"
            guard PQsendQueryParams(connection, text, 0, nil, nil, nil, nil, 0) == 1 else {
                return false
            }
            operation.precedingResults += 1
        }
        operation.precedingResults += 1
        let types = operation.query.parameters.values.map(\.type.rawValue)
        return PQsendPrepare(
            connection,
            name,
            operation.query.sql,
            Int32(types.count),
            types
        ) == 1
    }

    /// Hands the system what libpq holds; while it does not take all, waits for writable as well as
    /// readable, so that both sides cannot fill their buffers and stop.
    func flush(_ connection: OpaquePointer, _ state: inout State) {
        let wantsToWrite: Bool
        switch PQflush(connection) {
        case 0: wantsToWrite = false
        case 1: wantsToWrite = true
        default:
            // What the server said before it closed may still be in the socket: let reading find it.
            wantsToWrite = false
        }
        guard wantsToWrite != state.wantsToWrite, let token = state.token else { return }
        state.wantsToWrite = wantsToWrite
        reactor.setInterest(state.interest, of: state.descriptor, token)
    }

    func armDeadline(_ deadline: Instant, _ state: State) {
        guard let token = state.token else { return }
        reactor.setDeadline(deadline, token)
    }
}

/// A connection was used after its lease had ended.
struct LeaseEndedError: Error {}

extension Parameters {
    /// Calls `body` with the arrays that libpq wants.
    func withPointers<Result>(
        _ body: (
            UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> Result
    ) -> Result {
        guard count > 0 else { return body(nil, nil, nil) }
        return bytes.withUnsafeBytes { buffer in
            withUnsafeTemporaryAllocation(
                of: UnsafePointer<CChar>?.self,
                capacity: count
            ) { pointers in
                withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * count) { numbers in
                    // An empty buffer has no address, and libpq takes none for NULL.
                    let empty = UnsafePointer<CChar>(StaticBytes.zero)
                    var start = 0
                    for (index, value) in values.enumerated() {
                        let address = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
                        pointers.initializeElement(
                            at: index,
                            to: value.isNull ? nil : address.map { $0 + start } ?? empty
                        )
                        numbers.initializeElement(at: index, to: Int32(value.end - start))
                        numbers.initializeElement(
                            at: count + index,
                            to: value.isBinary ? 1 : 0
                        )
                        start = value.end
                    }
                    let lengths = UnsafePointer(numbers.baseAddress)
                    return body(
                        UnsafePointer(pointers.baseAddress),
                        lengths,
                        lengths.map { $0 + count }
                    )
                }
            }
        }
    }
}

enum StaticBytes {
    // Proof: allocated once, never written again, never freed.
    nonisolated(unsafe) static let zero: UnsafeMutablePointer<CChar> = {
        let pointer = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        pointer.initialize(to: 0)
        return pointer
    }()
}
