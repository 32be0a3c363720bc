//! Asks git how things stand, so that nothing runs that the repository names
//! and nothing is hidden that it hides.

use std::collections::BTreeMap;
use std::time::Duration;

use vidimus_protocol::action::{Commit, MAX_COMMITS, RefUpdate};

use crate::exec::asker::Asker;
use crate::out::visible;

const PATIENCE: Duration = Duration::from_secs(60);
/// Most branches of the other repository that are looked at; with fewer of
/// them more commits count as gained or lost, never less.
const MOST_BRANCHES: usize = 1000;

/// Settings that start no program and take commits for what they are.
const PINNED: &[&str] = &[
    "core.commitGraph=false",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.sshCommand=ssh -oBatchMode=yes",
    "credential.helper=",
    "push.negotiate=false",
];
const VARIABLES: &[(&str, &str)] = &[
    // No transport that a program of its own carries.
    ("GIT_ALLOW_PROTOCOL", "file:http:https:ssh"),
    // Nobody is there to be asked for a password.
    ("GIT_ASKPASS", ""),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    // History as its objects have it, without what a folder puts over it.
    ("GIT_GRAFT_FILE", "/dev/null"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_SHALLOW_FILE", ""),
];

/// What the references of the other repository name: branches, and those that
/// were asked for.
pub(super) type There = BTreeMap<String, String>;

/// A setting: where it stands, its name and its value.
struct Setting {
    scope: String,
    name: String,
    value: String,
}

pub(super) struct Git<'a> {
    asker: Asker<'a>,
    /// Options of git itself.
    global: Vec<String>,
    settings: Vec<Setting>,
}

impl<'a> Git<'a> {
    /// Reads the settings. Those that rewrite URLs are refused.
    pub(super) async fn new(asker: Asker<'a>, global: &[String]) -> Result<Self, String> {
        let mut git = Self {
            asker,
            global: global.to_vec(),
            settings: Vec::new(),
        };
        let listed = git
            .ask(&["config", "--list", "--show-scope", "--null"])
            .await?;
        git.settings = settings(&listed)?;
        let rewrites = |one: &&Setting| {
            one.name.starts_with("url.")
                && (one.name.ends_with(".insteadof") || one.name.ends_with(".pushinsteadof"))
        };
        if let Some(one) = git.settings.iter().find(rewrites) {
            return Err(turned(&one.name));
        }
        let pinned = PINNED.iter().map(ToString::to_string);
        // How their own user reaches a remote is not the repository's to say.
        let users = git.settings.iter().filter(|one| {
            matches!(one.scope.as_str(), "system" | "global")
                && (one.name.starts_with("credential.") || one.name == "core.sshcommand")
        });
        let users = users.map(|one| format!("{}={}", one.name, one.value));
        let pins = pinned.chain(users).flat_map(|one| ["-c".to_owned(), one]);
        git.global.extend(pins);
        Ok(git)
    }

