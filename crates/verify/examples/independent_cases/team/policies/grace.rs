//! What waits out its grace time, and approvals that are taken back.

use vidimus_policy::PolicyText;
use vidimus_protocol::ActionId;
use vidimus_protocol::entry::{Decision, Resolution};
use vidimus_protocol::envelope::{Revocation, Role, Verdict};
use vidimus_verify::testkit::sample_action;

use super::super::Team;
use super::super::grants::as_it_is;
use super::{asking, cast, policy};
use crate::Cases;
use crate::forge::Forge;

/// It expires in the middle of its grace time.
const WAIT_S: u64 = 60;
const GRACE_S: u64 = 90;

fn slow(more: &str) -> PolicyText {
    asking(&format!("@grace(\"90s\") @ttl(\"1m\") {more}"))
}

/// What Ben approved ten seconds after it was proposed.
fn approved(team: &mut Team, text: &PolicyText) -> ActionId {
    team.by("Ada").bring(text);
    let action = team.proposed_under(text, &sample_action(1));
    team.story.pass(10);
    team.by("Ben").approve_under(text, action);
    action
}

/// Good logs.
pub(super) fn good() -> Vec<(String, Forge)> {
    type Course = fn(&mut Team, ActionId);
    let courses: [(&str, Course); 4] = [
        ("run", |team, action| {
            team.story.pass(GRACE_S);
            team.run(action);
        }),
        ("denied by another", |team, action| {
            team.story.pass(GRACE_S - 1);
            team.by("Cleo").decide(action, Verdict::Deny);
            team.resolve(action, Resolution::Denied);
        }),
        ("taken back", |team, action| {
            team.decide(action, Verdict::Deny);
            team.resolve(action, Resolution::Denied);
        }),
        ("lost", |team, action| {
            team.story.pass(WAIT_S);
            team.by("Ada").revoke("Ben", Revocation::Lost);
            team.resolve(action, Resolution::Expired);
        }),
    ];
    let told = courses.map(|(name, course)| {
        let mut team = cast();
        let action = approved(&mut team, &slow(""));
        course(&mut team, action);
        (format!("grace, {name}"), team.forge())
    });
    told.into()
}

pub(super) fn write(cases: &mut Cases) {
    asked(cases);
    resolved(cases);
    decided(cases);
    taken_back(cases);
    of_grants(cases);
}

/// What policies and evaluations may ask.
fn asked(cases: &mut Cases) {
    for value in [
        "", "0s", "1s", "60m", "1h", "61m", "3601s", "2h", "1d", "30", "01s", "allowed",
    ] {
        let text = asking(&format!("@grace(\"{value}\")"));
        let mut team = cast();
        team.by("Ada").bring(&text);
        team.told(cases, &format!("a grace time of `{value}`"));
    }
    let both = policy(
        "@id(\"a\") @grace(\"30s\")\npermit (principal, action == Vidimus::Action::\"propose\", resource);\n\
         @id(\"b\") @grace(\"2m\")\npermit (principal, action == Vidimus::Action::\"propose\", resource);\n\
         @id(\"decide\") permit (principal, action == Vidimus::Action::\"decide\", resource);\n",
    );
    for says in [0, 1, 30, 120, 121, 3600, 3601, 1 << 52] {
        for decision in [Decision::Ask, Decision::Release, Decision::Refuse] {
            let mut team = cast();
            team.by("Ada").bring(&both);
            team.proposed_with(&both, |asked| {
                asked.grace_s = says;
                asked.decision = decision;
                if decision == Decision::Release {
                    asked.quorum = 0;
                }
            });
            team.told(
                cases,
                &format!("a grace time of {says} s of two, {decision:?}"),
            );
        }
    }
    let mut team = cast();
    let mut draft = team.story.proposal();
    if let vidimus_protocol::entry::Data::ActionProposed(data) = &mut draft.leaf.data {
        data.evaluation.grace_s = 30;
    }
    team.write(draft);
    team.told(cases, "a grace time without a policy");
}

/// When it is resolved, and as what.
fn resolved(cases: &mut Cases) {
    type Change = fn(&mut Team);
    let changes: [(&str, Change); 6] = [
        ("as it is", |_| {}),
        ("its key revoked", |team| {
            team.by("Ada").revoke("Ben", Revocation::Lost);
        }),
        ("its person no reviewer", |team| {
            team.by("Ada")
                .change("Ben", &[Role::Administrator], &["sre"]);
        }),
        ("its agent ended", |team| {
            team.by("Ada").end_agent();
        }),
        ("its agent paused", |team| {
            team.by("Cleo").pause(None);
        }),
        ("its key too old", |team| {
            team.by("Ada").rules(true, 0, 1);
        }),
    ];
    for (name, change) in changes {
        for seconds in [0, WAIT_S - 10, GRACE_S - 5, GRACE_S, GRACE_S + 600] {
            for resolution in [
                Resolution::Approved,
                Resolution::Denied,
                Resolution::Expired,
                Resolution::Withdrawn,
            ] {
                let mut team = cast();
                let action = approved(&mut team, &slow(""));
                change(&mut team);
                team.story.pass(seconds);
                team.resolve(action, resolution);
                team.told(
                    cases,
                    &format!("grace, {name}, {resolution:?} after {seconds} s"),
                );
            }
        }
    }
}

