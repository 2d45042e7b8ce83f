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

/// The end: statements fail, the server is told, and the slot is free when the server has let go.
extension Session {
    /// How long the server has to end its process before the slot counts as free.
    static let lingerTimeout = Duration.seconds(1)

    /// Closes the connection. `sessionClosed` follows.
    ///
    /// - Parameter lingers: whether the server is given time to end its process first.
    func close(lingers: Bool = true) {
        var finished: [Operation] = []
        var isGone = false
        state.withLock { state in
            guard let connection = state.connection, !state.isClosing else { return }
            state.isClosing = true
            finished = takeAll(&state)
            if let token = state.token {
                reactor.unregister(token, isClosed: !isSocketOpen(state))
            }
            state.token = nil
            state.connection = nil
            // libpq closes its descriptor at once; through a second one the server's end can be
            // seen to close, which is when its process no longer counts.
            if !state.isLost, lingers { state.lingering = dup(state.descriptor) }
            PQfinish(connection)
            state.descriptor = -1
            isGone = !beginLingering(&state)
        }
        for operation in finished { operation.finish() }
        if isGone { events.sessionClosed(self) }
    }

    /// Whether the descriptor is still the connection's: libpq closes it when it finds the connection
    /// lost, and the system may have given the number to another since.
    func isSocketOpen(_ state: State) -> Bool {
        state.connection.map { PQsocket($0) == state.descriptor } ?? false
    }

    private func beginLingering(_ state: inout State) -> Bool {
        guard state.lingering >= 0 else { return false }
        _ = fcntl(state.lingering, F_SETFD, FD_CLOEXEC)
        guard let token = reactor.register(self, descriptor: state.lingering) else {
            closeDescriptor(state.lingering)
            state.lingering = -1
            return false
        }
        state.token = token
        reactor.setDeadline(.now + Self.lingerTimeout, token)
        return true
    }

    /// Whether the server closed its end; anything else that arrives is thrown away.
    func lingeringEnded(_ state: inout State) -> Bool {
        let ended = withUnsafeTemporaryAllocation(byteCount: 1_024, alignment: 1) { buffer in
            while true {
                let count = recv(state.lingering, buffer.baseAddress, 1_024, Int32(MSG_DONTWAIT))
                if count > 0 { continue }
                return count == 0 || (errno != EAGAIN && errno != EINTR)
            }
        }
        if ended { stopLingering(&state) }
        return ended
    }

    /// The server took too long: the slot is free all the same.
    func finishLingering() {
        let ended = state.withLock { state in
            guard state.lingering >= 0 else { return false }
            stopLingering(&state)
            return true
        }
        if ended { events.sessionClosed(self) }
    }

    private func stopLingering(_ state: inout State) {
        if let token = state.token { reactor.unregister(token) }
        state.token = nil
        closeDescriptor(state.lingering)
        state.lingering = -1
    }
}
