//! What is approved only by who went through the whole of it.

use vidimus_policy::PolicyText;
use vidimus_protocol::ActionId;
use vidimus_protocol::entry::{Data, Decision, Evaluation, Resolution};
use vidimus_protocol::envelope::{Seen, Verdict};
use vidimus_verify::testkit::sample_action;

use super::super::Team;
use super::super::grants::as_it_is;
use super::{asking, cast, policy};
use crate::Cases;
use crate::forge::Forge;

const WHY: &str = "Checkout is down, and nobody else answers.";
const FULL: &str = "@review(\"full\")";

/// Gives a verdict that says whether all of it was seen.
fn decide(team: &mut Team, action: ActionId, verdict: Verdict, full: bool) {
    let shown = team.story.verdict(action, verdict, WHY).leaf.data;
    let Data::VerdictGiven(shown) = shown else {
        panic!("a verdict");
    };
    let seen = Seen { full, ..shown.seen };
    let digest = seen.digest();
    let mut draft = team
        .story
        .verdict_with(action, verdict, WHY, |_, item| item.seen = digest);
    if let Data::VerdictGiven(data) = &mut draft.leaf.data {
        data.seen = seen;
        data.policies = verdict
            .approves()
            .then(|| "decide".to_owned())
            .into_iter()
            .collect();
    }
    team.write(draft);
}

/// Good logs.
pub(super) fn good() -> Vec<(String, Forge)> {
    let told = [Verdict::Approve, Verdict::BreakGlass].map(|verdict| {
        let text = asking(&format!("{FULL} @break_glass(\"allowed\")"));
        let mut team = cast();
        let action = team
            .by("Ada")
            .bring(&text)
            .proposed_under(&text, &sample_action(1));
        decide(team.by("Ben"), action, verdict, true);
        team.run(action);
        (format!("full review, {verdict:?}"), team.forge())
    });
    told.into()
}

pub(super) fn write(cases: &mut Cases) {
    asked(cases);
    given(cases);
    in_advance(cases);
}

/// What policies and evaluations may ask.
fn asked(cases: &mut Cases) {
    for value in ["", "full", "Full", "full ", "whole", "required"] {
        for more in ["", "@standing(\"allowed\")"] {
            let mut team = cast();
            let text = format!("@review(\"{value}\") {more}");
            team.by("Ada").bring(&asking(&text));
            team.told(cases, &format!("a review asked for as `{text}`"));
        }
    }
    for is_team in [false, true] {
        let mut team = if is_team { cast() } else { super::alone() };
        let mut draft = team.story.proposal();
        if let Data::ActionProposed(data) = &mut draft.leaf.data {
            data.evaluation.full_review = true;
            team.write(draft);
        }
        team.told(
            cases,
            &format!("a full review without a policy, team {is_team}"),
        );
    }
    for (name, text) in [
        ("one of two", both()),
        ("the only one", asking(FULL)),
        ("none", asking("")),
    ] {
        for says in [None, Some(true), Some(false)] {
            for standing in [false, true] {
                for decision in [Decision::Ask, Decision::Release, Decision::Refuse] {
                    let mut team = cast();
                    team.by("Ada").bring(&text);
                    team.proposed_with(&text, |asked| {
                        asked.full_review = says.unwrap_or(asked.full_review);
                        asked.standing |= standing;
                        asked.decision = decision;
                        asked.quorum = u64::from(decision == Decision::Ask);
                    });
                    let told = format!("told {says:?}, {standing}, {decision:?}");
                    team.told(cases, &format!("a full review asked by {name}, {told}"));
                }
            }
        }
    }
}

/// One policy wants it seen whole, another lets it be approved in advance.
fn both() -> PolicyText {
    policy(&format!(
        "@id(\"a\") {FULL}\npermit (principal, action == Vidimus::Action::\"propose\", resource);\n\
         @id(\"b\") @standing(\"allowed\")\npermit (principal, action == Vidimus::Action::\"propose\", resource);\n\
         @id(\"decide\") permit (principal, action == Vidimus::Action::\"decide\", resource);\n"
    ))
}

/// Who says that they saw how much.
fn given(cases: &mut Cases) {
    for (name, text) in [("asked", FULL), ("not asked", "")] {
        let text = asking(&format!("{text} @break_glass(\"allowed\")"));
        for verdict in [Verdict::Approve, Verdict::BreakGlass, Verdict::Deny] {
            for full in [false, true] {
                let mut team = cast();
                let action = team
                    .by("Ada")
                    .bring(&text)
                    .proposed_under(&text, &sample_action(1));
                decide(team.by("Ben"), action, verdict, full);
                let name = format!("a full review {name}, {verdict:?}, full {full}");
                team.told(cases, &name);
                team.resolve(action, Resolution::Approved);
                team.told(cases, &format!("{name}, run"));
            }
        }
    }
}

/// A grant over what could be approved in advance, used for what cannot be.
fn in_advance(cases: &mut Cases) {
    type Told = fn(&mut Evaluation);
    let told: [(&str, Told); 4] = [
        ("as it is", |_| {}),
        ("without the review", |asked| asked.full_review = false),
        ("with the approval", |asked| asked.standing = true),
        ("as if one asked", |asked| {
            asked.full_review = false;
            asked.standing = true;
        }),
    ];
    for (name, change) in told {
        let mut team = cast();
        let text = asking("@standing(\"allowed\")");
        let like = team
            .by("Ada")
            .bring(&text)
            .proposed_under(&text, &sample_action(1));
        let grant = team.by("Ben").grant(like, as_it_is());
        team.by("Ada").bring(&both());
        let mut draft = team
            .story
            .proposal_under(&both(), &sample_action(1), |_| {});
        if let Data::ActionProposed(data) = &mut draft.leaf.data {
            change(&mut data.evaluation);
        }
        team.story.use_grant(&mut draft, grant, &["decide"]);
        team.write(draft);
        team.told(cases, &format!("a full review in advance, told {name}"));
    }
}
