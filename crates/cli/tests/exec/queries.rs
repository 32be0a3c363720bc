//! `psql` and PostgreSQL: what is shown is all that runs, and nothing runs
//! before it is shown.

use vidimus_protocol::action::{Payload, Sql, StatementClass};

use crate::adapters::{approve_next, approved_after, proposed};
use crate::gateway::{Decide, Gateway};
use crate::place::{Ended, Place};
use crate::postgres::Postgres;

struct Query {
    postgres: Postgres,
    gateway: Gateway,
    place: Place,
}

impl Query {
    fn start(decide: Decide) -> Self {
        let postgres = Postgres::start();
        postgres.sql("CREATE TABLE users AS SELECT 1 AS id");
        let gateway = Gateway::start(decide);
        let place = Place::connected(&gateway);
        Self {
            postgres,
            gateway,
            place,
        }
    }

    fn words(&self, words: &[&str]) -> Vec<String> {
        let given = ["--", "psql"].iter().chain(words).map(ToString::to_string);
        given.chain(self.postgres.arguments()).collect()
    }

    fn exec(&self, words: &[&str]) -> Ended {
        let words = self.words(words);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        self.place.exec(&words)
    }

    fn approved_after(&self, words: &[&str], meanwhile: impl FnOnce()) -> Ended {
        let words = self.words(words);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        approved_after(&self.gateway, &self.place, &words, meanwhile)
    }

    fn shown(&self) -> Sql {
        match proposed(&self.gateway).payload {
            Payload::Sql(sql) => *sql,
            other => panic!("it is SQL: {other:?}"),
        }
    }

    fn users(&self) -> String {
        self.postgres
            .sql("SELECT count(*) FROM pg_class WHERE relname = 'users'")
    }
}

#[test]
fn nothing_runs_for_a_plan_however_the_server_reads_it() {
    let query = Query::start(Decide::Deny("no"));
    for sql in [
        "SELECT E'a'\n'\\'' ; COMMIT; SET default_transaction_read_only = off; COMMIT; DROP TABLE users; --'",
        "SELECT $1$ ; COMMIT; DROP TABLE users; --$1$",
        "SELECT a$b$ ; COMMIT; DROP TABLE users; --$b$",
        "SELECT a @-- ' \n; COMMIT; DROP TABLE users; --'",
    ] {
        query.exec(&["-c", sql]).expect(110, "no");
        assert_eq!(query.users(), "1", "{sql}");
    }
    query
        .exec(&[
            "-c",
            "SELECT lower('x'), id FROM users; SELECT nextval('x'); EXPLAIN SELECT 1",
        ])
        .expect(110, "no");
    let plans: Vec<_> = query
        .shown()
        .statements
        .into_iter()
        .map(|one| one.plan)
        .collect();
    let plan = plans[0].as_ref().unwrap();
    assert!(plan.starts_with("Seq Scan on users"), "{plan}");
    assert_eq!(plans[1..], [None, None]);
    // A plan of several lines, and of what a comment stands in.
    query
        .exec(&["-c", "SELECT /* ; */ id FROM users ORDER BY id"])
        .expect(110, "no");
    let plan = query.shown().statements[0].plan.clone().unwrap();
    assert!(
        plan.starts_with("Sort") && plan.lines().count() > 2,
        "{plan}"
    );
}

