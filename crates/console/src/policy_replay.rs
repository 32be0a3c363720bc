//! What was proposed lately, decided anew under a policy that was typed, from
//! the verified copy of the log on this computer; and how such decisions are
//! shown, also those of a policy in shadow.
//!
//! Every entry of the copy was judged when it came; here they are only read
//! again, for what stood in the log when each proposal and approval was made.

use std::collections::VecDeque;
use std::path::Path;

use vidimus_mirror::Mirror;
use vidimus_policy::{LogReplay, Proposals, Replayed, Row, Set, Tally, WhyNot, decision_words};
use vidimus_protocol::action::Action;
use vidimus_protocol::entry::{Decision, Entry, Evaluation, Parsed};
use vidimus_protocol::{Leaf, State, Time};

use crate::act::sentence;
use crate::policy_tests::changed;
use crate::render;
use crate::safe_text;
use crate::view::{
    PolicyDecision, PolicyDecisionView, PolicyReplayView, ReplayCountView, ReplayProgress,
    ReplayRowView, ReplaySpan, ReplayStep, SafeText,
};

/// Entries that are read at a time.
const STRIDE: u64 = 1024;
/// Most rows of each sort that are listed.
pub(crate) const MOST_ROWS: usize = 1000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl ReplaySpan {
    fn days(self) -> u64 {
        match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Day => "the last day",
            Self::Week => "the last week",
            Self::Month => "the last 30 days",
        }
    }

    /// When it begins.
    pub(crate) fn since(self, now: Time) -> Time {
        Time::from_unix_ms(now.unix_ms().saturating_sub(self.days() * DAY_MS))
    }
}

/// Replays what was proposed since then. `go_on` hears how far it is; `None`:
/// it said to stop.
pub(crate) fn run(
    mirror: &Path,
    set: &Set,
    span: ReplaySpan,
    since: Time,
    mut go_on: impl FnMut(ReplayProgress) -> bool,
) -> anyhow::Result<Option<PolicyReplayView>> {
    let mirror = Mirror::open_read_only(mirror)?;
    let mut on = |step, done: u64, total: u64| go_on(ReplayProgress { step, done, total });
    let size = mirror.size();
    let mut proposals = Proposals::since(since);
    let mut state = State::new();
    let mut from = 0;
    while from < size {
        if !on(ReplayStep::Reading, from, size) {
            return Ok(None);
        }
        let until = size.min(from + STRIDE);
        for (index, bytes) in (from..).zip(mirror.leaves(from..until)?) {
            let Ok(Parsed::Known(leaf)) = Leaf::parse(&bytes) else {
                anyhow::bail!("entry {index} is of a newer Vidimus");
            };
            let hash = mirror.leaf_hash(index);
            let entry = Entry {
                index,
                leaf_hash: hash.ok_or_else(|| anyhow::anyhow!("entry {index} has no hash"))?,
                leaf,
            };
            proposals.take(&state, index, &entry.leaf);
            state.apply(&entry)?;
        }
        from = until;
    }
    let entries = proposals.entries();
    let total = count(entries.len());
    let mut rows = Rows::default();
    let mut replay = LogReplay::new(set, proposals, About::of, |row| rows.take(row));
    for (entry, done) in entries.into_iter().zip(0..) {
        if !on(ReplayStep::Evaluating, done, total) {
            return Ok(None);
        }
        for name in ["inputs", "payload"] {
            if let Some(content) = mirror.part(entry, name)? {
                replay.part(entry, name, &content.bytes.0);
            }
        }
    }
    let tally = replay.finish();
    Ok(Some(PolicyReplayView {
        words: words(&tally, span),
        span,
        entries: size,
        proposals: tally.proposals,
        differing: tally.differing,
        unjudged: tally.unjudged,
        counts: counts(&tally),
        rows: rows.in_order(),
    }))
}

/// What is kept of an action.
pub(crate) struct About {
    title: SafeText,
    target: SafeText,
}

impl About {
    pub(crate) fn of(action: &Action) -> Self {
        Self {
            title: safe_text::line(&render::short_title(action)),
            target: safe_text::line(&render::target_line(action)),
        }
    }
}

/// The newest rows, by entry: those that stand out, and the others.
#[derive(Default)]
struct Rows {
    standing_out: VecDeque<(u64, ReplayRowView)>,
    others: VecDeque<(u64, ReplayRowView)>,
}

impl Rows {
    fn take(&mut self, row: Row<About>) {
        let list = match row.stands_out() {
            true => &mut self.standing_out,
            false => &mut self.others,
        };
        if list.len() == MOST_ROWS {
            list.pop_front();
        }
        list.push_back((row.proposal.entry, row_view(row)));
    }

    fn in_order(self) -> Vec<ReplayRowView> {
        let mut rows: Vec<_> = self.standing_out.into_iter().chain(self.others).collect();
        rows.sort_by_key(|(entry, _)| std::cmp::Reverse(*entry));
        rows.into_iter().map(|(_, row)| row).collect()
    }
}

