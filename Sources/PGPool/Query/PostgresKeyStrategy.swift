/// How the names of a `Decodable` type's properties become the names of columns.
public enum PostgresKeyStrategy: Hashable, Sendable {
    /// As they are.
    case exact
    /// `createdAt` reads `created_at`, `userID` reads `user_id`, `line2` reads `line2`.
    case snakeCase

    /// The column that a property is read from.
    func column(for key: String) -> String {
        switch self {
        case .exact: key
        case .snakeCase: Self.snakeCase(key)
        }
    }

    /// An underscore goes before a capital that begins a word: one behind something that is no
    /// capital, and the last of several when a small letter follows (`urlOfHTMLPage`).
    private static func snakeCase(_ key: String) -> String {
        let characters = Array(key)
        var name = ""
        for (index, character) in characters.enumerated() {
            if character.isUppercase, index > 0, characters[index - 1] != "_" {
                let follows = characters[index - 1].isUppercase
                let ends = index + 1 < characters.count && characters[index + 1].isLowercase
                if !follows || ends { name += "_" }
            }
            name += character.lowercased()
        }
        return name
    }
}
