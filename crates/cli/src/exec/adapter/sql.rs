//! `psql`: which statements run, against which database, and how it would go
//! about them.
//!
//! What runs is the same `psql`, without start-up files (`-X`) and ending at
//! the first error. Its own commands (`\copy`, `\!`) are refused, since they
//! run something that nobody has seen.

mod line;
mod statements;

use std::path::PathBuf;
use std::time::Duration;

use vidimus_protocol::action::{Command, Sql, Statement, StatementClass, Stdin};

use super::Beside;
use crate::exec::asker::Asker;
use crate::exec::input::Input;
use crate::exec::plan::{Handed, Wanted};
use crate::out::visible;
use line::{Line, Source};

const PATIENCE: Duration = Duration::from_secs(20);
/// Most statements of which the database is asked for its plan.
const MOST_PLANS: usize = 20;
/// Options of the server while it is asked.
const HARMLESS: &str = "-c default_transaction_read_only=on -c statement_timeout=5000";
/// What [`explain`] has left.
const PLAN: &str = "SELECT pg_catalog.current_setting('vidimus.plan')";
const WHO: &str = "SELECT current_user || '@' || coalesce(host(inet_server_addr()), 'local') || ':' || coalesce(inet_server_port()::text, current_setting('port')) || '/' || current_database()";

/// What is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    database: Option<String>,
    statements: Vec<Statement>,
}

/// Makes the command line one that reads no start-up file, and reads what it
/// would run.
pub(crate) async fn adapt(wanted: &mut Wanted) -> Result<Beside, String> {
    let Some(line) = Line::read(&wanted.argv)? else {
        return Ok(Beside::Nothing);
    };
    if line.source == Source::Input && !matches!(wanted.stdin, Input::Bound(_)) {
        return Ok(Beside::Nothing);
    }
    if let Some(program) = behind_wrapper(&Asker::of(wanted)) {
        wanted.argv[0] = program;
    }
    wanted.argv = line.exact(&wanted.argv);
    if let Source::File(argument) = line.source {
        let handed = Handed::open(&wanted.cwd, &wanted.argv, argument + line.added(), true);
        wanted.sealed = Some(handed.map_err(|why| why.to_string())?);
    }
    let script = wanted.sealed.as_ref().map(|handed| &handed.copy);
    let input = match &wanted.stdin {
        Input::Bound(sealed) => Some(sealed),
        Input::Null | Input::Inherited => None,
    };
    let text = script.or(input).and_then(|copy| copy.text.as_deref());
    let mut statements = line.source.statements(text)?;
    if statements.is_empty() {
        return Err("there is no statement in it".into());
    }
    let psql = Psql {
        asker: Asker::of(wanted),
        connection: &line.connection,
    };
    let database = psql.ask(&[WHO]).await.ok();
    if database.is_some() {
        psql.plan(&mut statements).await;
    }
    Ok(Beside::Sql(Facts {
        database: database.map(|name| name.trim().to_owned()),
        statements,
    }))
}

impl Source {
    /// The statements, out of the text of the file or of standard input where
    /// they stand there.
    fn statements(&self, text: Option<&str>) -> Result<Vec<Statement>, String> {
        let words = "the SQL is no UTF-8 text, or longer than 256 KiB, too long to be shown: give it in parts, or hold it as a plain command with `--plain`";
        match self {
            Self::Texts(texts) => {
                let statements = texts.iter().map(|text| statements::of_argument(text));
                Ok(statements.collect::<Result<Vec<_>, _>>()?.concat())
            }
            Self::File(_) | Self::Input => statements::of_script(text.ok_or(words)?),
        }
    }
}

