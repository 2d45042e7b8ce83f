internal import Synchronization

/// A value that is set once and that one task may wait for.
final class OneShot<Value: Sendable>: Sendable {
    private let state = Mutex<(value: Value?, reader: UnsafeContinuation<Value, Never>?)>(
        (nil, nil)
    )

    /// Sets it; the first time counts.
    func set(_ value: Value) {
        let reader = state.withLock { state in
            guard state.value == nil else { return nil as UnsafeContinuation<Value, Never>? }
            state.value = value
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: value)
    }

    /// Waits for it. Its setter, not the task's cancellation, ends the wait.
    func wait() async -> Value {
        await withUnsafeContinuation { continuation in
            let value = state.withLock { state in
                if state.value == nil { state.reader = continuation }
                return state.value
            }
            if let value { continuation.resume(returning: value) }
        }
    }
}