/// Who says what while it waits.
fn decided(cases: &mut Cases) {
    for (more, glass) in [("", false), ("@break_glass(\"allowed\")", true)] {
        for seconds in [0, WAIT_S, GRACE_S + 5] {
            for who in ["Ben", "Cleo"] {
                let text = slow(more);
                for verdict in [Verdict::Approve, Verdict::Deny, Verdict::BreakGlass] {
                    let mut team = cast();
                    let action = approved(&mut team, &text);
                    team.story.pass(seconds);
                    let named: &[&str] = match verdict {
                        Verdict::Deny => &[],
                        _ => &["decide"],
                    };
                    let why = "Checkout is down, and nobody else answers.";
                    team.by(who).decide_naming(action, verdict, why, named);
                    team.told(
                        cases,
                        &format!("grace, {verdict:?} by {who} after {seconds} s, {glass}"),
                    );
                    team.resolve(action, Resolution::Approved);
                    team.told(
                        cases,
                        &format!("grace, {verdict:?} by {who} after {seconds} s, {glass}, run"),
                    );
                }
                let mut team = cast();
                let action = approved(&mut team, &text);
                team.story.pass(seconds);
                team.by(who).replace_under(&text, action, &sample_action(2));
                team.told(
                    cases,
                    &format!("grace, edited by {who} after {seconds} s, {glass}"),
                );
            }
        }
    }
}

/// Approvals that are taken back where one denial does not end it.
fn taken_back(cases: &mut Cases) {
    let sequences: [&[(&'static str, Verdict)]; 6] = [
        &[("Ben", Verdict::Approve), ("Ben", Verdict::Deny)],
        &[
            ("Ben", Verdict::Approve),
            ("Ben", Verdict::Deny),
            ("Cleo", Verdict::Approve),
        ],
        &[
            ("Ben", Verdict::Approve),
            ("Ben", Verdict::Deny),
            ("Ben", Verdict::Approve),
        ],
        &[
            ("Ben", Verdict::Approve),
            ("Ben", Verdict::Deny),
            ("Ben", Verdict::Deny),
        ],
        &[
            ("Ben", Verdict::Approve),
            ("Ben", Verdict::Deny),
            ("Cleo", Verdict::Approve),
            ("Dora", Verdict::Approve),
        ],
        &[
            ("Ben", Verdict::Approve),
            ("Ben", Verdict::Deny),
            ("Cleo", Verdict::Approve),
            ("Cleo", Verdict::Deny),
        ],
    ];
    for grace in ["", "@grace(\"30s\")"] {
        let text = asking(&format!("@people(\"2\") @veto(\"2\") {grace}"));
        for (number, sequence) in sequences.into_iter().enumerate() {
            for resolution in [Resolution::Approved, Resolution::Denied] {
                let mut team = cast();
                team.by("Ada").bring(&text);
                let action = team.proposed_under(&text, &sample_action(1));
                for (who, verdict) in sequence {
                    let named: &[&str] = match verdict {
                        Verdict::Deny => &[],
                        _ => &["decide"],
                    };
                    team.by(who).decide_naming(action, *verdict, "so", named);
                    team.story.pass(5);
                }
                team.told(cases, &format!("taken back, {number}, `{grace}`"));
                team.story.pass(25);
                team.resolve(action, resolution);
                if resolution == Resolution::Approved {
                    team.permit(action);
                }
                team.told(
                    cases,
                    &format!("taken back, {number}, `{grace}`, {resolution:?}"),
                );
            }
        }
    }
}

/// Approved in advance, and stopped.
fn of_grants(cases: &mut Cases) {
    let text = slow("@standing(\"allowed\")");
    for seconds in [0, GRACE_S - 5, GRACE_S + 5] {
        for denied in [false, true] {
            let mut team = cast();
            team.by("Ada").bring(&text);
            let like = team.proposed_under(&text, &sample_action(1));
            let grant = team.by("Ben").grant(like, as_it_is());
            let mut draft = team.story.proposal_under(&text, &sample_action(1), |_| {});
            team.story.use_grant(&mut draft, grant, &["decide"]);
            let action = super::id_of(&draft);
            team.write(draft);
            team.story.pass(seconds);
            if denied {
                team.by("Ben").decide(action, Verdict::Deny);
            }
            team.told(cases, &format!("grace of a grant, {seconds} s, {denied}"));
            let resolution = if denied {
                Resolution::Denied
            } else {
                Resolution::Approved
            };
            team.resolve(action, resolution);
            team.told(
                cases,
                &format!("grace of a grant, {seconds} s, {denied}, resolved"),
            );
        }
    }
}
