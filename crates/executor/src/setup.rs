//! Who asks whom: the agent's profile, its trust file and its gateway, with
//! the command that mends whatever is missing.

use std::path::{Path, PathBuf};

use vidimus_client::home::Home;
use vidimus_client::profile::AgentProfile;
use vidimus_client::tls;
use vidimus_client::{ClientError, Gateway};
use vidimus_protocol::ActionId;
use vidimus_protocol::api::ActionView;
use vidimus_protocol::trust::TrustFile;

use crate::newest::Newest;
use crate::stop::{Stop, Why};
use crate::text::{quote, visible};
use crate::waits::Waits;

/// Everything that talking to the gateway and judging it takes.
#[derive(Debug)]
pub struct Executor {
    /// The agent.
    pub profile: AgentProfile,
    /// What anchors the log.
    pub trust: TrustFile,
    /// The way to the gateway.
    pub gateway: Gateway,
    pub(crate) newest: Newest,
    pub(crate) waits: Waits,
}

impl Executor {
    /// Loads the profile of the agent `wanted`, or the only one. Certificate
    /// authorities: those of the command line, else of the environment, else
    /// of the profile.
    ///
    /// # Errors
    /// A [`Stop`] that names the command that mends what is missing.
    pub fn load(home: &Home, wanted: Option<&str>, ca: Option<&Path>) -> Result<Self, Stop> {
        let path = choose(home, wanted)?;
        let profile =
            AgentProfile::load(&path).map_err(|why| Stop::new(Why::NotSetUp, why.to_string()))?;
        let trust = trust(&profile)?;
        let ca = ca.map(Path::to_owned).or_else(tls::named_by_environment);
        let gateway = profile
            .gateway(ca.as_deref())
            .map_err(|why| problem(&profile, &why))?;
        let newest = Newest::of(home.state().join("logs"), trust.log);
        Ok(Self {
            profile,
            trust,
            waits: Waits::of(gateway.clone()),
            gateway,
            newest,
        })
    }

    /// Where an action of this agent stands, without waiting.
    ///
    /// # Errors
    /// A [`Stop`]; of usage, when the agent has no such action.
    pub async fn look(&self, action: ActionId) -> Result<ActionView, Stop> {
        self.find(action).await?.ok_or_else(|| {
            let agent = visible(&self.profile.name);
            Stop::new(
                Why::Usage,
                format!("the agent `{agent}` has no action {action}"),
            )
        })
    }

    /// The same; `None` when the gateway has never heard of it.
    ///
    /// # Errors
    /// A [`Stop`] when it does not answer.
    pub async fn find(&self, action: ActionId) -> Result<Option<ActionView>, Stop> {
        match self.gateway.action(action, 0, None).await {
            Ok(view) => Ok(Some(view)),
            Err(ClientError::Problem { status: 404, .. }) => Ok(None),
            Err(error) => Err(self.stop(&error)),
        }
    }

    /// What a failed request means for whoever asks.
    #[must_use]
    pub fn stop(&self, error: &ClientError) -> Stop {
        problem(&self.profile, error)
    }
}

/// The profile's file.
fn choose(home: &Home, wanted: Option<&str>) -> Result<PathBuf, Stop> {
    let not_set_up = |words: String| Err(Stop::new(Why::NotSetUp, words));
    let files = files(&home.agents_dir());
    let path = wanted.map(|name| home.agent_profile(name));
    match (path, wanted, files.as_slice()) {
        (Some(path), ..) if files.contains(&path) => Ok(path),
        (_, _, []) => not_set_up(
            "no agent is connected here. Connect one in the console: open `vidimus-console` (without a display: run `vidimus gateway --personal`) and choose *Connect an agent*".into(),
        ),
        (_, Some(wanted), known) => not_set_up(format!(
            "no agent `{}` is connected here; connected: {}",
            visible(wanted),
            names(known)
        )),
        (_, None, [only]) => Ok(only.clone()),
        (_, None, known) => not_set_up(format!(
            "several agents are connected here. Add `--agent NAME` with one of: {}",
            names(known)
        )),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|name| name == "json"))
        .collect();
    files.sort_unstable();
    files
}

/// The agents' names, as `--agent` takes them.
fn names(files: &[PathBuf]) -> String {
    let name = |path: &PathBuf| {
        let loaded = AgentProfile::load(path).map(|profile| profile.name);
        let name = loaded.unwrap_or_else(|_| path.with_extension("").display().to_string());
        quote(&visible(&name))
    };
    files.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn trust(profile: &AgentProfile) -> Result<TrustFile, Stop> {
    let path = Path::new(&profile.trust);
    let bytes = std::fs::read(path).map_err(|why| {
        let words = format!(
            "the trust file `{}` cannot be read ({why}). Connect the agent anew in the console: open `vidimus-console`",
            path.display()
        );
        Stop::new(Why::NotSetUp, words)
    })?;
    let trust = TrustFile::parse(&bytes)
        .map_err(|why| Stop::new(Why::Unproven, format!("`{}`: {why}", path.display())))?;
    if trust.log == profile.log {
        Ok(trust)
    } else {
        Err(Stop::new(
            Why::Unproven,
            format!(
                "the trust file `{}` is for the log {}, and the agent `{}` was connected to the log {}. Nothing is asked. If you have set up a new log, connect the agent anew in the console",
                path.display(),
                trust.log,
                visible(&profile.name),
                profile.log
            ),
        ))
    }
}

/// The gateway's code for what a pause of the agent holds back.
pub(crate) const AGENT_PAUSED: &str = "agent_paused";

fn problem(profile: &AgentProfile, error: &ClientError) -> Stop {
    let agent = &profile.name;
    match error {
        ClientError::Unreachable { url, why, .. } => {
            let cure = if profile.url.is_tls() {
                "Try again, or ask whoever runs it"
            } else {
                "Start it: open `vidimus-console`, or run `vidimus gateway --personal`"
            };
            Stop::new(
                Why::Unreachable,
                format!(
                    "the gateway at {url} does not answer ({}). {cure}",
                    visible(why)
                ),
            )
        }
        ClientError::Problem { status: 401, .. } => Stop::new(
            Why::NotSetUp,
            format!(
                "the gateway does not know the token of the agent `{}`. Connect the agent anew in the console: open `vidimus-console`",
                visible(agent)
            ),
        ),
        ClientError::Problem { problem, .. } if problem.code == AGENT_PAUSED => Stop::new(
            Why::Withdrawn,
            format!(
                "somebody paused the agent `{}`, or this run of it; nothing has run. Asking again is useless until somebody resumes it in the console",
                visible(agent)
            ),
        )
        .over(),
        ClientError::Problem { problem, status } if *status >= 500 => Stop::new(
            Why::Unreachable,
            format!("the gateway cannot answer: {}", visible(&problem.detail)),
        ),
        ClientError::Problem { problem, .. } => Stop::internal(format!(
            "the gateway refuses ({}): {}",
            visible(&problem.code),
            visible(&problem.detail)
        )),
        ClientError::Malformed { .. } => Stop::new(Why::Unproven, visible(&error.to_string())),
        ClientError::BaseUrl(_) | ClientError::Tls(_) => {
            Stop::new(Why::NotSetUp, visible(&error.to_string()))
        }
    }
}
