//! What ties that which stands beside a command to the command: who reads the
//! one has read the other.

use super::{Command, GitPush, RefUpdate, Sql, Stdin, TerraformPlan};

/// Takes what the configuration adds out of a push; stands before `push`.
const NO_OPTIONS: [&str; 3] = ["-c", "push.pushOption=", "push"];
/// Takes more references out of a push.
const NO_MORE: [&str; 2] = ["--no-follow-tags", "--no-recurse-submodules"];

/// Options of a push that change how it goes, not what moves.
pub const PUSH_OPTIONS: [&str; 7] = [
    "--atomic",
    "--no-progress",
    "--no-verify",
    "--porcelain",
    "--progress",
    "--quiet",
    "--verbose",
];

/// The words of a push behind git's own options: exactly these references, from
/// where they were, at that URL. `options` are of [`PUSH_OPTIONS`].
#[must_use]
pub fn push_words(options: &[String], remote: &str, refs: &[RefUpdate]) -> Vec<String> {
    let end = |id: &Option<String>| id.clone().unwrap_or_default();
    let mut words: Vec<_> = NO_OPTIONS.map(String::from).into();
    words.extend_from_slice(options);
    words.extend(NO_MORE.map(String::from));
    let lease = |one: &RefUpdate| format!("--force-with-lease={}:{}", one.name, end(&one.old));
    words.extend(refs.iter().map(lease));
    words.extend(["--".to_owned(), remote.to_owned()]);
    let moved = |one: &RefUpdate| format!("{}:{}", end(&one.new), one.name);
    words.extend(refs.iter().map(moved));
    words
}

impl GitPush {
    /// Whether the command moves these references there, and nothing else.
    pub(super) fn is_tied(&self) -> bool {
        let argv = &self.command.argv;
        let (program, words) = argv.split_first().expect("argv is not empty");
        let begins = |at: &usize| words[*at..].iter().take(3).eq(&NO_OPTIONS);
        let Some(at) = (0..words.len()).find(begins) else {
            return false;
        };
        let options = words[at + NO_OPTIONS.len()..].iter();
        let options = options.take_while(|word| PUSH_OPTIONS.contains(&word.as_str()));
        let options: Vec<_> = options.cloned().collect();
        let mut env = self.command.env.iter();
        program.rsplit('/').next() == Some("git")
            && env.all(|var| !var.name.starts_with("GIT_"))
            && are_gits_own(&words[..at])
            && words[at..] == push_words(&options, &self.remote, &self.refs)
    }
}

/// Options of git that say where its repository is, and little else.
fn are_gits_own(words: &[String]) -> bool {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let known = match word.as_str() {
            "-C" => words.next().is_some(),
            word => {
                matches!(word, "--no-pager" | "--literal-pathspecs")
                    || word.starts_with("--git-dir=")
                    || word.starts_with("--work-tree=")
            }
        };
        if !known {
            return false;
        }
    }
    true
}

/// Options of `psql` without a value.
const FLAGS: [(char, &str); 13] = [
    ('1', "single-transaction"),
    ('a', "echo-all"),
    ('A', "no-align"),
    ('b', "echo-errors"),
    ('e', "echo-queries"),
    ('H', "html"),
    ('n', "no-readline"),
    ('q', "quiet"),
    ('t', "tuples-only"),
    ('w', "no-password"),
    ('x', "expanded"),
    ('X', "no-psqlrc"),
    // It has no letter.
    ('-', "csv"),
];
/// Options of `psql` with a value.
const VALUED: [(char, &str); 9] = [
    ('c', "command"),
    ('d', "dbname"),
    ('f', "file"),
    ('F', "field-separator"),
    ('h', "host"),
    ('p', "port"),
    ('P', "pset"),
    ('U', "username"),
    ('v', "set"),
];

impl Sql {
    /// Whether the statements, with blanks and semicolons between, are the SQL
    /// that runs.
    pub(super) fn is_tied(&self) -> bool {
        let Some(sources) = sources(&self.command) else {
            return false;
        };
        let blank = |c: char| matches!(c, ' ' | '\t'..='\r' | ';');
        let mut statements = self.statements.iter().map(|one| one.text.as_str());
        for source in sources {
            let mut rest = source.trim_start_matches(blank);
            while !rest.is_empty() {
                let text = statements.next().filter(|text| !text.is_empty());
                let Some(behind) = text.and_then(|text| rest.strip_prefix(text)) else {
                    return false;
                };
                rest = behind.trim_start_matches(blank);
            }
        }
        statements.next().is_none()
    }
}

/// The SQL that a command line of `psql` runs; none where it is not plain.
fn sources(command: &Command) -> Option<Vec<&str>> {
    let (mut texts, mut file) = (Vec::new(), None);
    let mut words = command.argv.iter().enumerate().skip(1);
    while let Some((at, word)) = words.next() {
        let Some(option) = word.strip_prefix('-') else {
            // The database, the user.
            continue;
        };
        let find = |among: &[(char, &str)], letter: char, long: &str| {
            let found = among
                .iter()
                .find(|(short, name)| *short == letter || *name == long);
            found.map(|(short, _)| *short)
        };
        let (letter, long, value) = match option.strip_prefix('-') {
            Some(long) => match long.split_once('=') {
                Some((long, value)) => ('=', long, Some(value)),
                None => ('=', long, None),
            },
            None => {
                let letter = option.chars().next()?;
                let value = &option[letter.len_utf8()..];
                (letter, "=", (!value.is_empty()).then_some(value))
            }
        };
        if find(&FLAGS, letter, long).is_some() && value.is_none() {
            continue;
        }
        let letter = find(&VALUED, letter, long)?;
        let (at, value) = match value {
            Some(value) => (at, value),
            None => words.next().map(|(at, value)| (at, value.as_str()))?,
        };
        match letter {
            'c' => texts.push(value),
            'f' if file.is_some() => return None,
            'f' => file = Some((at, value)),
            'v' if value != "ON_ERROR_STOP=1" => return None,
            _ => {}
        }
    }
    // A program that is a script itself is no source of SQL.
    let script = command.script.as_ref();
    let script = script.filter(|script| script.argument != 0);
    match (file, script, &command.stdin) {
        (None, None, _) if !texts.is_empty() => Some(texts),
        _ if !texts.is_empty() => None,
        (Some((at, _)), Some(script), _) if usize::try_from(script.argument) == Ok(at) => {
            script.text.as_deref().map(|text| vec![text])
        }
        (None | Some((_, "-")), None, Stdin::Bound(input)) => {
            input.text.as_deref().map(|text| vec![text])
        }
        _ => None,
    }
}

impl TerraformPlan {
    /// Whether the last argument is a file that is bound: the plan.
    pub(super) fn is_tied(&self) -> bool {
        let last = self.command.argv.len() - 1;
        let mut files = self.command.files.iter();
        last > 0 && files.any(|file| usize::try_from(file.argument) == Ok(last))
    }
}
