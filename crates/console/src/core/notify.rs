//! Notifications: they bring an action up, and never decide.

use vidimus_protocol::action::ActionKind;
use vidimus_protocol::id::ActionId;
use vidimus_protocol::state::{ActionState, Life};

use super::approving::ByPolicy;
use super::{Core, now};
use crate::hooks::{About, NotificationRequest, Offers, Urgency};
use crate::inbox::{Headline, agent_name};
use crate::safe_text;
use crate::view::{Event, Problem, Tone, VerdictChoice};

/// An action that expires sooner than this presses.
const PRESSING_MS: u64 = 120_000;

/// Codes of what is said about links that lead nowhere.
const BAD_LINK: &str = "bad_link";
const UNKNOWN_LINK: &str = "unknown_link";

impl Core {
    /// Raises notifications for what waits, and takes those back that do not.
    pub(super) fn notify(&mut self) {
        if self.is_locked() {
            return self.notify_locked();
        }
        let Ok(base) = &self.base else { return };
        let state = base.state();
        let pending: Vec<_> = state
            .waiting()
            .filter(|action| action.life() == Life::Pending)
            .filter(|action| state.starts_at(action, now()).is_none())
            .collect();
        let over: Vec<_> = self
            .notified
            .iter()
            .filter(|id| !pending.iter().any(|action| action.id == **id))
            .copied()
            .collect();
        // Who is in the group is told though they may have been before.
        let escalated: Vec<_> = pending
            .iter()
            .filter_map(|action| Some((action.id, self.escalated_to_us(action)?)))
            .filter(|(id, group)| self.told_of_escalation.get(id) != Some(group))
            .collect();
        let mut raised = Vec::new();
        for action in pending {
            let Some(headline) = base.headlines.get(&action.id) else {
                continue;
            };
            let group = escalated.iter().find(|(id, _)| *id == action.id);
            let group = group.map(|(_, group)| group.as_str());
            let told = self.notified.contains(&action.id) && group.is_none();
            if told || now() >= action.expires_at {
                continue;
            }
            let for_us =
                self.waits_for_us(action) && self.by_policy(base, action) != ByPolicy::NotKnown;
            // Whoever cannot decide it is not called for it, unless it is for their
            // group to see that somebody does.
            if !for_us && group.is_none() {
                continue;
            }
            let asks = format!(
                "{} asks {}",
                agent_name(state, &action.agent),
                match action.kind {
                    ActionKind::Command => "to run a command",
                    ActionKind::FileChange => "to write a file",
                    ActionKind::GitPush => "to push",
                    ActionKind::Json => "to make a change",
                    ActionKind::McpToolCall => "to call a tool",
                    ActionKind::Sql => "to run SQL",
                    ActionKind::TerraformPlan => "to apply a plan",
                }
            );
            let left_ms = action.expires_at.unix_ms().saturating_sub(now().unix_ms());
            raised.push((
                action.id,
                group.map(str::to_owned),
                NotificationRequest {
                    about: About::Action(action.id.to_string()),
                    offers: match for_us {
                        true => Offers::Deciding,
                        false => Offers::Opening,
                    },
                    title: match group {
                        Some(group) => {
                            let group = safe_text::flat(group);
                            format!("{}Escalated to {group}: {asks}", self.named())
                        }
                        None => format!("{}{asks}", self.named()),
                    },
                    body: body(headline),
                    urgency: if left_ms < PRESSING_MS || group.is_some() {
                        Urgency::Critical
                    } else {
                        Urgency::Normal
                    },
                },
            ));
        }
        for id in over {
            self.notified.remove(&id);
            self.told_of_escalation.remove(&id);
            self.setting.hooks.withdraw(&About::Action(id.to_string()));
        }
        for (id, group, request) in raised {
            self.notified.insert(id);
            self.told_of_escalation
                .extend(group.map(|group| (id, group)));
            self.setting.hooks.notify(request);
        }
        self.notify_of_glass();
    }

    /// The last group of this reviewer's that was told of it, unless they have
    /// decided.
    pub(super) fn escalated_to_us(&self, action: &ActionState) -> Option<String> {
        let (state, me) = (self.base().ok()?.state(), self.reviewer()?);
        if action.verdicts.iter().any(|given| given.reviewer == me) {
            return None;
        }
        let mut told = action.escalated.iter().rev();
        let told = told.find(|told| state.told_as(me, &told.group, now()))?;
        Some(told.group.clone())
    }

    pub(super) fn clicked(&mut self, action: &str, choice: Option<VerdictChoice>) {
        if let Ok(action) = action.parse()
            && self.knows(action)
        {
            self.bring_up(action, choice);
        }
    }

    /// What a link says is never repeated on screen: it is not ours.
    pub(super) fn link_followed(&mut self, link: &str) {
        self.notices.remove(BAD_LINK);
        self.notices.remove(UNKNOWN_LINK);
        let problem = match crate::link::parse(link) {
            Some(action) if self.knows(action) => return self.bring_up(action, None),
            Some(_) => Problem::new(
                UNKNOWN_LINK,
                "A link leads to an action that is not in the log of this computer.",
                "Nothing was opened. Open it where it was asked for, or look into the history.",
            ),
            None => Problem::new(
                BAD_LINK,
                "A link was not followed: it is not the address of an action.",
                "Nothing was opened. A link to Vidimus is `vidimus://action/` and an id, and nothing else.",
            ),
        };
        self.notice(Tone::Warning, problem);
    }

    /// The name of a gateway elsewhere, before what is said of it.
    pub(super) fn named(&self) -> String {
        let followed = self.followed.as_ref();
        followed.map_or_else(String::new, |followed| {
            format!("{}: ", safe_text::flat(&followed.about.name))
        })
    }

    pub(super) fn knows(&self, action: ActionId) -> bool {
        self.base
            .as_ref()
            .is_ok_and(|base| base.state().action(&action).is_some())
    }

    /// Whether its approval is of the whole of it, which the compact confirmation
    /// does not show.
    fn is_reviewed_in_full(&self, action: ActionId) -> bool {
        let base = self.base().ok();
        let known = base.and_then(|base| base.state().action(&action));
        known.is_some_and(|known| known.evaluation.full_review)
    }

    /// Shows an action, or keeps it for when anything is shown again.
    pub(super) fn bring_up(&mut self, action: ActionId, confirm: Option<VerdictChoice>) {
        if self.is_locked() {
            self.called = Some((action, confirm));
            return;
        }
        let confirm = confirm
            .filter(|choice| *choice == VerdictChoice::Deny || !self.is_reviewed_in_full(action));
        self.send(
            None,
            Event::Show {
                action: action.to_string(),
                confirm,
            },
        );
    }
}

/// What an action does and where, for a notification.
pub(super) fn body(headline: &Headline) -> String {
    format!("{}\n{}", brief(&headline.title), brief(&headline.target))
}

/// Text for a notification: one line, nothing hidden, cut with an ellipsis.
fn brief(text: &str) -> String {
    const LENGTH: usize = 160;
    let flat = safe_text::flat(text);
    match flat.char_indices().nth(LENGTH) {
        Some((at, _)) => format!("{}…", &flat[..at]),
        None => flat,
    }
}
