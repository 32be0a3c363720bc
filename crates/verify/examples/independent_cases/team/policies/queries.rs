//! SQL that its proposer calls a read: what its text says of it stands in the inputs, and has to come out again.

use vidimus_protocol::action::{Action, Payload, StatementClass};
use vidimus_verify::testkit::sample_kinds;

use super::kinds::variable;
use super::{alone, asking};
use crate::Cases;

pub(super) fn write(cases: &mut Cases) {
    for text in TEXTS {
        write_one(cases, text, "shop", &[]);
    }
    for place in PLACES {
        write_one(cases, "SELECT 1", place, &[]);
    }
    for name in VARIABLES {
        write_one(cases, "SELECT 1", "shop", &["PGPASSWORD", name]);
    }
}

fn write_one(cases: &mut Cases, text: &str, place: &str, variables: &[&str]) {
    let mut actions = sample_kinds().into_iter();
    let action = actions.find_map(|action| match action.payload {
        Payload::Sql(sql) => Some((sql, action.target)),
        _ => None,
    });
    let (mut sql, target) = action.expect("one of each");
    sql.command.argv = ["psql", "-X", place, "-c", text].map(String::from).into();
    let mut names = variables.to_vec();
    names.sort_unstable();
    sql.command.env = names.into_iter().map(variable).collect();
    sql.statements.truncate(1);
    let statement = &mut sql.statements[0];
    (statement.class, statement.plan) = (StatementClass::Read, None);
    statement.text = text.into();
    let action = Action {
        payload: Payload::Sql(sql),
        target,
    };
    let ask = asking("");
    let mut team = alone();
    team.bring(&ask);
    team.proposed_under(&ask, &action);
    team.told(
        cases,
        &format!("policies, read again: `{text}` in {place} with {variables:?}"),
    );
}

const PLACES: &[&str] = &[
    "services",
    "-doptions",
    "-dservice=shop",
    "--dbname=OPTIONS=-crole=x",
    "postgres:///shop?%6fptions=-crole",
    "postgres://ada@db/shop?sslmode=require",
    "-Uservice=x",
    "\u{130}=service",
    "dbname=shop  user=ada",
    "dbname = shop",
    "dbname='shop'",
    "DBNAME=shop",
    "dbname=shop sslkeylogfile=/home/ada/.profile",
    "sslkeylogfile=/x host=a://b",
    "postgres://db1/shop?",
    "postgres://db1/shop?sslmode=require&connect_timeout=3&",
    "postgres://db1/shop?host=a&sslkey=engine:x",
    "postgres://%2Ftmp/shop",
    "POSTGRES://db1/shop",
    "mysql://db1/shop",
    "user=a?options=-cx",
];

const VARIABLES: &[&str] = &["PATH", "PGHOST", "LD_PRELOAD", "PGOPTIONS", "pghost", ""];

