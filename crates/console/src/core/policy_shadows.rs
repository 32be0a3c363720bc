//! A policy in shadow: what is proposed from its beginning on is evaluated under
//! it too, as it comes, and nothing hangs on the answer.
//!
//! Its text is kept beside the copy of the log, with where it began; what came
//! of it follows from that copy and is found again when the console starts. At
//! most one for each log. Nothing of it goes to the gateway.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use vidimus_mirror::Mirror;
use vidimus_policy::{PolicyText, Proposals, Set, Shadow, Tally};
use vidimus_protocol::entry::{Leaf, Profile};
use vidimus_protocol::{State, Time};

use super::policies::{read_typed, text_of};
use super::{Base, Core, Message, now};
use crate::policy_replay::{About, MOST_ROWS, count, counts, found, row_view};
use crate::render;
use crate::view::{
    PolicyFileText, PolicyShadowView, Problem, ReplayRowView, Reply, ShadowBeside,
    ShadowSummaryView, Tone,
};

/// Where the mirror keeps it.
const SHADOW: &str = "shadow";
/// The core has other things to do as well.
const AT_ONCE: Duration = Duration::from_millis(50);

/// What is kept of it beyond this run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    files: Vec<PolicyFileText>,
    /// Entries that the log had.
    from: u64,
    profile: Profile,
    since: Time,
}

/// The policy in shadow.
pub(super) struct Shadowed {
    kept: Kept,
    /// `None` where the files are no policy by today's rules.
    text: Option<PolicyText>,
    engine: Result<Shadow<About>, Problem>,
    /// What differs or cannot be evaluated, by entry.
    rows: BTreeMap<u64, ReplayRowView>,
    /// Whether the core has told itself to go on.
    told: bool,
}

impl Shadowed {
    fn new(kept: Kept, read: (PolicyText, Set)) -> Self {
        let (text, set) = read;
        let proposals = Proposals::from_entry(kept.from);
        Self {
            kept,
            text: Some(text),
            engine: Ok(Shadow::new(set, proposals, About::of)),
            rows: BTreeMap::new(),
            told: false,
        }
    }

    /// What was kept when it began, read by today's rules.
    fn again(kept: Kept) -> Self {
        match read_typed(kept.files.clone(), kept.profile) {
            Ok(read) => Self::new(kept, read),
            Err(why) => Self {
                text: text_of(kept.files.clone()).ok(),
                kept,
                engine: Err(Problem::new(
                    "shadow_wrong",
                    format!(
                        "What is in shadow is no policy by today's rules: {}",
                        why.message
                    ),
                    "Take it into the editor and correct it there, or stop it.",
                )),
                rows: BTreeMap::new(),
                told: false,
            },
        }
    }

    /// Takes the leaf of the entry at `index`, with what those before it say.
    pub(super) fn take(&mut self, before: &State, index: u64, leaf: &Leaf) {
        if let Ok(engine) = &mut self.engine {
            engine.take(before, index, leaf);
        }
    }

    /// Evaluates what is due, as far as there is time. Whether more is.
    fn evaluate(&mut self, mirror: &Mirror) -> Result<bool, vidimus_mirror::StoreError> {
        let Ok(engine) = &mut self.engine else {
            return Ok(false);
        };
        let began = Instant::now();
        while let Some(entry) = engine.due() {
            if began.elapsed() > AT_ONCE {
                return Ok(true);
            }
            let part = |name| {
                let content = mirror.part(entry, name)?;
                Ok::<_, vidimus_mirror::StoreError>(content.map(|content| content.bytes.0))
            };
            let (inputs, payload) = (part("inputs")?, part("payload")?);
            let Some(row) = engine.judge(entry, inputs.as_deref(), payload.as_deref()) else {
                continue;
            };
            if !row.stands_out() {
                self.rows.remove(&entry);
                continue;
            }
            self.rows.insert(entry, row_view(row));
            if self.rows.len() > MOST_ROWS {
                self.rows.pop_first();
            }
        }
        Ok(false)
    }

    pub(super) fn summary(&self) -> ShadowSummaryView {
        let tally = self.tally();
        let engine = self.engine.as_ref().ok();
        ShadowSummaryView {
            since_unix_ms: self.kept.since.unix_ms(),
            proposals: tally.proposals,
            differing: tally.differing,
            not_permitted: tally.not_permitted,
            unjudged: tally.unjudged,
            awaited: engine.map_or(0, |engine| count(engine.awaited().len())),
            behind: engine.map_or(0, |engine| count(engine.behind())),
        }
    }

    fn tally(&self) -> Tally {
        self.engine.as_ref().map(Shadow::tally).unwrap_or_default()
    }

    /// What came of it in one sentence.
    fn words(&self, now: Time) -> String {
        let tally = self.tally();
        let lasts = now.unix_ms().saturating_sub(self.kept.since.unix_ms()) / 1000;
        let lasts = lasting(lasts);
        let found = match self.summary() {
            _ if tally.proposals > 0 || tally.unjudged > 0 => found(&tally),
            ShadowSummaryView {
                awaited: 0,
                behind: 0,
                ..
            } => "nothing was proposed".to_owned(),
            _ => "nothing was evaluated yet".to_owned(),
        };
        format!("In shadow {lasts}: {found}.")
    }

