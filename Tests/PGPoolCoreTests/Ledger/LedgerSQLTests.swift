import Testing

@testable import PGPoolCore

@Suite("The table of commit tokens")
struct LedgerSQLTests {
    private let hour: Int64 = 3_600_000
    private let partitions = LedgerPartitions(width: .seconds(3_600), retention: .seconds(86_400))

    @Test("Names and strings are quoted whatever they hold")
    func quoting() {
        #expect(LedgerSQL.quoted("a\"b") == "\"a\"\"b\"")
        #expect(LedgerSQL.literal("a'b") == "'a''b'")
        #expect(LedgerSQL.literal("a\\'b") == " E'a\\\\''b'")
        let sql = LedgerSQL(schema: "my schema", table: "t\"")
        #expect(sql.insert.hasPrefix("INSERT INTO \"my schema\".\"t\"\"\" (id) VALUES ($1)"))
        #expect(sql.createSchema == "CREATE SCHEMA \"my schema\"")
    }

    @Test("The lock's patience is never none, which would mean for ever")
    func lockTimeout() {
        let sql = LedgerSQL(schema: "s", table: "t")
        let token = UUIDv7(milliseconds: 5, random: (1, 2))
        #expect(sql.fence(token, lockTimeout: .zero).contains("lock_timeout = 1;"))
        #expect(sql.fence(token, lockTimeout: .seconds(1 << 40)).contains("= 2147483647;"))
        #expect(sql.fence(token, lockTimeout: .seconds(2)).contains("'\(token)', 'f'"))
    }

    @Test("A partition's bounds are read as the server prints them")
    func bounds() throws {
        let range = LedgerRange(from: 17 * hour, to: 18 * hour)
        let text = """
            FOR VALUES FROM ('\(UUIDv7.lowerBound(milliseconds: range.from))') \
            TO ('\(UUIDv7.lowerBound(milliseconds: range.to))')
            """
        #expect(LedgerRange(bounds: text) == range)
        for other in [
            "DEFAULT", "FOR VALUES FROM (MINVALUE) TO ('x')", "", "FOR VALUES IN ('a', 'b')",
        ] {
            #expect(LedgerRange(bounds: other) == nil, "\(other)")
        }
    }

    @Test("What is missing is made around what is there, whatever its length")
    func missing() {
        let now = 100 * hour + 5
        #expect(
            partitions.missing(existing: [], at: now, ahead: 1)
                == (99...101).map { LedgerRange(from: $0 * hour, to: ($0 + 1) * hour) }
        )
        let all = LedgerRange(from: 0, to: 200 * hour)
        #expect(partitions.missing(existing: [all], at: now, ahead: 1).isEmpty)
        let middle = LedgerRange(from: 100 * hour + 10, to: 100 * hour + 20)
        let odd = LedgerRange(from: 98 * hour, to: 99 * hour + 7)
        #expect(
            partitions.missing(existing: [middle, odd], at: now, ahead: 0) == [
                LedgerRange(from: 99 * hour + 7, to: 100 * hour),
                LedgerRange(from: 100 * hour, to: 100 * hour + 10),
                LedgerRange(from: 100 * hour + 20, to: 101 * hour),
            ]
        )
    }

    @Test("A partition goes when its last token is past its retention, not earlier")
    func expiry() {
        let range = LedgerRange(from: 0, to: hour)
        #expect(!partitions.isExpired(range, at: 25 * hour - 1))
        #expect(partitions.isExpired(range, at: 25 * hour))
    }

    @Test("A token is read back from its description, and nothing else is")
    func tokens() {
        let token = CommitToken(UUIDv7(milliseconds: 1_800_000_000_000, random: (3, 4)))
        #expect(CommitToken(token.description) == token)
        for text in ["", "x", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"] {
            #expect(CommitToken(text) == nil)
        }
    }
}
