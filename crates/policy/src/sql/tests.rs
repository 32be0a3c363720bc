use super::*;

fn told(sql: &str) -> Vec<StatementClass> {
    let mut floor = Floor::default();
    floor.read(sql);
    floor.classes.into_iter().collect()
}

fn whole_table(sql: &str) -> bool {
    let mut floor = Floor::default();
    floor.read(sql);
    floor.whole_table
}

#[test]
fn what_only_reads_is_known_by_its_words() {
    for sql in [
        "SELECT 1",
        "select count(*), lower(a) FROM s.t",
        "(SELECT a FROM b) UNION ALL (SELECT c FROM d)",
        "VALUES (1), (2)",
        "TABLE orders",
        "SHOW search_path",
        "EXPLAIN SELECT 1",
        "EXPLAIN (COSTS OFF) SELECT 1",
        "WITH x AS (SELECT 1) SELECT * FROM x WHERE a IN ('b', 'c''d')",
        "SELECT * FROM generate_series(1, 3)",
        "SELECT '1'::int, a::numeric(10, 2), 'x' || b, c->>'d' FROM t",
        "SELECT date '2026-01-01' + interval '1 day' AT TIME ZONE 'UTC'",
        "-- first; DROP TABLE t\nSELECT ';' AS \"a;b\" /* x /* ; */ DELETE */ ;\n; SELECT 2",
        "SELECT 'DROP TABLE t', \"delete\" FROM \"update\"",
        "SELECT a[1], b FROM t WHERE c LIKE 'x%' ORDER BY (d) LIMIT 10",
        "SELECT 'M\u{fc}ller'",
        "SELECT sum(a) OVER (PARTITION BY b) FROM t",
        "SELECT 2*/* c */3",
    ] {
        assert_eq!(told(sql), [Read], "{sql}");
    }
    assert_eq!(told(" ; -- nothing\n"), []);
}

