//! Opening an action: what is on screen is what will be signed.

use std::collections::BTreeSet;
use std::time::Instant;

use vidimus_ledger::part;
use vidimus_protocol::Violation;
use vidimus_protocol::action::{Action, CONTEXT_TYPE, Context, PAYLOAD_TYPE, TEXT_TYPE};
use vidimus_protocol::entry::{Decision, Parsed};
use vidimus_protocol::envelope::{Seen, SeenPart};
use vidimus_protocol::id::ActionId;
use vidimus_protocol::state::{ActionState, Life};
use vidimus_protocol::{Digest, Leaf, Time};

use super::approving::ByPolicy;
use super::open::PART_PATIENCE;
use super::{Answer, Base, Core, edits, now, pauses};
use crate::act::sentence;
use crate::board::FrontId;
use crate::inbox::{agent_name, reviewer_name};
use crate::render::sections::{Section, sections};
use crate::render::{self, Known, RENDERER};
use crate::safe_text;
use crate::view::{
    Event, OutputView, Problem, Reply, ReviewView, SafeText, TimelineItem, ToSeeView,
};
use crate::words;

/// What a front has open.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) action: ActionId,
    /// Computed here from the bytes that are shown.
    pub(crate) digest: Digest,
    pub(crate) seen: Seen,
    /// The sections that were on screen to their end.
    saw: BTreeSet<String>,
    /// What was pushed last.
    shown: ReviewView,
}

impl Opened {
    /// Why nobody approves it from here who has not seen more of it, if so.
    pub(super) fn unseen(&self) -> Option<Problem> {
        let left: Vec<&str> = unseen(&self.shown.to_see).collect();
        (!left.is_empty()).then(|| {
            Problem::new(
                "not_seen_in_full",
                format!("Not yet seen: {}.", left.join(", ")),
                "The policy asks for a full review: look at each of it to its end, open what is folded, then approve it.",
            )
        })
    }
}

fn unseen(to_see: &[ToSeeView]) -> impl Iterator<Item = &str> {
    let left = to_see.iter().filter(|one| !one.seen);
    left.map(|one| one.words.as_str())
}

/// A front that waits for an action's parts.
pub(crate) struct Waiting {
    action: ActionId,
    front: FrontId,
    pub(super) reply: Answer,
    until: Instant,
}

impl Core {
    pub(super) fn open_action(&mut self, action: &str, front: &FrontId, reply: Answer) {
        let Ok(id) = action.parse::<ActionId>() else {
            return self.answers.push((reply, Err(unknown_action())));
        };
        match self.show(id, front) {
            Err(problem) if problem.code == NOT_HERE && self.session.is_some() => {
                self.look_at_parts();
                self.waiting.push(Waiting {
                    action: id,
                    front: front.clone(),
                    reply,
                    until: Instant::now() + PART_PATIENCE,
                });
            }
            result => self.answers.push((reply, result)),
        }
    }

    fn show(&mut self, id: ActionId, front: &FrontId) -> Result<Reply, Problem> {
        if let Ok(base) = &mut self.base {
            base.read_back(id);
        }
        let before = self.opened.get(front);
        let before = before.filter(|opened| opened.action == id);
        let saw = before.map_or_else(BTreeSet::new, |opened| opened.saw.clone());
        let (digest, seen, shown) = self.review(id, &saw)?;
        self.opened.insert(
            front.clone(),
            Opened {
                action: id,
                digest,
                seen,
                saw,
                shown: shown.clone(),
            },
        );
        Ok(Reply::Review(Box::new(shown)))
    }

    /// What a front has open, if that is it.
    pub(super) fn opened_here(&self, action: &str, front: &FrontId) -> Result<&Opened, Problem> {
        let opened = self.opened.get(front);
        let opened = opened.filter(|opened| opened.action.to_string() == action);
        opened.ok_or_else(|| {
            Problem::new(
                "not_opened",
                "This action is not open here.",
                "Open it, read what will run, then decide.",
            )
        })
    }

    /// These sections were on screen there to their end.
    pub(super) fn saw(
        &mut self,
        action: &str,
        mut sections: Vec<String>,
        front: &FrontId,
    ) -> Result<Reply, Problem> {
        self.opened_here(action, front)?;
        if let Some(opened) = self.opened.get_mut(front) {
            let shown = |name: &String| opened.shown.to_see.iter().any(|one| one.section == *name);
            sections.retain(shown);
            opened.saw.extend(sections);
            self.refresh_opened();
        }
        Ok(Reply::Accepted)
    }

