internal import CLibPQ
internal import PGPoolCore
internal import Synchronization

/// Rows one by one, as the server sends them and no faster than they are taken.
extension Session {
    /// Asks libpq for single rows as soon as the statement is the one that is being answered.
    func prepareToStream(_ operation: Operation, _ connection: OpaquePointer) {
        guard operation.stream != nil, !operation.isStreaming,
            operation.sending.precedingResults == 0
        else {
            return
        }
        operation.isStreaming = PQsetSingleRowMode(connection) == 1
    }

    /// Whether the stream's buffer is full; then nothing is read any more.
    func pausesReading(_ operation: Operation, _ state: inout State) -> Bool {
        guard let stream = operation.stream, operation.outcome == nil, !state.isLost, stream.isFull
        else { return false }
        state.isPaused = true
        if let token = state.token { reactor.setInterest([], of: state.descriptor, token) }
        return true
    }

    /// The buffer has room again, or nobody wants the rows any more.
    func resumeReading() {
        let isResumed = state.withLock { state in
            guard state.isPaused else { return false }
            state.isPaused = false
            if let token = state.token {
                reactor.setInterest(.readable, of: state.descriptor, token)
            }
            return true
        }
        guard isResumed else { return }
        // What libpq holds already wakes no reactor.
        var finished: [Operation] = []
        receive([], &finished)
        for operation in finished { operation.finish() }
    }

    /// Nobody wants the rest of the rows. Outside a transaction the statement is cancelled; inside one
    /// that would undo the whole, so there the rest is read and thrown away.
    func leaveStream(_ operation: Operation) {
        let isDrained = state.withLock { state in
            guard operation.outcome == nil, operation.phase == .inTransaction,
                state.sent.contains(where: { $0 === operation })
            else { return false }
            operation.outcome = .failure(CancellationError())
            return true
        }
        if isDrained {
            operation.finish()
        } else {
            cancel(operation)
        }
        resumeReading()
    }

    /// Whether a stream is being read: until it ends, nothing else can be answered.
    func isStreamOpen(_ state: State) -> Bool {
        state.sent.contains { $0.stream != nil && $0.outcome == nil }
            || state.pending.contains { $0.stream != nil && $0.outcome == nil }
    }
}

/// A statement was sent while a stream of the same connection was open.
struct StreamOpenError: Error {}
