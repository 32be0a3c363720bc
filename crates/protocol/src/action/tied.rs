//! What ties that which stands beside a command to the command: who reads the
//! one has read the other.

use super::{ArgFile, Command, GitPush, RefUpdate, Sql, Stdin, TerraformPlan};

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

/// What stands behind the last slash.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

impl Command {
    /// The file name of `argv[0]`: what the program takes itself for.
    #[must_use]
    pub fn name(&self) -> &str {
        self.argv.first().map_or("", |first| file_name(first))
    }

    /// Whether the program has one of these names, as given and behind all
    /// links. What the file is that has it, only its digest says.
    fn is_named(&self, names: &[&str]) -> bool {
        names.contains(&self.name()) && names.contains(&file_name(&self.program.path))
    }
}

impl GitPush {
    /// Whether the command moves these references there, and nothing else.
    pub(super) fn is_tied(&self) -> bool {
        let words = &self.command.argv[1..];
        let begins = |at: &usize| words[*at..].iter().take(3).eq(&NO_OPTIONS);
        let Some(at) = (0..words.len()).find(begins) else {
            return false;
        };
        let options = words[at + NO_OPTIONS.len()..].iter();
        let options = options.take_while(|word| PUSH_OPTIONS.contains(&word.as_str()));
        let options: Vec<_> = options.cloned().collect();
        let mut env = self.command.env.iter();
        self.command.is_named(&["git"])
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

/// What a command line of `psql` runs, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct SqlRun<'a> {
    /// Values and words that say where it connects; each may be a connection
    /// string.
    pub connections: Vec<&'a str>,
    /// Texts of SQL, in their order.
    pub sources: Vec<&'a str>,
}

impl Sql {
    /// What the command runs; none where it is not plain, which no action that
    /// was read is.
    #[must_use]
    pub fn run(&self) -> Option<SqlRun<'_>> {
        if !self.command.is_named(&["psql"]) {
            return None;
        }
        let words = Words::read(&self.command.argv)?;
        Some(SqlRun {
            sources: words.sources(&self.command)?,
            connections: words.connections,
        })
    }

    /// Whether the statements, with blanks and semicolons between, are the SQL
    /// that runs.
    pub(super) fn is_tied(&self) -> bool {
        let Some(run) = self.run() else {
            return false;
        };
        let blank = |c: char| matches!(c, ' ' | '\t'..='\r' | ';');
        let mut statements = self.statements.iter().map(|one| one.text.as_str());
        for source in run.sources {
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

/// The words of a command line of `psql` that reads no start-up file.
struct Words<'a> {
    connections: Vec<&'a str>,
    file: Option<(usize, &'a str)>,
    texts: Vec<&'a str>,
}

impl<'a> Words<'a> {
    /// None where it is not plain.
    fn read(argv: &'a [String]) -> Option<Self> {
        let (mut connections, mut file, mut texts) = (Vec::new(), None, Vec::new());
        let mut without_rc = false;
        let mut words = argv.iter().enumerate().skip(1);
        while let Some((at, word)) = words.next() {
            let Some(option) = word.strip_prefix('-') else {
                // The database, the user.
                connections.push(word.as_str());
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
            if let (Some(flag), None) = (find(&FLAGS, letter, long), value) {
                without_rc |= flag == 'X';
                continue;
            }
            let letter = find(&VALUED, letter, long)?;
            let (at, value) = match value {
                Some(value) => (at, value),
                None => words.next().map(|(at, value)| (at, value.as_str()))?,
            };
            match letter {
                'c' => texts.push(value),
                'd' => connections.push(value),
                'f' if file.is_some() => return None,
                'f' => file = Some((at, value)),
                'v' if value != "ON_ERROR_STOP=1" => return None,
                _ => {}
            }
        }
        without_rc.then_some(Self {
            connections,
            file,
            texts,
        })
    }

    /// The SQL that runs; none where it is not plain.
    fn sources(&self, command: &'a Command) -> Option<Vec<&'a str>> {
        // A program that is a script itself is no source of SQL.
        let script = command.script.as_ref();
        let script = script.filter(|script| script.argument != 0);
        match (self.file, script, &command.stdin) {
            (None, None, _) if !self.texts.is_empty() => Some(self.texts.clone()),
            _ if !self.texts.is_empty() => None,
            (Some((at, _)), Some(script), _) if usize::try_from(script.argument) == Ok(at) => {
                script.text.as_deref().map(|text| vec![text])
            }
            (None | Some((_, "-")), None, Stdin::Bound(input)) => {
                input.text.as_deref().map(|text| vec![text])
            }
            _ => None,
        }
    }
}

/// Options of the application of a saved plan, with one dash or two, alone or
/// with `=` and a value.
const APPLY_OPTIONS: [&str; 6] = [
    "compact-warnings",
    "input",
    "lock",
    "lock-timeout",
    "no-color",
    "parallelism",
];

impl TerraformPlan {
    /// Whether the command applies the saved plan that its last argument names,
    /// and that is bound.
    pub(super) fn is_tied(&self) -> bool {
        let (argv, files) = (&self.command.argv, &self.command.files);
        let in_folder = argv.get(1).is_some_and(|word| word.starts_with("-chdir="));
        let words = &argv[argv.len().min(1 + usize::from(in_folder))..];
        let [apply, options @ .., plan] = words else {
            return false;
        };
        let known = |word: &String| {
            let option = word.strip_prefix("--").or_else(|| word.strip_prefix('-'));
            let name = option.and_then(|option| option.split('=').next());
            name.is_some_and(|name| APPLY_OPTIONS.contains(&name))
        };
        let mut env = self.command.env.iter();
        let bound = |file: &ArgFile| usize::try_from(file.argument) == Ok(argv.len() - 1);
        self.command.is_named(&["terraform", "tofu"])
            && env.all(|var| !var.name.starts_with("TF_CLI_ARGS"))
            && apply == "apply"
            && options.iter().all(known)
            && !plan.starts_with('-')
            && files.iter().any(bound)
    }
}