#[test]
fn what_does_more_is_told_by_its_words() {
    for (sql, classes) in [
        ("DROP TABLE users", vec![Schema]),
        ("CREATE TABLE t (a int)", vec![Schema]),
        ("INSERT INTO s.t (a, b) VALUES (1, 'x')", vec![Write]),
        (
            "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2",
            vec![Write],
        ),
        ("UPDATE t SET a = 1 WHERE b = 2", vec![Write]),
        ("SELECT * FROM t FOR UPDATE", vec![Write]),
        ("DELETE FROM t WHERE a = 1", vec![Delete]),
        (
            "DELETE FROM t WHERE a = 1 AND pg_sleep(0) IS NOT NULL",
            vec![Delete, Permission, Unknown],
        ),
        ("UPDATE t SET a = wipe() WHERE b = 1", vec![Write, Unknown]),
        (
            "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
            vec![Delete],
        ),
        ("EXPLAIN ANALYZE DELETE FROM t WHERE a = 1", vec![Delete]),
        (
            "MERGE INTO t USING u ON (t.a = u.a) WHEN MATCHED THEN DELETE",
            vec![Write, Delete],
        ),
        ("TRUNCATE t", vec![Delete]),
        ("GRANT ALL ON t TO ada", vec![Permission]),
        ("ALTER ROLE ada SUPERUSER", vec![Schema, Permission]),
        ("SET ROLE admin", vec![Session, Permission, Unknown]),
        (
            "SET LOCAL session_authorization TO admin",
            vec![Session, Permission, Unknown],
        ),
        ("SET \"Role\" = admin", vec![Unknown]),
        ("BEGIN", vec![Session]),
        ("SET search_path = x", vec![Session, Unknown]),
        ("SET LOCAL search_path = x", vec![Session, Unknown]),
        ("SET \"search_path\" = work_mem", vec![Unknown]),
        ("RESET search_path", vec![Unknown]),
        ("SET LOCAL", vec![Session, Unknown]),
        ("SET statement_timeout = 5", vec![Session]),
        ("SET SESSION lock_timeout TO 5", vec![Session]),
        ("SET TRANSACTION READ ONLY", vec![Session]),
        (
            "CREATE TABLE a AS SELECT dblink_exec('x')",
            vec![Schema, Unknown],
        ),
        ("CREATE TABLE a AS SELECT b FROM c", vec![Schema]),
        (
            "UPDATE pg_authid SET a = 1 WHERE b = 2",
            vec![Write, Permission],
        ),
        (
            "INSERT INTO \"PG_auth_members\" VALUES (1)",
            vec![Write, Permission],
        ),
        ("REASSIGN OWNED BY a TO b", vec![Permission, Unknown]),
        ("ALTER TABLE t OWNER TO ada", vec![Schema, Permission]),
        (
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            vec![Schema, Permission],
        ),
        (
            "ALTER DEFAULT PRIVILEGES REVOKE ALL ON t FROM a",
            vec![Schema, Permission],
        ),
        ("ALTER GROUP g ADD x", vec![Schema, Permission]),
        ("CREATE USER ada", vec![Schema, Permission]),
        ("CREATE POLICY p ON t", vec![Schema, Permission]),
        ("EXPLAIN EXECUTE x", vec![Unknown]),
        ("DECLARE c CURSOR FOR SELECT 1", vec![Unknown]),
        ("COMMIT PREPARED 'x'", vec![Unknown]),
        ("RESET ROLE", vec![Permission, Unknown]),
        (
            "COPY (DELETE FROM t RETURNING *) TO PROGRAM 'curl x'",
            vec![Delete, Unknown],
        ),
        // In doubt, and still told.
        ("DELETE FROM t WHERE a = 'x\\y'", vec![Delete, Unknown]),
        ("DROP TABLE \u{e9}", vec![Schema, Unknown]),
        ("SELECT 1; DROP TABLE t", vec![Read, Schema]),
    ] {
        assert_eq!(told(sql), classes, "{sql}");
    }
}

#[test]
fn what_is_in_doubt_is_unknown() {
    for sql in [
        "rm -rf /srv",
        "nonsense",
        "CALL f()",
        "DO 'x'",
        "VACUUM t",
        "COPY t FROM PROGRAM 'curl x'",
        "SELECT pg_terminate_backend(7)",
        "SELECT * FROM wipe_all()",
        "SELECT * FROM a, LATERAL wipe(a.b)",
        "SELECT my.count(1)",
        "SELECT my . count /* x */ (1)",
        "SELECT \"wipe\"(1)",
        "SELECT U&\"w\"(1)",
        "SELECT wipe --\n(1)",
        "SELECT wipe/* c */(1)",
        "SELECT x(1)",
        "SELECT 1 OPERATOR(my.+) 2",
        "SELECT 1 === 2",
        "SELECT 'x'::my_type",
        "SELECT 'x'::int.evil",
        "SELECT 'x'::\"int\"",
        "SELECT my_type 'x'",
        "SELECT my.date 'x'",
        "SELECT \"my_type\" 'x'",
        "SELECT E'x'",
        "SELECT $$x$$",
        "SELECT $1",
        "SELECT a INTO b FROM c",
        "SELECT 1into t FROM c",
        "SELECT 1.e5into t FROM c",
        "SELECT .5e3into t FROM c",
        "SELECT * FROM t FOR SHARE",
        "EXPLAIN ANALYZE SELECT 1",
        "EXPLAIN (ANALYSE) SELECT 1",
        "SELECT :x",
        "SELECT a:::x",
        "SELECT b[1:2] FROM t",
        "SELECT 'a",
        "SELECT \"a",
        "SELECT 1 /* /* */",
        "SELECT 1 -- c",
        "SELECT \u{e9}",
        "SELECT\u{a0}1",
        "SELECT '\0'",
        "SELECT 'a\\b'",
        "SELECT a ? 'b' FROM t",
        "SELECT {d '2026-01-01'}",
        "\\! rm -rf /srv",
        "()",
        "1",
    ] {
        assert_eq!(told(sql), [Unknown], "{sql}");
    }
}

