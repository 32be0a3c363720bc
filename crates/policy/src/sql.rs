//! What SQL does at least, by its words: a floor under what its proposer says.
//!
//! No parser, so that another verifier can follow it: tokens and lists. What is
//! in doubt counts as `unknown`. Spec: `docs/spec/policy.md`, "SQL, read again".

use std::collections::BTreeSet;

use vidimus_protocol::action::{Sql, SqlRun, StatementClass};

use StatementClass::{Delete, Permission, Read, Schema, Session, Unknown, Write};

/// Functions of PostgreSQL's own that only compute. Any other may do anything.
pub const HARMLESS_FUNCTIONS: &[&str] = &[
    "abs",
    "array_agg",
    "avg",
    "ceil",
    "coalesce",
    "concat",
    "count",
    "current_database",
    "current_user",
    "date_trunc",
    "extract",
    "floor",
    "format",
    "generate_series",
    "greatest",
    "json_agg",
    "jsonb_agg",
    "least",
    "left",
    "length",
    "lower",
    "max",
    "min",
    "now",
    "nullif",
    "rank",
    "replace",
    "right",
    "round",
    "row_number",
    "string_agg",
    "substring",
    "sum",
    "to_char",
    "trim",
    "upper",
    "version",
];
/// Words of the language behind which a parenthesis or a string may stand.
const STRUCTURE: &str = "all and any array as between by case conflict cube date distinct else escape except exists \
    explain filter from group having ilike in intersect interval join lateral like limit materialized not offset on or \
    over returning rollup row select set sets some then time timestamp timestamptz to union using values when where zone";
/// Types of PostgreSQL's own, whose conversions only compute.
const TYPES: &str = "bigint bool boolean bytea character cidr date decimal double float float4 float8 inet int int2 int4 \
    int8 integer interval json jsonb numeric real smallint text time timestamp timestamptz timetz uuid varchar";
const OPERATORS: &str = "+ - * / % ^ < > = <= >= <> != || ~ ~* !~ !~* -> ->> #> #>> @> <@ &&";
/// First words of what reads, controls, changes rows, and defines.
const READS: &str = "explain select show table values with";
const SESSIONS: &str = "abort begin commit end release rollback savepoint set start";
const CHANGES: &str = "delete insert merge update";
const DEFINES: &str = "alter create drop grant revoke truncate";
/// Settings that change nothing of what another statement means.
const HARMLESS_SETTINGS: &str = "application_name characteristics constraints \
    idle_in_transaction_session_timeout lock_timeout maintenance_work_mem statement_timeout \
    transaction work_mem";
/// What a connection string may say and the same statements still do the same.
const HARMLESS_KEYWORDS: &str = "application_name connect_timeout dbname host hostaddr password \
    port sslmode sslrootcert user";
/// Right behind these, `delete` and `update` change no rows.
const NO_CHANGES: &str = "do for key on or";
/// What stands in nothing that only reads.
const NOT_READING: &str = "analyse analyze declare execute into share";
/// First words of what may change who may do what, and the words that say so.
const ON_PEOPLE: &str = "alter create drop reassign reset set";
const PEOPLE: &str =
    "authorization group owned owner policy privileges role security session_authorization user";

fn is_in(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|one| one == word)
}

/// What a text of SQL does, at least.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Floor {
    pub(crate) classes: BTreeSet<StatementClass>,
    pub(crate) whole_table: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    /// In small letters.
    Word(String),
    /// A name in quotes, in small letters.
    Name(String),
    /// A string.
    Text,
    Number,
    Operator(&'a str),
    /// `::`.
    Cast,
    /// A character that stands for itself.
    Mark(char),
}

impl Floor {
    /// Of all that the command runs.
    pub(crate) fn of(sql: &Sql) -> Self {
        let mut floor = Self::default();
        let Some(run) = sql.run() else {
            floor.classes.insert(Unknown);
            return floor;
        };
        floor.connect(&run);
        for source in run.sources {
            floor.read(source);
        }
        floor
    }

    /// A connection string may set what decides what a statement means.
    fn connect(&mut self, run: &SqlRun<'_>) {
        if run.connections.iter().any(|text| steers(text)) {
            self.classes.insert(Unknown);
        }
    }

