//! Break-glass: whether it can be done, what was done, and its review.

use std::collections::HashSet;

use vidimus_protocol::action::{MAX_TEXT, TEXT_TYPE};
use vidimus_protocol::api::ReviewExtras;
use vidimus_protocol::entry::Decision;
use vidimus_protocol::envelope::{ActType, Finding, ReviewItem, Role, Verdict};
use vidimus_protocol::state::{ActionState, Life, MIN_URGENT_REASON, VerdictRecord};
use vidimus_protocol::{ReviewerId, Violation};

use super::{After, Base, Core, now};
use crate::act::{Extras, content, item};
use crate::board::FrontId;
use crate::hooks::{About, NotificationRequest, Offers, Urgency};
use crate::inbox::{agent_name, reviewer_name};
use crate::render;
use crate::safe_text;
use crate::view::{BrokenGlassView, CeremonyPurpose, GlassOffer, GlassReviewView, Problem, Reply};

impl Core {
    /// What the policy offers this person in an emergency, if it does.
    pub(super) fn glass_offer(&self, base: &Base, action: &ActionState) -> Option<GlassOffer> {
        let asks = action.evaluation.decision == Decision::Ask;
        (asks && action.evaluation.break_glass && action.life() == Life::Pending).then(|| {
            let state = base.state();
            let reviewers = self.reviewer().map(|me| state.who_reviews(action, me));
            let mut reviewers: Vec<_> = (reviewers.unwrap_or_default().into_iter())
                .map(|person| safe_text::flat(&person.name))
                .collect();
            reviewers.sort_unstable();
            GlassOffer {
                blocked: self.glass_blocked(base, action),
                shortest_reason: u32::try_from(MIN_URGENT_REASON).unwrap_or(u32::MAX),
                reviewers,
            }
        })
    }

    /// Why this person cannot break glass for it here now, if so.
    pub(super) fn glass_blocked(&self, base: &Base, action: &ActionState) -> Option<Problem> {
        self.undecidable(action)
            .or_else(|| self.approval_blocked(base, action))
            .or_else(|| {
                let why = base.glass_stays(action, self.reviewer()?)?;
                let (code, message, hint) = match why {
                    Violation::AssuranceMissing => (
                        "assurance_missing",
                        "Glass is broken with a key that cannot leave its device, and you have none.",
                        "Ask somebody who has one, or approve it and wait for the others.",
                    ),
                    Violation::TooManyUnreviewed => (
                        "too_many_unreviewed",
                        "Three glasses that you broke wait for their review.",
                        "An administrator has to review one first.",
                    ),
                    _ => (
                        "glass_stays",
                        "Somebody has denied it.",
                        "Nobody breaks glass over a denial. Talk to them.",
                    ),
                };
                Some(Problem::new(code, message, hint))
            })
    }

    /// Every glass that was broken: what waits for its review, then the others,
    /// newest first.
    pub(super) fn broken_glass(&self) -> Result<Reply, Problem> {
        let base = self.base()?;
        let mut views: Vec<_> = (base.state().actions())
            .flat_map(|action| {
                let broken = action.broken_glass();
                broken.map(move |given| self.glass_view(base, action, given))
            })
            .collect();
        views.sort_by_key(|view| (view.review.is_some(), std::cmp::Reverse(view.entry)));
        Ok(Reply::BrokenGlass(views))
    }

    /// How many of them wait for this person's review.
    pub(super) fn glass_for_us(&self, base: &Base) -> u32 {
        let state = base.state();
        let Some(me) = self.reviewer() else { return 0 };
        let open = state.unreviewed();
        let ours = open.filter(|(action, given)| state.may_review(action, given, me).is_ok());
        u32::try_from(ours.count()).unwrap_or(u32::MAX)
    }

    /// Asks for the key to say what is to be thought of one.
    pub(super) fn review_glass(
        &mut self,
        entry: u64,
        justified: bool,
        reason: &str,
        front: &FrontId,
    ) -> Result<Reply, Problem> {
        self.may_sign()?;
        let base = self.base()?;
        let is_it = |(_, given): &(&ActionState, &VerdictRecord)| given.entry.index == entry;
        let open = base.state().unreviewed().find(is_it);
        let (action, given) = open.ok_or_else(|| {
            Problem::new(
                "overtaken",
                "It was reviewed already.",
                "Look at the list again.",
            )
        })?;
        if let Some(problem) = self.review_blocked(base, action, given) {
            return Err(problem);
        }
        if reason.trim().is_empty() {
            return Err(Problem::new(
                "reason_missing",
                "A review says what was found.",
                "Write down what you looked at, and what follows from it.",
            ));
        }
        if reason.len() > MAX_TEXT {
            return Err(Problem::reason_too_long(reason.len()));
        }
        let (reason, commit) = content(TEXT_TYPE, reason.as_bytes().to_vec())?;
        let (finding, found) = match justified {
            true => (Finding::Justified, "it could not wait"),
            false => (Finding::Unjustified, "it should have waited"),
        };
        let signed = item(&ReviewItem {
            action: action.id,
            finding,
            reason_commit: commit,
            verdict: given.entry.leaf,
        });
        let by = reviewer_name(base.state(), given.reviewer);
        let words = format!("{by} broke glass (entry {entry}): {found}.");
        let extras = Extras::Review(ReviewExtras { reason });
        let draft = self.draft(ActType::VerdictReviewed, vec![signed], extras, None)?;
        let purpose = CeremonyPurpose::Statement {
            words: words.clone(),
        };
        self.act(purpose, draft, After::Nothing, &words, front)
    }

