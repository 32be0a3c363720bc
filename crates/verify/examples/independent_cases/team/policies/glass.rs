//! Broken glass, and what is found of it.

use vidimus_policy::PolicyText;
use vidimus_protocol::ActionId;
use vidimus_protocol::entry::{Data, Resolution};
use vidimus_protocol::envelope::{Finding, Revocation, Role, Verdict};
use vidimus_verify::testkit::{FLAGS, sample_action};

use super::super::{BACKUP_ELIGIBLE, Team};
use super::{BOTH, asking, cast, policy};
use crate::Cases;
use crate::forge::Forge;

const WHY: &str = "Checkout is down, and nobody else answers.";

/// Asks two people of a group that only Ben is in, or one in an emergency.
fn urgent() -> PolicyText {
    asking("@people(\"2 from security\") @break_glass(\"allowed\") @veto(\"2\")")
}

fn urgent_action(team: &mut Team, text: &PolicyText) -> ActionId {
    team.by("Ada").bring(text);
    team.proposed_under(text, &sample_action(1))
}

fn break_it(team: &mut Team, text: &PolicyText, action: ActionId) {
    let inputs = team.story.inputs_of(action);
    let draft = team.story.glass_under(text, action, &inputs);
    team.write(draft);
}

fn review(team: &mut Team, action: ActionId, finding: Finding) {
    let draft = team.story.glass_review(action, finding);
    team.write(draft);
}

/// Good logs.
pub(super) fn good() -> Vec<(String, Forge)> {
    type Course = fn(&mut Team, &PolicyText, ActionId);
    let courses: [(&str, Course); 3] = [
        ("run and reviewed", |team, text, action| {
            break_it(team.by("Ben"), text, action);
            team.run(action);
            review(team.by("Ada"), action, Finding::Justified);
        }),
        ("after an approval", |team, text, action| {
            team.by("Ben").approve_under(text, action);
            break_it(team, text, action);
            team.run(action);
        }),
        (
            "reviewed by an administrator who owns nothing",
            |team, text, action| {
                break_it(team.by("Ben"), text, action);
                team.by("Ada").change("Cleo", BOTH, &[]);
                review(team.by("Cleo"), action, Finding::Unjustified);
                team.run(action);
            },
        ),
    ];
    let told = courses.map(|(name, course)| {
        let mut team = cast();
        let text = urgent();
        let action = urgent_action(&mut team, &text);
        course(&mut team, &text, action);
        (format!("glass, {name}"), team.forge())
    });
    told.into()
}

pub(super) fn write(cases: &mut Cases) {
    allowed(cases);
    broken(cases);
    unmet(cases);
    reviews(cases);
    unreviewed(cases);
}

/// Where policies let somebody break glass, and where only one of two does.
fn allowed(cases: &mut Cases) {
    let two = |first: &str, second: &str| {
        policy(&format!(
            "@id(\"a\") @people(\"2\") {first}\npermit (principal, action == Vidimus::Action::\"propose\", resource);\n\
             @id(\"b\") {second}\npermit (principal, action == Vidimus::Action::\"propose\", resource);\n\
             @id(\"decide\") permit (principal, action == Vidimus::Action::\"decide\", resource);\n"
        ))
    };
    let allow = "@break_glass(\"allowed\")";
    for (name, text) in [
        ("by both", two(allow, allow)),
        ("by the first", two(allow, "")),
        ("by the second", two("", allow)),
        ("by none", two("", "")),
    ] {
        for says in [None, Some(true), Some(false)] {
            let mut team = cast();
            team.by("Ada").bring(&text);
            let action = team.proposed_with(&text, |asked| {
                asked.break_glass = says.unwrap_or(asked.break_glass);
            });
            team.told(cases, &format!("glass allowed {name}, told {says:?}"));
            break_it(team.by("Ben"), &text, action);
            team.told(
                cases,
                &format!("glass allowed {name}, told {says:?}, broken"),
            );
        }
    }
    for is_team in [false, true] {
        let mut team = if is_team { cast() } else { super::alone() };
        let mut draft = team.story.proposal();
        if let Data::ActionProposed(data) = &mut draft.leaf.data {
            data.evaluation.break_glass = true;
            team.write(draft);
        }
        team.told(cases, &format!("glass without a policy, team {is_team}"));
    }
    let mut alone = super::alone();
    alone.bring(&asking("@break_glass(\"allowed\")"));
    alone.told(cases, "glass in a personal log");
    for value in ["", "yes", "Allowed", "allowed "] {
        let mut team = cast();
        team.by("Ada")
            .bring(&asking(&format!("@break_glass(\"{value}\")")));
        team.told(cases, &format!("glass allowed as `{value}`"));
    }
}

