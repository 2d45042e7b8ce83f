import Testing

@testable import PGPool

@Suite("Which statements may share a connection")
struct StatementSharingTests {
    @Test(
        "Plain statements share",
        arguments: [
            "SELECT $1::int", "select 1", "VALUES (1), (2)", "  -- why\n SELECT 1",
            "/* a /* nested */ comment */ SELECT 1", "(SELECT 1)",
            "INSERT INTO users (id, name) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            "INSERT INTO \"users\" (id) VALUES ($1)", "INSERT INTO shop.users (id) VALUES ($1)",
            "UPDATE users SET n = n + 1 WHERE id IN ($1, $2)", "DELETE FROM users WHERE id = $1",
            "WITH x AS (SELECT 1) SELECT count(*) FROM x",
            "SELECT coalesce(name, 'a(b') FROM users WHERE lower(name) = $1 LIMIT (5)",
            "SELECT now(), extract(year from d)::numeric(10, 2) FROM t",
            "SELECT max(temperature) FROM attempts", "SELECT temp FROM weather",
            #"SELECT CAST($1 AS "T"), now()"#,
            #"INSERT INTO "shop"."users" ("id") VALUES ($1)"#,
            #"INSERT INTO shop."users" (id) VALUES ($1)"#,
            "MERGE INTO t USING s ON (t.id = s.id) WHEN MATCHED THEN UPDATE SET n = s.n",
        ]
    )
    func harmless(sql: String) {
        #expect(StatementText.mayShare(sql), "would wait for a connection of its own")
    }

    @Test(
        "What could reach its neighbours does not",
        arguments: [
            "BEGIN", "/* SELECT */ BEGIN", "-- SELECT\nBEGIN", "START TRANSACTION", "COMMIT",
            "SET search_path = x", "COPY t FROM STDIN", "LISTEN x", "DO 'begin end'", "CALL p()",
            "PREPARE x AS SELECT 1", "DECLARE c CURSOR WITH HOLD FOR SELECT 1", "LOCK TABLE t",
            "EXPLAIN SELECT 1", "TRUNCATE t", "",
            "SELECT set_config('search_path', 'x', false)", "SELECT SET_CONFIG('a.b', 'x', false)",
            "SELECT pg_advisory_lock(1)", "SELECT my_function()", "SELECT public.lower('A')",
            "SELECT \"lower\"('A')", "SELECT 1 FROM my_function ()", "SELECT my_function/**/()",
            "SELECT 'it''s', my_function()", #"SELECT E'\'', my_function() -- '"#,
            "SELECT $$'$$, my_function() -- '", "SELECT $a$'$a$, my_function()",
            "SELECT currval('s')", "SELECT lastval()", "SELECT 1 INTO TEMP t",
            "INSERT INTO t SELECT my_function()", "INSERT INTO t VALUES (my_function())",
            "WITH x AS (SELECT my_function()) SELECT 1",
            #"SELECT 1 AS "ok", set_tenant('a')"#, #"SELECT 1 AS x, "setTenant"('a')"#,
            #"SELECT 1 AS "n", lastval()"#, #"SELECT CAST($1 AS "T"), f()"#,
            #"SELECT 1 AS "a"."b", f()"#,
            "SELECT 1 AS id INTO pg_temp.users", #"SELECT 1 AS id INTO "pg_temp".users"#,
            "SELECT 1 AS id INTO users", "INSERT INTO pg_temp.users VALUES (1)",
            "UPDATE pg_settings SET setting = 'x' WHERE name = 'search_path'",
        ]
    )
    func hostile(sql: String) {
        #expect(!StatementText.mayShare(sql), "could change what its neighbours mean")
    }

    @Test(
        "What changes the session without a call is seen, and what only looks like it is not",
        arguments: [
            ("CREATE TEMP TABLE t AS TABLE s", true), ("SELECT 1 INTO TEMPORARY t", true),
            ("SELECT 1 INTO pg_temp.t", true), (#"SELECT 1 INTO "pg_temp".t"#, true),
            ("UPDATE pg_settings SET setting = 'x'", true),
            (#"SELECT 1 AS "ok", set_tenant('a')"#, true), ("SELECT temperature FROM t", false),
            ("SELECT max(temperature) FROM attempts", false), ("COMMIT", false),
            ("SELECT temp FROM weather", false), ("SELECT max(temp) FROM weather", false),
            ("CREATE OR REPLACE TEMP VIEW v AS SELECT 1", true),
            ("CREATE LOCAL TEMP TABLE t (n int)", true),
            ("CREATE/**/TEMP TABLE t AS TABLE s", true),
        ]
    )
    func sessions(sql: String, changes: Bool) {
        #expect(StatementText.changesSession(sql) == changes)
    }
}
