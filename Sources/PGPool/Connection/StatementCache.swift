/// The statements that a session has prepared, by text and parameter types; the one used least
/// recently goes first.
struct StatementCache {
    private struct Entry {
        var text: StatementKey
        var types: [PostgresType]
        var name: String
        /// Worked out once, since it reads the text.
        var changesSession: Bool
        /// Its neighbours in the order of use; itself where there is none.
        var newer: Int
        var older: Int
    }

    /// What to do to run a statement by name.
    enum Lookup {
        case prepared(name: String, changesSession: Bool)
        /// Prepare it under this name, and make the server forget `dropped` first.
        case prepare(name: String, changesSession: Bool, dropped: [String], isEvicting: Bool)
    }

    /// 0 prepares none.
    let capacity: Int
    /// Begins every name. A pooler may put several sessions on one server in turn: a name that two of
    /// them used would run the other one's statement. With it the names of the first million have 15
    /// bytes at the most: Swift keeps such strings without counting references to them.
    private let prefix: String
    /// How many differ: 36 to the power of 9.
    private static let nonces: UInt64 = 101_559_956_668_416
    /// In no order; `places` and the links tell.
    private var entries: [Entry] = []
    /// By text; nearly always there is one for a text.
    private var places: [StatementKey: [Int]] = [:]
    private var newest = 0
    private var oldest = 0
    private var nextName: UInt64 = 0
    /// Prepared on the server still, and of no use.
    private var stale: [String] = []
    /// The name of the insert of commits' tokens, if the server has it. It is outside the order of
    /// use: a cache of one place would drop it, or the caller's statement, in each transaction.
    private(set) var tokenInsert: String?

    init(capacity: Int, nonce: UInt64 = .random(in: .min ... .max)) {
        self.capacity = capacity
        prefix = "p\(String(nonce % Self.nonces, radix: 36))_"
    }

    var count: Int { entries.count }

    mutating func lookUp(_ query: Query) -> Lookup {
        let values = query.parameters.values
        if let place = place(of: StatementKey(query.sql), values) {
            touch(place)
            return .prepared(
                name: entries[place].name,
                changesSession: entries[place].changesSession
            )
        }
        var dropped = stale
        stale = []
        let isEvicting = entries.count >= capacity && !entries.isEmpty
        if isEvicting { dropped.append(remove(at: oldest)) }
        let name = newName()
        let changesSession = StatementText.changesSession(query.sql)
        insert(StatementKey(query.sql), types: values.map(\.type), name, changesSession)
        return .prepare(
            name: name,
            changesSession: changesSession,
            dropped: dropped,
            isEvicting: isEvicting
        )
    }

    /// A name that was never used before, so that no doubt about an older one matters.
    mutating func newName() -> String {
        nextName += 1
        return prefix + String(nextName, radix: 36)
    }

    private func place(of text: StatementKey, _ values: [Parameters.Value]) -> Int? {
        // Most statements follow one like them: that takes no hashing.
        if !entries.isEmpty, entries[newest].text == text, Self.fits(entries[newest], values) {
            return newest
        }
        return places[text]?.first { Self.fits(entries[$0], values) }
    }

    /// Compared in place: a list of types made for every look-up would cost more than the look-up.
    private static func fits(_ entry: Entry, _ values: [Parameters.Value]) -> Bool {
        guard entry.types.count == values.count else { return false }
        for index in values.indices where entry.types[index] != values[index].type {
            return false
        }
        return true
    }

    /// Forgets a statement that the server does not have.
    mutating func remove(_ text: String, named name: String) {
        guard let place = places[StatementKey(text)]?.first(where: { entries[$0].name == name })
        else { return }
        _ = remove(at: place)
    }

    /// Forgets a statement that the server has and cannot run any more.
    mutating func retire(_ text: String, named name: String) {
        guard let place = places[StatementKey(text)]?.first(where: { entries[$0].name == name })
        else { return }
        _ = remove(at: place)
        stale.append(name)
    }

    mutating func removeAll() {
        entries.removeAll()
        places.removeAll()
        stale.removeAll()
        tokenInsert = nil
    }

    // MARK: - The insert of tokens

    /// The server said that it has prepared it.
    mutating func tokenInsertPrepared(as name: String) { tokenInsert = name }

    /// Forgets the insert of tokens, which the server has and cannot run any more.
    mutating func retireTokenInsert() {
        guard let name = tokenInsert else { return }
        tokenInsert = nil
        stale.append(name)
    }

    // MARK: - Order of use

    private mutating func insert(
        _ text: StatementKey,
        types: [PostgresType],
        _ name: String,
        _ changesSession: Bool
    ) {
        let place = entries.count
        if place == 0 { oldest = place } else { entries[newest].newer = place }
        entries.append(
            Entry(
                text: text,
                types: types,
                name: name,
                changesSession: changesSession,
                newer: place,
                older: place == 0 ? place : newest
            )
        )
        newest = place
        places[text, default: []].append(place)
    }

    private mutating func touch(_ place: Int) {
        guard place != newest else { return }
        unlink(place)
        entries[place].older = newest
        entries[place].newer = place
        entries[newest].newer = place
        newest = place
    }

    private mutating func unlink(_ place: Int) {
        let (newer, older) = (entries[place].newer, entries[place].older)
        switch (place == newest, place == oldest) {
        case (true, true): break
        case (true, false):
            newest = older
            entries[older].newer = older
        case (false, true):
            oldest = newer
            entries[newer].older = newer
        case (false, false):
            entries[newer].older = older
            entries[older].newer = newer
        }
    }

    /// The last entry moves into the gap.
    private mutating func remove(at place: Int) -> String {
        unlink(place)
        let name = entries[place].name
        forgetPlace(place)
        let last = entries.count - 1
        if place != last {
            let moved = entries[last]
            if let index = places[moved.text]?.firstIndex(of: last) {
                places[moved.text]?[index] = place
            }
            if moved.newer == last { newest = place } else { entries[moved.newer].older = place }
            if moved.older == last { oldest = place } else { entries[moved.older].newer = place }
            entries[place] = moved
            if moved.newer == last { entries[place].newer = place }
            if moved.older == last { entries[place].older = place }
        }
        entries.removeLast()
        return name
    }

    private mutating func forgetPlace(_ place: Int) {
        let text = entries[place].text
        places[text]?.removeAll { $0 == place }
        if places[text]?.isEmpty ?? false { places[text] = nil }
    }
}