    /// Answers those whose parts have come.
    pub(super) fn answer_waiting(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            match self.show(waiting.action, &waiting.front) {
                Err(problem) if problem.code == NOT_HERE => self.waiting.push(waiting),
                result => self.answers.push((waiting.reply, result)),
            }
        }
    }

    pub(super) fn give_up_waiting(&mut self) {
        let now = Instant::now();
        let (late, still): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| now >= waiting.until);
        self.waiting = still;
        for waiting in late {
            self.answers.push((waiting.reply, Err(not_here())));
        }
        // Deadlines pass and runs fall silent without an entry.
        if self.has_aged() {
            self.refresh_opened();
        }
    }

    /// Whether an opened action stands elsewhere than was shown.
    fn has_aged(&self) -> bool {
        let Ok(base) = &self.base else { return false };
        self.opened.values().any(|opened| {
            base.state().action(&opened.action).is_some_and(|action| {
                self.summary(base, action) != opened.shown.summary
                    || self.blocked(action) != opened.shown.blocked
                    || self.approve_blocked(base, action) != opened.shown.approve_blocked
                    || self.glass_offer(base, action) != opened.shown.glass
            })
        })
    }

    /// Pushes what changed of the opened actions.
    pub(super) fn refresh_opened(&mut self) {
        let fronts: Vec<_> = self.opened.keys().cloned().collect();
        for front in fronts {
            let Some(opened) = self.opened.get(&front) else {
                continue;
            };
            let Ok((_, seen, view)) = self.review(opened.action, &opened.saw) else {
                continue;
            };
            if let Some(opened) = self.opened.get_mut(&front)
                && opened.shown != view
            {
                opened.seen = seen;
                opened.shown = view.clone();
                self.send(Some(front), Event::Review(Box::new(view)));
            }
        }
    }

    /// Reads the parts from the mirror, holds them against their commits once
    /// more, and shows exactly these bytes.
    fn review(
        &self,
        id: ActionId,
        saw: &BTreeSet<String>,
    ) -> Result<(Digest, Seen, ReviewView), Problem> {
        let base = self.base()?;
        let state = base.state();
        let action = state.action(&id).ok_or_else(unknown_action)?;
        let proposal = action.proposal.index;
        let (payload, digest) =
            base.checked_part(proposal, "payload", PAYLOAD_TYPE, action.digest)?;
        let mut parts = vec![SeenPart {
            commit: digest,
            name: "payload".into(),
        }];
        let context = match action.context {
            None => None,
            Some(commit) => {
                let (bytes, commit) =
                    base.checked_part(proposal, "context", CONTEXT_TYPE, commit)?;
                parts.push(SeenPart {
                    commit,
                    name: "context".into(),
                });
                Some(Context::parse(&bytes).map_err(|error| unreadable("context", error))?)
            }
        };
        let what = Action::parse(&payload).map_err(|error| unreadable("payload", error))?;
        if what.kind() != action.kind {
            return Err(unreadable("payload", "it is of another kind than it says"));
        }
        let owner = state.agent(&action.agent).map(|agent| agent.owner);
        let known = Known {
            agent: agent_name(state, &action.agent),
            agent_id: action.agent.to_string(),
            owner: owner.map_or_else(String::new, |owner| reviewer_name(state, owner)),
            proposed_at: action.proposed_at,
            payload_size: u64::try_from(payload.len()).unwrap_or(u64::MAX),
        };
        let notes = base.notes(action);
        let texts = notes.seen.len();
        parts.extend(notes.seen.iter().cloned());
        parts.sort_by(|one, next| one.name.cmp(&next.name));
        let shown = render::what(&what);
        let (claims, computed) = (
            render::claims(context.as_ref(), action.run.as_ref()),
            render::computed(&what, &known),
        );
        let policy = self.policy_facts(base, action);
        let to_see = match action.life() == Life::Pending && action.evaluation.full_review {
            true => to_see(sections(&shown, texts), saw),
            false => Vec::new(),
        };
        let full = !to_see.is_empty() && unseen(&to_see).next().is_none();
        let view = ReviewView {
            summary: self.summary(base, action),
            marks: render::marks(&shown, &[&claims, &computed, &policy])
                .saturating_add(notes.marks()),
            what: shown,
            claims,
            computed,
            policy,
            agent: action.agent.to_string(),
            run: action.run.as_ref().map(ToString::to_string),
            pauses: state.agent(&action.agent).map_or_else(Vec::new, |agent| {
                let holding = agent.paused(action.run.as_ref());
                pauses::views(state, agent, holding, self.reviewer())
            }),
            edit_blocked: self.edit_blocked(action),
            grant_blocked: self.grant_blocked(action),
            glass: self.glass_offer(base, action),
            broken_glass: (action.broken_glass().last())
                .map(|given| self.glass_view(base, action, given)),
            edited_from: base.edited_from(action, self.reviewer()),
            edited_into: edits::edited_into(state, action, self.reviewer()),
            digest: digest.to_string(),
            entry: action.proposal.index,
            blocked: self.blocked(action),
            approve_blocked: self.approve_blocked(base, action),
            reason_required: action.evaluation.reason_required,
            to_see,
            released: action.evaluation.decision == Decision::Release,
            still_needed: (action.life() == Life::Pending)
                .then(|| base.still_needed(action))
                .flatten(),
            on_expiry: match state.starts_at(action, now()) {
                Some(at) => render::on_start(at),
                None => render::on_expiry(action.expires_at, action.evaluation.quorum),
            },
            approved_by: self.approved_by(base, action),
            takes_back: self.takes_back(base, action),
            quorum: u32::try_from(action.evaluation.quorum).unwrap_or(u32::MAX),
            taken: self.taken(base, action),
            questions: notes.questions,
            flags: notes.flags,
            unusual: Self::unusual(base, action),
            like: self.like(base, action),
            earlier: self.earlier(base, action),
            timeline: base.timeline(id),
            output: base.output(action),
        };
        let seen = Seen {
            full,
            parts,
            renderer: RENDERER.into(),
        };
        Ok((digest, seen, view))
    }

    /// Why it cannot be decided here now, if so.
    pub(super) fn blocked(&self, action: &ActionState) -> Option<Problem> {
        let decided = || {
            Problem::new(
                "decided_already",
                "You have decided it already.",
                "You denied it, and that stands.",
            )
        };
        (self.undecidable(action)).or_else(|| self.have_denied(action).then(decided))
    }

    /// The same, but for having decided it.
    pub(super) fn undecidable(&self, action: &ActionState) -> Option<Problem> {
        if action.life() != Life::Pending {
            return Some(Problem::new(
                "not_pending",
                "It does not wait for a verdict any more.",
                "There is nothing to decide.",
            ));
        }
        let base = self.base().ok();
        if base.is_some_and(|base| base.state().has_expired(action, now())) {
            return Some(Problem::new(
                "expired",
                "It has expired: nobody decided in time.",
                "The agent can propose it again.",
            ));
        }
        if let Some(problem) = self.not_ours_to_decide(action) {
            return Some(problem);
        }
        self.unable()
    }

    /// Whose approvals count as things stand.
    fn approved_by(&self, base: &Base, action: &ActionState) -> Vec<String> {
        let state = base.state();
        let approved = state.approved_by(action, now());
        let mut names: Vec<_> = approved
            .into_iter()
            .map(|id| reviewer_name(state, id))
            .collect();
        names.sort_unstable();
        names
    }

    /// Whether this reviewer denied it: that alone stands for good.
    fn have_denied(&self, action: &ActionState) -> bool {
        self.reviewer().is_some_and(|me| action.denied_by(me))
    }

    /// Whether a denial of this reviewer's takes an approval back.
    fn takes_back(&self, base: &Base, action: &ActionState) -> bool {
        let approved = base.state().approved_by(action, now());
        action.life() == Life::Pending && self.reviewer().is_some_and(|me| approved.contains(&me))
    }

    fn have_decided(&self, action: &ActionState) -> bool {
        let mut verdicts = action.verdicts.iter();
        verdicts.any(|given| Some(given.reviewer) == self.reviewer())
    }

    /// Whether it is this reviewer's verdict that is wanted: one whom the policy
    /// does not let approve it may deny it, but is not called for that.
    pub(super) fn waits_for_us(&self, action: &ActionState) -> bool {
        action.life() == Life::Pending
            && self.not_ours_to_decide(action).is_none()
            && !self.have_decided(action)
            && (self.base()).is_ok_and(|base| {
                // What only runs out its grace time calls nobody.
                base.state().starts_at(action, now()).is_none()
                    && self.by_policy(base, action) != ByPolicy::MayNot
            })
    }

    /// Why this reviewer never decides it, if so: by their role, or since the
    /// agent is theirs or registered by them.
    pub(super) fn not_ours_to_decide(&self, action: &ActionState) -> Option<Problem> {
        let (state, me) = (self.base().ok()?.state(), self.reviewer()?);
        let (code, message, hint) = match state.may_decide(action, me).err()? {
            Violation::NotTheOwner => (
                "not_the_owner",
                "It belongs to another person's agent.",
                "Only the agent's owner decides.",
            ),
            Violation::OwnAction => (
                "own_action",
                "It was proposed by your own agent, or by one that you registered.",
                "Somebody else has to decide it.",
            ),
            Violation::OwnEdit => (
                "own_edit",
                "You edited it, or what it came from.",
                "Somebody else has to decide it.",
            ),
            Violation::NotAllowed => (
                "not_allowed",
                "You are no reviewer in this log.",
                "A reviewer has to decide it.",
            ),
            Violation::StoppedByPause => (
                "agent_paused",
                "A pause of its agent stopped it.",
                "It does not run any more. Nothing is to be decided.",
            ),
            Violation::AgentIsRevoked => (
                "agent_revoked",
                "Its agent was ended.",
                "It does not run any more. Nothing is to be decided.",
            ),
            other => {
                return Some(Problem::new(
                    "not_allowed",
                    sentence(&other.to_string()),
                    "Ask an administrator.",
                ));
            }
        };
        Some(Problem::new(code, message, hint))
    }
}

