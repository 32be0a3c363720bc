#![allow(clippy::unwrap_used)]
use super::*;
use StatementClass::{Delete, Permission, Read, Schema, Session, Unknown, Write};

fn one(sql: &str) -> Statement {
    let mut statements = read(sql).unwrap();
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
        ("INSERT INTO t VALUES (1)", Write),
        ("UPDATE t SET a = 1 WHERE b = 2", Write),
        ("DELETE FROM t WHERE a = 1", Delete),
        ("TRUNCATE t", Delete),
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
    let texts: Vec<_> = read(sql).unwrap().into_iter().map(|one| one.text).collect();
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
    assert_eq!(read(" ; ").unwrap(), []);
}

#[test]
fn tables_are_listed_once_and_sorted() {
    let tables = one("UPDATE b SET x = a.y FROM a, s.c, a AS d WHERE a.z = b.z").tables;
    assert_eq!(tables, ["a", "b", "s.c"]);
}

#[test]
fn commands_of_psql_itself_are_refused_and_what_is_not_closed_is_not_understood() {
    for sql in [
        "\\! rm -rf /",
        "SELECT 1 \\gexec",
        "\\copy t from x",
        "SELECT 'a\n\\! ls",
    ] {
        assert!(read(sql).unwrap_err().contains("--plain"), "{sql}");
    }
    assert_eq!(one("SELECT 'a").class, Unknown);
    assert_eq!(one("SELECT E'a\\'b'").class, Read);
    assert_eq!(one("SELECT $$ \\! $$").class, Read);
}
