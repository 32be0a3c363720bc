//! Commands that only read: known programs with known options. An option that
//! is not listed here is refused, whatever it does.
//!
//! What a program does by its own configuration, or by an alias or a function
//! of the shell that has its name, cannot be seen here. `docs/HOOKS.md` says so.

use std::path::Path;

/// The table of programs.
const PROGRAMS: &str = include_str!("read_only/programs.txt");

/// One program. Short options stand for themselves; those of `valued` take the
/// rest of the word or the next one.
#[derive(Debug, Default)]
struct Program {
    short: &'static str,
    valued: &'static str,
    long: Vec<&'static str>,
    /// Most words that are no options.
    words: Option<usize>,
}

/// Predicates of find that change nothing and start nothing.
const FIND: &str = "\
    -a -and -atime -cmin -ctime -daystart -depth -empty -executable -false -follow -gid \
    -group -ilname -iname -inum -ipath -iregex -links -lname -ls -maxdepth -mindepth \
    -mmin -mount -mtime -name -newer -nogroup -not -nouser -o -or -path -perm -print \
    -print0 -printf -prune -quit -readable -regex -regextype -samefile -size -true -type \
    -uid -user -wholename -writable -xdev -H -L -P";

/// Whether these words only read; else what speaks against it.
pub(crate) fn check(words: &[&str], cwd: &Path) -> Result<(), String> {
    let unknown = || Err(format!("`{}` is not known to only read", words.join(" ")));
    let Some((name, rest)) = words.split_first() else {
        return unknown();
    };
    match *name {
        "find" => find(rest),
        "git" => git(rest, cwd),
        name => match Program::find(name) {
            Some(program) => program.takes(name, rest),
            None => unknown(),
        },
    }
}

fn find(words: &[&str]) -> Result<(), String> {
    let unknown = words
        .iter()
        .find(|word| word.starts_with('-') && !is_predicate(word) && !is_number(word));
    match unknown {
        Some(word) => Err(format!("`find` with `{word}` is not known to only read")),
        None => Ok(()),
    }
}

fn is_predicate(word: &str) -> bool {
    FIND.split_ascii_whitespace().any(|known| known == word)
}

/// An argument such as `-7` in `-mtime -7` or `-10k` in `-size -10k`.
fn is_number(word: &str) -> bool {
    word[1..].starts_with(|first: char| first.is_ascii_digit())
}

fn git(words: &[&str], cwd: &Path) -> Result<(), String> {
    let words = match words {
        ["--no-pager", rest @ ..] => rest,
        words => words,
    };
    let Some((name, rest)) = words.split_first() else {
        return Err("`git` alone is not known to only read".into());
    };
    let Some(program) = Program::find(&format!("git-{name}")) else {
        return Err(format!("`git {name}` is not known to only read"));
    };
    if in_bare_repository(cwd) {
        return Err("git may start programs that this repository's configuration names".into());
    }
    program.takes(&format!("git {name}"), rest)
}

/// Whether git could take a folder for a repository that is none of `.git`'s:
/// such a folder can come with a clone, configuration and all. Git goes by the
/// folder behind all links. A `HEAD` is enough, be it a link that leads nowhere:
/// the rest may stand where `commondir` says.
fn in_bare_repository(cwd: &Path) -> bool {
    let Ok(cwd) = cwd.canonicalize() else {
        return true;
    };
    let found = cwd.ancestors().find_map(|folder| {
        if folder.join("HEAD").symlink_metadata().is_ok() {
            return Some(true);
        }
        folder.join(".git").exists().then_some(false)
    });
    found.unwrap_or(false)
}

impl Program {
    fn find(name: &str) -> Option<Self> {
        let mut lines = PROGRAMS.lines().filter(|line| !line.starts_with('#'));
        let first = lines.find(|line| {
            let names = line.split(' ').next().unwrap_or_default();
            !names.is_empty() && names.split(',').any(|one| one == name)
        })?;
        let more = lines.take_while(|line| line.starts_with(' '));
        let options = first.split(' ').skip(1);
        Some(Self::of(
            options.chain(more.flat_map(str::split_whitespace)),
        ))
    }

    fn of(options: impl Iterator<Item = &'static str>) -> Self {
        let mut program = Self::default();
        for option in options {
            if let Some(long) = option.strip_prefix("--") {
                program.long.push(long);
            } else if let Some(letters) = option.strip_prefix('-') {
                match letters.strip_suffix(':') {
                    Some(valued) => program.valued = valued,
                    None => program.short = letters,
                }
            } else {
                // What is no number lets no words follow.
                program.words = Some(option.parse().unwrap_or_default());
            }
        }
        program
    }