/// Who breaks it, with what, and why.
fn broken(cases: &mut Cases) {
    for reason in [
        "",
        "it is urgent",
        "nineteen characters",
        "twenty characters or",
        WHY,
    ] {
        let mut team = cast();
        let action = urgent_action(&mut team, &urgent());
        team.by("Ben")
            .decide_naming(action, Verdict::BreakGlass, reason, &["decide"]);
        team.resolve(action, Resolution::Approved);
        team.told(cases, &format!("glass broken because `{reason}`"));
    }
    for policies in [&[] as &[&str], &["ask"], &["decide", "decide"]] {
        let mut team = cast();
        let action = urgent_action(&mut team, &urgent());
        team.by("Ben")
            .decide_naming(action, Verdict::BreakGlass, WHY, policies);
        team.told(cases, &format!("glass broken naming {policies:?}"));
    }
    for flags in [FLAGS, FLAGS | BACKUP_ELIGIBLE] {
        let mut team = cast();
        team.claim_for("Ben's second", "Ben", flags);
        team.by("Ben").admit("Ben's second");
        let action = urgent_action(&mut team, &urgent());
        break_it(team.by("Ben's second"), &urgent(), action);
        team.told(cases, &format!("glass broken with a key of {flags:x}"));
    }
    type Before = fn(&mut Team, ActionId);
    let before: [(&str, Before); 6] = [
        ("a denial", |team, action| {
            team.by("Cleo").decide(action, Verdict::Deny);
        }),
        ("a pause", |team, _| {
            team.by("Cleo").pause(None);
        }),
        ("its expiry", |team, _| team.story.pass(900)),
        ("another policy", |team, _| {
            team.by("Ada").bring(&asking(""));
        }),
        ("the end of its agent", |team, _| {
            team.by("Ada").end_agent();
        }),
        ("Ben was a reviewer no more", |team, _| {
            team.by("Ada").change("Ben", &[Role::Administrator], &[]);
        }),
    ];
    for (name, live) in before {
        let mut team = cast();
        let action = urgent_action(&mut team, &urgent());
        live(&mut team, action);
        break_it(team.by("Ben"), &urgent(), action);
        team.told(cases, &format!("glass broken after {name}"));
    }
    for who in ["Ada", "Cleo"] {
        let mut team = cast();
        team.by("Ada").change("Cleo", BOTH, &[]);
        team.by("Cleo").change("Ada", BOTH, &[]);
        let text = asking("@people(\"2\") @break_glass(\"allowed\") @separate(\"1h\")");
        team.by("Ada").bring(&text).by("Cleo").bring(&text);
        let action = team.proposed_under(&text, &sample_action(1));
        break_it(team.by(who), &text, action);
        team.told(cases, &format!("glass broken by {who}, whose policy it is"));
    }
    let mut team = cast();
    let action = urgent_action(&mut team, &urgent());
    let edited = team
        .by("Ben")
        .replace_under(&urgent(), action, &sample_action(2));
    break_it(&mut team, &urgent(), edited);
    team.told(cases, "glass broken by who edited it");
}

