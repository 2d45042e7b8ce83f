/// The statements that a session has prepared, by text and parameter types; the one used least
/// recently goes first.
struct StatementCache {
    struct Key: Hashable {
        var sql: String
        var types: [PostgresType]
    }

    private struct Entry {
        var name: String
        var lastUse: UInt64
        /// Worked out once, since it reads the text.
        var changesSession: Bool
    }

    /// What to do to run a statement by name.
    enum Lookup {
        case prepared(name: String, changesSession: Bool)
        /// Prepare it under this name, and forget another one first if `evicted` names one.
        case prepare(name: String, changesSession: Bool, evicted: String?)
    }

    let capacity: Int
    private var entries: [Key: Entry] = [:]
    private var clock: UInt64 = 0
    private var nextName: UInt64 = 0

    init(capacity: Int) {
        self.capacity = capacity
    }

    var count: Int { entries.count }

    mutating func lookUp(_ key: Key) -> Lookup {
        clock += 1
        if let index = entries.index(forKey: key) {
            entries.values[index].lastUse = clock
            let entry = entries.values[index]
            return .prepared(name: entry.name, changesSession: entry.changesSession)
        }
        var evicted: String?
        if entries.count >= capacity,
            let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            evicted = oldest.value.name
            entries.removeValue(forKey: oldest.key)
        }
        nextName += 1
        let name = "pgpool_\(nextName)"
        let changesSession = StatementText.changesSession(key.sql)
        entries[key] = Entry(name: name, lastUse: clock, changesSession: changesSession)
        return .prepare(name: name, changesSession: changesSession, evicted: evicted)
    }

    mutating func remove(_ key: Key) {
        entries.removeValue(forKey: key)
    }

    mutating func removeAll() {
        entries.removeAll()
    }
}
