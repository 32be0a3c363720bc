//! Signing in, connecting an agent, deciding.

use std::path::{Path, PathBuf};

use vidimus_client::AgentProfile;
use vidimus_protocol::action::{MAX_TEXT, TEXT_TYPE};
use vidimus_protocol::api::VerdictExtras;
use vidimus_protocol::envelope::{ActType, AgentItem, SessionItem, VerdictItem, token_hash};
use vidimus_protocol::id::{AgentId, ExecutorId};
use vidimus_protocol::state::{ActionState, MIN_URGENT_REASON, Route as KeyRoute};
use vidimus_protocol::{Digest, Time};

use super::setup::{KEY_FILE, SESSION_S};
use super::views::route_view;
use super::{After, Base, Core, Message, now};
use crate::act::{self, Draft, Extras, Key, Pinned, content, item, random, token};
use crate::board::FrontId;
use crate::followed::Followed;
use crate::view::{CeremonyPurpose, Phase, Problem, Reply, Tone, VerdictChoice};

/// Longest name of an agent.
const MAX_AGENT_NAME: usize = 40;

impl Core {
    pub(super) fn sign_in(&mut self, front: &FrontId) -> Result<Reply, Problem> {
        self.no_prompt_yet()?;
        let base = self.base()?;
        if self.session.is_some() && *front == FrontId::Desktop && !self.is_locked() {
            return Ok(Reply::Accepted);
        }
        Self::no_software_in_browser(route_view(base.key_route()), front)?;
        let session_token = token();
        let expires_at = now().plus_seconds(SESSION_S);
        let items = vec![item(&SessionItem {
            expires_at,
            token_hash: token_hash(session_token.expose()),
        })];
        let draft = self.draft(ActType::SessionOpened, items, Extras::Nothing, None)?;
        let after = After::OpenSession {
            token: session_token,
            expires_at,
        };
        self.act(CeremonyPurpose::SignIn, draft, after, "sign in", front)
    }

    pub(super) fn connect_agent(
        &mut self,
        name: &str,
        owner: Option<&str>,
        front: &FrontId,
    ) -> Result<Reply, Problem> {
        self.may_sign()?;
        self.must_administer()?;
        if !name_is_fit(name) {
            return Err(Problem::new(
                "bad_agent_name",
                format!("An agent's name has 1 to {MAX_AGENT_NAME} letters, digits, `-` or `_`."),
                "Choose another name.",
            ));
        }
        let taken = self
            .base()?
            .state()
            .agents()
            .any(|agent| agent.name == name);
        if taken || self.setting.home.agent_profile(name).exists() {
            return Err(Problem::new(
                "agent_exists",
                format!("There is an agent named {name} already."),
                "Choose another name.",
            ));
        }
        let owner = match owner {
            Some(owner) => super::statements::reviewer_id(owner)?,
            None => self.reviewer().ok_or_else(not_synced)?,
        };
        let agent = AgentId::from_random(random());
        let executor = ExecutorId::from_random(random());
        let agent_token = token();
        let items = vec![item(&AgentItem {
            agent,
            executor,
            name: name.to_owned(),
            owner,
            token_hash: token_hash(agent_token.expose()),
        })];
        let draft = self.draft(ActType::AgentRegistered, items, Extras::Nothing, None)?;
        let profile = AgentProfile {
            agent,
            executor,
            log: draft.log,
            name: name.to_owned(),
            tls_ca: self.followed.as_ref().and_then(Followed::authority),
            token: agent_token,
            trust: self.setting.files.trust.clone(),
            url: self.base()?.client.base_url().clone(),
        };
        let purpose = CeremonyPurpose::ConnectAgent {
            name: name.to_owned(),
        };
        let after = After::WriteProfile(Box::new(profile));
        let words = format!("connect the agent {name}");
        self.act(purpose, draft, after, &words, front)
    }