    /// Tells an administrator of each broken glass at once, and until somebody
    /// has reviewed it.
    pub(super) fn notify_of_glass(&mut self) {
        let (Ok(base), Some(me)) = (&self.base, self.reviewer()) else {
            return;
        };
        let state = base.state();
        let admin = state
            .reviewer(&me)
            .is_some_and(|me| me.is(Role::Administrator));
        let open: Vec<_> = state
            .unreviewed()
            .filter(|(_, given)| admin && given.reviewer != me)
            .map(|(action, given)| (action.id, given.reviewer))
            .collect();
        let ids: HashSet<_> = open.iter().map(|(id, _)| *id).collect();
        let mut raised = Vec::new();
        for (id, by) in open {
            let Some(headline) = base.headlines.get(&id) else {
                continue;
            };
            if self.told_of_glass.contains(&id) {
                continue;
            }
            let request = NotificationRequest {
                about: About::Action(id.to_string()),
                offers: Offers::Opening,
                title: format!("{}{} broke glass", self.named(), reviewer_name(state, by)),
                body: super::notify::body(headline),
                urgency: Urgency::Critical,
            };
            raised.push((id, request));
        }
        let over: Vec<_> = self.told_of_glass.difference(&ids).copied().collect();
        for id in over {
            self.told_of_glass.remove(&id);
            self.setting.hooks.withdraw(&About::Action(id.to_string()));
        }
        for (id, request) in raised {
            self.told_of_glass.insert(id);
            self.setting.hooks.notify(request);
        }
    }

    fn review_blocked(
        &self,
        base: &Base,
        action: &ActionState,
        given: &VerdictRecord,
    ) -> Option<Problem> {
        let me = self.reviewer()?;
        let (message, hint) = match base.state().may_review(action, given, me) {
            Ok(()) => return self.unable(),
            Err(Violation::OwnAction) => (
                "You broke it, or it was for an agent of yours.",
                "Another administrator reviews it.",
            ),
            Err(_) => (
                "You are no administrator of this log.",
                "An administrator reviews it.",
            ),
        };
        Some(Problem::new("not_allowed", message, hint))
    }

    pub(super) fn glass_view(
        &self,
        base: &Base,
        action: &ActionState,
        given: &VerdictRecord,
    ) -> BrokenGlassView {
        let state = base.state();
        let headline = base.headlines.get(&action.id);
        let leaf = base.leaf(given.entry.index);
        let text = |text: Option<&str>| safe_text::line(text.unwrap_or_default());
        let others = action
            .verdicts
            .iter()
            .filter(|other| other.verdict == Verdict::Approve && other.reviewer != given.reviewer);
        let mut approved_by: Vec<_> = others
            .map(|other| reviewer_name(state, other.reviewer))
            .collect();
        approved_by.sort_unstable();
        approved_by.dedup();
        BrokenGlassView {
            entry: given.entry.index,
            by: reviewer_name(state, given.reviewer),
            me: Some(given.reviewer) == self.reviewer(),
            at_unix_ms: leaf.map_or(0, |leaf| leaf.time.unix_ms()),
            reason: base.reason_at(given.entry.index),
            action: action.id.to_string(),
            title: text(headline.map(|headline| headline.title.as_str())),
            target: text(headline.map(|headline| headline.target.as_str())),
            agent: agent_name(state, &action.agent),
            asked: render::people(&action.evaluation),
            approved_by,
            review: given.review.map(|review| GlassReviewView {
                entry: review.entry.index,
                by: reviewer_name(state, review.by),
                at_unix_ms: review.time.unix_ms(),
                justified: review.finding == Finding::Justified,
                reason: base.reason_at(review.entry.index),
            }),
            blocked: self.review_blocked(base, action, given),
        }
    }
}

impl Base {
    /// Why no key of this person breaks glass for it, if so.
    fn glass_stays(&self, action: &ActionState, me: ReviewerId) -> Option<Violation> {
        let mut why = Violation::UnknownCredential;
        for key in self.keys_of(me, now()) {
            match self.state().may_break_glass(action, key) {
                Ok(()) => return None,
                Err(violation) => why = violation,
            }
        }
        Some(why)
    }
}
