//! Every policy over every action: what it gives stands in the log, and has to come out again.

use vidimus_policy::PolicyText;
use vidimus_protocol::ActionId;
use vidimus_protocol::action::{Action, EnvVar, Payload, StatementClass, Target};
use vidimus_protocol::entry::{Assurance, Data, Evaluation, FromGroup};
use vidimus_protocol::envelope::{Role, Verdict};
use vidimus_verify::testkit::{sample_action, sample_change, sample_kinds};

use super::super::Team;
use super::sources::RIGHT;
use super::{ASKS, STRICT, alone, asking, cast, id_of, policy};
use crate::Cases;

pub(super) fn write(cases: &mut Cases) {
    let asks = [("asks", ASKS), ("strict", STRICT)];
    for (name, source) in RIGHT.iter().chain(&asks) {
        let text = policy(source);
        for (profile, team) in [("team", cast()), ("personal", alone())] {
            if profile == "personal" && !alone_can(&text) {
                continue;
            }
            for action in actions() {
                let mut team = begun(profile);
                team.by("Ada").bring(&text);
                let kind = action.0;
                judged(
                    cases,
                    &mut team,
                    &text,
                    &action.1,
                    &format!("{profile}, {name}, {kind}"),
                );
            }
            all_in_one(cases, team, &text, &format!("{profile}, {name}, all"));
        }
    }
    added_up(cases);
    waits(cases);
    lies(cases);
}

fn begun(profile: &str) -> Team {
    if profile == "personal" {
        return alone();
    }
    let mut team = cast();
    team.by("Ada")
        .change("Ben", &[Role::Administrator, Role::Reviewer], &["builders"]);
    team.by("Ben").change(
        "Ada",
        &[Role::Administrator, Role::Reviewer],
        &["builders", "sre"],
    );
    team.by("Ada")
        .change("Ben", &[Role::Reviewer], &["security"]);
    team
}

fn alone_can(text: &PolicyText) -> bool {
    use vidimus_protocol::entry::Profile;
    vidimus_policy::Set::in_log(text, Profile::Personal, "any").is_ok()
}

/// Proposed, then approved by each who may; by one who may not, and naming something else.
fn judged(cases: &mut Cases, team: &mut Team, text: &PolicyText, action: &Action, name: &str) {
    let id = team.proposed_under(text, action);
    team.told(cases, &format!("evaluated: {name}"));
    let who: &[&'static str] = if team.away.is_empty() {
        &["Ada"]
    } else {
        &["Ben", "Cleo"]
    };
    for who in who {
        approve_if_let(team.by(who), text, id);
        team.told(cases, &format!("evaluated: {name}, approved by {who}"));
    }
}

/// Names what lets them; where nothing does, something all the same.
fn approve_if_let(team: &mut Team, text: &PolicyText, action: ActionId) {
    let inputs = team.story.inputs_of(action);
    // The approval before was none that the reducer takes.
    let Some(person) = team.story.person() else {
        return;
    };
    let set =
        vidimus_policy::Set::in_log(text, team.story.log.opened.profile, "any").expect("right");
    match set.may_approve(&person, &inputs, team.story.now) {
        Ok(policies) => {
            let names: Vec<&str> = policies.iter().map(String::as_str).collect();
            team.decide_naming(action, Verdict::Approve, "so", &names);
        }
        Err(_) => {
            team.decide_naming(action, Verdict::Approve, "so", &["d"]);
        }
    }
}

/// One after the other: the counts grow.
fn all_in_one(cases: &mut Cases, mut team: Team, text: &PolicyText, name: &str) {
    team.by("Ada").bring(text);
    for (at, (_, action)) in actions().iter().enumerate() {
        let mut draft = team.story.proposal_of(action, None);
        if let (Data::ActionProposed(data), true) = (&mut draft.leaf.data, at % 3 == 0) {
            data.run = Some("nightly-42".parse().expect("visible ASCII"));
        }
        let draft = team.story.under(draft, text, action, |_| {});
        team.write(draft);
        if at % 4 == 3 {
            team.story.pass(1_400);
        }
    }
    team.told(cases, &format!("evaluated: {name}"));
}

