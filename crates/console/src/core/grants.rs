//! Standing grants: giving one over an action that is open, ending one, and
//! what there is of them.

use std::collections::BTreeSet;

use serde_json::Value;
use vidimus_protocol::action::{Action, MAX_TEXT, PAYLOAD_TYPE, TEXT_TYPE};
use vidimus_protocol::api::GrantExtras;
use vidimus_protocol::envelope::{ActType, GrantItem, GrantRevocationItem};
use vidimus_protocol::shape::{MAX_WORD, May, Place, SHAPE_TYPE, Shape};
use vidimus_protocol::state::{ActionState, Grant, LONGEST_GRANT_S, MAX_USES};
use vidimus_protocol::{GrantId, Time, Violation};

use super::review::unknown_action;
use super::{After, Base, Core, now};
use crate::act::{Extras, content, item, random, sentence};
use crate::board::FrontId;
use crate::inbox::{agent_name, reviewer_name};
use crate::render::time_words;
use crate::safe_text;
use crate::view::{
    CeremonyPurpose, GrantView, MayBe, OpenPlace, PlaceView, Problem, Reply, SafeText,
};

impl Core {
    /// What may differ from an action that is open.
    pub(super) fn grant_places(&self, action: &str, front: &FrontId) -> Result<Reply, Problem> {
        let (_, like) = self.grantable(action, front)?;
        Ok(Reply::GrantPlaces(places(&like)))
    }

    /// Asks for the key to approve, in advance, what is like an action.
    pub(super) fn give_grant(
        &mut self,
        action: &str,
        open: &[OpenPlace],
        (uses, hours): (u32, u32),
        reason: &str,
        front: &FrontId,
    ) -> Result<Reply, Problem> {
        self.may_sign()?;
        let (state, like) = self.grantable(action, front)?;
        let until = now().plus_seconds(u64::from(hours) * 3600);
        let most = LONGEST_GRANT_S / 3600;
        if hours == 0 || u64::from(hours) >= most {
            return Err(wrong(&format!(
                "a standing grant lasts less than {most} hours"
            )));
        }
        if uses == 0 || u64::from(uses) > MAX_USES {
            return Err(wrong(&format!(
                "a standing grant covers 1 to {MAX_USES} proposals"
            )));
        }
        if reason.trim().is_empty() {
            return Err(Problem::new(
                "reason_missing",
                "A standing grant needs a reason: others read it when they look for what runs by itself.",
                "Write down why you give it.",
            ));
        }
        if reason.len() > MAX_TEXT {
            return Err(Problem::reason_too_long(reason.len()));
        }
        let shape = shape(open)?;
        shape.check(&like).map_err(|why| wrong(&why.to_string()))?;
        let shape = content(SHAPE_TYPE, shape.to_bytes())?;
        let reason = content(TEXT_TYPE, reason.as_bytes().to_vec())?;
        let opened = self.opened.get(front).cloned().ok_or_else(unknown_action)?;
        let signed = item(&GrantItem {
            action: state.id,
            action_digest: opened.digest,
            grant: GrantId::from_random(random()),
            proposal_leaf: state.proposal.leaf,
            reason_commit: reason.1,
            seen: opened.seen.digest(),
            shape: shape.1,
            until,
            uses: uses.into(),
        });
        let title = self.title_of(state);
        let words = format!(
            "approve {uses} more in advance, until {}, like: {title}",
            time_words(until)
        );
        let extras = Extras::Grant(GrantExtras {
            reason: reason.0,
            seen: opened.seen,
            shape: shape.0,
        });
        let draft = self.draft(ActType::GrantGiven, vec![signed], extras, None)?;
        let purpose = CeremonyPurpose::Statement {
            words: sentence(&words),
        };
        self.act(purpose, draft, After::Nothing, &words, front)
    }

    /// What ends a standing grant.
    pub(super) fn revoke_grant(&self, grant: &str) -> Result<(ActType, String, String), Problem> {
        let base = self.base()?;
        let id = grant.parse::<GrantId>().ok();
        let known = id.and_then(|id| base.state().grant(&id)).ok_or_else(|| {
            Problem::new(
                "unknown_grant",
                "There is no such standing grant in this log.",
                "Look at the list again.",
            )
        })?;
        if known.revoked.is_some() {
            return Err(Problem::new(
                "overtaken",
                "This standing grant was ended already.",
                "Look at the list again.",
            ));
        }
        let words = format!(
            "The standing grant of {} covers nothing more of {}.",
            reviewer_name(base.state(), known.by),
            agent_name(base.state(), &known.agent)
        );
        let signed = item(&GrantRevocationItem {
            given: known.entry.leaf,
            grant: known.item.grant,
        });
        Ok((ActType::GrantRevoked, signed, words))
    }

