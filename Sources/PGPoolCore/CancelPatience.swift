/// How long a connection waits for its cancel request to be taken by the server's host.
///
/// Nothing else may be sent on the connection until then: the request could hit it. A host that hangs
/// takes none, and a request may have to wait for those of other connections to the same host.
package struct CancelPatience: Sendable {
    /// For the request itself, and for those before it to move at all.
    package static let limit = Duration.seconds(10)

    private enum Stage {
        case none, queued, sending
    }

    private var stage = Stage.none
    /// When to look at it again.
    package private(set) var end = Instant.distantFuture

    package init() {}

    /// A request waits for its turn.
    package mutating func queued(at now: Instant) {
        guard stage == .none else { return }
        stage = .queued
        end = now + Self.limit
    }

    /// It is being sent.
    package mutating func began(at now: Instant) {
        stage = .sending
        end = now + Self.limit
    }

    /// No request is under way any more.
    package mutating func ended() {
        self = CancelPatience()
    }

    /// The end has come. True if that was all; else there is another one, since others' requests were
    /// taken lately, and its turn will come.
    ///
    /// - Parameter lastTaken: When the host took a request last, as far as is known.
    package mutating func isOver(at now: Instant, lastTaken: Instant?) -> Bool {
        if stage == .queued, let lastTaken, now - lastTaken < Self.limit {
            end = lastTaken + Self.limit
            return false
        }
        ended()
        return true
    }
}