pub(crate) fn row_view(row: Row<About>) -> ReplayRowView {
    let Row {
        about,
        proposal,
        result,
    } = row;
    let (title, target) = about.map(|about| (about.title, about.target)).unzip();
    let judged = result.as_ref().ok();
    // Who is asked stands in the decision.
    let differences = judged.into_iter().flat_map(|it| &it.differences);
    let differences = differences.filter(|row| row.what != "decision" && row.what != "people");
    ReplayRowView {
        action: proposal.action.to_string(),
        agent: safe_text::flat(&proposal.agent),
        kind: proposal.kind.as_str().to_owned(),
        title,
        target,
        time_unix_ms: proposal.time.unix_ms(),
        before: decision(&proposal.before),
        after: judged.map(|it| decision(&it.after)),
        differs: judged.is_some_and(Replayed::differs),
        differences: differences.map(changed).collect(),
        policies: judged.map_or_else(Vec::new, |it| it.after.policies.clone()),
        why: match &result {
            Ok(replayed) => why(replayed),
            Err(WhyNot::PayloadMissing) => unknown("its content is not on this computer"),
            Err(WhyNot::PayloadUnreadable) => unknown("its content cannot be read"),
            Err(WhyNot::InputsUnreadable) => {
                unknown("what a policy looked at then is not on this computer")
            }
        },
    }
}

fn unknown(why: &str) -> Vec<SafeText> {
    vec![safe_text::prose(&sentence(why))]
}

/// Whose approvals would not count, and what was said where no policy asked.
fn why(replayed: &Replayed) -> Vec<SafeText> {
    let after = &replayed.after;
    let said = after.policies.is_empty() || after.decision == Decision::Refuse;
    let reasons = after.reasons.iter().filter(|_| said);
    let approvals = replayed
        .not_permitted
        .iter()
        .map(|refused| format!("{} approved it: {}", refused.name, refused.why));
    let all = reasons.cloned().chain(approvals);
    all.map(|words| safe_text::prose(&sentence(&words)))
        .collect()
}

fn decision(evaluation: &Evaluation) -> PolicyDecisionView {
    let (decision, words) = match evaluation.decision {
        Decision::Ask => {
            let words = decision_words(evaluation);
            let people = words.strip_prefix("ask ").unwrap_or(&words);
            (PolicyDecision::Ask, format!("Waits for {people}"))
        }
        Decision::Release => (PolicyDecision::Release, "Runs without a person".to_owned()),
        Decision::Refuse => (PolicyDecision::Refuse, "Refused".to_owned()),
    };
    PolicyDecisionView { decision, words }
}

pub(crate) fn counts(tally: &Tally) -> Vec<ReplayCountView> {
    let (before, after) = (tally.before, tally.after);
    [
        (PolicyDecision::Ask, before.asked, after.asked),
        (PolicyDecision::Release, before.released, after.released),
        (PolicyDecision::Refuse, before.refused, after.refused),
    ]
    .map(|(decision, before, after)| ReplayCountView {
        decision,
        before,
        after,
    })
    .to_vec()
}

/// What came of it in one sentence.
fn words(tally: &Tally, span: ReplaySpan) -> String {
    let span = span.words();
    if tally.proposals == 0 && tally.unjudged == 0 {
        return format!("Nothing was proposed in {span}.");
    }
    format!("In {span}: {}.", found(tally))
}

/// What came of some, without an end.
pub(crate) fn found(tally: &Tally) -> String {
    let decisions = match tally.proposals {
        1 => "1 decision".to_owned(),
        more => format!("{more} decisions"),
    };
    let differ = match tally.differing {
        0 => "none would differ".to_owned(),
        some => format!("{some} would differ"),
    };
    let approvals = match tally.not_permitted {
        0 => String::new(),
        1 => "; 1 approval would not have been permitted".to_owned(),
        more => format!("; {more} approvals would not have been permitted"),
    };
    let unjudged = match tally.unjudged {
        0 => String::new(),
        some => format!("; {some} cannot be judged"),
    };
    format!("{decisions}, {differ}{approvals}{unjudged}")
}

pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vidimus_policy::Counts;

    #[test]
    fn the_sentence_counts_what_matters() {
        let none = Tally::default();
        assert_eq!(
            words(&none, ReplaySpan::Day),
            "Nothing was proposed in the last day."
        );
        let same = Tally {
            proposals: 1,
            ..none
        };
        assert_eq!(
            words(&same, ReplaySpan::Month),
            "In the last 30 days: 1 decision, none would differ."
        );
        let more = Tally {
            before: Counts::default(),
            after: Counts::default(),
            proposals: 214,
            differing: 3,
            not_permitted: 1,
            unjudged: 2,
        };
        assert_eq!(
            words(&more, ReplaySpan::Week),
            "In the last week: 214 decisions, 3 would differ; 1 approval would not have been permitted; 2 cannot be judged."
        );
        let unknown = Tally {
            unjudged: 2,
            ..none
        };
        assert_eq!(
            words(&unknown, ReplaySpan::Day),
            "In the last day: 0 decisions, none would differ; 2 cannot be judged."
        );
    }

    #[test]
    fn a_span_ends_now() {
        let now = Time::from_unix_ms(8 * DAY_MS);
        assert_eq!(ReplaySpan::Week.since(now).unix_ms(), DAY_MS);
        assert_eq!(ReplaySpan::Month.since(now).unix_ms(), 0);
    }
}