    fn takes(&self, name: &str, words: &[&str]) -> Result<(), String> {
        let refuse = |word: &str| Err(format!("`{name}` with `{word}` is not known to only read"));
        let mut positional = 0_usize;
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            if *word == "--" {
                // The program may take the `--` for a value and go on.
                if let Some(option) = rest.clone().find(|word| word.starts_with('-')) {
                    return refuse(option);
                }
                positional = positional.saturating_add(rest.len());
                break;
            } else if let Some(long) = word.strip_prefix("--") {
                let name = long.split_once('=').map_or(long, |(name, _)| name);
                // `%G` has git start a program that checks signatures, also
                // with something in between: `%+G`.
                if !self.long.contains(&name) || (long.contains('%') && long.contains('G')) {
                    return refuse(word);
                }
            } else if let Some(letters) =
                word.strip_prefix('-').filter(|letters| !letters.is_empty())
            {
                match self.value_follows(letters) {
                    None => return refuse(word),
                    Some(false) => {}
                    // Where the value may be left out, this is an option.
                    Some(true) => match rest.next() {
                        Some(value) if value.starts_with('-') => return refuse(value),
                        _ => {}
                    },
                }
            } else {
                positional = positional.saturating_add(1);
            }
        }
        if self.words.is_some_and(|most| positional > most) {
            return refuse(words.last().unwrap_or(&""));
        }
        Ok(())
    }

    /// Whether the next word is the value of these letters; `None` when one of
    /// them is not known, or could be an option where a value should be.
    fn value_follows(&self, letters: &str) -> Option<bool> {
        for (at, letter) in letters.char_indices() {
            if self.valued.contains(letter) {
                let value = &letters[at + letter.len_utf8()..];
                let may_be_options = value.contains(|one: char| one.is_ascii_alphabetic());
                return (!may_be_options).then_some(value.is_empty());
            }
            if !self.short.contains(letter) {
                return None;
            }
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn only_reads(line: &str) -> bool {
        let words: Vec<_> = line.split(' ').collect();
        check(&words, Path::new("/")).is_ok()
    }

    #[test]
    fn what_only_reads_passes() {
        for line in [
            "ls -la src",
            "cat a b",
            "head -20 x",
            "head -n 20 x",
            "tail -n5 x",
            "grep -rn --include=*.rs x src",
            "rg -n x",
            "find . -name *.rs -mtime -7 -type f",
            "git status",
            "git status --short",
            "git log --oneline -5",
            "git --no-pager diff --stat HEAD~1",
            "git diff -- a b",
            "git show HEAD",
            "git branch -a",
            "git rev-parse --short HEAD",
            "sort -k2,2 x",
            "wc -l x",
            "uniq -c x",
            "pwd",
            "ls -- a b",
            "ls -I x -l",
            "cut -d, -f1 x",
            "tree -L 2 src",
            "tree -L2 src",
            "git remote -v",
            "git log --format=%h",
        ] {
            assert!(only_reads(line), "{line}");
        }
    }

    #[test]
    fn whatever_could_write_or_start_something_does_not() {
        for line in [
            "rm x",
            "touch x",
            "tee x",
            "sh x",
            "xargs rm",
            "env ls",
            "sudo ls",
            "/bin/ls",
            "./ls",
            "awk x",
            "sed x",
            "sort -o out x",
            "sort -ro out x",
            "sort --output=out x",
            "sort --o=out x",
            "sort --compress-program=x y",
            "sort -T /tmp x",
            "uniq in out",
            "find . -delete",
            "find . -exec rm x",
            "find . -ok rm",
            "find . -fprint x",
            "find . -fls x",
            "find . -execdir x",
            "find . -fprintf x y",
            "rg --pre x y",
            "rg --hostname-bin=x y",
            "rg -z x",
            "tree -o out",
            "file -C -m x",
            "date -s x",
            "git push",
            "git commit -m x",
            "git checkout x",
            "git diff --output=x",
            "git log --output x",
            "git diff --ext-diff",
            "git show --textconv",
            "git log -O x",
            "git -c a=b log",
            "git -C x status",
            "git --git-dir=x log",
            "git branch new",
            "git branch -D x",
            "git branch -f a b",
            "git remote add a b",
            "git stash",
            "git tag x",
            "git config a b",
            "git fetch",
            "git",
            "git --exec-path=x log",
            "git -p log",
            "git log --format=%G?",
            "git log --show-signature",
            "git grep -O x",
            "git cat-file --textconv x",
            "less x",
            "tail -f x",
            "pwd x",
            "ls --x",
            "",
            "git diff -U --output=x",
            "git blame -C --output=x a",
            "git blame -M --output=x a",
            "ls -- -rf",
            "ls -I -- -x",
            "rg --regexp -- --pre=x y",
            "rg -e -- --pre=x y",
            "tree -Lo 2 out",
            "tree -L2o out",
            "tree -PLo x 2 out",
            "git log --format=%+G?",
            "git log --format=%-GS",
        ] {
            assert!(!only_reads(line), "{line}");
        }
    }

    #[test]
    fn no_folder_that_git_could_take_for_a_repository_is_trusted() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let clone = folder.path().join("clone");
        std::fs::create_dir_all(clone.join("link-to/sub")).unwrap();
        std::fs::create_dir_all(clone.join("common")).unwrap();
        std::fs::create_dir(clone.join(".git")).unwrap();
        let status = |cwd: &str| check(&["git", "status"], &folder.path().join(cwd));
        assert!(status("clone/common").is_ok() && status("clone/link-to").is_ok());
        // All but `HEAD` is elsewhere.
        std::fs::write(clone.join("common/HEAD"), "ref: refs/heads/main").unwrap();
        assert!(status("clone/common").is_err());
        symlink("refs/heads/main", clone.join("link-to/HEAD")).unwrap();
        assert!(status("clone/link-to").is_err());
        // Another `.git` on the way there.
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        symlink(clone.join("link-to/sub"), folder.path().join("short")).unwrap();
        assert!(status("short").is_err());
        assert!(status("gone").is_err());
        // A `.git` that is none leaves the folder itself.
        std::fs::create_dir(clone.join("common/.git")).unwrap();
        assert!(status("clone/common").is_err());
    }

    #[test]
    fn a_repository_that_came_with_a_clone_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let bare = folder.path().join("clone/sub");
        std::fs::create_dir_all(bare.join("objects")).unwrap();
        std::fs::write(bare.join("HEAD"), "").unwrap();
        std::fs::create_dir(folder.path().join("clone/.git")).unwrap();
        let status = |cwd: &Path| check(&["git", "status"], cwd);
        assert!(status(&bare).is_err());
        assert!(status(&bare.join("objects")).is_err());
        assert!(status(&folder.path().join("clone")).is_ok());
    }
}
