/// What a command leaves behind in a session, by its tag.
enum SessionEffect: Hashable {
    case none
    /// Settings, temporary objects, cursors, subscriptions, locks.
    case settings
    /// Prepared statements were made or dropped by name.
    case statements

    init(tag: String, sql: String) {
        switch tag {
        case "PREPARE", "DEALLOCATE", "DEALLOCATE ALL", "DISCARD ALL":
            self = .statements
        case "SET", "RESET", "LISTEN", "UNLISTEN", "DECLARE CURSOR", "LOAD", "DO", "CALL":
            self = .settings
        default:
            let makesRelation = tag.hasPrefix("CREATE ") || tag == "DISCARD"
            self = makesRelation && sql.uppercased().contains("TEMP") ? .settings : .none
        }
    }
}

extension StatementText {
    /// Whether a statement may call a function that changes the session: one of the server's that
    /// does, or one that is not known. Or it changes it without a call.
    static func changesSession(_ sql: String) -> Bool {
        if namesSessionFunction(sql) { return true }
        return sql.utf8.contains(UInt8(ascii: "(")) && !callsOnlyKnownFunctions(sql)
    }

    /// Whether it may call a function of the server's that changes the session, or do so without a call:
    /// make a temporary table, or write to `pg_settings` (PostgreSQL manual, 54.24).
    static func namesSessionFunction(_ sql: String) -> Bool {
        let lower = sql.lowercased()
        return sessionWords.contains(where: lower.contains)
            || lower.contains("temp") && namesTemporary(sql)
    }

    private static let sessionWords = [
        "set_config", "pg_advisory_lock", "pg_try_advisory_lock", "setseed", "pg_settings",
        "\"pg_temp",
    ]
}
