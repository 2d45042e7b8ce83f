public import PGPoolCore

/// Learns what a pool does: the hook for metrics.
///
/// It is called on whatever thread did the thing, often the reactor's, so it must be quick and must
/// not wait for the pool. A pool without observers spends nothing on events.
public protocol PoolObserver: Sendable {
    /// Something happened. The pool holds no lock meanwhile.
    func observe(_ event: PoolEvent)
}

/// What happened in a pool. Further cases may come: write a `default`.
public enum PoolEvent: Sendable {
    /// A connection was opened; how long that took.
    case connectionOpened(createTime: Duration)
    /// An attempt to open failed; what the server said, if it said anything.
    case connectFailed(sqlState: SQLState?, elapsed: Duration)
    /// A connection was closed. The reason is one word, such as `lifetime` or `lost`.
    case connectionClosed(reason: String)
    /// A caller got its lease; how long it waited.
    case leaseAcquired(waitTime: Duration)
    /// A caller got none; the code is that of the ``PoolError`` that it saw.
    case acquireFailed(code: PoolError.Code, waitTime: Duration)
    /// A lease came back; how long it was held.
    case leaseReleased(useTime: Duration)
    /// A lease is held past the configured threshold, by the call at this place.
    case leaseHeldLong(site: CallSite, useTime: Duration)
    /// Every connection of before was evicted.
    case evicted(generation: UInt64)
    /// What is known of the host that the pool's connections lead to has changed.
    case endpointChanged(EndpointHealth)
}

/// What is known of the host that a pool's connections lead to.
public enum EndpointHealth: String, Hashable, Sendable, CaseIterable {
    /// It answers and has the role that is wanted.
    case healthy
    /// Something speaks against it, and it is being asked. Callers go on.
    case suspect
    /// It does not answer, or is the writer no more. Callers are held while a writer is sought.
    case failingOver
    /// There is one again. Callers are let in, more and more of them.
    case recovering
}

/// A place in a program's source.
public struct CallSite: Hashable, Sendable, CustomStringConvertible {
    /// Module and file, as `#fileID` gives them.
    public let fileID: String
    /// The line.
    public let line: UInt

    init(_ fileID: StaticString, _ line: UInt) {
        self.fileID = fileID.description
        self.line = line
    }

    /// `Module/File.swift:12`.
    public var description: String { "\(fileID):\(line)" }
}