    fn read(&mut self, source: &str) {
        let Some(tokens) = tokens(source) else {
            let other = |c: char| !c.is_ascii_alphanumeric() && c != '_';
            let lower = source.to_ascii_lowercase();
            let words = lower.split(other).filter(|word| !word.is_empty());
            let words: Vec<_> = words.collect();
            self.classes.extend(named(&words, &words));
            self.classes.insert(Unknown);
            return;
        };
        let statements = tokens.split(|token| *token == Token::Mark(';'));
        for statement in statements.filter(|statement| !statement.is_empty()) {
            self.judge(statement);
        }
    }

    fn judge(&mut self, statement: &[Token<'_>]) {
        let words: Vec<_> = statement.iter().filter_map(Token::word).collect();
        let first = words.first().copied().unwrap_or_default();
        let plain = (0..statement.len()).all(|at| is_plain(statement, at));
        let names: Vec<_> = statement.iter().filter_map(Token::name).collect();
        let mut classes = named(&words, &names);
        let reads = classes.is_empty() && !words.iter().any(|word| is_in(NOT_READING, word));
        if plain && reads && is_in(READS, first) {
            classes.insert(Read);
        }
        if plain && is_in(SESSIONS, first) && names.len() == words.len() {
            classes.insert(Session);
        }
        let known = [READS, SESSIONS, CHANGES];
        let known = plain && known.iter().any(|list| is_in(list, first));
        let calls = is_in(DEFINES, first) && !plain && words.contains(&"select");
        if classes.is_empty() || !(known || is_in(DEFINES, first)) || calls || sets(&names) {
            classes.insert(Unknown);
        }
        self.classes.extend(classes);
        let on_rows = !is_in("grant revoke", first) && changes_all(statement);
        self.whole_table |= words.contains(&"truncate") || on_rows;
    }
}

/// Whether a connection string says anything that is not harmless.
fn steers(text: &str) -> bool {
    let address = ["postgres://", "postgresql://"];
    let is_address = address.iter().any(|scheme| text.starts_with(scheme));
    if !is_address && !text.contains('=') {
        return text.contains("://");
    }
    let mut settings = match (is_address, text.split_once('?')) {
        (true, None) => "".split('&'),
        (true, Some((_, settings))) => settings.split('&'),
        (false, _) => text.split(' '),
    };
    let harmless = |setting: &str| {
        let keyword = setting.split_once('=').map(|(keyword, _)| keyword);
        setting.is_empty() || keyword.is_some_and(|keyword| is_in(HARMLESS_KEYWORDS, keyword))
    };
    text.contains(['%', '\'', '\\']) || !settings.all(harmless)
}

/// Whether it sets what may change what another statement means.
fn sets(names: &[&str]) -> bool {
    match names {
        ["set" | "reset", "local" | "session", what, ..] | ["set" | "reset", what, ..] => {
            !is_in(HARMLESS_SETTINGS, what)
        }
        ["set" | "reset"] => true,
        _ => false,
    }
}

/// Whether a change of rows has no condition of its own: no `where` behind it, in
/// the same brackets.
fn changes_all(statement: &[Token<'_>]) -> bool {
    let changes = |at: usize| {
        let before = at.checked_sub(1).map(|at| &statement[at]);
        let none = match before {
            Some(Token::Word(word)) => is_in(NO_CHANGES, word),
            Some(token) => *token == Token::Mark('.'),
            None => false,
        };
        matches!(statement[at].word(), Some("delete" | "update")) && !none
    };
    // The changes without a condition so far, by the brackets that they stand in.
    let mut open = vec![false];
    for (at, token) in statement.iter().enumerate() {
        match token {
            Token::Mark('(') => open.push(false),
            // One too many closes nothing.
            Token::Mark(')') if open.len() > 1 && open.pop() == Some(true) => return true,
            _ => {}
        }
        match open.last_mut() {
            Some(waits) if *waits && changes(at) => return true,
            Some(waits) if changes(at) => *waits = true,
            Some(waits) if token.word() == Some("where") => *waits = false,
            Some(_) | None => {}
        }
    }
    open.contains(&true)
}

/// What a statement does by the mere presence of words; `names` are these and
/// the names in quotes.
fn named(words: &[&str], names: &[&str]) -> BTreeSet<StatementClass> {
    let any = |list: &str| words.iter().any(|word| is_in(list, word));
    // Who may do what stands in tables too.
    let catalogs = any("delete insert merge truncate update")
        && names.iter().any(|name| name.starts_with("pg_"));
    let on_people = words.first().is_some_and(|first| is_in(ON_PEOPLE, first));
    let found = [
        (any("delete truncate"), Delete),
        (any("alter create drop"), Schema),
        (
            any("grant revoke") || (on_people && any(PEOPLE)) || catalogs,
            Permission,
        ),
        (any("insert merge update"), Write),
    ];
    let found = found.into_iter().filter(|(is, _)| *is);
    found.map(|(_, class)| class).collect()
}

/// Whether what stands there calls nothing and converts to nothing that is not
/// known only to compute.
fn is_plain(statement: &[Token<'_>], at: usize) -> bool {
    let before = |steps: usize| at.checked_sub(steps).map(|at| &statement[at]);
    // A word of one of these lists that is no part of a longer name.
    let behind = |fits: &dyn Fn(&str) -> bool| {
        before(1).and_then(Token::word).is_some_and(fits) && before(2) != Some(&Token::Mark('.'))
    };
    match (&statement[at], before(1)) {
        (
            Token::Mark('('),
            Some(Token::Mark('(' | ')' | ',' | '[') | Token::Operator(_)) | None,
        ) => true,
        (Token::Mark('('), _) => {
            behind(&|word| HARMLESS_FUNCTIONS.contains(&word) || is_in(STRUCTURE, word))
                || before(2) == Some(&Token::Cast)
                || names_a_table(&statement[..at])
        }
        (Token::Text, Some(Token::Mark('(' | ',' | '[') | Token::Operator(_) | Token::Text)) => {
            true
        }
        (Token::Text, _) => behind(&|word| is_in(STRUCTURE, word)),
        (Token::Cast, _) => {
            let of = statement.get(at + 1).and_then(Token::word);
            of.is_some_and(|word| is_in(TYPES, word))
                && statement.get(at + 2) != Some(&Token::Mark('.'))
        }
        _ => true,
    }
}

/// Whether they end with `INTO` and a name: what follows are its columns.
fn names_a_table(tokens: &[Token<'_>]) -> bool {
    let mut tokens = tokens;
    loop {
        match tokens {
            [.., into, last] if into.word() == Some("into") => return last.name().is_some(),
            [rest @ .., Token::Mark('.'), last] if last.name().is_some() => tokens = rest,
            _ => return false,
        }
    }
}

impl Token<'_> {
    fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }

    /// A word, or what stands between quotes.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Name(name) => Some(name),
            _ => None,
        }
    }
}

