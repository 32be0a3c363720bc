//! Groups that are told of what nobody has decided.

use vidimus_policy::PolicyText;
use vidimus_protocol::ActionId;
use vidimus_protocol::entry::{Data, Decision, Escalation, Evaluation, Resolution};
use vidimus_protocol::envelope::Verdict;
use vidimus_verify::testkit::sample_action;

use super::super::Team;
use super::{asking, cast, policy};
use crate::Cases;
use crate::forge::Forge;

const SRE: &str = "@escalate(\"sre after 2m\") @ttl(\"5m\")";

/// A policy that lets a second group decide once it was told.
fn later() -> PolicyText {
    policy(&format!(
        "@id(\"ask\") {SRE}\npermit (principal, action == Vidimus::Action::\"propose\", resource);\n\
         @id(\"security\") permit (principal in Vidimus::Group::\"security\", action == Vidimus::Action::\"decide\", resource);\n\
         @id(\"sre\") permit (principal in Vidimus::Group::\"sre\", action == Vidimus::Action::\"decide\", resource)\n\
         when {{ context.time.durationSince(context.proposed) >= duration(\"2m\") }};\n"
    ))
}

fn begun(text: &PolicyText) -> (Team, ActionId) {
    let mut team = cast();
    team.by("Ada").bring(text);
    let action = team.proposed_under(text, &sample_action(1));
    (team, action)
}

fn tell(team: &mut Team, action: ActionId, group: &str) {
    let draft = team.story.escalation(action, group);
    team.write(draft);
}

/// Good logs.
pub(super) fn good() -> Vec<(String, Forge)> {
    let (mut team, action) = begun(&later());
    team.story.pass(120);
    tell(&mut team, action, "sre");
    team.by("Cleo").approve_under(&later(), action).run(action);
    let told = (
        "escalation, decided by whom it told".to_owned(),
        team.forge(),
    );
    let (mut team, action) = begun(&asking(SRE));
    team.story.pass(150);
    tell(&mut team, action, "sre");
    team.story.pass(150);
    team.resolve(action, Resolution::Expired);
    vec![told, ("escalation, expired".to_owned(), team.forge())]
}

pub(super) fn write(cases: &mut Cases) {
    asked(cases);
    added_up(cases);
    told(cases);
    decided(cases);
}

/// What policies may ask for.
fn asked(cases: &mut Cases) {
    for value in [
        "",
        "sre",
        "sre after",
        "sre after 0s",
        "sre after 05m",
        "sre after 1s",
        "sre after 24h",
        "sre after 25h",
        "sre after 2m ",
        "SRE after 2m",
        " after 2m",
        "sre  after 2m",
        "sre after 2m and security after 3m",
        "after after 2m",
        "sre after after 2m",
    ] {
        let team = brought(&asking(&format!("@escalate(\"{value}\")")));
        team.told(cases, &format!("escalation asked as `{value}`"));
    }
    for (after, ttl) in [("2m", "2m"), ("121s", "2m"), ("119s", "2m"), ("2m", "1d")] {
        let text = asking(&format!("@escalate(\"sre after {after}\") @ttl(\"{ttl}\")"));
        let team = brought(&text);
        team.told(cases, &format!("escalation after {after} of {ttl}"));
    }
    let text = policy(
        "@id(\"ask\") permit (principal, action == Vidimus::Action::\"propose\", resource);\n\
         @id(\"decide\") @escalate(\"sre after 2m\")\npermit (principal, action == Vidimus::Action::\"decide\", resource);\n",
    );
    let team = brought(&text);
    team.told(cases, "escalation asked by what permits to decide");
    let mut alone = super::alone();
    alone.bring(&asking("@escalate(\"sre after 2m\")"));
    alone.told(cases, "escalation in a personal log");
}

/// The set may be wrong, so nothing is proposed under it.
fn brought(text: &PolicyText) -> Team {
    let mut team = cast();
    team.by("Ada").bring(text);
    team
}

