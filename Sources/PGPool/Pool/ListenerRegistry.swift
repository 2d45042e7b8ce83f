internal import Synchronization

/// The listeners of a pool: how many there may be, and all of them when the pool ends.
final class ListenerRegistry: Sendable {
    enum Refusal: Error {
        case full
        case shutDown
    }

    private struct State {
        var listeners: [ObjectIdentifier: NotificationListener] = [:]
        var isClosed = false
        var finishing: [UnsafeContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// The listeners whose connection is open, being opened or being closed.
    var count: Int { state.withLock { $0.listeners.count } }

    /// Whether all are to end.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    func add(_ listener: NotificationListener, limit: Int) throws(Refusal) {
        let refusal = state.withLock { state -> Refusal? in
            if state.isClosed { return .shutDown }
            if state.listeners.count >= limit { return .full }
            state.listeners[ObjectIdentifier(listener)] = listener
            return nil
        }
        if let refusal { throw refusal }
    }

    /// Its connection is closed.
    func remove(_ listener: NotificationListener) {
        let finished = state.withLock { state in
            state.listeners[ObjectIdentifier(listener)] = nil
            guard state.listeners.isEmpty else { return [] as [UnsafeContinuation<Void, Never>] }
            defer { state.finishing = [] }
            return state.finishing
        }
        for continuation in finished { continuation.resume() }
    }

    /// Ends all, and lets none begin.
    func close() {
        let listeners = state.withLock { state in
            state.isClosed = true
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.close(discarding: false) }
    }

    /// Waits until no listener has a connection.
    func finished() async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            let isOver = state.withLock { state in
                if state.listeners.isEmpty { return true }
                state.finishing.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
    }
}