    async fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        let global = self.global.iter().map(String::as_str);
        let all: Vec<_> = global.chain(arguments.iter().copied()).collect();
        self.asker.ask(&all, VARIABLES, PATIENCE).await
    }

    /// All values of a setting, the one that counts last.
    fn values(&self, name: &str) -> Vec<&str> {
        let settings = self.settings.iter().filter(|one| one.name == name);
        settings.map(|one| one.value.as_str()).collect()
    }

    /// Where the push goes: a URL that is looked up nowhere.
    pub(super) async fn url(&self, named: Option<&str>) -> Result<String, String> {
        let name = match named {
            Some(name) => name.to_owned(),
            None => self.default_remote().await?,
        };
        let mut urls = self.values(&format!("remote.{name}.pushurl"));
        if urls.is_empty() {
            urls = self.values(&format!("remote.{name}.url"));
        }
        let url = match urls.as_slice() {
            [] if name.contains('/') => name,
            [] => {
                return Err(format!(
                    "`{}` is no remote of this repository: name one, or a URL, or a path with a `/`",
                    visible(&name)
                ));
            }
            [url] => (*url).to_owned(),
            urls => {
                return Err(format!(
                    "the remote `{}` pushes to {} places at once: push to each URL by itself",
                    visible(&name),
                    urls.len()
                ));
            }
        };
        self.goes_to(&url)?;
        Ok(url)
    }

    /// Refuses a URL that git would look up when it runs, or that shows a
    /// password.
    pub(super) fn goes_to(&self, url: &str) -> Result<(), String> {
        let section = |one: &Setting| {
            let rest = one.name.strip_prefix("remote.")?;
            rest.rsplit_once('.').map(|(name, _)| name == url)
        };
        if let Some(one) = self.settings.iter().find(|one| section(one) == Some(true)) {
            return Err(turned(&one.name));
        }
        if !url.contains('/') {
            return Err(format!(
                "`{}` could be the name of a remote: write it as a URL, or as a path with a `/`",
                visible(url)
            ));
        }
        without_password(url)
    }

    async fn default_remote(&self) -> Result<String, String> {
        // Where no branch is checked out this is `HEAD`, of which there are no settings.
        let branch = self.ask(&["rev-parse", "--abbrev-ref", "HEAD"]).await?;
        let branch = branch.trim_end();
        let places = [
            format!("branch.{branch}.pushremote"),
            "remote.pushdefault".into(),
            format!("branch.{branch}.remote"),
        ];
        let found = places.iter().find_map(|place| self.values(place).pop());
        Ok(found.unwrap_or("origin").to_owned())
    }

    /// What would move, as `git push --dry-run --porcelain` says it.
    pub(super) async fn dry_run(&self, push: &[String]) -> Result<String, String> {
        let mut all = vec![
            "push",
            "--dry-run",
            "--porcelain",
            "--no-verify",
            "--no-signed",
            "--no-recurse-submodules",
            "--receive-pack=git-receive-pack",
        ];
        all.extend(push.iter().map(String::as_str));
        self.ask(&all).await
    }

    pub(super) async fn there(&self, url: &str) -> Result<There, String> {
        let upload = "--upload-pack=git-upload-pack";
        let answer = self.ask(&["ls-remote", upload, "--", url]).await?;
        let found = answer.lines().filter_map(|line| line.split_once('\t'));
        Ok(found
            .map(|(id, name)| (name.to_owned(), id.to_owned()))
            .collect())
    }

    /// The object of a name; none for an empty one.
    pub(super) async fn object(&self, name: &str) -> Result<Option<String>, String> {
        if name.is_empty() {
            return Ok(None);
        }
        let id = self.ask(&["rev-parse", "--verify", name]).await?;
        Ok(Some(id.trim_end().to_owned()))
    }

    /// Whether an object has a history: a tree or a blob has none.
    async fn is_commit(&self, id: &str) -> Result<bool, String> {
        let peeled = format!("{id}^{{}}");
        let sort = self.ask(&["cat-file", "-t", &peeled]).await?;
        Ok(sort.trim_end() == "commit")
    }

    /// How a reference goes from what it names there to `new`.
    pub(super) async fn update(
        &self,
        name: &str,
        new: Option<String>,
        there: &There,
    ) -> Result<RefUpdate, String> {
        let old = there.get(name).cloned();
        let (mut from, mut to) = (None, None);
        if let Some(old) = &old {
            let known = self.is_commit(old).await.map_err(|why| {
                format!(
                    "`{}` is at {old} there, which is not here, so what it would lose cannot be shown: run `git fetch` first ({why})",
                    visible(name)
                )
            })?;
            from = known.then_some(old.as_str());
        }
        if let Some(new) = &new {
            to = self.is_commit(new).await?.then_some(new.as_str());
        }
        let others = there
            .iter()
            .filter(|(other, _)| other.starts_with("refs/heads/") && *other != name);
        let others: Vec<_> = others
            .map(|(_, id)| id.as_str())
            .take(MOST_BRANCHES)
            .collect();
        let beyond = |other: Option<&'_ str>| match other {
            Some(other) => vec![other.to_owned()],
            None => others.iter().map(ToString::to_string).collect(),
        };
        let mut update = RefUpdate {
            commits: Vec::new(),
            lost: 0,
            more: 0,
            name: name.to_owned(),
            new: new.clone(),
            old: old.clone(),
        };
        if let Some(to) = to {
            let without = beyond(from);
            let gained = self.count(to, &without).await?;
            update.commits = self.commits(to, &without).await?;
            let listed = u64::try_from(update.commits.len()).unwrap_or(u64::MAX);
            update.more = gained.saturating_sub(listed);
        }
        if let Some(from) = from {
            update.lost = self.count(from, &beyond(to)).await?;
        }
        Ok(update)
    }

    async fn count(&self, of: &str, without: &[String]) -> Result<u64, String> {
        let count = self.walk(&["rev-list", "--count"], of, without).await?;
        let count = count.trim().parse();
        count.map_err(|_| "git counts in other numbers".into())
    }

    async fn commits(&self, of: &str, without: &[String]) -> Result<Vec<Commit>, String> {
        let most = format!("--max-count={MAX_COMMITS}");
        let log = [
            "log",
            "--no-color",
            "--no-show-signature",
            "--encoding=UTF-8",
            "--format=%H%x00%an%x00%s",
            &most,
        ];
        let lines = self.walk(&log, of, without).await?;
        let commit = |line: &str| {
            let mut fields = line.splitn(3, '\0');
            Some(Commit {
                id: fields.next()?.to_owned(),
                author: fields.next()?.to_owned(),
                subject: fields.next()?.to_owned(),
            })
        };
        let commits = lines.lines().map(commit).collect::<Option<_>>();
        commits.ok_or_else(|| "git lists commits in another form".into())
    }

    /// What `of` reaches and `without` does not, as far as that is here.
    async fn walk(&self, how: &[&str], of: &str, without: &[String]) -> Result<String, String> {
        let mut all = how.to_vec();
        all.extend(["--ignore-missing", of, "--not"]);
        all.extend(without.iter().map(String::as_str));
        self.ask(&all).await
    }
}