    fn beside(&self, base: &Base) -> ShadowBeside {
        let Some(policy) = base.state().policy() else {
            return ShadowBeside::Same;
        };
        match base.policy_at(policy.entry.index, policy.digest) {
            Ok(read) if self.text.as_ref() == Some(&*read.text) => ShadowBeside::Itself,
            _ if policy.entry.index >= self.kept.from => ShadowBeside::Changed,
            _ => ShadowBeside::Same,
        }
    }
}

impl Core {
    /// Puts these files in shadow, from now on.
    pub(super) fn shadow_policy(&mut self, files: Vec<PolicyFileText>) -> Result<Reply, Problem> {
        if let Some((problem, _)) = &self.frozen {
            return Err(problem.clone());
        }
        let profile = self.profile()?;
        let base = self.base()?;
        let read = read_typed(files.clone(), profile)?;
        let in_force = base.state().policy();
        let in_force = in_force.and_then(|it| base.policy_at(it.entry.index, it.digest).ok());
        if in_force.is_some_and(|it| *it.text == read.0) {
            return Err(Problem::new(
                "unchanged",
                "It is what is in force already.",
                "Change something, or leave it.",
            ));
        }
        let kept = Kept {
            files,
            from: base.replay.tree().size(),
            profile,
            since: now(),
        };
        self.keep_shadow(Some(&kept))?;
        self.policy_shadow = Some(Shadowed::new(kept, read));
        Ok(Reply::Accepted)
    }

    pub(super) fn stop_shadow(&mut self) -> Result<Reply, Problem> {
        self.keep_shadow(None)?;
        self.policy_shadow = None;
        Ok(Reply::Accepted)
    }

    pub(super) fn policy_shadow(&self) -> Result<Reply, Problem> {
        let base = self.base()?;
        let view = self.policy_shadow.as_ref().map(|shadow| {
            Box::new(PolicyShadowView {
                words: shadow.words(now()),
                summary: shadow.summary(),
                from: shadow.kept.from,
                beside: shadow.beside(base),
                problem: shadow.engine.as_ref().err().cloned(),
                files: shadow.kept.files.clone(),
                counts: counts(&shadow.tally()),
                rows: shadow.rows.values().rev().cloned().collect(),
            })
        });
        Ok(Reply::PolicyShadow(view))
    }

    /// What was found while this very text is in shadow.
    pub(super) fn shadow_words(&self, text: &PolicyText) -> Option<String> {
        let shadow = self.policy_shadow.as_ref()?;
        (shadow.text.as_ref() == Some(text) && shadow.engine.is_ok()).then(|| shadow.words(now()))
    }

    /// Reads what is in shadow, before the log is judged.
    pub(super) fn read_shadow(&mut self) {
        self.policy_shadow = None;
        let Ok(base) = &self.base else { return };
        let kept = match base.mirror.get(SHADOW) {
            Ok(kept) => kept.filter(|text| !text.is_empty()),
            Err(error) => {
                tracing::warn!(%error, "it is not known whether a policy is in shadow");
                None
            }
        };
        let Some(kept) = kept else { return };
        match serde_json::from_str(&kept) {
            Ok(kept) => self.policy_shadow = Some(Shadowed::again(kept)),
            Err(error) => tracing::warn!(%error, "what was in shadow cannot be read"),
        }
    }

    fn keep_shadow(&self, kept: Option<&Kept>) -> Result<(), Problem> {
        let base = self.base()?;
        let failed = |error: &dyn std::fmt::Display| {
            Problem::local("What is in shadow could not be kept", error)
        };
        let text = kept.map(serde_json::to_string).transpose();
        let text = text.map_err(|error| failed(&error))?.unwrap_or_default();
        base.mirror
            .set(SHADOW, &text)
            .map_err(|error| failed(&error))
    }

    /// Evaluates what has come, as far as there is time.
    pub(super) fn evaluate_in_shadow(&mut self) {
        let (Ok(base), Some(shadow)) = (&self.base, &mut self.policy_shadow) else {
            return;
        };
        match shadow.evaluate(&base.mirror) {
            Ok(more) if more && !shadow.told => {
                shadow.told = true;
                // The console may have stopped meanwhile.
                let _stopped = self.setting.inbox.send(Message::PolicyShadow);
            }
            Ok(_) => {}
            Err(error) => {
                let what = "The console's copy of the ledger cannot be read";
                let problem = Problem::local(what, error);
                shadow.engine = Err(problem.clone());
                self.notice(Tone::Danger, problem);
            }
        }
    }

    /// The core told itself to go on.
    pub(super) fn go_on_in_shadow(&mut self) {
        if let Some(shadow) = &mut self.policy_shadow {
            shadow.told = false;
        }
        self.evaluate_in_shadow();
    }

    /// A part of that entry has come.
    pub(super) fn arrived_in_shadow(&mut self, entry: u64) {
        if let Some(Shadowed {
            engine: Ok(engine), ..
        }) = &mut self.policy_shadow
        {
            engine.arrived(entry);
            self.evaluate_in_shadow();
        }
    }
}

/// How long, in words that stay true for a while.
fn lasting(seconds: u64) -> String {
    match seconds {
        0..60 => "for less than a minute".to_owned(),
        60..172_800 => format!("for {}", render::duration_words(seconds / 60 * 60)),
        _ => format!("for {} days", seconds / 86_400),
    }
}
