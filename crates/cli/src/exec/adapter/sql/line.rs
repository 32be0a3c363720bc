//! The command line of a `psql` that runs something and ends.

use crate::out::visible;

/// A command line that is known in full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Options that say where it connects.
    pub(super) connection: Vec<String>,
    /// Where the SQL comes from.
    pub(super) source: Source,
    /// Whether it reads no start-up file already.
    without_rc: bool,
    stops_at_errors: bool,
}

/// Where the SQL comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Arguments of `-c`.
    Texts(Vec<String>),
    /// The argument that names the file of `-f`.
    File(usize),
    /// Standard input.
    Input,
}

/// Options that say where it connects, with a value: short, long.
const CONNECTION: &[(&str, &str)] = &[
    ("-d", "--dbname"),
    ("-h", "--host"),
    ("-p", "--port"),
    ("-U", "--username"),
];
/// Options that change how it runs or prints, without a value.
const PLAIN: &[&str] = &[
    "-1",
    "--single-transaction",
    "-a",
    "--echo-all",
    "-A",
    "--no-align",
    "-b",
    "--echo-errors",
    "-e",
    "--echo-queries",
    "-H",
    "--html",
    "-n",
    "--no-readline",
    "-q",
    "--quiet",
    "-t",
    "--tuples-only",
    "-x",
    "--expanded",
    "-w",
    "--no-password",
    "--csv",
];
/// Options that change how it prints, with a value.
const VALUED: &[(&str, &str)] = &[("-P", "--pset"), ("-F", "--field-separator")];
/// The one variable that may be set: any other may stand for anything.
const STOPS: &str = "ON_ERROR_STOP=1";

impl Line {
    /// `None` when it runs nothing by itself: `psql` that only connects.
    pub(super) fn read(argv: &[String]) -> Result<Option<Self>, String> {
        let mut line = Self {
            connection: Vec::new(),
            source: Source::Input,
            without_rc: false,
            stops_at_errors: false,
        };
        let mut texts = Vec::new();
        let mut file = None;
        let mut places = 0;
        let mut at = 1;
        while let Some(word) = argv.get(at) {
            let (name, mut value) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            // Short options may hold their value: `-dshop`.
            let mut short = name;
            if !name.starts_with("--") && name.len() > 2 && name.is_char_boundary(2) {
                short = &name[..2];
                value = Some(name[2..].to_owned());
            }
            let is = |(short_name, long): &(&str, &str)| short == *short_name || name == *long;
            let mut place = at;
            let mut take = |at: &mut usize| {
                if let Some(value) = value.take() {
                    return Ok(value);
                }
                *at += 1;
                place = *at;
                let missing = || format!("`{}` of `psql` needs a value", visible(word));
                argv.get(*at).cloned().ok_or_else(missing)
            };
            if is(&("-c", "--command")) {
                texts.push(take(&mut at)?);
            } else if is(&("-f", "--file")) {
                let name = take(&mut at)?;
                if file.is_some() || argv[place] != name {
                    return Err(
                        "give one file, as `-f FILE` with a blank between, so that it can be bound"
                            .into(),
                    );
                }
                file = Some(match name.as_str() {
                    "-" => Source::Input,
                    _ => Source::File(place),
                });
            } else if CONNECTION.iter().any(is) {
                let value = take(&mut at)?;
                line.connection.extend([short_of(short, name), value]);
            } else if is(&("-v", "--set")) {
                if take(&mut at)? != STOPS {
                    return Err(format!(
                        "a variable of `psql` may change what runs: only `{STOPS}` may be set. Write what it stands for"
                    ));
                }
                line.stops_at_errors = true;
            } else if VALUED.iter().any(is) {
                take(&mut at)?;
            } else if matches!(name, "-X" | "--no-psqlrc") {
                line.without_rc = true;
            } else if matches!(name, "-l" | "--list" | "-V" | "--version" | "--help") {
                return Ok(None);
            } else if PLAIN.contains(&name) {
            } else if name.starts_with('-') {
                return Err(format!(
                    "what `{}` does to `psql` is not known here: leave it out, or hold it as a plain command with `--plain`",
                    visible(word)
                ));
            } else {
                // The database, then the user.
                let option = ["-d", "-U"]
                    .get(places)
                    .ok_or("`psql` takes two names at most")?;
                line.connection.extend([(*option).to_owned(), word.clone()]);
                places += 1;
            }
            at += 1;
        }
        line.source = match (texts.is_empty(), file) {
            (true, file) => file.unwrap_or(Source::Input),
            (false, None) => Source::Texts(texts),
            (false, Some(_)) => {
                return Err(
                    "give either `-c` or `-f`, not both, so that the order is plain".into(),
                );
            }
        };
        let mut values = line.connection.iter().skip(1).step_by(2);
        if values.any(|value| holds_a_password(value)) {
            return Err("there is a password in where it connects, and it would be stored and shown: give it as `--secret PGPASSWORD`".into());
        }
        Ok(Some(line))
    }

