//! `git push`: the references that move and the commits that they gain or lose.
//!
//! What runs pushes objects, by their ids, to references that must still be
//! where they were (`--force-with-lease`), at the remote's URL: neither a new
//! commit nor a changed configuration changes what moves.

mod line;

use std::collections::HashMap;
use std::time::Duration;

use vidimus_protocol::action::{Command, Commit, GitPush, MAX_COMMITS, RefUpdate};

use super::Beside;
use crate::exec::asker::Asker;
use crate::exec::plan::Wanted;
use crate::out::{quote, visible};
use line::Line;

const PATIENCE: Duration = Duration::from_secs(60);

/// What moves.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    refs: Vec<RefUpdate>,
    remote: String,
}

/// Replaces the command line by one that names objects.
pub(crate) async fn adapt(wanted: &mut Wanted) -> Result<Beside, String> {
    let Some(line) = Line::read(&wanted.argv)? else {
        return Ok(Beside::Nothing);
    };
    let git = Git {
        asker: Asker {
            name: &wanted.argv[0],
            cwd: &wanted.cwd,
            environment: &wanted.environment,
        },
        global: &line.global,
    };
    let url = git.url(line.remote.as_deref()).await?;
    let remote = shown(&url)?;
    let moves = git.dry_run(&line).await?;
    let olds = git
        .olds(&url, moves.iter().map(|one| one.name.as_str()))
        .await?;
    let mut refs = Vec::new();
    for one in &moves {
        refs.push(git.update(one, olds.get(&one.name)).await?);
    }
    wanted.argv = line.exact(&wanted.argv[0], &url, &refs);
    Ok(Beside::Push(Facts { refs, remote }))
}

impl Facts {
    pub(crate) fn restore(push: &GitPush) -> Self {
        Self {
            refs: push.refs.clone(),
            remote: push.remote.clone(),
        }
    }

    pub(crate) fn with(&self, command: Command) -> GitPush {
        GitPush {
            command,
            refs: self.refs.clone(),
            remote: self.remote.clone(),
        }
    }

    /// Where the references are now. The objects cannot have changed.
    pub(crate) async fn now(&self, asker: &Asker<'_>, argv: &[String]) -> Result<Self, String> {
        let line = Line::read(argv)?.ok_or("it is no push")?;
        let url = line.remote.as_deref().ok_or("it names no remote")?;
        let git = Git {
            asker: *asker,
            global: &line.global,
        };
        let names = self.refs.iter().map(|one| one.name.as_str());
        let mut olds = git.olds(url, names).await?;
        let mut now = self.clone();
        for one in &mut now.refs {
            one.old = olds.remove(&one.name);
        }
        Ok(now)
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        let mut lines = vec![format!("  repository   {}", quote(&self.remote))];
        let short = |id: &Option<String>| {
            let short = |id: &String| id.chars().take(12).collect::<String>();
            id.as_ref().map_or_else(|| "nothing".into(), short)
        };
        for one in &self.refs {
            let gained = u64::try_from(one.commits.len()).unwrap_or(u64::MAX);
            lines.push(format!(
                "  reference    {}  {} → {}, {} commits gained, {} lost",
                visible(&one.name),
                short(&one.old),
                short(&one.new),
                gained.saturating_add(one.more),
                one.lost
            ));
        }
        lines
    }
}

/// One line of `git push --dry-run --porcelain`.
#[derive(Debug, PartialEq, Eq)]
struct Move {
    /// What is pushed; empty when the reference is deleted.
    from: String,
    /// The reference, in full.
    name: String,
}

struct Git<'a> {
    asker: Asker<'a>,
    global: &'a [String],
}