impl Base {
    /// Until when something can be signed about what waits.
    pub(super) fn last_moment(&self, action: &ActionState) -> Time {
        let starts_at = self.state().starts_at(action, now());
        starts_at.map_or(action.expires_at, |at| at.max(action.expires_at))
    }

    /// A part's bytes and its commit, computed anew.
    pub(super) fn checked_part(
        &self,
        index: u64,
        name: &str,
        content_type: &str,
        expected: Digest,
    ) -> Result<(Vec<u8>, Digest), Problem> {
        let content = self
            .mirror
            .part(index, name)
            .map_err(|error| {
                Problem::local("The console's copy of the ledger cannot be read", error)
            })?
            .ok_or_else(not_here)?;
        let commit = part::commit(&content.salt.0, content_type, &content.bytes.0)
            .map_err(|error| unreadable(name, error))?;
        if Digest(commit) != expected {
            return Err(unreadable(name, "it is not what was proposed"));
        }
        Ok((content.bytes.0, Digest(commit)))
    }

    /// A leaf of the mirror.
    pub(super) fn leaf(&self, index: u64) -> Option<Leaf> {
        match Leaf::parse(&self.mirror.leaf(index).ok().flatten()?) {
            Ok(Parsed::Known(leaf)) => Some(leaf),
            _ => None,
        }
    }

