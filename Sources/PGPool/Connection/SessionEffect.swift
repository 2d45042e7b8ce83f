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
            let makesRelation =
                tag.hasPrefix("CREATE ") || tag.hasPrefix("SELECT") || tag == "DISCARD"
            self = makesRelation && sql.uppercased().contains("TEMP") ? .settings : .none
        }
    }
}

extension StatementText {
    /// Whether a statement may call a function that changes the session: one of the server's that
    /// does, or one that is not known.
    static func changesSession(_ sql: String) -> Bool {
        guard sql.utf8.contains(UInt8(ascii: "(")) else { return false }
        return namesSessionFunction(sql) || !callsOnlyKnownFunctions(sql)
    }

    /// Whether it may call a function of the server's that changes the session.
    static func namesSessionFunction(_ sql: String) -> Bool {
        let lower = sql.lowercased()
        return lower.contains("set_config") || lower.contains("pg_advisory_lock")
            || lower.contains("pg_try_advisory_lock") || lower.contains("setseed")
            || lower.contains("temp")
    }
}