    /// Every standing grant: what holds, newest first, then what is over.
    pub(super) fn grants(&self) -> Result<Reply, Problem> {
        let base = self.base()?;
        let mut views: Vec<GrantView> = base
            .state()
            .grants()
            .map(|grant| self.grant_view(base, grant, now()))
            .collect();
        views.sort_by_key(|view| (view.over.is_some(), std::cmp::Reverse(view.entry)));
        Ok(Reply::Grants(views))
    }

    /// Why nothing like it can be approved in advance here now, if so.
    pub(super) fn grant_blocked(&self, action: &ActionState) -> Option<Problem> {
        if let Some(problem) = self.not_ours_to_decide(action) {
            return Some(problem);
        }
        if !action.evaluation.may_be_granted(action.policy.is_some()) {
            return Some(Problem::new(
                "not_grantable",
                "The policy wants somebody to see each of these.",
                "Approve or deny this one.",
            ));
        }
        if action
            .verdicts
            .iter()
            .any(|given| !given.verdict.approves())
        {
            return Some(Problem::new(
                "was_denied",
                "Somebody denied it: nothing like it is approved in advance.",
                "Wait for one that nobody has denied.",
            ));
        }
        let base = self.base().ok()?;
        (self.approval_blocked(base, action)).or_else(|| self.unable())
    }

    /// An action that is open here and may be granted, with its content.
    fn grantable(&self, action: &str, front: &FrontId) -> Result<(&ActionState, Action), Problem> {
        let base = self.base()?;
        let opened = self.opened_here(action, front)?;
        let state = base.state().action(&opened.action);
        let state = state.ok_or_else(unknown_action)?;
        if let Some(problem) = self.grant_blocked(state) {
            return Err(problem);
        }
        let (bytes, _) =
            base.checked_part(state.proposal.index, "payload", PAYLOAD_TYPE, state.digest)?;
        let like = Action::parse(&bytes);
        let like = like.map_err(|error| super::review::unreadable("payload", error))?;
        Ok((state, like))
    }

    fn title_of(&self, action: &ActionState) -> String {
        let base = self.base().ok();
        let headline = base.and_then(|base| base.headlines.get(&action.id));
        headline.map_or_else(String::new, |headline| safe_text::flat(&headline.title))
    }

    fn grant_view(&self, base: &Base, grant: &Grant, now: Time) -> GrantView {
        let state = base.state();
        let headline = base.headlines.get(&grant.item.action);
        let text = |text: Option<&str>| safe_text::line(text.unwrap_or_default());
        let used = grant.used.iter().rev();
        let used = used.filter_map(|at| {
            let index = usize::try_from(at.index).ok()?;
            base.actions.get(index).copied().flatten()
        });
        GrantView {
            id: grant.item.grant.to_string(),
            entry: grant.entry.index,
            by: reviewer_name(state, grant.by),
            me: Some(grant.by) == self.reviewer(),
            at_unix_ms: grant.since.unix_ms(),
            agent: agent_name(state, &grant.agent),
            action: grant.item.action.to_string(),
            title: text(headline.map(|headline| headline.title.as_str())),
            target: text(headline.map(|headline| headline.target.as_str())),
            places: base.shape_of(grant).map(|shape| in_words(&shape)),
            reason: base.reason_at(grant.entry.index),
            uses: count(grant.item.uses),
            left: count(grant.left()),
            until_unix_ms: grant.item.until.unix_ms(),
            over: over(base, grant, now),
            used: used.map(|id| id.to_string()).collect(),
        }
    }
}

impl Base {
    /// Where another action may differ, once that is here.
    fn shape_of(&self, grant: &Grant) -> Option<Shape> {
        let (index, commit) = (grant.entry.index, grant.item.shape);
        let (bytes, _) = self.checked_part(index, "shape", SHAPE_TYPE, commit).ok()?;
        Shape::parse(&bytes).ok()
    }

    /// Why a standing grant does not cover what the gateway says it approves, if
    /// so: nobody's word is taken for that.
    ///
    /// # Errors
    /// Why it cannot be checked here.
    pub(super) fn uncovered(
        &self,
        action: &ActionState,
        what: &Action,
    ) -> Result<Option<&'static str>, Problem> {
        for id in action.verdicts.iter().filter_map(|given| given.grant) {
            let grant = self.state().grant(&id);
            let like = grant.and_then(|grant| self.state().action(&grant.item.action));
            let (Some(grant), Some(like)) = (grant, like) else {
                return Ok(Some(UNCOVERED));
            };
            let index = like.proposal.index;
            let (bytes, _) = self.checked_part(index, "payload", PAYLOAD_TYPE, like.digest)?;
            let like = Action::parse(&bytes)
                .map_err(|error| super::review::unreadable("payload", error))?;
            let shape = self.shape_of(grant).ok_or_else(super::review::not_here)?;
            if !shape.covers(&like, what) {
                return Ok(Some(UNCOVERED));
            }
        }
        Ok(None)
    }
}