/// `git config --list --show-scope --null`.
fn settings(listed: &str) -> Result<Vec<Setting>, String> {
    let mut fields = listed.split_terminator('\0');
    let mut settings = Vec::new();
    while let Some(scope) = fields.next() {
        let setting = fields.next().ok_or("git lists settings in another form")?;
        let (name, value) = setting.split_once('\n').unwrap_or((setting, "true"));
        settings.push(Setting {
            scope: scope.to_owned(),
            name: name.to_owned(),
            value: value.to_owned(),
        });
    }
    Ok(settings)
}

fn turned(setting: &str) -> String {
    format!(
        "git's setting `{}` decides where a push goes when it runs: take it out, or hold the push as a plain command with `--plain`",
        visible(setting)
    )
}

/// A URL is stored for good: what stands before the host may be a user's name
/// for SSH, and is a password or a token anywhere else.
fn without_password(url: &str) -> Result<(), String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Ok(());
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    let of_ssh = scheme.to_ascii_lowercase().contains("ssh");
    let asks = !of_ssh && rest.contains('?');
    if asks || user.is_some_and(|user| !of_ssh || user.contains(':')) {
        return Err("the remote's URL may hold a password or a token, which would be shown: leave it to a credential helper (`git help credentials`)".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "https://ada:secret@git.example/x",
            "https://ghp_token@git.example/x",
            "HTTP://ghp_token@git.example",
            "https://ghp_token@git.example?x",
            "https://git.example/x?access_token=x",
            "ssh://ada:secret@git.example/x",
            "ftp://ada@git.example/x",
        ] {
            assert!(without_password(url).is_err(), "{url}");
        }
        for fine in [
            "ssh://git@git.example/x",
            "git+ssh://git@git.example/x",
            "git@git.example:a/b",
            "/srv/x.git",
            "https://git.example/a:b@c",
        ] {
            assert_eq!(without_password(fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn settings_are_read_with_their_scope() {
        let read = settings("global\0a.b\nx=\ny\0local\0c.d\0").map(|settings| {
            let three = |one: Setting| [one.scope, one.name, one.value];
            settings.into_iter().map(three).collect::<Vec<_>>()
        });
        let wanted = [["global", "a.b", "x=\ny"], ["local", "c.d", "true"]];
        assert_eq!(read, Ok(wanted.map(|one| one.map(str::to_owned)).to_vec()));
        assert!(settings("global").is_err());
    }
}
