internal import PGPoolCore
internal import Synchronization

extension StatementText {
    /// Whether a statement may run on a connection that carries others' statements.
    ///
    /// Only one SELECT, VALUES, INSERT, UPDATE, DELETE, MERGE or WITH may, and only if every function
    /// that it names is known to leave the session as it was: a `BEGIN` would swallow the neighbours'
    /// work, a setting would change what they mean. Errs on the side of no.
    static func mayShare(_ sql: String) -> Bool {
        guard shareable.contains(firstKeyword(sql)), !changesSession(sql), !hasOddQuotes(sql) else {
            return false
        }
        return callsOnlyKnownFunctions(sql)
    }

    /// Whether it is of a kind that may share at all.
    static func isOfSharedKind(_ sql: String) -> Bool {
        shareable.contains(firstKeyword(sql))
    }

    private static let shareable: Set<String> = [
        "SELECT", "VALUES", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH",
    ]

    /// Looks at each word in front of an opening parenthesis, and for what makes a table without one.
    static func callsOnlyKnownFunctions(_ sql: String) -> Bool {
        var scanner = WordScanner(Array(sql.utf8))
        var previous = ""
        var isName = false
        var last: String?
        while let token = scanner.next() {
            switch token {
            case .word(let word):
                if word.hasPrefix("pg_temp") || word == "pg_settings" { return false }
                // SELECT … INTO makes a table, which may be a temporary one.
                if word == "into", previous != "insert", previous != "merge" { return false }
                // The name of a table or of an alias, whose columns follow, is no call.
                isName = previous == "into" || previous == "as"
                previous = word
                last = isName ? nil : word
            case .qualified:
                // A function of some schema's, unless it is the table of an INSERT.
                isName = isName || previous == "into" || previous == "as"
                previous = ""
                last = isName ? nil : ""
            case .dot:
                // What is in front of it may be the schema of a name.
                last = nil
            case .parenthesis:
                if let word = last, !harmless.contains(word) { return false }
                (last, previous, isName) = (nil, "", false)
            case .other:
                (last, previous, isName) = (nil, "", false)
            }
        }
        return true
    }

    /// Whether it makes or names what lives as long as the session: CREATE TEMP, INTO TEMPORARY,
    /// `pg_temp.t`. A column may be called `temp`, too.
    static func namesTemporary(_ sql: String) -> Bool {
        var scanner = WordScanner(Array(sql.utf8))
        var previous = ""
        while let token = scanner.next() {
            guard case .word(let word) = token else {
                previous = ""
                continue
            }
            if word.hasPrefix("pg_temp") { return true }
            if word == "temp" || word == "temporary", beforeTemporary.contains(previous) {
                return true
            }
            previous = word
        }
        return false
    }

    private static let beforeTemporary: Set<String> = [
        "create", "replace", "local", "global", "into",
    ]

    /// Whether it may hold strings with escapes or dollar quotes, which the scanner does not follow.
    private static func hasOddQuotes(_ sql: String) -> Bool {
        var previous: UInt8 = 0
        for byte in sql.utf8 {
            if byte == UInt8(ascii: "\\") { return true }
            let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            if previous == UInt8(ascii: "$"), !isDigit { return true }
            previous = byte
        }
        return false
    }

    /// Keywords and types that a parenthesis may follow, and functions that change nothing.
    private static let harmless = Set(
        """
        in any all some exists and or not where select from join on using by over filter group case \
        when then else set row array lateral union intersect except limit offset returning distinct \
        like ilike between cast materialized sets rollup cube values conflict within having end is \
        as do update partition order rows range only with \
        varchar char character numeric decimal bit varying timestamp timestamptz time timetz interval \
        float precision bpchar \
        count sum avg min max every bool_and bool_or bit_and bit_or string_agg array_agg json_agg \
        jsonb_agg json_object_agg jsonb_object_agg stddev variance corr mode percentile_cont \
        percentile_disc row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value \
        last_value nth_value \
        coalesce nullif greatest least lower upper length char_length octet_length trim btrim ltrim \
        rtrim substring substr left right replace translate concat concat_ws format lpad rpad repeat \
        reverse position strpos split_part initcap ascii chr md5 sha256 encode decode overlay \
        regexp_replace regexp_match regexp_matches regexp_split_to_array starts_with quote_ident \
        quote_literal to_char to_date to_number to_timestamp \
        abs ceil ceiling floor round trunc mod power sqrt exp ln log sign random width_bucket \
        now current_timestamp current_time localtime localtimestamp clock_timestamp \
        statement_timestamp transaction_timestamp date_trunc date_part extract age make_date \
        make_interval make_time make_timestamp make_timestamptz \
        array_length array_position array_positions array_append array_prepend array_cat array_remove \
        array_replace array_to_string string_to_array cardinality unnest array_dims array_upper \
        array_lower generate_series generate_subscripts \
        to_json to_jsonb row_to_json json_build_object jsonb_build_object json_build_array \
        jsonb_build_array jsonb_set jsonb_insert json_extract_path jsonb_extract_path \
        json_extract_path_text jsonb_extract_path_text jsonb_array_elements json_array_elements \
        jsonb_array_elements_text json_array_elements_text jsonb_array_length json_array_length \
        jsonb_each jsonb_each_text json_each jsonb_object_keys jsonb_typeof jsonb_strip_nulls \
        jsonb_path_query jsonb_path_exists jsonb_to_recordset json_populate_record \
        lower_inc upper_inc isempty int4range int8range numrange tsrange tstzrange daterange \
        to_tsvector to_tsquery plainto_tsquery websearch_to_tsquery ts_rank ts_headline similarity \
        gen_random_uuid nextval pg_sleep pg_backend_pid current_setting pg_is_in_recovery version current_database \
        pg_typeof num_nulls num_nonnulls host family masklen network
        """.split(separator: " ").map(String.init)
    )
}