    pub(super) fn decide(
        &mut self,
        action: &str,
        choice: VerdictChoice,
        reason: &str,
        front: &FrontId,
    ) -> Result<Reply, Problem> {
        self.may_sign()?;
        let opened = self.opened_here(action, front)?.clone();
        let base = self.base()?;
        let state = base
            .state()
            .action(&opened.action)
            .ok_or_else(super::review::unknown_action)?;
        let blocked = match choice {
            VerdictChoice::BreakGlass => self.glass_blocked(base, state),
            VerdictChoice::Approve | VerdictChoice::Deny => self.blocked(state),
        };
        if let Some(problem) = blocked {
            return Err(problem);
        }
        match choice {
            VerdictChoice::Approve => self.may_approve(base, state, reason)?,
            VerdictChoice::BreakGlass => must_say_why(reason)?,
            VerdictChoice::Deny => {}
        }
        if choice != VerdictChoice::Deny
            && let Some(problem) = opened.unseen()
        {
            return Err(problem);
        }
        if reason.len() > MAX_TEXT {
            return Err(Problem::reason_too_long(reason.len()));
        }
        let (reason, commit) = content(TEXT_TYPE, reason.as_bytes().to_vec())?;
        let items = vec![item(&VerdictItem {
            action: state.id,
            action_digest: opened.digest,
            expires_at: state.expires_at,
            proposal_leaf: state.proposal.leaf,
            reason_commit: commit,
            seen: opened.seen.digest(),
            verdict: choice.verdict(),
        })];
        let extras = VerdictExtras {
            reason,
            seen: opened.seen.clone(),
        };
        let not_after = Some(base.last_moment(state));
        let title = base
            .headlines
            .get(&state.id)
            .map_or_else(String::new, |headline| {
                crate::safe_text::flat(&headline.title)
            });
        let extras = Extras::Verdict(extras);
        let draft = self.draft(ActType::VerdictGiven, items, extras, not_after)?;
        let purpose = CeremonyPurpose::Verdict {
            action: action.to_owned(),
            verdict: choice,
        };
        let words = match choice {
            VerdictChoice::Approve => format!("approve: {title}"),
            VerdictChoice::Deny => format!("deny: {title}"),
            VerdictChoice::BreakGlass => format!("break glass: {title}"),
        };
        self.act(purpose, draft, After::Nothing, &words, front)
    }

    /// What the policy asks of an approval is asked for before any key.
    fn may_approve(&self, base: &Base, action: &ActionState, reason: &str) -> Result<(), Problem> {
        if let Some(problem) = self.approve_blocked(base, action) {
            return Err(problem);
        }
        if action.evaluation.reason_required && reason.trim().is_empty() {
            return Err(Problem::new(
                "reason_missing",
                "The policy wants a reason with each approval of it.",
                "Write down why you approve it.",
            ));
        }
        Ok(())
    }

    /// Whether anything can be signed but a sign-in.
    pub(super) fn may_sign(&self) -> Result<(), Problem> {
        self.no_prompt_yet()?;
        match self.unable() {
            Some(problem) => Err(problem),
            None => Ok(()),
        }
    }

    /// Why nothing can be decided at all, if so.
    pub(super) fn unable(&self) -> Option<Problem> {
        match self.phase() {
            Phase::Ready if self.connection == crate::view::Connection::Live => None,
            Phase::Ready => Some(Problem::new(
                "not_live",
                "The console is not connected to the gateway's log.",
                "Wait until it is live again, then decide.",
            )),
            Phase::Frozen { problem, .. } | Phase::Failed { problem } => Some(problem),
            Phase::UpgradeNeeded { entry } => Some(Problem::new(
                "upgrade_needed",
                format!("This version cannot judge the log beyond entry {entry}."),
                "Install a newer Vidimus, then decide.",
            )),
            Phase::Starting => Some(Problem::new(
                "starting",
                "The console is still starting.",
                "Try again in a moment.",
            )),
            Phase::Setup | Phase::Found | Phase::Enrol { .. } => Some(Problem::new(
                "not_set_up",
                "No key is set up yet.",
                "Set up your key first.",
            )),
            Phase::Claimed { .. } => Some(Problem::new(
                "key_not_admitted",
                "Your key waits for an administrator.",
                "Read its fingerprint aloud to them. Once it is signed for, sign in.",
            )),
            Phase::Locked { .. } => Some(super::lock::locked()),
            Phase::SignedOut => Some(Problem::new(
                "sign_in_first",
                "You are signed out.",
                "Sign in with your key first.",
            )),
        }
    }

