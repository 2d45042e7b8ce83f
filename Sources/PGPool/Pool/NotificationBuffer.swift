internal import DequeModule
internal import Synchronization

/// What a listener has not read yet, up to a limit.
///
/// When it is full, what comes is thrown away and counted by a gap at its end, which stands beyond
/// the limit; when there is room again, the next notification follows the gap.
final class NotificationBuffer: Sendable {
    private struct State {
        var events = Deque<NotificationEvent>()
        var reader: UnsafeContinuation<NotificationEvent?, Never>?
        var isFinished = false
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    func add(_ notification: PostgresNotification) {
        add { state in
            guard state.events.count >= limit else { return .notification(notification) }
            switch state.events.last {
            case .gap(.overflow(let dropped))?:
                state.events.removeLast()
                return .gap(.overflow(dropped: dropped + 1))
            case .gap(.connectionLost)?:
                // It says already that any number may be missing.
                return nil
            case .notification?, nil:
                return .gap(.overflow(dropped: 1))
            }
        }
    }

    /// Says that the connection was lost; one gap says so of several losses, and of an overflow.
    func addGap() {
        add { state in
            if case .gap? = state.events.last { state.events.removeLast() }
            return .gap(.connectionLost)
        }
    }

    private func add(_ next: (inout State) -> NotificationEvent?) {
        let delivery = state.withLock { state in
            guard !state.isFinished, let event = next(&state) else {
                return nil as (UnsafeContinuation<NotificationEvent?, Never>, NotificationEvent)?
            }
            if let reader = state.reader {
                state.reader = nil
                return (reader, event)
            }
            state.events.append(event)
            return nil
        }
        if let (reader, event) = delivery { reader.resume(returning: event) }
    }

    /// Nothing more is added. What is there can still be read, unless it is thrown away.
    func finish(discarding: Bool) {
        let reader = state.withLock { state in
            state.isFinished = true
            if discarding { state.events.removeAll() }
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: nil)
    }

    /// The next event; `nil` at the end. For one reader at a time: a second one gets `nil`.
    func next() async -> NotificationEvent? {
        await withUnsafeContinuation { continuation in
            let answer = state.withLock { state -> NotificationEvent?? in
                if let event = state.events.popFirst() { return .some(event) }
                if state.isFinished || state.reader != nil { return .some(nil) }
                state.reader = continuation
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }
}