    /// How many words stand before the given ones in what runs.
    pub(super) fn added(&self) -> usize {
        usize::from(!self.without_rc) + usize::from(!self.stops_at_errors)
    }

    /// What runs: no start-up file, and an end at the first error.
    pub(super) fn exact(&self, argv: &[String]) -> Vec<String> {
        let mut exact = argv[..1].to_vec();
        if !self.without_rc {
            exact.push("--no-psqlrc".into());
        }
        if !self.stops_at_errors {
            exact.push(format!("--set={STOPS}"));
        }
        exact.extend(argv[1..].iter().cloned());
        exact
    }
}

/// Whether a connection string holds a password or the like. A value that is
/// none is the name of a database, a host or a user.
fn holds_a_password(value: &str) -> bool {
    let lower = value.to_lowercase();
    let named = ["password", "secret", "scram_"]
        .iter()
        .any(|word| lower.contains(word));
    let Some((_, rest)) = value.split_once("://") else {
        return value.contains('=') && named;
    };
    let place = rest.split('/').next().unwrap_or_default();
    let user = place.split_once('@').map_or("", |(user, _)| user);
    // `pass%77ord` is one too.
    let mut options = rest.split(['?', '&']).skip(1);
    let spelled = options.any(|one| one.split('=').next().unwrap_or_default().contains('%'));
    user.contains(':') || named || spelled
}

fn short_of(short: &str, name: &str) -> String {
    let pair = CONNECTION
        .iter()
        .find(|(short_name, long)| short == *short_name || name == *long);
    pair.map_or(short, |(short, _)| short).to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn argv(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    fn read(line: &str) -> Result<Option<Line>, String> {
        Line::read(&argv(line))
    }

    #[test]
    fn where_it_connects_and_what_it_runs() {
        let line = read("psql -h db --port=5433 -Uada -1 -t -c A --command=B shop")
            .unwrap()
            .unwrap();
        assert_eq!(line.connection.join(" "), "-h db -p 5433 -U ada -d shop");
        assert_eq!(line.source, Source::Texts(vec!["A".into(), "B".into()]));
        let line = read("psql -f x.sql shop ada").unwrap().unwrap();
        assert_eq!(line.connection.join(" "), "-d shop -U ada");
        assert_eq!(line.source, Source::File(2));
        assert_eq!(read("psql shop").unwrap().unwrap().source, Source::Input);
        assert_eq!(
            read("psql -f - shop").unwrap().unwrap().source,
            Source::Input
        );
        assert_eq!(read("psql --list").unwrap(), None);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for line in [
            "psql -o out -c A",
            "psql -L log -c A",
            "psql -c A -f x",
            "psql -f x -f y",
            "psql -fx.sql",
            "psql --file=x.sql",
            "psql a b c -c A",
            "psql -c",
            "psql -1c A",
            "psql -f - -c A",
            "psql -f - -f x",
            "psql -f x -f -",
            "psql -v x=1 -f x",
            "psql --set ON_ERROR_STOP=0 -f x",
            "psql -vON_ERROR_STOP=1 -v ON_ERROR_STOP -f x",
            "psql postgres://ada:pw@db/shop -c A",
            "psql postgres:///shop?user=ada&pass%77ord=x -c A",
            "psql -d password=x -c A",
            "psql --dbname=sslpassword=x -c A",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_runs_reads_no_start_up_file_and_ends_at_an_error() {
        let line = argv("psql -f x shop");
        let known = Line::read(&line).unwrap().unwrap();
        let exact = known.exact(&line);
        assert_eq!(
            exact.join(" "),
            "psql --no-psqlrc --set=ON_ERROR_STOP=1 -f x shop"
        );
        assert_eq!(known.added(), 2);
        let again = Line::read(&exact).unwrap().unwrap();
        assert_eq!(again.exact(&exact), exact);
        assert_eq!(again.added(), 0);
        // What looks like it and is none.
        for option in ["-F", "-P"] {
            let line = argv(&format!("psql {option} ON_ERROR_STOP=1 -f x passwords"));
            let known = Line::read(&line).unwrap().unwrap();
            assert_eq!(known.exact(&line)[2], "--set=ON_ERROR_STOP=1");
        }
        assert!(read("psql postgres://ada@db:5432/shop?sslmode=require -c A").is_ok());
    }
}
