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

/// Which reactor watches the socket.
extension Session {
    /// The one that does now. Uses of the token that goes with it hold the lock of `state`.
    var reactor: Reactor { watcher.withLock { $0 } }

    /// Hands the socket to the reactor that runs where answers arrive, if there is one. To be called
    /// for each answer, on the reactor's thread.
    func followProcessor(_ state: inout State) {
        guard state.locality.isTimeToLook(), state.connection != nil else { return }
        let current = reactor
        guard let crew = current.crew else { return }
        let processor = Self.incomingProcessor(of: state.descriptor)
        guard state.locality.saw(processor, servedOn: current.processor), let processor,
            let next = crew.member(on: processor, insteadOf: current)
        else { return }
        move(to: next, &state)
    }

    func move(to next: Reactor, _ state: inout State) {
        guard let token = state.token, state.connection != nil,
            let nextToken = next.register(
                self,
                descriptor: state.descriptor,
                interest: state.interest
            )
        else { return }
        reactor.unregister(token)
        state.token = nextToken
        watcher.withLock { $0 = next }
        armNextDeadline(state)
    }

    /// Where the system delivered something for the socket last (`SO_INCOMING_CPU`, socket(7)).
    private static func incomingProcessor(of descriptor: Int32) -> Int32? {
        #if os(Linux)
            var processor: Int32 = -1
            var length = socklen_t(MemoryLayout<Int32>.size)
            let status = getsockopt(descriptor, SOL_SOCKET, SO_INCOMING_CPU, &processor, &length)
            return status == 0 && processor >= 0 ? processor : nil
        #else
            return nil
        #endif
    }
}