#[test]
fn a_missing_where_is_seen() {
    for (sql, whole) in [
        ("UPDATE t SET a = 1", true),
        ("DELETE FROM t", true),
        ("TRUNCATE t", true),
        (
            "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
            true,
        ),
        ("WITH x AS (SELECT 1) UPDATE t SET a = 1", true),
        ("DELETE FROM t WHERE a = 1", false),
        (
            "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2",
            false,
        ),
        ("SELECT * FROM t FOR UPDATE", false),
        ("SELECT * FROM t FOR NO KEY UPDATE", false),
        ("SELECT t.update FROM t", false),
        ("GRANT SELECT, UPDATE ON t TO ada", false),
        ("SELECT 1", false),
        ("EXPLAIN ANALYZE UPDATE t SET a = 1", true),
        ("EXPLAIN ANALYZE UPDATE t SET a = 1 WHERE b = 2", false),
        ("WITH x AS (SELECT 1 WHERE true) UPDATE t SET a = 1", true),
        ("UPDATE t SET a = (SELECT 1 WHERE true)", true),
        ("UPDATE t SET a = (SELECT 1) WHERE b = 2", false),
        (
            "WITH x AS (DELETE FROM t RETURNING *), y AS (SELECT 1 WHERE true) SELECT 1",
            true,
        ),
        (
            "WITH x AS (DELETE FROM t WHERE a = 1 RETURNING *) SELECT * FROM x",
            false,
        ),
        (
            "MERGE INTO t USING u ON true WHEN MATCHED THEN UPDATE SET a = 1",
            true,
        ),
        (
            "MERGE INTO t USING u ON a WHEN MATCHED THEN DELETE WHEN MATCHED THEN UPDATE SET a = 1",
            true,
        ),
        (") UPDATE t SET a = 1", true),
        ("UPDATE t SET a = 1) WHERE b", false),
    ] {
        assert_eq!(whole_table(sql), whole, "{sql}");
    }
}

#[test]
fn a_connection_says_only_what_is_known_to_be_harmless() {
    for (text, told) in [
        ("shop", false),
        ("dbname=shop host=db1 sslmode=require", false),
        ("dbname=shop  user=ada", false),
        ("postgresql://ada@db1/shop", false),
        (
            "postgres://db1/shop?sslmode=require&connect_timeout=3",
            false,
        ),
        ("postgres://db1/shop?", false),
        ("dbname=shop sslkeylogfile=/home/ada/.profile", true),
        ("dbname=shop options=-csearch_path=evil", true),
        ("service=prod", true),
        ("dbname = shop", true),
        ("dbname='shop'", true),
        ("DBNAME=shop", true),
        ("postgres://db1/shop?options=-cx", true),
        ("postgres://db1/shop?host=a&sslkey=engine:x", true),
        ("postgres://db1/shop?%6fptions=x", true),
        ("postgres://%2Ftmp/shop", true),
        ("sslkeylogfile=/x host=a://b", true),
        ("POSTGRES://db1/shop", true),
        ("mysql://db1/shop", true),
    ] {
        assert_eq!(steers(text), told, "{text}");
    }
}

#[test]
fn a_long_text_is_read_in_one_go_and_without_depth() {
    let sums = format!("SELECT {}1", "1+".repeat(250_000));
    assert_eq!(told(&sums), [Read]);
    let name = format!("INSERT INTO a{} (b) VALUES (1)", ".a".repeat(200_000));
    let small = std::thread::Builder::new().stack_size(256 << 10);
    let read = small.spawn(move || told(&name)).expect("a thread");
    assert_eq!(read.join().expect("no overflow"), [Write]);
}