impl Git<'_> {
    async fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        let global = self.global.iter().map(String::as_str);
        let all: Vec<_> = global.chain(arguments.iter().copied()).collect();
        // Nobody is there to be asked for a password.
        let quiet = [("GIT_TERMINAL_PROMPT", "0"), ("GIT_OPTIONAL_LOCKS", "0")];
        self.asker.ask(&all, &quiet, PATIENCE).await
    }

    async fn setting(&self, name: &str) -> Option<String> {
        let value = self.ask(&["config", "--get", name]).await.ok()?;
        Some(value.trim_end_matches('\n').to_owned())
    }

    /// Where the push goes, as git itself would decide.
    async fn url(&self, named: Option<&str>) -> Result<String, String> {
        let name = match named {
            Some(name) => name.to_owned(),
            None => self.default_remote().await,
        };
        let Ok(urls) = self
            .ask(&["remote", "get-url", "--push", "--all", &name])
            .await
        else {
            // No remote of that name, so it is a URL or a path itself.
            return Ok(name);
        };
        let urls: Vec<_> = urls.lines().collect();
        match urls.as_slice() {
            [url] => Ok((*url).to_owned()),
            _ => Err(format!(
                "the remote `{}` pushes to {} places at once: push to each URL by itself",
                visible(&name),
                urls.len()
            )),
        }
    }

    async fn default_remote(&self) -> String {
        let head = self
            .ask(&["symbolic-ref", "--quiet", "--short", "HEAD"])
            .await;
        let branch = head.unwrap_or_default();
        let branch = branch.trim_end();
        let places = [
            format!("branch.{branch}.pushRemote"),
            "remote.pushDefault".into(),
            format!("branch.{branch}.remote"),
        ];
        for place in places {
            if let Some(name) = self.setting(&place).await {
                return name;
            }
        }
        "origin".into()
    }

    async fn dry_run(&self, line: &Line) -> Result<Vec<Move>, String> {
        let given: Vec<_> = line.push.iter().map(String::as_str).collect();
        let head = ["push", "--dry-run", "--porcelain", "--no-verify"];
        let all: Vec<_> = head.into_iter().chain(given).collect();
        let moves = moves(&self.ask(&all).await?);
        if moves.is_empty() {
            return Err("everything is up to date there: nothing would be pushed".into());
        }
        Ok(moves)
    }

    /// What the references name now, without those that are not there.
    async fn olds(
        &self,
        url: &str,
        names: impl Iterator<Item = &str>,
    ) -> Result<HashMap<String, String>, String> {
        let names: Vec<_> = names.collect();
        let mut all = vec!["ls-remote", "--", url];
        all.extend(&names);
        let answer = self.ask(&all).await?;
        let found = answer.lines().filter_map(|line| line.split_once('\t'));
        let wanted = found.filter(|(_, name)| names.contains(name));
        Ok(wanted
            .map(|(id, name)| (name.to_owned(), id.to_owned()))
            .collect())
    }

    async fn update(&self, one: &Move, old: Option<&String>) -> Result<RefUpdate, String> {
        let mut update = RefUpdate {
            commits: Vec::new(),
            lost: 0,
            more: 0,
            name: one.name.clone(),
            new: None,
            old: old.cloned(),
        };
        if let Some(old) = old {
            let known = format!("{old}^{{object}}");
            if self.ask(&["cat-file", "-e", &known]).await.is_err() {
                return Err(format!(
                    "`{}` is at {old} there, which is not here, so what it would lose cannot be shown: run `git fetch` first",
                    visible(&one.name)
                ));
            }
        }
        if one.from.is_empty() {
            return Ok(update);
        }
        let new = self
            .ask(&["rev-parse", "--verify", "--quiet", &one.from])
            .await?;
        let new = new.trim_end().to_owned();
        // A tree or a blob has no history.
        let commit = format!("{new}^{{commit}}");
        if self.ask(&["cat-file", "-e", &commit]).await.is_ok() {
            let range: Vec<&str> = match &update.old {
                Some(old) => vec![&new, "--not", old],
                None => vec![&new, "--not", "--remotes"],
            };
            let gained = self.count(&range).await?;
            update.commits = self.commits(&range).await?;
            let listed = u64::try_from(update.commits.len()).unwrap_or(u64::MAX);
            update.more = gained.saturating_sub(listed);
            if let Some(old) = &update.old {
                update.lost = self.count(&[old, "--not", &new]).await.unwrap_or_default();
            }
        }
        update.new = Some(new);
        Ok(update)
    }

    async fn count(&self, range: &[&str]) -> Result<u64, String> {
        let all: Vec<_> = ["rev-list", "--count"]
            .iter()
            .chain(range)
            .copied()
            .collect();
        let count = self.ask(&all).await?;
        count
            .trim()
            .parse()
            .map_err(|_| "git counts in other numbers".into())
    }

    async fn commits(&self, range: &[&str]) -> Result<Vec<Commit>, String> {
        let most = format!("--max-count={MAX_COMMITS}");
        let format = "--format=%H%x00%an%x00%s";
        let head = ["log", "--no-color", "--no-show-signature", &most, format];
        let all: Vec<_> = head.iter().chain(range).copied().collect();
        let lines = self.ask(&all).await?;
        let commit = |line: &str| {
            let mut fields = line.splitn(3, '\0');
            Some(Commit {
                id: fields.next()?.to_owned(),
                author: fields.next()?.to_owned(),
                subject: fields.next()?.to_owned(),
            })
        };
        Ok(lines.lines().filter_map(commit).collect())
    }
}

/// The moves of `git push --dry-run --porcelain`. What git would refuse ends it
/// with an exit code of its own.
fn moves(answer: &str) -> Vec<Move> {
    let mut moves = Vec::new();
    for line in answer.lines() {
        let mut fields = line.split('\t');
        let (Some(flag), Some(names)) = (fields.next(), fields.next()) else {
            continue;
        };
        let Some((from, name)) = names.split_once(':') else {
            continue;
        };
        if flag != "=" {
            moves.push(Move {
                from: from.to_owned(),
                name: name.to_owned(),
            });
        }
    }
    moves
}

/// A URL as it may be shown; a password in it would be stored for good.
fn shown(url: &str) -> Result<String, String> {
    let user = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'))
        .map(|(user, _)| user);
    if user.is_some_and(|user| user.contains(':')) {
        return Err("the remote's URL holds a password, which would be shown: leave it to a credential helper (`git help credentials`)".into());
    }
    Ok(url.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_moves_is_read() {
        let answer = "To /tmp/x\n \trefs/heads/a:refs/heads/a\t1..2\n*\tHEAD:refs/heads/n\t[new branch]\n-\t:refs/heads/d\t[deleted]\n=\trefs/heads/s:refs/heads/s\t[up to date]\nDone\n";
        let names: Vec<_> = moves(answer)
            .into_iter()
            .map(|one| (one.from, one.name))
            .collect();
        let wanted = [
            ("refs/heads/a", "refs/heads/a"),
            ("HEAD", "refs/heads/n"),
            ("", "refs/heads/d"),
        ];
        assert_eq!(
            names,
            wanted.map(|(from, name)| (from.to_owned(), name.to_owned()))
        );
    }

    #[test]
    fn a_password_is_never_shown() {
        assert!(shown("https://ada:secret@git.example/x").is_err());
        for fine in [
            "https://ada@git.example/x",
            "git@git.example:a/b",
            "/srv/x.git",
            "https://git.example/a:b@c",
        ] {
            assert_eq!(shown(fine).unwrap(), fine);
        }
    }
}
