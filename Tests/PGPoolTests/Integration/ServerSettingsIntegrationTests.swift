import PGPool
import PGPoolTesting
import Testing

@Suite("Settings that travel with the login")
struct ServerSettingsIntegrationTests {
    private static let hostile = [
        "a b", "\\", " -c log_statement=all ", "\t-c\u{B}work_mem=1MB\n", "'; DROP TABLE t; --",
        "x\\ y\\\\", "\u{E9}\u{301} \u{1F600}", "",
    ]

    @Test("A value arrives as it is, whatever it holds, and RESET ALL goes back to it")
    func hostileValues() async throws {
        for value in Self.hostile {
            try await withPool(
                on: Servers.plain.value,
                maxConnections: 1,
                configure: {
                    $0.serverSettings = [
                        "mine.value": value, "statement_timeout": "12345", "TimeZone": "Asia/Tokyo",
                        "application_name": "till 3",
                    ]
                }
            ) { pool in
                let sql: Query = """
                    SELECT current_setting('mine.value'), current_setting('statement_timeout'),
                        current_setting('timezone'), current_setting('application_name'),
                        current_setting('work_mem') = current_setting('work_mem', true)
                    """
                try await pool.withConnection { connection in
                    for _ in 0..<2 {
                        let row = try await connection.query(sql)[0]
                        let found = try row.decode((String, String, String, String, Bool).self)
                        #expect(found.0 == value, "for \(value.debugDescription)")
                        #expect(found.1 == "12345ms" && found.2 == "Asia/Tokyo")
                        #expect(found.3 == "till 3")
                        try await connection.simpleQuery(
                            "SET mine.value = 'changed'; SET statement_timeout = 0; RESET ALL"
                        )
                    }
                }
            }
        }
    }

    @Test("No value sets anything else")
    func noOtherSetting() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { plain in
            let before = try await plain.query("SHOW work_mem")[0].decode(String.self, at: 0)
            try await withPool(
                on: Servers.plain.value,
                maxConnections: 1,
                configure: { $0.serverSettings = ["mine.value": "x\n-c\twork_mem=77MB"] }
            ) { pool in
                let after = try await pool.query("SHOW work_mem")[0].decode(String.self, at: 0)
                #expect(after == before && after != "77MB")
            }
        }
    }

    @Test("A setting that the server refuses fails the connect, at once and for good")
    func refused() async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.serverSettings = ["statement_timeout": "soon"] }
        ) { pool in
            let error = try await poolError { try await pool.query("SELECT 1") }
            #expect(error.code == .connectFailed)
            #expect(error.description.contains("statement_timeout"))
        }
    }
}