/// Most places that are listed.
const MOST_PLACES: usize = 256;

const UNCOVERED: &str =
    "The gateway says that a standing grant approves it. That grant does not cover it.";

/// Why a grant covers nothing more, if so.
fn over(base: &Base, grant: &Grant, now: Time) -> Option<String> {
    let state = base.state();
    let why = state.stands(grant, now).err()?;
    let words = match why {
        Violation::GrantIsOver if grant.revoked.is_some() => "ended",
        Violation::GrantIsOver if grant.left() == 0 => "used up",
        Violation::GrantIsOver if now >= grant.item.until => "run out",
        Violation::GrantIsOver => "stopped by a pause of the agent",
        Violation::AgentIsRevoked => "the agent was ended",
        Violation::NotAllowed => "who gave it reviews no more",
        Violation::UnknownReviewer => "who gave it, or the agent's owner, has left",
        _ => "the key that gave it counts no more",
    };
    Some(words.to_owned())
}

/// What may differ, in order.
fn places(like: &Action) -> Vec<PlaceView> {
    let places = Shape::places_of(like, MOST_PLACES).into_iter();
    places
        .map(|(at, text)| PlaceView {
            label: safe_text::line(&label(&at)),
            text: safe_text::code(&text),
            at,
        })
        .collect()
}

/// A place as people call it; no two by the same name.
fn label(at: &str) -> String {
    let path = at.trim_start_matches("/payload/");
    if let Some(position) = path.strip_prefix("argv/") {
        return format!("Argument {position}");
    }
    let path = path.strip_prefix("arguments/").unwrap_or(path);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let names = path.split('/').map(|name| {
        let name = name.replace("~1", "/").replace("~0", "~");
        match !name.is_empty() && name.bytes().all(plain) {
            true => name,
            false => Value::from(name).to_string(),
        }
    });
    names.collect::<Vec<_>>().join(".")
}

fn in_words(shape: &Shape) -> Vec<SafeText> {
    let words = |place: &Place| {
        let label = label(&place.at);
        safe_text::line(&format!("{label}: {}", place.may.words()))
    };
    shape.free.iter().map(words).collect()
}

/// What a person chose, in the form that is signed.
fn shape(open: &[OpenPlace]) -> Result<Shape, Problem> {
    let mut free: Vec<Place> = open
        .iter()
        .map(|place| Place {
            at: place.at.clone(),
            may: match &place.may {
                MayBe::Word(most) => May::Word(u64::from(*most).min(MAX_WORD)),
                MayBe::OneOf(values) => {
                    let values: BTreeSet<String> = values.iter().cloned().collect();
                    May::OneOf(values.into_iter().collect())
                }
            },
        })
        .collect();
    free.sort_unstable();
    let shape = Shape { free };
    // As the gateway reads it.
    Shape::parse(&shape.to_bytes()).map_err(|why| wrong(&why.to_string()))
}

fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn wrong(why: &str) -> Problem {
    Problem::new("bad_grant", sentence(why), "Correct it, then try again.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vidimus_verify::testkit::sample_action;

    #[test]
    fn arguments_may_differ_and_the_program_never() {
        let like = sample_action(1);
        let found = places(&like);
        assert!(!found.is_empty());
        assert!(
            found
                .iter()
                .all(|place| place.at.starts_with("/payload/argv/"))
        );
        assert!(found.iter().all(|place| place.at != "/payload/argv/0"));
    }

    #[test]
    fn places_have_names_for_people() {
        for (at, name) in [
            ("/payload/argv/2", "Argument 2"),
            ("/payload/after/image/tag", "after.image.tag"),
            ("/payload/before/image/tag", "before.image.tag"),
            ("/payload/arguments/a/b", "a.b"),
            ("/payload/arguments/a.b", "\"a.b\""),
            ("/payload/arguments/a~1b", "\"a/b\""),
        ] {
            assert_eq!(label(at), name);
        }
    }

    #[test]
    fn what_was_chosen_is_put_in_the_form_that_is_signed() {
        let one_of = |at: &str, values: &[&str]| OpenPlace {
            at: at.into(),
            may: MayBe::OneOf(values.iter().map(|value| (*value).to_owned()).collect()),
        };
        let chosen = [
            one_of("/payload/argv/2", &["b", "a", "b"]),
            one_of("/payload/argv/1", &["x"]),
        ];
        let shape = shape(&chosen).unwrap();
        assert_eq!(shape.free[0].at, "/payload/argv/1");
        assert_eq!(shape.free[1].may, May::OneOf(vec!["a".into(), "b".into()]));
        assert!(super::shape(&[one_of("/payload/argv/1", &[])]).is_err());
    }
}
