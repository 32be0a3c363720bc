#![allow(clippy::unwrap_used)]
use super::*;
use StatementClass::{Delete, Permission, Read, Schema, Session, Unknown, Write};

fn one(sql: &str) -> Statement {
    let mut statements = read(sql);
    assert_eq!(statements.len(), 1, "{sql}");
    statements.remove(0)
}

#[test]
fn each_statement_has_the_class_of_the_worst_in_it() {
    for (sql, class) in [
        ("SELECT 1", Read),
        ("SELECT count(*), lower(a) FROM t", Read),
        ("VALUES (1)", Read),
        ("EXPLAIN SELECT 1", Read),
        ("SELECT pg_terminate_backend(7)", Unknown),
        ("SELECT * FROM wipe_all()", Unknown),
        ("SELECT * FROM generate_series(1, 3)", Read),
        ("SELECT * FROM a, LATERAL wipe(a.b)", Unknown),
        ("SELECT * FROM (SELECT wipe()) AS x", Unknown),
        ("UPDATE t SET a = wipe() WHERE b = 1", Unknown),
        ("SELECT 1 OPERATOR(my.+) 2", Unknown),
        ("SELECT 1 === 2", Unknown),
        ("SELECT 'x'::my_type", Unknown),
        ("SELECT 'x'::my_type[]", Unknown),
        ("SELECT my_type 'x'", Unknown),
        ("SELECT '1'::int", Read),
        ("(SELECT a INTO b FROM c)", Schema),
        ("SELECT my.count(1)", Unknown),
        ("SELECT a INTO b FROM c", Schema),
        (
            "WITH x AS (DELETE FROM t WHERE a = 1 RETURNING *) SELECT * FROM x",
            Delete,
        ),
        ("EXPLAIN ANALYZE DELETE FROM t WHERE a = 1", Delete),
        ("BEGIN", Session),
        ("COMMIT", Session),
        ("SET search_path = x", Session),
        ("SET TIME ZONE 'UTC'", Session),
        ("SET TRANSACTION READ ONLY", Session),
        ("SET ROLE admin", Permission),
        ("SET LOCAL ROLE admin", Permission),
        ("SET \"Role\" = admin", Permission),
        ("SET session_authorization TO admin", Permission),
        ("SET SESSION AUTHORIZATION admin", Permission),
        ("RESET ROLE", Unknown),
        ("EXPLAIN (ANALYZE) DELETE FROM t WHERE a = 1", Delete),
        ("DROP ROLE ada", Permission),
        ("INSERT INTO t VALUES (1)", Write),
        ("UPDATE t SET a = 1 WHERE b = 2", Write),
        ("DELETE FROM t WHERE a = 1", Delete),
        ("TRUNCATE t", Delete),
        (
            "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET b = u.b",
            Write,
        ),
        (
            "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE",
            Delete,
        ),
        ("CREATE TABLE t (a int)", Schema),
        ("ALTER TABLE t ADD b int", Schema),
        ("DROP TABLE t", Schema),
        ("GRANT ALL ON t TO ada", Permission),
        ("REVOKE ALL ON t FROM ada", Permission),
        ("DO $$ BEGIN PERFORM 1; END $$", Unknown),
        ("VACUUM FULL t nonsense", Unknown),
        ("COPY t FROM PROGRAM 'curl x'", Unknown),
        ("nonsense", Unknown),
    ] {
        assert_eq!(one(sql).class, class, "{sql}");
    }
}

#[test]
fn a_missing_where_is_seen_wherever_it_stands() {
    for (sql, whole) in [
        ("DELETE FROM t", true),
        ("UPDATE t SET a = 1", true),
        ("TRUNCATE t", true),
        ("DELETE FROM t WHERE true", true),
        ("UPDATE t SET a = 1 WHERE 1 = 1", true),
        ("UPDATE t SET a = 1 FROM u", true),
        ("DELETE FROM t WHERE t.a = 1", false),
        (
            "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
            true,
        ),
        ("DELETE FROM t WHERE a = 1", false),
        ("UPDATE t SET a = 1 WHERE b = 2", false),
        ("SELECT * FROM t", false),
    ] {
        assert_eq!(one(sql).whole_table, whole, "{sql}");
    }
}

