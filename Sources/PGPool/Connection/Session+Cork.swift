internal import CLibPQ
internal import PGPoolCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Several statements in one segment: libpq sends at each sync, so the system is told to wait.
extension Session {
    /// Holds back what is sent from a reactor's thread until the thread has worked off its batch.
    ///
    /// The first statement on an idle connection goes at once: the server begins while the rest is
    /// being put together.
    func cork(_ state: inout State) {
        #if os(Linux)
            guard !state.isCorked, let reactor = Reactor.current else { return }
            state.isCorked = true
            setCork(1, state)
            reactor.uncorkLater(self)
        #endif
    }

    /// Lets go what was held back.
    func uncork() {
        state.withLock { state in
            state.isCorked = false
            if state.connection != nil { setCork(0, state) }
        }
    }

    /// On a Unix socket this fails, which does no harm.
    func setCork(_ value: Int32, _ state: State) {
        #if os(Linux)
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
