/// How long a server has to answer after a statement was cancelled, until the connection counts as
/// lost.
///
/// A server that was sending rows sees the request only when those on the way are read, and they may
/// be megabytes in the sockets' buffers. So as long as something comes it has more time, within a
/// bound: the request itself may never arrive.
package struct CancelGrace: Sendable {
    /// With nothing coming.
    package static let silent = Duration.seconds(2)
    /// However much comes.
    package static let longest = Duration.seconds(10)

    /// When more coming is no excuse any more.
    private var end = Instant.distantFuture
    private var readings: UInt64 = 0

    package init() {}

    /// A request is sent; tells when to look again.
    package mutating func begin(at now: Instant, readings: UInt64) -> Instant {
        end = now + Self.longest
        self.readings = readings
        return now + Self.silent
    }

    /// Nothing answered the request so far. Tells when to look again, or nil if that was all.
    package mutating func extend(at now: Instant, readings: UInt64) -> Instant? {
        guard readings != self.readings, now < end else { return nil }
        self.readings = readings
        return min(now + Self.silent, end)
    }
}