    /// The reason that an entry holds, once that is here.
    pub(super) fn reason_at(&self, index: u64) -> Option<SafeText> {
        let commit = self.leaf(index)?.part("reason")?.commit;
        let (bytes, _) = self.checked_part(index, "reason", TEXT_TYPE, commit).ok()?;
        Some(safe_text::prose(&String::from_utf8_lossy(&bytes)))
    }

    /// Positions of an action's entries, oldest first.
    pub(super) fn entries_of(&self, id: ActionId) -> Vec<u64> {
        let first = self
            .state()
            .action(&id)
            .and_then(|action| usize::try_from(action.proposal.index).ok())
            .unwrap_or(0);
        self.actions
            .iter()
            .zip(0..)
            .skip(first)
            .filter(|(action, _)| **action == Some(id))
            .map(|(_, index)| index)
            .collect()
    }

    fn timeline(&self, id: ActionId) -> Vec<TimelineItem> {
        self.entries_of(id)
            .into_iter()
            .filter_map(|index| {
                let leaf = self.leaf(index)?;
                let words = ["reason", "question", "answer", "remark"]
                    .into_iter()
                    .find(|name| leaf.part(name).is_some())
                    .and_then(|name| self.mirror.part(index, name).ok().flatten())
                    .map(|words| String::from_utf8_lossy(&words.bytes.0).into_owned())
                    .filter(|words| !words.is_empty());
                Some(TimelineItem {
                    entry: index,
                    time_unix_ms: leaf.time.unix_ms(),
                    text: words::step(&leaf, self.state()),
                    words: words.as_deref().map(safe_text::prose),
                })
            })
            .collect()
    }

    fn output(&self, action: &ActionState) -> Option<OutputView> {
        let (entry, done) = action.completed.as_ref()?;
        let output = self.mirror.part(entry.index, "output").ok().flatten()?;
        Some(OutputView {
            lines: safe_text::output(&output.bytes.0),
            omitted_bytes: done.output_omitted,
        })
    }
}

fn to_see(sections: Vec<Section>, saw: &BTreeSet<String>) -> Vec<ToSeeView> {
    let view = |(section, words): Section| ToSeeView {
        seen: saw.contains(&section),
        section,
        words,
    };
    sections.into_iter().map(view).collect()
}

pub(super) const NOT_HERE: &str = "not_here_yet";

pub(super) fn not_here() -> Problem {
    Problem::new(
        NOT_HERE,
        "Its content has not arrived on this computer.",
        "Try again once the console is connected.",
    )
}

pub(super) fn unreadable(name: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new(
        "unreadable",
        format!("Its {name} cannot be shown: {}", sentence(&why.to_string())),
        "Do not decide it. Keep an export as evidence.",
    )
}

pub(super) fn unknown_action() -> Problem {
    Problem::new(
        "unknown_action",
        "There is no such action in this log.",
        "Look at the history.",
    )
}
