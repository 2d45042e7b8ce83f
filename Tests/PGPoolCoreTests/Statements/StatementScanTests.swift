import Testing

@testable import PGPoolCore

@Suite("What a statement's text tells")
struct StatementScanTests {
    @Test(
        "A text that asks for a commit",
        arguments: [
            "COMMIT", "end", " -- so\n /* and /* so */ */ Commit AND CHAIN", ";;COMMIT",
            "PREPARE TRANSACTION 'x'", "SELECT 1; COMMIT", "SELECT ';' ; END",
            "SELECT $a$ ; $a$; prepare\ntransaction 'y'", "SELECT E'\\';' ; COMMIT",
            "SELECT 'a\\'; SELECT 1",
        ]
    )
    func commits(sql: String) {
        #expect(StatementScan.mayCommit(sql, isSingle: false))
    }

    @Test(
        "A text that does not",
        arguments: [
            "", "SELECT CASE WHEN true THEN 1 END", "SELECT 1 AS commit", "SELECT '; COMMIT'",
            "SELECT \"; COMMIT\" FROM t; SELECT 1", "SELECT $$; COMMIT$$", "PREPARE s AS SELECT 1",
            "SELECT 1 -- ; COMMIT\n; SELECT 2", "SELECT 1 /* ; COMMIT */; SELECT 2", "ENDURE",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END",
            "SELECT E'\\'; COMMIT'; SELECT 1", "ROLLBACK; SELECT 1", "SELECT $1; SELECT $2",
        ]
    )
    func commitsNot(sql: String) {
        #expect(!StatementScan.mayCommit(sql, isSingle: false))
    }

    @Test("Work that may be half done")
    func divisible() {
        for sql in [
            "CALL p()", "do 'x'", "VACUUM t", "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)",
            "DROP INDEX concurrently i", "REINDEX TABLE t", "SELECT 1; SELECT 2", "ANALYZE",
            "ALTER TABLE t DETACH PARTITION p CONCURRENTLY",
        ] {
            #expect(StatementScan.isDivisible(sql), "\(sql)")
        }
        for sql in [
            "INSERT INTO t VALUES (';')", "INSERT INTO t VALUES (1);", "CREATE INDEX i ON t (a)",
            "UPDATE t SET a = $$;$$ ; -- done", "SELECT call FROM t",
            "CREATE TABLE t (a text DEFAULT 'concurrently')", "",
        ] {
            #expect(!StatementScan.isDivisible(sql), "\(sql)")
        }
    }

    @Test("What a verified transaction cannot stand")
    func interference() {
        for sql in [
            "COMMIT", "END", "ROLLBACK", "ROLLBACK WORK", "ABORT", "BEGIN", "START TRANSACTION",
            "PREPARE TRANSACTION 'x'", "SELECT 1; COMMIT",
        ] {
            #expect(StatementScan.interference(sql) == .endsTransaction, "\(sql)")
        }
        for sql in [
            "SET LOCAL synchronous_commit = off", "set SYNCHRONOUS_COMMIT to local",
            "SELECT set_config('synchronous_commit', 'off', true)",
            "DO 'BEGIN SET LOCAL synchronous_commit = off; END'", "RESET synchronous_commit",
            "UPDATE pg_settings SET setting = 'off' WHERE name = 'synchronous_commit'",
        ] {
            #expect(StatementScan.interference(sql) == .changesDurability, "\(sql)")
        }
        for sql in [
            "SELECT 1", "SAVEPOINT s", "ROLLBACK TO s", "ROLLBACK WORK TO SAVEPOINT s",
            "RELEASE s", "SHOW synchronous_commit", "SELECT current_setting('synchronous_commit')",
            "UPDATE t SET a = 1", "PREPARE s AS SELECT 1", "SET LOCAL work_mem = '1MB'",
        ] {
            #expect(StatementScan.interference(sql) == nil, "\(sql)")
        }
    }
}