const TEXTS: &[&str] = &[
    "EXPLAIN ANALYZE UPDATE t SET a = 1",
    "EXPLAIN ANALYZE UPDATE t SET a = 1 WHERE b = 2",
    "WITH x AS (SELECT 1 WHERE true) UPDATE t SET a = 1",
    "UPDATE t SET a = (SELECT 1 WHERE true)",
    "UPDATE t SET a = (SELECT 1) WHERE b = 2",
    "WITH x AS (DELETE FROM t RETURNING *), y AS (SELECT 1 WHERE true) SELECT 1",
    "WITH x AS (DELETE FROM t WHERE a = 1 RETURNING *) SELECT * FROM x",
    "MERGE INTO t USING u ON true WHEN MATCHED THEN UPDATE SET a = 1",
    "MERGE INTO t USING u ON a WHEN MATCHED THEN DELETE WHEN MATCHED THEN UPDATE SET a = 1",
    ") UPDATE t SET a = 1",
    ")) UPDATE t SET a = 1 WHERE b",
    "UPDATE t SET a = 1) WHERE b",
    "SELECT t.update, t.delete FROM t",
    "GRANT SELECT, UPDATE ON t TO ada",
    "SELECT * FROM t FOR NO KEY UPDATE",
    "SET LOCAL search_path = x",
    "SET LOCAL",
    "SET",
    "SET \"search_path\" = work_mem",
    "\"set\" search_path",
    "RESET search_path",
    "SET statement_timeout = 5",
    "SET SESSION lock_timeout TO 5",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "CREATE TABLE a AS SELECT dblink_exec('x')",
    "CREATE TABLE a AS SELECT b FROM c",
    "UPDATE pg_authid SET a = 1 WHERE b = 2",
    "INSERT INTO \"PG_auth_members\" VALUES (1)",
    "UPDATE t SET a = '\\' WHERE pg_x = 1",
    "REASSIGN OWNED BY a TO b",
    "ALTER TABLE t OWNER TO ada",
    "SELECT count(*), lower(a) FROM s.t",
    "(SELECT a FROM b) UNION ALL (SELECT c FROM d)",
    "VALUES (1), (2)",
    "TABLE orders",
    "EXPLAIN (COSTS OFF) SELECT 1",
    "WITH x AS (SELECT 1) SELECT * FROM x WHERE a IN ('b', 'c''d')",
    "SELECT '1'::int, a::numeric(10, 2), 'x' || b, c->>'d' FROM t",
    "SELECT date '2026-01-01' + interval '1 day' AT TIME ZONE 'UTC'",
    "-- first; DROP TABLE t\nSELECT ';' AS \"a;b\" /* x /* ; */ DELETE */ ;\n; SELECT 2",
    "SELECT 'DROP TABLE t', \"delete\" FROM \"update\"",
    "SELECT 'M\u{fc}ller'",
    "SELECT 2*/* c */3",
    "SELECT a-- c\r-1",
    "SELECT a--",
    "DROP TABLE users",
    "CREATE TABLE t (a int)",
    "INSERT INTO s.t (a, b) VALUES (1, 'x')",
    "INSERT INTO \"s\".\"t\" (a) VALUES (1)",
    "INSERT INTO s.t x (a) VALUES (1)",
    "INSERT INTO s..t (a) VALUES (1)",
    "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2",
    "UPDATE t SET a = 1 WHERE b = 2",
    "UPDATE t SET a = 1",
    "WITH x AS (SELECT 1) UPDATE t SET a = 1",
    "SELECT * FROM t FOR UPDATE",
    "SELECT * FROM t FOR SHARE",
    "DELETE FROM t WHERE a = 1 AND pg_sleep(0) IS NOT NULL",
    "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
    "EXPLAIN ANALYZE SELECT 1",
    "EXPLAIN ANALYZE DELETE FROM t WHERE a = 1",
    "MERGE INTO t USING u ON (t.a = u.a) WHEN MATCHED THEN DELETE",
    "TRUNCATE t",
    "GRANT ALL ON t TO ada",
    "ALTER ROLE ada SUPERUSER",
    "SET ROLE admin",
    "SET \"Role\" = admin",
    "BEGIN; SET search_path = x; COMMIT",
    "COMMIT PREPARED 'x'",
    "RESET ROLE",
    "COPY (DELETE FROM t RETURNING *) TO PROGRAM 'curl x'",
    "DELETE FROM t WHERE a = 'x\\y'",
    "ALTER ROLE \u{e9}",
    "1alter role",
    "\u{212a} DROP \u{130}",
    "rm -rf /srv",
    "SELECT wipe()",
    "SELECT my . count /* x */ (1)",
    "SELECT my.date 'x'",
    "SELECT \"wipe\"(1)",
    "SELECT wipe --\n(1)",
    "SELECT 1 OPERATOR(my.+) 2",
    "SELECT 1 === 2",
    "SELECT 'x'::my_type",
    "SELECT 'x'::int.evil",
    "SELECT 'x'::",
    "SELECT '{}'::int[]",
    "SELECT my_type 'x'",
    "SELECT E'x'",
    "SELECT $$x$$",
    "SELECT a INTO b FROM c",
    "SELECT 1into t FROM c",
    "SELECT 1.e5into t FROM c",
    "SELECT .5e3into t FROM c",
    "SELECT 1..2, 1.5.6",
    "SELECT a:::x",
    "SELECT b[1:2] FROM t",
    "SELECT 'a",
    "SELECT \"a",
    "SELECT 1 /*/ */",
    "SELECT 1 /* /* */",
    "SELECT 1 /**/",
    "SELECT\u{a0}1",
    "SELECT\u{b}1\u{c}",
    "SELECT 1\u{1c}",
    "SELECT a ? 'b' FROM t",
    "SELECT {d '2026-01-01'}",
    "()",
    "(((SELECT 1)))",
    "'x'",
    "1",
    "SELECT 1; DROP TABLE t; SELECT 'x",
];
