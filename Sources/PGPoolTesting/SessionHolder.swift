/// Sessions that are held open to fill a server up; they end with it.
final class SessionHolder: Sendable {
    // Proof: nobody calls the sessions once they are here; they are only kept, and closed by the
    // last reference's end.
    nonisolated(unsafe) private let sessions: [ServerSession]

    init(_ sessions: sending [ServerSession]) { self.sessions = sessions }
}