/// Debian's `psql` is a script that chooses among versions by files that nobody
/// sees. The newest one runs itself.
fn behind_wrapper(asker: &Asker<'_>) -> Option<String> {
    let path = asker.path().ok()?.canonicalize().ok()?;
    if path.file_name()? != "pg_wrapper" {
        return None;
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .filter_map(|one| Some(one.ok()?.path()))
        .filter(|path| path.join("bin/psql").is_file())
        .max_by_key(version)?;
    newest.join("bin/psql").to_str().map(str::to_owned)
}

impl Facts {
    /// Nothing of it is believed but the plans: the statements are read anew.
    /// None where that cannot be, which is no action.
    pub(crate) fn restore(sql: &Sql) -> Self {
        let command = &sql.command;
        let text = match (&command.script, &command.stdin) {
            (Some(script), _) => script.text.as_deref(),
            (None, Stdin::Bound(input)) => input.text.as_deref(),
            (None, Stdin::Null | Stdin::Inherited) => None,
        };
        let line = Line::read(&command.argv).ok().flatten();
        let read = line.and_then(|line| line.source.statements(text).ok());
        let mut statements = read.unwrap_or_default();
        for (one, approved) in statements.iter_mut().zip(&sql.statements) {
            one.plan.clone_from(&approved.plan);
        }
        Self {
            database: sql.database.clone(),
            statements,
        }
    }

    pub(crate) fn with(&self, command: Command) -> Sql {
        Sql {
            command,
            database: self.database.clone(),
            statements: self.statements.clone(),
        }
    }

    /// Whether it is still the same database. Its rows are nobody's before-image.
    pub(crate) async fn now(&self, asker: &Asker<'_>, argv: &[String]) -> Result<Self, String> {
        let line = Line::read(argv)?.ok_or("it is no psql")?;
        let psql = Psql {
            asker: *asker,
            connection: &line.connection,
        };
        let database = match psql.ask(&[WHO]).await {
            Ok(name) => Some(name.trim().to_owned()),
            Err(_) if self.database.is_none() => None,
            Err(why) => return Err(why),
        };
        Ok(Self {
            database,
            statements: self.statements.clone(),
        })
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        let database = self.database.as_deref().map(visible);
        let unreachable = "not reachable, so it gives no plans".to_owned();
        let mut lines = vec![format!(
            "  database     {}",
            database.unwrap_or(unreachable)
        )];
        for one in &self.statements {
            let class = match one.class {
                StatementClass::Read => "reads",
                StatementClass::Session => "session",
                StatementClass::Write => "writes",
                StatementClass::Delete => "deletes",
                StatementClass::Schema => "schema",
                StatementClass::Permission => "permissions",
                StatementClass::Unknown => "not understood",
            };
            let whole = if one.whole_table { ", all rows" } else { "" };
            lines.push(format!(
                "  statement    {}  ({class}{whole})",
                visible(&one.text)
            ));
        }
        lines
    }
}

struct Psql<'a> {
    asker: Asker<'a>,
    connection: &'a [String],
}

impl Psql<'_> {
    /// The answer to the last of some statements. None can change anything or
    /// take long: as far as the command's own options say nothing else, so
    /// they go with it.
    async fn ask(&self, statements: &[&str]) -> Result<String, String> {
        let mut arguments = vec!["-X", "-A", "-t", "-q", "-w", "-v", "ON_ERROR_STOP=1"];
        arguments.extend(self.connection.iter().map(String::as_str));
        for statement in statements {
            arguments.extend(["-c", statement]);
        }
        let mut values = self.asker.environment.values();
        let own = values.find(|(name, _)| *name == "PGOPTIONS");
        let options = format!("{} {HARMLESS}", own.map_or("", |(_, value)| value));
        let more = [("PGOPTIONS", options.as_str()), ("PGCONNECT_TIMEOUT", "5")];
        self.asker.ask(&arguments, &more, PATIENCE).await
    }

    /// Asks for the plans of what can be planned. That one cannot be had is no
    /// reason to ask nobody.
    async fn plan(&self, statements: &mut [Statement]) {
        let plannable = statements.iter_mut().filter(|one| is_plannable(one));
        for one in plannable.take(MOST_PLANS) {
            let asked = self
                .ask(&["BEGIN READ ONLY", &explain(&one.text), PLAN])
                .await;
            one.plan = asked.ok().map(|plan| plan.trim_end().to_owned());
        }
    }
}