    /// An act, but for nonce and time. It pins the log as it was verified here.
    pub(super) fn draft(
        &self,
        r#type: ActType,
        items: Vec<String>,
        extras: Extras,
        not_after: Option<Time>,
    ) -> Result<Draft, Problem> {
        if let Some((problem, _)) = &self.frozen {
            return Err(problem.clone());
        }
        let base = self.base()?;
        let (Some(log), Some(signer)) = (base.mirror.log(), self.reviewer()) else {
            return Err(not_synced());
        };
        let tree = base.replay.tree();
        let pinned = if r#type == ActType::SessionOpened && self.followed.is_some() {
            // The copy may lack the key: it does not grow while one is signed out.
            None
        } else if tree.size() > 0 {
            Some(Pinned {
                size: tree.size(),
                root: Digest(tree.root()),
            })
        } else {
            return Err(not_synced());
        };
        Ok(Draft {
            r#type,
            signer,
            log,
            rp_id: base.client.base_url().host().to_owned(),
            pinned,
            items,
            extras,
            not_after,
        })
    }

    pub(super) fn act(
        &mut self,
        purpose: CeremonyPurpose,
        draft: Draft,
        after: After,
        words: &str,
        front: &FrontId,
    ) -> Result<Reply, Problem> {
        let route = self.base()?.key_route();
        Self::no_software_in_browser(route_view(route), front)?;
        let key = match route {
            KeyRoute::Browser => Key::Page {
                open: *front == FrontId::Desktop,
            },
            KeyRoute::Software => Key::File {
                path: self.setting.files.folder.join(KEY_FILE),
                purpose: format!("Unlock your software key to {words}"),
            },
        };
        let tools = self.begin(purpose, route, after, front);
        let serial = tools.serial;
        let task = self.spawn(async move {
            let end = act::run(draft, key, tools).await;
            Message::CeremonyEnded { serial, end }
        });
        self.carry(task);
        Ok(Reply::Accepted)
    }

    /// A harmless command to hold, once an agent is connected.
    pub(super) fn try_command(&self, base: &Base) -> Option<String> {
        let agent = base
            .state()
            .agents()
            .filter(|agent| name_is_fit(&agent.name) && !agent.revoked)
            .filter(|agent| self.setting.home.agent_profile(&agent.name).exists())
            .max_by_key(|agent| agent.entry.index)?;
        let program = self.vidimus.as_ref()?;
        let home = self.setting.home.root().map_or_else(String::new, |root| {
            format!(" --home {}", shell_word(&root.display().to_string()))
        });
        Some(format!(
            "{}{home} exec --agent {} -- /usr/bin/env",
            shell_word(&program.display().to_string()),
            agent.name
        ))
    }

    /// Says once where the `vidimus` command is missing.
    pub(super) fn look_for_command(&mut self) {
        self.vidimus = find_command();
        if self.vidimus.is_none() {
            self.notice(
                Tone::Warning,
                Problem::new(
                    "no_vidimus_command",
                    "The `vidimus` command was not found beside this program or in PATH.",
                    "Install it, then start the console again: agents need it to hold their commands.",
                ),
            );
        }
    }
}

/// Whether an agent can have this name: it is also a file name.
pub(super) fn name_is_fit(name: &str) -> bool {
    (1..=MAX_AGENT_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

pub(super) fn not_synced() -> Problem {
    Problem::new(
        "not_synced",
        "This console has no copy of the log yet.",
        "Wait until it has caught up, then try again.",
    )
}

/// The `vidimus` command: beside this program, else in PATH.
fn find_command() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|program| {
        // The headless console is the command itself.
        if program.file_name().is_some_and(|name| name == "vidimus") {
            return Some(program);
        }
        Some(program.parent()?.join("vidimus"))
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    beside
        .into_iter()
        .chain(std::env::split_paths(&path).map(|folder| folder.join("vidimus")))
        .find(|program| program.is_absolute() && is_program(program))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path)
        .is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

fn shell_word(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    if word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Whoever breaks glass says more than a word.
fn must_say_why(reason: &str) -> Result<(), Problem> {
    let said = u64::try_from(reason.trim().len()).unwrap_or(u64::MAX);
    if said >= MIN_URGENT_REASON {
        return Ok(());
    }
    Err(Problem::new(
        "reason_missing",
        format!("Whoever breaks glass says why, in {MIN_URGENT_REASON} characters at least."),
        "Write down what cannot wait, for those who review it.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_name_is_a_plain_file_name() {
        assert!(name_is_fit("claude-code_2"));
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a b",
            "é",
            "x\u{202e}",
            &"x".repeat(41),
        ] {
            assert!(!name_is_fit(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_path_with_blanks_is_quoted() {
        assert_eq!(shell_word("/usr/bin/vidimus"), "/usr/bin/vidimus");
        assert_eq!(shell_word("/a b/it's"), r"'/a b/it'\''s'");
    }
}