/// Words, parentheses and the rest of a statement; what is in quotes or comments is passed over.
private struct WordScanner {
    enum Token {
        /// In lower case.
        case word(String)
        /// A name behind a dot, or in double quotes.
        case qualified
        case dot
        case parenthesis
        case other
    }

    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func next() -> Token? {
        skipIgnorable()
        guard place < bytes.count else { return nil }
        let byte = bytes[place]
        switch byte {
        case UInt8(ascii: "("):
            place += 1
            return .parenthesis
        case UInt8(ascii: "."):
            place += 1
            return .dot
        case UInt8(ascii: "'"):
            skipQuoted(byte)
            return .other
        case UInt8(ascii: "\""):
            skipQuoted(byte)
            return .qualified
        case UInt8(ascii: "$"):
            skipDollarQuoted()
            return .other
        case _ where isWord(byte):
            return word()
        default:
            place += 1
            return .other
        }
    }

    private mutating func word() -> Token {
        let start = place
        while place < bytes.count, isWord(bytes[place]) { place += 1 }
        if start > 0, bytes[start - 1] == UInt8(ascii: ".") { return .qualified }
        if place == start + 1, place < bytes.count, bytes[place] == UInt8(ascii: "'"),
            bytes[start] | 0x20 == UInt8(ascii: "e")
        {
            skipQuoted(bytes[place], hasEscapes: true)
            return .other
        }
        return .word(String(decoding: bytes[start..<place], as: UTF8.self).lowercased())
    }

    private func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 128...:
            true
        default:
            false
        }
    }

    /// A doubled quote begins a further quoted piece, which comes to the same.
    private mutating func skipQuoted(_ quote: UInt8, hasEscapes: Bool = false) {
        place += 1
        while place < bytes.count, bytes[place] != quote {
            place += hasEscapes && bytes[place] == UInt8(ascii: "\\") ? 2 : 1
        }
        place += 1
    }

    /// `$tag$ … $tag$` (PostgreSQL manual, 4.1.2.4), or a parameter such as `$1`.
    private mutating func skipDollarQuoted() {
        let start = place
        place += 1
        while place < bytes.count, isWord(bytes[place]), bytes[place] != UInt8(ascii: "$") {
            place += 1
        }
        guard place < bytes.count, bytes[place] == UInt8(ascii: "$") else { return }
        place += 1
        let tag = bytes[start..<place]
        while place < bytes.count, !bytes[place...].starts(with: tag) { place += 1 }
        place = min(bytes.count, place + tag.count)
    }

    private mutating func skipIgnorable() {
        place = bytes.withUnsafeBufferPointer { StatementSpace.end($0, from: place) }
    }
}

/// Remembers which statements may share, since finding out reads their whole text.
final class SharingCache: Sendable {
    private static let capacity = 4_096
    private let known = Mutex<[StatementKey: Bool]>([:])

    /// What was asked last, for those who ask one after the other.
    struct Last {
        var key: StatementKey
        var answer: Bool
    }

    func mayShare(_ sql: String) -> Bool {
        let key = StatementKey(sql)
        guard let reactor = Reactor.current else { return lookUp(key) }
        // Most statements follow one like them: that takes no lock and no hashing.
        if let last = reactor.lastSharing, last.key == key { return last.answer }
        let answer = lookUp(key)
        reactor.lastSharing = Last(key: key, answer: answer)
        return answer
    }

    private func lookUp(_ key: StatementKey) -> Bool {
        known.withLock { known in
            if let answer = known[key] { return answer }
            let answer = StatementText.mayShare(key.text)
            // Programs have few statements; one that makes them up as it goes starts over.
            if known.count >= Self.capacity { known.removeAll(keepingCapacity: true) }
            known[key] = answer
            return answer
        }
    }
}