/// Several that permit it.
fn added_up(cases: &mut Cases) {
    const OTHERS: [&str; 12] = [
        "",
        "@people(\"3\")",
        "@people(\"1 from a and 1 from b\")",
        "@people(\"2 from a\")",
        "@people(\"1 from c and 2\")",
        "@reason(\"required\") @why(\"because\")",
        "@assurance(\"proven-model\")",
        "@assurance(\"device-bound, proven-model\")",
        "@separate(\"1h\") @ttl(\"90s\") @use(\"2h\")",
        "@separate(\"2h\") @ttl(\"24h\") @use(\"3m\")",
        "@veto(\"2\")",
        "@veto(\"3\") @people(\"16\")",
    ];
    for quorum in [1, 3] {
        for one in OTHERS {
            for other in OTHERS {
                let text = policy(&format!(
                    "@id(\"ask-b\") {one} permit (principal, action == Vidimus::Action::\"propose\", resource);\n\
                     @id(\"ask-a\") {other} permit (principal, action == Vidimus::Action::\"propose\", resource);\n\
                     @id(\"d\") permit (principal, action == Vidimus::Action::\"decide\", resource);"
                ));
                let mut team = cast();
                team.by("Ada").rules(false, 0, quorum);
                team.bring(&text);
                team.proposed_under(&text, &sample_action(1));
                team.told(
                    cases,
                    &format!("added up: `{one}` and `{other}`, rules {quorum}"),
                );
            }
        }
    }
}

/// How long the proposer would wait.
fn waits(cases: &mut Cases) {
    for annotation in ["", "@ttl(\"10m\")", "@ttl(\"1d\")"] {
        let text = asking(annotation);
        for wait in [
            None,
            Some(0),
            Some(1),
            Some(599),
            Some(601),
            Some(900),
            Some(86_399),
            Some(86_401),
            Some((1 << 53) - 1),
        ] {
            let mut team = alone();
            team.bring(&text);
            let draft = team
                .story
                .proposal_under(&text, &sample_action(1), |inputs| inputs.wait_s = wait);
            team.write(draft);
            team.told(cases, &format!("waits {wait:?} with `{annotation}`"));
        }
    }
}

/// An evaluation that the policy does not give, where the reducer takes it.
fn lies(cases: &mut Cases) {
    type Change = fn(&mut Evaluation);
    let changes: [(&str, Change); 20] = [
        ("a grace time", |asked| asked.grace_s = 1),
        ("policy", |asked| asked.policy = "policy/3".into()),
        ("policy name", |asked| asked.policy = "policy/03".into()),
        ("builtin", |asked| asked.policy = "builtin/team/1".into()),
        ("people more", |asked| asked.quorum += 1),
        ("people fewer", |asked| asked.quorum = 2),
        ("a group fewer", |asked| {
            asked.groups.pop();
        }),
        ("a group more", |asked| {
            asked.groups.push(FromGroup {
                group: "z".into(),
                people: 1,
            })
        }),
        ("people of a group", |asked| asked.groups[0].people = 2),
        ("no reason", |asked| asked.reason_required = false),
        ("no assurance", |asked| asked.assurance.clear()),
        ("more assurance", |asked| {
            asked.assurance = vec![Assurance::DeviceBound, Assurance::ProvenModel]
        }),
        ("no separation", |asked| asked.separate_s = 0),
        ("more separation", |asked| asked.separate_s += 1),
        ("more time", |asked| asked.ttl_s += 1),
        ("more time to start", |asked| asked.use_s += 1),
        ("no veto", |asked| asked.veto = None),
        ("another veto", |asked| asked.veto = Some(3)),
        ("other reasons", |asked| {
            asked.reasons.push("also this".into())
        }),
        ("other policies", |asked| {
            asked.policies = vec!["people".into()]
        }),
    ];
    let text = policy(STRICT);
    for (name, change) in changes {
        let mut team = cast();
        team.by("Ada").bring(&text);
        team.proposed_with(&text, change);
        team.told(cases, &format!("misjudged: {name}"));
    }
    // Of an edit too, and of what came before it.
    let text = policy(ASKS);
    for other in [1, 7, 9] {
        let mut team = cast();
        team.by("Ada").bring(&text);
        let action = team.proposed_under(&text, &sample_action(1));
        let (draft, successor) = team.by("Ben").story.edit(action, &sample_action(other));
        team.write(draft);
        let draft = team.story.succession(action, &successor);
        let draft = team.story.under(draft, &text, &sample_action(2), |_| {});
        team.write(draft);
        team.told(
            cases,
            &format!("misjudged: an edit to {other} as if it were 2"),
        );
    }
    // An older policy says otherwise.
    for in_force in [ASKS, STRICT] {
        let mut team = cast();
        team.by("Ada").bring(&policy(ASKS)).bring(&policy(STRICT));
        let last = policy(in_force);
        team.bring(&last);
        let draft = team
            .story
            .proposal_under(&policy(ASKS), &sample_action(1), |_| {});
        let action = id_of(&draft);
        team.write(draft);
        team.by("Ben")
            .decide_naming(action, Verdict::Approve, "so", &["you"]);
        team.told(cases, "judged by another policy");
    }
}