/// `None` where it is in doubt.
fn tokens(sql: &str) -> Option<Vec<Token<'_>>> {
    if sql.contains(['\\', '\0']) {
        return None;
    }
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (length, token) = match first {
            ' ' | '\t'..='\r' => (1, None),
            '-' if rest.starts_with("--") => (rest.find(['\n', '\r'])?, None),
            '/' if rest.starts_with("/*") => (comment(rest)?, None),
            '\'' => (rest[1..].find('\'')? + 2, Some(Token::Text)),
            '"' => {
                let length = rest[1..].find('"')?;
                let name = rest[1..=length].to_ascii_lowercase();
                (length + 2, Some(Token::Name(name)))
            }
            '(' | ')' | '[' | ']' | ',' | '.' | ';' => (1, Some(Token::Mark(first))),
            ':' if rest.starts_with("::") => (2, Some(Token::Cast)),
            '0'..='9' => {
                let length = run(rest, |c| c.is_ascii_digit() || c == '.');
                if rest[length..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                    return None;
                }
                (length, Some(Token::Number))
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let length = run(rest, |c| c.is_ascii_alphanumeric() || c == '_');
                let word = rest[..length].to_ascii_lowercase();
                (length, Some(Token::Word(word)))
            }
            _ => {
                let all = &rest[..run(rest, |c| "+-*/<>=~!@#%^&|`?".contains(c))];
                let ends = ["--", "/*"].map(|comment| all.find(comment));
                let length = ends.into_iter().flatten().min().unwrap_or(all.len());
                let operator = &all[..length];
                if !is_in(OPERATORS, operator) {
                    return None;
                }
                (length, Some(Token::Operator(operator)))
            }
        };
        tokens.extend(token);
        rest = &rest[length..];
    }
    Some(tokens)
}

/// The length of what begins with such characters.
fn run(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|c| !fits(c)).unwrap_or(text.len())
}

/// The length of a comment, with those inside.
fn comment(text: &str) -> Option<usize> {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        at += text[at..].find(['/', '*'])?;
        let step = match text.get(at..at + 2) {
            Some("/*") => {
                depth += 1;
                2
            }
            Some("*/") => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
    }
    Some(at)
}

#[cfg(test)]
mod tests;
