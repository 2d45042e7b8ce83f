/// Places on shared connections that a reactor's thread keeps until its tasks have run.
///
/// A task that was waiting for an answer mostly asks for the next statement. It finds its place here, on
/// the connection that this thread serves, without the pool's lock, which other threads take too.
struct KeptPlaces {
    private var places: [(session: Session, count: Int, change: UInt64)] = []

    var isEmpty: Bool { places.isEmpty }

    /// - Parameter change: how many changes the pool had seen. After another, the places are not to be taken.
    mutating func keep(_ count: Int, on session: Session, after change: UInt64) {
        places.append((session, count, change))
    }

    /// Takes a place on a connection of this pool; nil if there is none.
    mutating func take(of pool: any SessionEvents, after change: UInt64) -> Session? {
        guard
            let index = places.lastIndex(where: {
                $0.session.events === pool && $0.change == change
            })
        else { return nil }
        let session = places[index].session
        places[index].count -= 1
        if places[index].count == 0 { places.remove(at: index) }
        return session
    }

    /// Takes all places of one connection away: of this pool, or of any.
    mutating func remove(of pool: (any SessionEvents)?) -> (session: Session, count: Int)? {
        guard let pool else { return places.popLast().map { ($0.session, $0.count) } }
        return places.lastIndex { $0.session.events === pool }
            .map { places.remove(at: $0) }
            .map { ($0.session, $0.count) }
    }
}
