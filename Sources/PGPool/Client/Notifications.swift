internal import Synchronization

/// The notifications of one or more channels, as they come; see ``ConnectionPool/listen(to:bufferLimit:timeout:)``.
///
/// It can be iterated once. It ends, and its connection is closed, when the loop is left, when the
/// task that iterates is cancelled, when nobody holds it any more, and when the pool shuts down.
public struct Notifications: AsyncSequence, Sendable {
    /// A notification, or a gap.
    public typealias Element = NotificationEvent
    /// It throws nothing: a loss is an element, the gap.
    public typealias Failure = Never

    private let handle: ListenerHandle

    init(_ listener: NotificationListener) {
        handle = ListenerHandle(listener)
    }

    /// Begins the one iteration; any further one is at its end at once.
    public func makeAsyncIterator() -> Iterator {
        Iterator(handle: handle.passOn())
    }

    /// Reads one notification after the other.
    public struct Iterator: AsyncIteratorProtocol {
        let handle: ListenerHandle?

        /// The next event; `nil` at the end, at once when the task is cancelled.
        public mutating func next() async -> NotificationEvent? {
            await next(isolation: #isolation)
        }

        /// The next event; `nil` at the end, at once when the task is cancelled.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async -> NotificationEvent? {
            guard let listener = handle?.listener else { return nil }
            return await withTaskCancellationHandler {
                await listener.buffer.next()
            } onCancel: {
                listener.close(discarding: true)
            }
        }
    }
}

/// Ends the listener when the sequence, or the loop over it, is left.
final class ListenerHandle: Sendable {
    let listener: NotificationListener
    private let isPassedOn = Atomic<Bool>(false)

    init(_ listener: NotificationListener) {
        self.listener = listener
    }

    /// From now on the new handle's end is the listener's; the first time only.
    func passOn() -> ListenerHandle? {
        let wasPassedOn = isPassedOn.exchange(true, ordering: .acquiringAndReleasing)
        return wasPassedOn ? nil : ListenerHandle(listener)
    }

    deinit {
        if !isPassedOn.load(ordering: .acquiring) { listener.close(discarding: true) }
    }
}