/// What it was broken with counts no more, or somebody is against it.
fn unmet(cases: &mut Cases) {
    type Step = fn(&mut Team, ActionId);
    let steps: [(&str, Step); 6] = [
        ("nothing", |_, _| {}),
        ("a denial", |team, action| {
            team.by("Cleo").decide(action, Verdict::Deny);
        }),
        ("its key lost", |team, _| {
            team.by("Ada").revoke("Ben", Revocation::Lost);
        }),
        ("Ben reviewing no more", |team, _| {
            team.by("Ada").change("Ben", &[Role::Administrator], &[]);
        }),
        ("Ben gone", |team, _| {
            team.by("Ada").remove("Ben");
        }),
        ("a second time", |team, action| {
            break_it(team.by("Ben"), &urgent(), action)
        }),
    ];
    for (name, step) in steps {
        for at in 0..3 {
            let mut team = cast();
            let action = urgent_action(&mut team, &urgent());
            break_it(team.by("Ben"), &urgent(), action);
            for now in 0..3 {
                if now == at {
                    step(&mut team, action);
                }
                match now {
                    0 => {
                        team.resolve(action, Resolution::Approved);
                    }
                    1 => {
                        team.permit(action);
                    }
                    _ => {
                        team.story.redeem(action);
                    }
                }
            }
            team.told(cases, &format!("glass broken, {name} before step {at}"));
        }
    }
}

/// What is said of it, by whom, about what.
fn reviews(cases: &mut Cases) {
    let begun = || {
        let mut team = cast();
        let action = urgent_action(&mut team, &urgent());
        break_it(team.by("Ben"), &urgent(), action);
        (team, action)
    };
    for who in ["Ada", "Ben", "Cleo", "Dora"] {
        for admins in [&[] as &[&str], &["Ben"], &["Cleo"], &["Ben", "Cleo"]] {
            let (mut team, action) = begun();
            team.by("Ada");
            for admin in admins {
                team.change(admin, BOTH, &[]);
            }
            review(team.by(who), action, Finding::Justified);
            team.told(
                cases,
                &format!("glass reviewed by {who}, administrators {admins:?}"),
            );
        }
    }
    for reason in ["", " ", "Seen."] {
        let (mut team, action) = begun();
        let draft =
            team.by("Ada")
                .story
                .glass_review_with(action, Finding::Unjustified, reason, |_| {});
        team.write(draft);
        team.told(cases, &format!("glass reviewed because `{reason}`"));
    }
    let (mut team, action) = begun();
    team.by("Ada");
    review(&mut team, action, Finding::Justified);
    team.told(cases, "glass reviewed");
    review(&mut team, action, Finding::Unjustified);
    team.told(cases, "glass reviewed twice");
    let mut team = cast();
    let text = urgent();
    let action = urgent_action(&mut team, &text);
    team.by("Ben").approve_under(&text, action);
    review(team.by("Ada"), action, Finding::Justified);
    team.told(cases, "an approval reviewed");
    let (mut team, action) = begun();
    let other = team.proposed_under(&text, &sample_action(2));
    let draft = team
        .by("Ada")
        .story
        .glass_review_with(action, Finding::Justified, WHY, |item| item.action = other);
    team.write(draft);
    team.told(cases, "glass reviewed of another action");
}

/// One person breaks so many and no more.
fn unreviewed(cases: &mut Cases) {
    for reviewed in [false, true] {
        let mut team = cast();
        let text = urgent();
        team.by("Ada").bring(&text);
        let all: Vec<_> = (1..=4)
            .map(|number| team.proposed_under(&text, &sample_action(number)))
            .collect();
        for (number, action) in all.iter().enumerate() {
            if number == 3 && reviewed {
                review(team.by("Ada"), all[0], Finding::Unjustified);
            }
            break_it(team.by("Ben"), &text, *action);
            team.told(
                cases,
                &format!("glass {number} broken, the first reviewed: {reviewed}"),
            );
        }
    }
}