/// Whether EXPLAIN of it is the plan of a query: the word that follows is none
/// of EXPLAIN's own, and calls nothing that is not known only to compute.
fn is_plannable(statement: &Statement) -> bool {
    let first = statement
        .text
        .split(|c: char| !c.is_ascii_alphabetic())
        .next();
    let first = first.unwrap_or_default().to_ascii_lowercase();
    let query = [
        "select", "insert", "update", "delete", "merge", "values", "with",
    ];
    query.contains(&first.as_str())
        && matches!(
            statement.class,
            StatementClass::Read | StatementClass::Write | StatementClass::Delete
        )
}

/// Puts the plan of a statement into a setting of the transaction's own.
///
/// A server that is sent `EXPLAIN` and a text may find more than one statement
/// in it and run the others. So the text is sent as a value, in digits and
/// letters that mean the same to every lexer, and becomes a cursor's query:
/// of a cursor, PostgreSQL takes one statement alone and refuses more before
/// any of them runs.
fn explain(statement: &str) -> String {
    let digits = |text: &str| {
        text.bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let query = digits(&format!("EXPLAIN {statement}"));
    format!(
        "DO $do$ DECLARE step record; plan text; BEGIN \
         FOR step IN EXECUTE pg_catalog.convert_from(pg_catalog.decode('{query}', 'hex'), 'UTF8') LOOP \
         plan := pg_catalog.concat_ws(pg_catalog.chr(10), plan, step.\"QUERY PLAN\"); END LOOP; \
         PERFORM pg_catalog.set_config('vidimus.plan', plan, true); END $do$"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vidimus_protocol::Digest;
    use vidimus_protocol::action::File;

    #[test]
    fn after_a_resume_the_statements_are_those_of_the_command() {
        let command = Command {
            argv: ["psql", "-c", "DROP TABLE t"].map(str::to_owned).into(),
            cwd: "/".into(),
            env: Vec::new(),
            files: Vec::new(),
            interpreter: None,
            not_bound: Vec::new(),
            program: File {
                path: "/usr/bin/psql".into(),
                sha256: Digest([0; 32]),
                size: 0,
            },
            script: None,
            stdin: Stdin::Null,
            uid: 0,
            user: "ada".into(),
        };
        let mut approved = Sql {
            command: command.clone(),
            database: None,
            statements: statements::of_argument("SELECT 1").unwrap(),
        };
        let restored = |approved: &Sql| Facts::restore(approved).with(command.clone());
        assert_ne!(restored(&approved), approved, "they are another's");
        approved.statements = statements::of_argument("DROP TABLE t").unwrap();
        approved.statements[0].plan = Some("of the database".into());
        assert_eq!(restored(&approved), approved);
    }

    #[test]
    fn a_plan_is_asked_for_in_letters_and_digits() {
        let asked = explain("SELECT 'é' ; \\");
        assert!(
            asked.contains("'4558504c41494e2053454c4543542027c3a927203b205c'"),
            "{asked}"
        );
        let statement = |text: &str| statements::of_argument(text).unwrap().remove(0);
        for (text, plannable) in [
            ("select(1)", true),
            ("WITH x AS (SELECT 1) SELECT * FROM x", true),
            ("/* ANALYZE */ SELECT 1", false),
            ("(SELECT 1)", false),
            ("EXPLAIN SELECT 1", false),
            ("UPDATE t SET a = wipe()", false),
            ("TRUNCATE t", false),
            ("SELECT '\\d'", false),
        ] {
            assert_eq!(is_plannable(&statement(text)), plannable, "{text}");
        }
    }
}
