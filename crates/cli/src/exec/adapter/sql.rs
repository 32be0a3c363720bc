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

use vidimus_protocol::action::{Command, Sql, Statement, StatementClass};

use super::Beside;
use crate::exec::asker::Asker;
use crate::exec::input::Input;
use crate::exec::plan::Wanted;
use crate::out::visible;
use line::{Line, Source};

const PATIENCE: Duration = Duration::from_secs(20);
/// Most statements of which the database is asked for its plan.
const MOST_PLANS: usize = 20;
/// Nothing that is asked can change anything, or take long.
const HARMLESS: &[(&str, &str)] = &[
    (
        "PGOPTIONS",
        "-c default_transaction_read_only=on -c statement_timeout=5000",
    ),
    ("PGCONNECT_TIMEOUT", "5"),
];
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
    let texts = match &line.source {
        Source::Texts(texts) => texts.clone(),
        Source::File { name, .. } => {
            let path = wanted.cwd.join(name);
            let bytes = std::fs::read(&path)
                .map_err(|why| format!("`{}` cannot be read: {why}", visible(name)))?;
            vec![text(bytes, name)?]
        }
        Source::Input => match &wanted.stdin {
            Input::Bound(sealed) => {
                let words = "standard input is no text, or longer than 256 KiB: give it as a file with `-f FILE`";
                vec![sealed.text.clone().ok_or(words)?]
            }
            Input::Null | Input::Inherited => return Ok(Beside::Nothing),
        },
    };
    let mut statements = Vec::new();
    for text in &texts {
        statements.extend(statements::read(text)?);
    }
    if statements.is_empty() {
        return Err("there is no statement in it".into());
    }
    let psql = Psql {
        asker: Asker {
            name: &wanted.argv[0],
            cwd: &wanted.cwd,
            environment: &wanted.environment,
        },
        connection: &line.connection,
    };
    let database = psql.ask(&[WHO]).await.ok();
    if database.is_some() {
        psql.plan(&mut statements).await;
    }
    if let Some(program) = behind_wrapper(&psql.asker) {
        wanted.argv[0] = program;
    }
    if let Source::File { argument, .. } = &line.source {
        wanted.sealed = Some(argument + line.added());
    }
    wanted.argv = line.exact(&wanted.argv);
    Ok(Beside::Sql(Facts {
        database: database.map(|name| name.trim().to_owned()),
        statements,
    }))
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

fn text(bytes: Vec<u8>, name: &str) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| format!("`{}` is no UTF-8 text", visible(name)))
}

impl Facts {
    pub(crate) fn restore(sql: &Sql) -> Self {
        Self {
            database: sql.database.clone(),
            statements: sql.statements.clone(),
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
        if self.database.is_none() {
            return Ok(self.clone());
        }
        let line = Line::read(argv)?.ok_or("it is no psql")?;
        let psql = Psql {
            asker: *asker,
            connection: &line.connection,
        };
        let database = psql.ask(&[WHO]).await?;
        Ok(Self {
            database: Some(database.trim().to_owned()),
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
    /// The answer to the last of some statements.
    async fn ask(&self, statements: &[&str]) -> Result<String, String> {
        let mut arguments = vec!["-X", "-A", "-t", "-q", "-w", "-v", "ON_ERROR_STOP=1"];
        arguments.extend(self.connection.iter().map(String::as_str));
        for statement in statements {
            arguments.extend(["-c", statement]);
        }
        self.asker.ask(&arguments, HARMLESS, PATIENCE).await
    }

    /// Asks for the plans of what can be planned. That one cannot be had is no
    /// reason to ask nobody.
    async fn plan(&self, statements: &mut [Statement]) {
        let plannable = |one: &&mut Statement| {
            matches!(
                one.class,
                StatementClass::Read | StatementClass::Write | StatementClass::Delete
            )
        };
        for one in statements.iter_mut().filter(plannable).take(MOST_PLANS) {
            let explain = format!("EXPLAIN {}", one.text);
            let asked = self.ask(&["BEGIN READ ONLY", &explain, "ROLLBACK"]).await;
            one.plan = asked.ok().map(|plan| plan.trim_end().to_owned());
        }
    }
}