/// Several policies, and evaluations that say something else.
fn added_up(cases: &mut Cases) {
    let all = |annotations: &[String]| {
        let mut text = String::new();
        for (number, annotation) in annotations.iter().enumerate() {
            text += &format!(
                "@id(\"p{number}\") {annotation}\npermit (principal, action == Vidimus::Action::\"propose\", resource);\n"
            );
        }
        text += "@id(\"decide\") permit (principal, action == Vidimus::Action::\"decide\", resource);\n";
        policy(&text)
    };
    let to = |group: &str, after: &str| format!("@escalate(\"{group} after {after}\")");
    let many = |count: usize| -> Vec<String> {
        (0..count)
            .map(|number| to(&format!("g{number}"), "2m"))
            .collect()
    };
    for (name, annotations) in [
        ("one twice", vec![to("sre", "3m"), to("sre", "2m")]),
        (
            "two",
            vec![to("sre", "3m"), to("security", "5m"), String::new()],
        ),
        ("sixteen", many(16)),
        ("seventeen", many(17)),
    ] {
        let (team, _) = begun(&all(&annotations));
        team.told(cases, &format!("escalation, {name} added up"));
    }
    type Change = fn(&mut Evaluation);
    let changes: [(&str, Change); 7] = [
        ("left out", |asked| asked.escalate.clear()),
        ("sooner", |asked| asked.escalate[0].after_s = 1),
        ("at once", |asked| asked.escalate[0].after_s = 0),
        ("elsewhere", |asked| {
            asked.escalate[0].group = "security".into()
        }),
        ("to no group", |asked| {
            asked.escalate[0].group = "SRE".into()
        }),
        ("twice", |asked| {
            asked.escalate.push(asked.escalate[0].clone())
        }),
        ("where it is refused", |asked| {
            asked.decision = Decision::Refuse
        }),
    ];
    for (name, change) in changes {
        let mut team = cast();
        let text = asking(SRE);
        team.by("Ada").bring(&text);
        team.proposed_with(&text, change);
        team.told(cases, &format!("escalation told {name}"));
    }
    for is_team in [false, true] {
        let mut team = if is_team { cast() } else { super::alone() };
        let mut draft = team.story.proposal();
        if let Data::ActionProposed(data) = &mut draft.leaf.data {
            data.evaluation.escalate = vec![Escalation {
                after_s: 120,
                group: "sre".to_owned(),
            }];
        }
        team.write(draft);
        team.told(
            cases,
            &format!("escalation without a policy, team {is_team}"),
        );
    }
}

/// When, to whom, how often.
fn told(cases: &mut Cases) {
    for after in [0, 119, 120, 299, 300] {
        for group in ["sre", "security", ""] {
            let (mut team, action) = begun(&asking(SRE));
            team.story.pass(after);
            tell(&mut team, action, group);
            team.told(cases, &format!("escalation to `{group}` after {after} s"));
            tell(&mut team, action, group);
            team.told(
                cases,
                &format!("escalation to `{group}` twice after {after} s"),
            );
        }
    }
    type Before = fn(&mut Team, ActionId);
    let before: [(&str, Before); 5] = [
        ("a denial", |team, action| {
            team.by("Ben").decide(action, Verdict::Deny);
        }),
        ("its end", |team, action| {
            team.by("Ben").decide(action, Verdict::Deny);
            team.resolve(action, Resolution::Denied);
        }),
        ("an edit", |team, action| {
            let (draft, _) = team.by("Ben").story.edit(action, &sample_action(2));
            team.write(draft);
        }),
        ("a pause", |team, _| {
            team.by("Cleo").pause(None);
        }),
        ("the end of its agent", |team, _| {
            team.by("Ada").end_agent();
        }),
    ];
    for (name, live) in before {
        let (mut team, action) = begun(&asking(SRE));
        team.story.pass(150);
        live(&mut team, action);
        tell(&mut team, action, "sre");
        team.told(cases, &format!("escalation after {name}"));
    }
    let (mut team, action) = begun(&asking(SRE));
    team.story.pass(120);
    let mut draft = team.story.escalation(action, "sre");
    draft.leaf.actor = team.story.proposal().leaf.actor;
    team.write(draft);
    team.told(cases, "escalation by the agent");
    let (mut team, action) = begun(&asking(SRE));
    team.story.pass(120);
    let mut draft = team.story.escalation(action, "sre");
    draft.leaf.refs.clear();
    team.write(draft);
    team.told(cases, "escalation that builds on nothing");
}

/// Who may decide, and when, is the policy's to say.
fn decided(cases: &mut Cases) {
    for after in [0, 119, 120] {
        for (who, by) in [("Cleo", "sre"), ("Ben", "security")] {
            for says in [by, "sre", "security"] {
                let (mut team, action) = begun(&later());
                team.story.pass(after);
                team.by(who)
                    .decide_naming(action, Verdict::Approve, "", &[says]);
                team.told(
                    cases,
                    &format!("escalation, {who} decides by {says} after {after} s"),
                );
            }
        }
    }
}
