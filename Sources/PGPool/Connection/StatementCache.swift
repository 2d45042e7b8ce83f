/// The statements that a session has prepared, by text and parameter types; the one used least
/// recently goes first.
struct StatementCache {
    private struct Entry {
        var types: [PostgresType]
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

    /// At least 1.
    let capacity: Int
    /// By text; nearly always there is one for a text.
    private var entries: [StatementKey: [Entry]] = [:]
    private(set) var count = 0
    private var clock: UInt64 = 0
    private var nextName: UInt64 = 0

    init(capacity: Int) {
        self.capacity = capacity
    }

    mutating func lookUp(_ query: Query) -> Lookup {
        clock += 1
        let values = query.parameters.values
        if let index = entries.index(forKey: StatementKey(query.sql)),
            let place = entries.values[index].firstIndex(where: { Self.fits($0, values) })
        {
            entries.values[index][place].lastUse = clock
            let entry = entries.values[index][place]
            return .prepared(name: entry.name, changesSession: entry.changesSession)
        }
        let evicted = count >= capacity ? evictOldest() : nil
        nextName += 1
        let entry = Entry(
            types: values.map(\.type),
            name: "pgpool_\(nextName)",
            lastUse: clock,
            changesSession: StatementText.changesSession(query.sql)
        )
        entries[StatementKey(query.sql), default: []].append(entry)
        count += 1
        return .prepare(name: entry.name, changesSession: entry.changesSession, evicted: evicted)
    }

    /// Compared in place: a list of types made for every look-up would cost more than the look-up.
    private static func fits(_ entry: Entry, _ values: [Parameters.Value]) -> Bool {
        guard entry.types.count == values.count else { return false }
        for index in values.indices where entry.types[index] != values[index].type {
            return false
        }
        return true
    }

    private mutating func evictOldest() -> String? {
        let oldest = entries.lazy.flatMap { text, list in list.map { (text, $0) } }
            .min { $0.1.lastUse < $1.1.lastUse }
        guard let (text, entry) = oldest else { return nil }
        remove(text.text, named: entry.name)
        return entry.name
    }

    /// Forgets a statement that the server refused to prepare.
    mutating func remove(_ text: String, named name: String) {
        let key = StatementKey(text)
        guard var list = entries[key], let place = list.firstIndex(where: { $0.name == name })
        else { return }
        list.remove(at: place)
        entries[key] = list.isEmpty ? nil : list
        count -= 1
    }

    mutating func removeAll() {
        entries.removeAll()
        count = 0
    }
}