/// One of each kind, and of what is told apart in it.
fn actions() -> Vec<(String, Action)> {
    let mut all = vec![
        ("command".to_owned(), sample_action(1)),
        ("json".into(), sample_change()),
    ];
    let named = |action: Action| (action.kind().as_str().to_owned(), action);
    all.extend(sample_kinds().into_iter().map(named));
    let mut more = Vec::new();
    for (name, action) in &all {
        for variant in 0..12 {
            let mut other = action.clone();
            if vary(&mut other, variant) {
                more.push((format!("{name}, {variant}"), other));
            }
        }
    }
    let odd = |environment: &str, system: &str, resource: &str| Action {
        target: Target {
            environment: environment.into(),
            resource: resource.into(),
            system: system.into(),
        },
        ..sample_action(2)
    };
    more.push(("elsewhere".into(), odd("a/b%", "c/d", "e/f%")));
    more.push(("nowhere".into(), odd("", "", "")));
    more.push((
        "in odd words".into(),
        odd("l\u{e9}on\"\\\n\0", "\u{1f980}", "::\""),
    ));
    all.extend(more);
    all
}

pub(super) fn variable(name: &str) -> EnvVar {
    EnvVar {
        commit: None,
        name: name.into(),
        value: Some("x".into()),
    }
}

fn vary(action: &mut Action, variant: usize) -> bool {
    match (&mut action.payload, variant) {
        (Payload::Command(command), 0) => command.uid = 0,
        (Payload::Command(command), 1) => {
            command.argv = ["b", "a", "b", "", "\u{e9}", "\u{1f980}", "\u{ff21}"]
                .map(String::from)
                .to_vec();
        }
        (Payload::Command(command), 2) => command.argv = vec![String::new()],
        (Payload::Command(command), 3) => {
            command.argv[0] = "/opt/a b/systemctl".into();
            command.env = ["A", "HOME", "LD_PRELOAD", "PATH", "USER", "\u{e9}"]
                .map(variable)
                .into();
        }
        (Payload::FileChange(change), 0) => change.before = None,
        (Payload::FileChange(change), 1) => (change.uid, change.user) = (0, "root".into()),
        (Payload::Json(change), 0) => change.after = None,
        (Payload::Json(change), 1) => change.before = None,
        (Payload::Json(change), 2) => change.operation = "drop".into(),
        (Payload::Sql(sql), 0..=6) => {
            sql.statements[0].class = [
                StatementClass::Read,
                StatementClass::Session,
                StatementClass::Write,
                StatementClass::Delete,
                StatementClass::Schema,
                StatementClass::Permission,
                StatementClass::Unknown,
            ][variant];
            sql.statements[1].class = sql.statements[0].class;
            sql.statements[1].whole_table = variant == 2;
            sql.statements[1].tables = vec!["Orders".into(), "orders".into(), "\u{e9}".into()];
        }
        (Payload::Sql(sql), 7) => {
            sql.database = None;
            sql.statements[1].class = StatementClass::Read;
            sql.statements[1].whole_table = false;
        }
        (Payload::TerraformPlan(plan), 0..=6) => {
            let words: &[&[&str]] = [
                &[&["read"] as &[&str], &["no-op"]] as &[&[&str]],
                &[&["forget"], &["delete"]],
                &[&["create"], &["import", "update"]],
                &[&["forget", "create"], &["create", "delete", "update"]],
                &[&["move"], &["import"]],
                &[&["move", "update"], &["odd"]],
                &[&["create", "update"], &["read", "update"]],
            ][variant];
            if variant != 4 {
                plan.outputs.clear();
            }
            for (change, words) in plan.changes.iter_mut().zip(words) {
                change.actions = words.iter().map(ToString::to_string).collect();
            }
            plan.changes[0].address = [
                "odd",
                "module.a[\"x.y\"].aws_s3_bucket.b[\"k.l\"]",
                "data.http.page",
                "a]b.c[d.e].f",
                "",
                "a..b.",
                "aws_iam_role.b[\"].null_resource.x[\"]",
            ][variant]
                .into();
        }
        (Payload::TerraformPlan(plan), 7) => {
            plan.outputs.clear();
            plan.changes.clear();
        }
        (Payload::TerraformPlan(plan), 8..=11) => {
            plan.changes[0].address = [
                "aws_iam_role.admin[0].",
                "aws_iam_role.b[\"\\\"].null_resource.x[\\\"\"]",
                "aws_iam_role.b[\"\\\\\"].null_resource.x",
                "a.b[\"c.d\\",
            ][variant - 8]
                .into();
            plan.changes[0].actions = vec!["no-op".into()];
        }
        _ => return false,
    }
    true
}
