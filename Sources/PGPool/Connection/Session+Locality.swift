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

    /// Whether it is that one. May be out of date for anybody but that one's thread.
    func isServed(by reactor: Reactor) -> Bool {
        thread.load(ordering: .relaxed) == reactor.number
    }

    /// Hands the socket to the peer that runs where input arrives, if there is one that has not more
    /// to do. To be called for each reading, on the reactor's thread.
    func followProcessor(_ state: inout State) {
        guard peers.count > 1, state.locality.isTimeToLook(), isSocketOpen(state) else { return }
        let current = reactor
        let processor = Self.incomingProcessor(of: state.descriptor)
        guard state.locality.saw(processor, servedOn: current.processor) else { return }
        let load = current.load
        let next = peers.first {
            $0 !== current && $0.processor == processor && $0.load <= load
        }
        if let next { move(to: next, &state) }
    }

    func move(to next: Reactor, _ state: inout State) {
        guard let token = state.token, isSocketOpen(state),
            let nextToken = next.register(
                self,
                descriptor: state.descriptor,
                interest: state.interest
            )
        else { return }
        reactor.unregister(token)
        state.token = nextToken
        watcher.withLock { $0 = next }
        thread.store(next.number, ordering: .relaxed)
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