#[test]
fn every_character_stands_in_a_statement() {
    let sql = "SELECT ';' AS \"a;b\"; -- c; d\n/* e; */ DELETE FROM t;\n\nDO $x$ f; g; $x$;\nUPDATE é SET ü = 'ö;' WHERE a = 1";
    let texts: Vec<_> = read(sql).into_iter().map(|one| one.text).collect();
    assert_eq!(
        texts,
        [
            "SELECT ';' AS \"a;b\"",
            "-- c; d\n/* e; */ DELETE FROM t",
            "DO $x$ f; g; $x$",
            "UPDATE é SET ü = 'ö;' WHERE a = 1",
        ]
    );
    assert_eq!(one("SELECT 1; ;\n").text, "SELECT 1");
    assert_eq!(one("-- only words").class, Unknown);
    assert_eq!(read(" ; "), []);
    let letter = one("\u{a0}; ");
    assert_eq!((letter.class, &*letter.text), (Unknown, "\u{a0}"));
    assert_eq!(one("; SELECT '\\' ;\n").text, "SELECT '\\'");
}

#[test]
fn tables_are_listed_once_and_sorted() {
    let tables = one("UPDATE b SET x = a.y FROM a, s.c, a AS d WHERE a.z = b.z").tables;
    assert_eq!(tables, ["a", "b", "s.c"]);
}

#[test]
fn what_could_be_cut_otherwise_is_one_statement_and_not_understood() {
    for sql in [
        "SELECT E'a'\n'\\'' ; COMMIT; DROP TABLE users; --'",
        "SELECT $1$ ; DROP TABLE users; $1$; SELECT 2",
        "SELECT a$b$ ; DROP TABLE users; --$b$\n; SELECT 2",
        "SELECT a\u{a0}$b$ ; DROP TABLE users; --$b$\n; SELECT 2",
        "SELECT 1$b$ ; DROP TABLE users; --$b$\n; SELECT 2",
        "SELECT $\u{a0}$ ; DROP TABLE users; --$\u{a0}$",
        "SELECT 'a; DROP TABLE users",
        "SELECT /* /* */ 1; DROP TABLE users",
        "SELECT $x$ ; $y$",
        "SELECT '\0'; DROP TABLE users",
    ] {
        let statement = one(sql);
        assert_eq!((statement.class, &*statement.text), (Unknown, sql));
    }
}

#[test]
fn comments_and_quotes_end_where_they_do_for_the_server() {
    for (sql, last) in [
        ("SELECT 1 --\r; DROP TABLE t", "DROP TABLE t"),
        ("SELECT a @-- ' \n; DROP TABLE t; --'", "--'"),
        ("SELECT a @/* ' */ ; DROP TABLE t -- '", "DROP TABLE t -- '"),
        ("SELECT 'a''; b' ; DROP TABLE t", "DROP TABLE t"),
        ("SELECT \"a\"\"; b\" ; DROP TABLE t", "DROP TABLE t"),
        (
            "SELECT 2*/* c /* d **/ ; */ 3 ; DROP TABLE t",
            "DROP TABLE t",
        ),
        ("SELECT $a$ ; $a ; $$a$ ; DROP TABLE t", "DROP TABLE t"),
    ] {
        assert_eq!(read(sql).last().unwrap().text, last, "{sql}");
    }
    // A string that another reader of SQL may not take for one.
    assert_eq!(one("SELECT $$ ; $$").class, Unknown);
    assert_eq!(one("SELECT '$5', '$a$'").class, Read);
    assert_eq!(one("SELECT 1 -- all of it").class, Read);
    for operator in ["<", "=", "|", "&", "%", "#", "~"] {
        let sql = format!("SELECT a {operator}-- all of it\nb FROM t");
        assert_eq!(one(&sql).class, Read, "{sql}");
    }
}

#[test]
fn what_psql_itself_could_take_for_its_own_is_refused() {
    for sql in ["\\! rm -rf /", " \\dt", "\n\\dt"] {
        assert!(of_argument(sql).unwrap_err().contains("--plain"), "{sql}");
    }
    assert_eq!(of_argument("SELECT 'a\\d'").unwrap()[0].class, Unknown);
    for sql in [
        "SELECT 1 \\gexec",
        "SELECT 'a\n\\! ls",
        "SELECT $1$ \\! touch evil\n$1$;",
        "SET standard_conforming_strings=off; SELECT '\\'' ; \\! id --';",
        "SELECT 1 -- \\",
        "SELECT '\0'",
    ] {
        assert!(of_script(sql).unwrap_err().contains("--plain"), "{sql}");
    }
    for sql in [
        "SELECT :x",
        "SELECT :'x'",
        "SELECT :\"x\"",
        "SELECT :{?x}",
        "SELECT a:::x",
        "SELECT $1, ':x'",
    ] {
        assert!(of_script(sql).unwrap_err().contains("variable"), "{sql}");
    }
    for sql in [
        "SELECT a::text, b[1:2], '12:30 :x', \":x\" -- :x",
        "SELECT f(a := 1)",
        "DO $x$ BEGIN a := :b; END $x$",
    ] {
        assert!(of_script(sql).is_ok(), "{sql}");
    }
}