#[test]
fn a_file_is_read_once_and_has_nothing_of_psql_in_it() {
    let query = Query::start(Decide::Approve);
    let fifo = query.place.work().join("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    query
        .exec(&["-f", "fifo"])
        .expect(2, "is not a regular file");
    query
        .exec(&["-f", "/dev/zero"])
        .expect(2, "is not a regular file");
    query.exec(&["-f", "none"]).expect(2, "cannot open");
    query
        .place
        .write("a.sql", "SELECT $1$ \\! touch evil\n$1$;");
    query.exec(&["-f", "a.sql"]).expect(2, "--plain");
    query.place.write("a.sql", "SELECT :x;");
    query
        .exec(&["-v", "x=1; DROP TABLE users", "-f", "a.sql"])
        .expect(2, "ON_ERROR_STOP=1");
    query
        .exec(&["-f", "a.sql"])
        .expect(2, "a variable of `psql`'s");
    query
        .exec(&["-f", "-", "-c", "SELECT 1"])
        .expect(2, "not both");
    query
        .place
        .write("a.sql", &format!("SELECT '{}';", "x".repeat(256 << 10)));
    query
        .exec(&["-f", "a.sql"])
        .expect(2, "too long to be shown");
    assert!(!query.place.exists("evil"));
    assert!(query.gateway.world().proposals.is_empty());

    query.place.write(
        "a.sql",
        "INSERT INTO users VALUES (2); SELECT nonsense; DROP TABLE users;",
    );
    query
        .exec(&["-F", "ON_ERROR_STOP=1", "-f", "a.sql"])
        .expect(3, "approved by Ada");
    assert_eq!(query.users(), "1", "it ended at the error");
    let script = query.shown().command.script.unwrap();
    assert!(script.text.unwrap().starts_with("INSERT"));
}

#[test]
fn another_database_at_the_release_wants_a_new_review() {
    let query = Query::start(Decide::Nothing);
    query.postgres.sql("CREATE ROLE bob SUPERUSER");
    let drop = ["-c", "DROP TABLE users"];
    let ended = query.approved_after(&drop, || {
        query.postgres.sql("ALTER ROLE ada SET role = bob");
    });
    ended.expect(116, "database: `bob@");
    query.postgres.sql("ALTER ROLE ada RESET role");
    query.postgres.stop();
    let ended = query.approved_after(&drop, || query.postgres.go());
    ended.expect(116, "approved `not reachable`");
    assert_eq!(query.users(), "1");
    let ended = query.approved_after(&drop, || query.postgres.stop());
    ended.expect(116, "`/usr/lib/postgresql");
    query.postgres.go();
    query
        .approved_after(&drop, || {})
        .expect(0, "approved by Ada");
    assert_eq!(query.users(), "0");
}

#[test]
fn the_database_is_asked_as_the_command_will_ask_it() {
    let query = Query::start(Decide::Deny("no"));
    query.postgres.sql("CREATE ROLE bob");
    let ask = |words: &[&str]| {
        let home = ["--env", "HOME", "--env", "PGOPTIONS"];
        let mut command = query.place.command(&[&home, words].concat());
        command
            .env("HOME", query.place.work())
            .env("PGOPTIONS", "-c role=bob");
        Ended::from(command.output().unwrap()).expect(110, "no");
        query.shown()
    };
    let words = query.words(&["-c", "SELECT 1"]);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let shown = ask(&words);
    assert!(shown.database.unwrap().starts_with("bob@"));
    assert!(
        shown.command.argv[0].ends_with("/bin/psql"),
        "{:?}",
        shown.command.argv
    );
    // Debian's wrapper would go where this says.
    let host = query.postgres.arguments()[1].clone();
    let version = shown.command.argv[0].split('/').nth(4).unwrap();
    let place = format!("{version} {host}:5432 postgres\n");
    query.place.write(".postgresqlrc", &place);
    let shown = ask(&["--", "psql", "-U", "ada", "-c", "SELECT 1"]);
    assert_eq!(
        shown.database, None,
        "no file that nobody sees says where it is"
    );
}

/// Looking again can take long, and who stops it is heard meanwhile.
#[test]
fn a_signal_stops_the_looking() {
    let query = Query::start(Decide::Nothing);
    let words = query.words(&["-c", "DROP TABLE users"]);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let asked = [&["--no-wait"], &words[..]].concat();
    query.place.exec(&asked).expect(115, "is proposed");
    let action = query.gateway.world().proposals.last().unwrap().action;
    query.postgres.stop();
    approve_next(&query.gateway);
    // A server that takes the connection and says nothing.
    let socket = format!("{}/.s.PGSQL.5432", query.postgres.arguments()[1]);
    let silent = std::os::unix::net::UnixListener::bind(socket).unwrap();
    let resumed = query.place.start(&["--resume", &action.to_string()]);
    let _connection = silent.accept().unwrap();
    let pid = rustix::process::Pid::from_child(&resumed);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ended = Ended::from(resumed.wait_with_output().unwrap());
    ended.expect(116, "was stopped before it had answered");
    query.postgres.go();
    assert_eq!(query.users(), "1");
}

#[test]
fn no_password_is_stored() {
    let query = Query::start(Decide::Approve);
    for place in ["postgres://ada:hunter2@db/shop", "host=db password=hunter2"] {
        let words = ["--", "psql", "-c", "SELECT 1", place];
        query.place.exec(&words).expect(2, "--secret PGPASSWORD");
    }
    assert!(query.gateway.world().proposals.is_empty());
    approve_next(&query.gateway);
    query
        .exec(&["-c", "SELECT 'password=x'"])
        .expect(0, "approved by Ada");
    assert_eq!(query.shown().statements[0].class, StatementClass::Read);
}
