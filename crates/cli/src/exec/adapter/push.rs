//! `git push`: the references that move and the commits that they gain or lose.
//!
//! What runs pushes objects, by their ids, to references that must still be
//! where they were (`--force-with-lease`), at the remote's URL. Settings that
//! turn that URL elsewhere are refused, before the proposal and before the
//! start. Spec: `docs/spec/action.md`.

mod git;
mod line;

use vidimus_protocol::action::{Command, GitPush, MAX_REFS, RefUpdate};

use super::Beside;
use crate::exec::asker::Asker;
use crate::exec::plan::Wanted;
use crate::out::{quote, visible};
use git::Git;
use line::Line;

/// What a push does not bind, beyond what no command does.
pub(crate) const NOT_BOUND: &str = "what git's configuration and the repository's hooks start: programs that reach the remote, give it passwords, sign or check the push";

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
    let steers = |name: &&str| name.starts_with("GIT_");
    let mut names = wanted.environment.values().map(|(name, _)| name);
    if let Some(name) = names.find(steers) {
        return Err(format!(
            "the variable `{}` changes what git does: leave it out, or hold the push as a plain command with `--plain`",
            visible(name)
        ));
    }
    // git is given no secret before somebody has agreed to that.
    let environment = wanted.environment.in_clear();
    let asker = Asker {
        name: &wanted.argv[0],
        cwd: &wanted.cwd,
        environment: &environment,
    };
    let git = Git::new(asker, &line.global).await?;
    let url = git.url(line.remote.as_deref()).await?;
    let moves = moves(&git.dry_run(&line.push).await?);
    if !(1..=MAX_REFS).contains(&moves.len()) {
        return Err(match moves.len() {
            0 => "everything is up to date there: nothing would be pushed".into(),
            more => format!("{more} references would move: push at most {MAX_REFS} at once"),
        });
    }
    let there = git.there(&url).await?;
    let mut refs = Vec::new();
    for one in &moves {
        let new = git.object(&one.from).await?;
        refs.push(git.update(&one.name, new, &there).await?);
    }
    wanted.argv = line.exact(&wanted.argv[0], &url, &refs);
    Ok(Beside::Push(Facts { refs, remote: url }))
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

    /// Where the references are now, and that nothing turns the push elsewhere.
    pub(crate) async fn now(&self, asker: &Asker<'_>, argv: &[String]) -> Result<Self, String> {
        let line = Line::read(argv)?.ok_or("it is no push")?;
        let environment = asker.environment.in_clear();
        let asker = Asker {
            environment: &environment,
            ..*asker
        };
        let git = Git::new(asker, &line.global).await?;
        let url = line.remote.as_deref().ok_or("it names no remote")?;
        git.goes_to(url)?;
        let there = git.there(url).await?;
        let mut now = self.clone();
        for one in &mut now.refs {
            let old = there.get(&one.name).cloned();
            if old == one.old && old.is_some() && one.new.is_some() {
                *one = git.update(&one.name, one.new.clone(), &there).await?;
            }
            one.old = old;
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
                "  reference    {}  {} -> {}, {} commits gained, {} lost",
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
}
