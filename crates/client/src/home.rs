//! Where everything lies: one place computes the paths.
//!
//! Below one folder when `VIDIMUS_HOME` (or `--home`) names it, else as the
//! XDG base directory specification says. Out of scope: what the files hold.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use vidimus_protocol::ActionId;

/// The variable that names one folder for everything.
pub const VARIABLE: &str = "VIDIMUS_HOME";
/// What a profile's file name ends in.
const SUFFIX: &str = ".json";

/// The folders of one installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: Option<PathBuf>,
    data: PathBuf,
    config: PathBuf,
    state: PathBuf,
}

/// Why there is no place to work in.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Nothing says where to work.
    #[error("no folder to work in: set `HOME` or `{VARIABLE}`")]
    NoHome,
    /// The named folder cannot be made absolute.
    #[error("`{path}` cannot be used as the folder to work in: {why}")]
    Unusable {
        /// The folder.
        path: String,
        /// What the system said.
        why: String,
    },
}

impl Home {
    /// The folder on the command line, else that of the environment.
    ///
    /// # Errors
    /// [`HomeError`]
    pub fn find(explicit: Option<&Path>) -> Result<Self, HomeError> {
        Self::find_in(explicit, |name| std::env::var_os(name))
    }

    /// Everything below `root`, which is absolute.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self {
            root: Some(root.to_owned()),
            data: root.join("data"),
            config: root.join("config"),
            state: root.join("state"),
        }
    }

    /// Folders that were written down once, whatever the environment says now.
    #[must_use]
    pub fn in_folders(data: PathBuf, config: PathBuf, state: PathBuf) -> Self {
        Self {
            root: None,
            data,
            config,
            state,
        }
    }

    fn find_in(
        explicit: Option<&Path>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, HomeError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let named = explicit
            .map(Path::to_owned)
            .or_else(|| set(VARIABLE).map(PathBuf::from));
        if let Some(named) = named {
            return std::path::absolute(&named)
                .map(|root| Self::at(&root))
                .map_err(|error| HomeError::Unusable {
                    path: named.display().to_string(),
                    why: error.to_string(),
                });
        }
        let home = set("HOME")
            .map(PathBuf::from)
            .filter(|home| home.is_absolute());
        let base = |name: &str, usual: &str| {
            // The specification says to ignore what is not absolute.
            set(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| home.as_ref().map(|home| home.join(usual)))
                .map(|base| base.join("vidimus"))
                .ok_or(HomeError::NoHome)
        };
        Ok(Self {
            root: None,
            data: base("XDG_DATA_HOME", ".local/share")?,
            config: base("XDG_CONFIG_HOME", ".config")?,
            state: base("XDG_STATE_HOME", ".local/state")?,
        })
    }

    /// The one folder that was named, if one was: what `--home` needs to come
    /// here again.
    #[must_use]
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// What must not be lost.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Who asks where.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// What is on its way.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The gateway's ledger, keys and port.
    #[must_use]
    pub fn gateway_dir(&self) -> PathBuf {
        self.data.join("gateway")
    }

    /// The console's mirror and software key.
    #[must_use]
    pub fn console_dir(&self) -> PathBuf {
        self.data.join("console")
    }

    /// The console's mirror.
    #[must_use]
    pub fn mirror_file(&self) -> PathBuf {
        self.console_dir().join("mirror.db")
    }

    /// The trust file of this computer's log.
    #[must_use]
    pub fn trust_file(&self) -> PathBuf {
        self.data.join("trust.json")
    }

    /// The gateways elsewhere that the console follows, a folder each.
    #[must_use]
    pub fn followed_dir(&self) -> PathBuf {
        self.data.join("gateways")
    }

    /// The folder of one of them, by host and port as in its address: directly
    /// in [`Home::followed_dir`], whatever the name says.
    #[must_use]
    pub fn followed(&self, authority: &str) -> PathBuf {
        self.followed_dir().join(file_name(authority))
    }

    /// The agents' profiles.
    #[must_use]
    pub fn agents_dir(&self) -> PathBuf {
        self.config.join("agents")
    }

    /// The profile of the agent of that name. Every name gets a file of its
    /// own, directly in [`Home::agents_dir`].
    #[must_use]
    pub fn agent_profile(&self, name: &str) -> PathBuf {
        self.agents_dir().join(file_name(name) + SUFFIX)
    }

    /// Names of the agents that have a profile, sorted.
    ///
    /// # Errors
    /// What the system says when the folder is there and cannot be read.
    pub fn agent_names(&self) -> io::Result<Vec<String>> {
        let files = match std::fs::read_dir(self.agents_dir()) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for file in files {
            // Whatever else lies there was not put there by us.
            names.extend(file?.file_name().to_str().and_then(name_of));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What the hooks of a coding agent go by.
    #[must_use]
    pub fn hooks_file(&self, host: &str) -> PathBuf {
        self.config.join(match host {
            "claude" => "hooks.json".to_owned(),
            other => format!("hooks-{other}.json"),
        })
    }

    /// Calls of coding agents that wait or run.
    #[must_use]
    pub fn hook_state(&self) -> PathBuf {
        self.state.join("hook")
    }

    /// Where `vidimus exec` keeps what waits.
    #[must_use]
    pub fn exec_dir(&self) -> PathBuf {
        self.state.join("exec")
    }

    /// What it needs to resume an action.
    #[must_use]
    pub fn exec_state(&self, action: ActionId) -> PathBuf {
        self.exec_dir().join(format!("{action}.json"))
    }
}

/// A name for people as a file name: what a path or a shell would read
/// otherwise is percent-encoded.
fn file_name(name: &str) -> String {
    let mut out = String::new();
    for (at, character) in name.char_indices() {
        match character {
            '/' | '\\' | '%' => push_encoded(&mut out, character),
            '.' | '-' if at == 0 => push_encoded(&mut out, character),
            control if control.is_control() => push_encoded(&mut out, control),
            plain => out.push(plain),
        }
    }
    out
}

/// The name behind a file name, if it is one of ours.
fn name_of(file: &str) -> Option<String> {
    let stem = file.strip_suffix(SUFFIX)?;
    let mut pieces = stem.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    let name = String::from_utf8(bytes).ok()?;
    (file_name(&name) == stem).then_some(name)
}

fn push_encoded(out: &mut String, character: char) {
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        out.push_str(&format!("%{byte:02X}"));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::HashMap;

    fn find(explicit: Option<&str>, variables: &[(&str, &str)]) -> Result<Home, HomeError> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        Home::find_in(explicit.map(Path::new), |name| {
            variables.get(name).map(OsString::from)
        })
    }

    #[test]
    fn one_folder_holds_everything_when_it_is_named() {
        let variables = [("HOME", "/h"), ("VIDIMUS_HOME", "/v")];
        assert_eq!(find(None, &variables).unwrap(), Home::at(Path::new("/v")));
        let home = find(Some("/x"), &variables).unwrap();
        assert_eq!(home.root(), Some(Path::new("/x")));
        assert_eq!(home.gateway_dir(), Path::new("/x/data/gateway"));
        assert_eq!(home.mirror_file(), Path::new("/x/data/console/mirror.db"));
        assert_eq!(home.trust_file(), Path::new("/x/data/trust.json"));
        assert_eq!(
            home.agent_profile("ci"),
            Path::new("/x/config/agents/ci.json")
        );
        let action = ActionId::from_random([1; 16]);
        assert_eq!(
            home.exec_state(action),
            PathBuf::from(format!("/x/state/exec/{action}.json"))
        );
    }

    #[test]
    fn a_relative_folder_becomes_absolute() {
        let home = find(Some("here"), &[]).unwrap();
        assert!(home.data().is_absolute());
        assert!(home.data().ends_with("here/data"));
    }

    #[test]
    fn else_the_base_directories_count() {
        let home = find(
            None,
            &[
                ("HOME", "/h"),
                ("XDG_DATA_HOME", "/d"),
                ("XDG_STATE_HOME", "s"),
            ],
        )
        .unwrap();
        assert_eq!(home.root(), None);
        assert_eq!(home.data(), Path::new("/d/vidimus"));
        assert_eq!(home.config(), Path::new("/h/.config/vidimus"));
        assert_eq!(
            home.state(),
            Path::new("/h/.local/state/vidimus"),
            "a relative base is ignored"
        );
    }

    #[test]
    fn without_any_folder_there_is_an_error() {
        for variables in [&[][..], &[("HOME", "")], &[("HOME", "relative")]] {
            assert!(matches!(find(None, variables), Err(HomeError::NoHome)));
        }
    }

    #[test]
    fn an_agents_name_never_leaves_its_folder() {
        let home = Home::at(Path::new("/x"));
        for (name, file) in [
            ("Claude Code", "Claude Code.json"),
            ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd.json"),
            ("..", "%2E..json"),
            ("-rf", "%2Drf.json"),
            ("a%2Fb", "a%252Fb.json"),
            ("ärger", "ärger.json"),
        ] {
            assert_eq!(home.agent_profile(name), home.agents_dir().join(file));
        }
    }

    #[test]
    fn a_gateways_name_never_leaves_its_folder() {
        let home = Home::at(Path::new("/x"));
        for (name, folder) in [
            ("gate.example:8443", "gate.example:8443"),
            ("../gateway", "%2E.%2Fgateway"),
        ] {
            assert_eq!(home.followed(name), home.followed_dir().join(folder));
        }
    }

    #[test]
    fn profiles_are_listed_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        assert_eq!(home.agent_names().unwrap(), Vec::<String>::new());
        std::fs::create_dir_all(home.agents_dir()).unwrap();
        let names = ["../x", "100%", "Claude Code", "ärger\u{1}"];
        for name in names {
            std::fs::write(home.agent_profile(name), "").unwrap();
        }
        for other in ["x.txt", "%2", "%2e.json", "%ff.json", "%+1.json"] {
            std::fs::write(home.agents_dir().join(other), "").unwrap();
        }
        assert_eq!(home.agent_names().unwrap(), names);
    }
}
