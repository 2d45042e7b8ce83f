internal import PGPoolCore
internal import Synchronization

/// The rows between a session that reads and a task that takes them. Bounded: when it is full the
/// session stops reading, and TCP makes the server wait.
final class StreamBuffer: OperationCompletion {
    private static let maximumRows = 256
    private static let maximumBytes = 256 * 1_024

    private struct State {
        var rows: [ResultHandle] = []
        var bytes = 0
        var isOver = false
        var waiting: UnsafeContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    var isFull: Bool {
        state.withLock { $0.rows.count >= Self.maximumRows || $0.bytes >= Self.maximumBytes }
    }

    func append(_ row: ResultHandle) {
        state.withLock { state in
            state.rows.append(row)
            state.bytes += row.memorySize
        }
    }

    /// Wakes the task that waits, if there is something for it. Not to be called under a lock.
    func wake() {
        let waiting = state.withLock { state -> UnsafeContinuation<Void, Never>? in
            guard state.isOver || !state.rows.isEmpty else { return nil }
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
    }

    func operationFinished(_ operation: Operation) {
        state.withLock { $0.isOver = true }
        wake()
    }

    /// Everything that is there; waits while there is nothing, and returns nothing at the end.
    func take() async -> [ResultHandle] {
        await withUnsafeContinuation { continuation in
            let isReady = state.withLock { state in
                if state.isOver || !state.rows.isEmpty { return true }
                state.waiting = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
        return state.withLock { state in
            defer {
                state.rows = []
                state.bytes = 0
            }
            return state.rows
        }
    }
}
