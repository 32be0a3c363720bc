//! What the hooks go by: a private file that `vidimus install` writes and
//! people edit. Nothing in the environment of an agent changes it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vidimus_client::home::Home;
use vidimus_client::private::{PrivateError, read_private, write_private};
use vidimus_protocol::strict;

use super::rules::Rules;
use crate::hosts::Host;

/// Most bytes of the file.
const MAX: usize = 65_536;
/// Longest time a hook waits for a decision, unless the file says otherwise.
const WAIT_S: u64 = 540;
/// Longest that the file may say.
const MAX_WAIT_S: u64 = 3600;
/// Seconds beyond the waiting in which a release must be through; then the
/// hook says no by itself.
pub(crate) const RELEASE_S: u64 = 40;
/// Seconds beyond the waiting after which the host may end the hook.
const HOST_S: u64 = 60;

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Which agent asks; may be left out when only one is connected.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) agent: Option<String>,
    folders: Folders,
    /// What is passed without asking.
    pub(crate) never_ask: Rules,
    r#type: SettingsType,
    v: u64,
    /// Longest time a hook waits for a decision, seconds.
    pub(crate) wait_s: u64,
}

/// Where everything of Vidimus lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Folders {
    config: PathBuf,
    data: PathBuf,
    state: PathBuf,
}

impl Folders {
    fn of(home: &Home) -> Self {
        Self {
            config: home.config().into(),
            data: home.data().into(),
            state: home.state().into(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum SettingsType {
    #[serde(rename = "vidimus-hooks")]
    Hooks,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error(transparent)]
    File(#[from] PrivateError),
    #[error("`{path}` cannot be used: {why}")]
    Malformed { path: String, why: String },
}

impl Settings {
    /// The usual ones.
    pub(crate) fn new(home: &Home, agent: Option<&str>, host: &Host) -> Self {
        Self {
            agent: agent.map(str::to_owned),
            folders: Folders::of(home),
            never_ask: Rules::of(host),
            r#type: SettingsType::Hooks,
            v: 1,
            wait_s: WAIT_S,
        }
    }

    /// Reads the file.
    pub(crate) fn load(path: &Path) -> Result<Self, SettingsError> {
        let malformed = |why: String| SettingsError::Malformed {
            path: path.display().to_string(),
            why,
        };
        let bytes = read_private(path, MAX as u64)?;
        let settings: Self =
            strict::parse(&bytes, MAX).map_err(|why| malformed(why.to_string()))?;
        if settings.v != 1 {
            return Err(malformed("it is of another version of Vidimus".into()));
        }
        if settings.wait_s == 0 || settings.wait_s > MAX_WAIT_S {
            return Err(malformed(format!(
                "`wait_s` must be between 1 and {MAX_WAIT_S}"
            )));
        }
        let folders = &settings.folders;
        for folder in [&folders.config, &folders.data, &folders.state] {
            if !folder.is_absolute() {
                return Err(malformed(format!(
                    "the folder `{}` is not absolute",
                    folder.display()
                )));
            }
        }
        settings.never_ask.check().map_err(malformed)?;
        Ok(settings)
    }

    /// Writes the file as people read it.
    pub(crate) fn save(&self, path: &Path) -> Result<(), SettingsError> {
        let text = serde_json::to_string_pretty(self).map_err(|why| SettingsError::Malformed {
            path: path.display().to_string(),
            why: why.to_string(),
        })?;
        Ok(write_private(path, format!("{text}\n").as_bytes())?)
    }

    /// Where everything lies.
    pub(crate) fn home(&self) -> Home {
        let Folders {
            config,
            data,
            state,
        } = self.folders.clone();
        // Those of one folder are reached by `--home`.
        match config.parent().map(Home::at) {
            Some(home)
                if (home.config(), home.data(), home.state()) == (&*config, &*data, &*state) =>
            {
                home
            }
            _ => Home::in_folders(data, config, state),
        }
    }

    /// The same in other folders.
    pub(crate) fn at(&self, home: &Home) -> Self {
        Self {
            folders: Folders::of(home),
            ..self.clone()
        }
    }

    /// The timeout that the host gets, seconds.
    pub(crate) fn host_timeout_s(&self) -> u64 {
        self.wait_s + HOST_S
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::args::HookClient;

    #[test]
    fn what_is_written_is_read_and_what_is_wrong_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let path = home.hooks_file("claude");
        let settings = Settings::new(&home, Some("coder"), HookClient::Claude.host());
        settings.save(&path).unwrap();
        let read = Settings::load(&path).unwrap();
        assert_eq!(read, settings);
        assert_eq!(read.home().hook_state(), home.hook_state());
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to, why) in [
            ("\"v\": 1", "\"v\": 2", "another version"),
            ("\"wait_s\": 540", "\"wait_s\": 0", "wait_s"),
            ("\"wait_s\": 540", "\"wait_s\": 999999", "wait_s"),
            (
                "\"wait_s\": 540",
                "\"wait_s\": 540, \"x\": 1",
                "unknown field",
            ),
            ("\"v\": 1", "\"v\": 1, \"v\": 1", "twice"),
            ("\"Read\"", "\"\"", "empty"),
            (
                &format!("\"config\": \"{}", home.config().display()),
                "\"config\": \"here",
                "not absolute",
            ),
        ] {
            assert!(text.contains(from), "{from}");
            write_private(&path, text.replace(from, to).as_bytes()).unwrap();
            let refused = Settings::load(&path).unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
