internal import CLibPQ
internal import DequeModule
internal import PGPoolCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Statements that share the connection: they come from many threads and leave in batches.
extension Session {
    /// Takes a statement that may have neighbours.
    ///
    /// It never waits for the session's lock, which is held for as long as a batch takes to send.
    func share(_ operation: Operation) {
        let isFirst = inbox.withLock { inbox in
            inbox.append(operation)
            return inbox.count == 1
        }
        if let current = Reactor.current {
            current.sendLater(self)
        } else if !sendInboxIfFree(), isFirst {
            // Whoever put the first one there sees to those that follow.
            reactor.sendSoon(self)
        }
    }

    /// Sends what arrived, as far as what is under way allows.
    func sendInbox() {
        var ending = Ending()
        state.withLock { sendInbox(&$0, &ending) }
        end(ending)
    }

    /// False if another thread has the session's lock.
    func sendInboxIfFree() -> Bool {
        var ending = Ending()
        let isSent: Void? = state.withLockIfAvailable { sendInbox(&$0, &ending) }
        end(ending)
        return isSent != nil
    }

    private func sendInbox(_ state: inout State, _ ending: inout Ending) {
        takeInbox(&state, into: &ending.finished)
        guard !state.isLost else {
            // The pool was told by whoever found it out.
            ending.finished += takeAll(&state)
            return
        }
        sendPending(&state)
        settleSent(&state, &ending)
    }

    /// Takes a statement back that is still in the inbox.
    func leaveInbox(_ operation: Operation) -> Bool {
        inbox.withLock { inbox in
            guard let index = inbox.firstIndex(where: { $0 === operation }) else { return false }
            inbox.remove(at: index)
            return true
        }
    }

    /// Puts what arrived behind what is to be sent.
    func takeInbox(_ state: inout State, into finished: inout [Operation]) {
        inbox.withLock { inbox in
            guard !inbox.isEmpty else { return }
            for operation in inbox {
                if let refusal = refusal(of: operation, nil, &state) {
                    operation.outcome = .failure(refusal)
                    finished.append(operation)
                } else {
                    state.pending.append(operation)
                }
            }
            inbox.removeAll(keepingCapacity: true)
        }
    }

    /// Sends those that share from the front of what is to be sent, all in one segment.
    func sendShared(_ state: inout State) {
        guard state.sent.count <= state.refillAt else { return }
        let (isBatch, before) = (state.pending.count > 1, state.sent.count)
        if isBatch { setCork(1, state) }
        state.isBatching = true
        while let next = state.pending.first, next.isShared, mayJoin(next, state), !state.isLost {
            state.pending.removeFirst()
            send(next, &state)
        }
        state.isBatching = false
        if let connection = state.connection, !state.isLost, state.sent.count > before {
            flush(connection, &state)
        }
        if isBatch { setCork(0, state) }
        // The next batch follows when half of what is under way now is answered.
        state.refillAt = max(Self.smallBatch, state.sent.count / 2)
    }

    /// Whether libpq keeps a sync until it is told to flush.
    static let keepsSyncs = pgpool_keeps_syncs() != 0

    /// Has the system wait for the rest of a batch of which libpq sends each statement. On a Unix socket
    /// this fails, which does no harm.
    func setCork(_ value: Int32, _ state: State) {
        #if os(Linux)
            guard !Self.keepsSyncs else { return }
            var value = value
            setsockopt(
                state.descriptor,
                Int32(IPPROTO_TCP),
                TCP_CORK,
                &value,
                socklen_t(MemoryLayout<Int32>.size)
            )
        #endif
    }
}
