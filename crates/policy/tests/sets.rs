//! Sets of policies, from text to evaluation.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use serde_json::json;
use vidimus_policy::{
    Approval, Counts, Effect, Inputs, PersonInput, PolicyFile, PolicyText, Question, Rule, Set,
    fixtures, replay, starter,
};
use vidimus_protocol::Time;
use vidimus_protocol::entry::{Decision, Evaluation, FromGroup, Profile};

fn set_of(policies: &str, profile: Profile) -> Result<Set, Vec<String>> {
    let text = PolicyText::new(vec![PolicyFile {
        name: "a.cedar".into(),
        text: policies.into(),
    }])
    .unwrap();
    Set::parse(&text, profile, "set").map_err(|problems| {
        let problems = problems.iter();
        problems.map(ToString::to_string).collect()
    })
}

fn team(policies: &str) -> Set {
    set_of(policies, Profile::Team).unwrap()
}

fn wrong(policies: &str) -> String {
    set_of(policies, Profile::Team).unwrap_err().join("\n")
}

const ANYTHING: &str = r#"
@id("anything") permit (principal, action == Vidimus::Action::"propose", resource);
@id("anybody") permit (principal, action == Vidimus::Action::"decide", resource);
"#;

fn with(policies: &str) -> Set {
    team(&format!("{ANYTHING}{policies}"))
}

/// Inputs as their part holds them, of an agent that deletes rows.
fn inputs(change: impl FnOnce(&mut serde_json::Value)) -> Inputs {
    let mut json = serde_json::json!({
        "agent": {
            "id": "agt_01040g2081040g2081040g2081",
            "name": "nightly",
            "owner": {
                "groups": ["data"], "id": "rev_01040g2081040g2081040g2081",
                "identity": "ada@example.com", "name": "Ada", "roles": ["reviewer"]
            }
        },
        "facts": {
            "effects": ["destructive"],
            "sql": {"classes": ["delete"], "tables": ["orders"], "whole_table": false}
        },
        "first_of_kind": false,
        "kind": "sql",
        "last_hour": 3,
        "last_hour_of_kind": 2,
        "quorum": 1,
        "target": {"environment": "production", "resource": "shop", "system": "db1"},
        "time": "2026-11-21T09:30:00.000Z"
    });
    change(&mut json);
    serde_json::from_value(json).unwrap()
}

fn evaluate(set: &Set) -> Evaluation {
    set.evaluate(&inputs(|_| {}))
}

fn person(groups: &[&str]) -> PersonInput {
    serde_json::from_value(serde_json::json!({
        "groups": groups, "id": "rev_01040g2081040g2081040g2082",
        "identity": "bob@example.com", "name": "Bob", "roles": ["reviewer"]
    }))
    .unwrap()
}

fn now() -> Time {
    "2026-11-21T09:31:00.000Z".parse().unwrap()
}

#[test]
fn what_nothing_permits_is_refused() {
    let set = team(
        r#"
        @id("reads") permit (principal, action == Vidimus::Action::"propose", resource)
            when { context.effects == ["read"] };
        @id("anybody") permit (principal, action == Vidimus::Action::"decide", resource);"#,
    );
    let refused = evaluate(&set);
    assert_eq!(refused.decision, Decision::Refuse);
    assert!(
        refused.reasons[0].contains("No policy permits"),
        "{refused:?}"
    );
}

#[test]
fn what_is_forbidden_is_refused_whatever_permits_it() {
    let set = with(
        r#"@id("never") @why("Orders stay.") forbid (principal, action, resource)
            when { context has sql && context.sql.tables.contains("orders") };"#,
    );
    let refused = evaluate(&set);
    assert_eq!(refused.decision, Decision::Refuse);
    assert_eq!(refused.policies, ["never"]);
    assert!(refused.reasons[0].contains("Orders stay."), "{refused:?}");
}

#[test]
fn demands_of_all_that_permit_add_up() {
    let set = with(
        r#"
        @id("two") @people("1 from sre and 1 from security") @ttl("10m")
        permit (principal, action == Vidimus::Action::"propose", resource in Vidimus::Environment::"production");
        @id("why") @reason("required") @people("1 from sre") @assurance("device-bound")
        permit (principal, action == Vidimus::Action::"propose", resource in Vidimus::System::"db1");
        @id("elsewhere") @people("9")
        permit (principal, action == Vidimus::Action::"propose", resource in Vidimus::System::"db2");"#,
    );
    let asked = evaluate(&set);
    assert_eq!(asked.decision, Decision::Ask);
    assert_eq!((asked.quorum, asked.ttl_s), (2, 600));
    let group = |group: &str| FromGroup {
        group: group.into(),
        people: 1,
    };
    assert_eq!(asked.groups, [group("security"), group("sre")]);
    assert!(asked.reason_required && asked.assurance.len() == 1);
    assert_eq!(asked.policies, ["anything", "two", "why"]);
    assert_eq!(asked.reasons.len(), 3);
}

#[test]
fn a_full_review_is_asked_for_if_one_policy_asks_for_it() {
    let full = |others: &str| {
        evaluate(&team(&format!(
            r#"@id("a") @review("full") permit (principal, action == Vidimus::Action::"propose", resource);
            @id("b") @standing("allowed") {others};
            @id("c") permit (principal, action == Vidimus::Action::"decide", resource);"#
        )))
    };
    let propose = r#"permit (principal, action == Vidimus::Action::"propose", resource)"#;
    let asked = full(propose);
    assert!(asked.full_review && !asked.standing, "{asked:?}");
    assert!(asked.reasons[0].contains("after a full review"));
    let released = full(&format!(
        r#"{propose};
        @id("d") permit (principal, action == Vidimus::Action::"release", resource)"#
    ));
    assert_eq!(released.decision, Decision::Release);
    assert!(!released.full_review);
    assert!(!evaluate(&with("")).full_review);
}

#[test]
fn what_is_approved_in_advance_is_not_seen_whole() {
    let both = wrong(
        r#"@id("a") @review("full") @standing("allowed")
        permit (principal, action == Vidimus::Action::"propose", resource);"#,
    );
    assert!(
        both.contains("leave `@review` or `@standing` out"),
        "{both}"
    );
    for value in ["", "Full", "full ", "quick"] {
        let found = wrong(&format!(
            r#"@id("a") @review("{value}") permit (principal, action == Vidimus::Action::"propose", resource);"#
        ));
        assert!(found.contains("`@review`: it is \"full\""), "{found}");
    }
}

#[test]
fn the_log_s_rules_are_a_floor() {
    let asked = with("").evaluate(&inputs(|json| json["quorum"] = 4.into()));
    assert_eq!(asked.quorum, 4);
}

#[test]
fn a_release_is_asked_for_by_itself() {
    let set = with(
        r#"@id("nightly-deletes") permit (principal, action == Vidimus::Action::"release", resource)
            when { principal.name == "nightly" && context.time.toTime() >= duration("9h") };"#,
    );
    let released = evaluate(&set);
    assert_eq!(released.decision, Decision::Release);
    assert_eq!(
        (released.quorum, released.policies),
        (0, vec!["nightly-deletes".to_owned()])
    );
    let early = inputs(|json| json["time"] = "2026-11-21T08:59:59.999Z".into());
    assert_eq!(set.evaluate(&early).decision, Decision::Ask);
}

#[test]
fn whatever_cannot_be_evaluated_means_no() {
    let overflow = |action: &str| {
        format!(
            r#"@id("broken") {action}
               when {{ context.last_hour + 9223372036854775807 > 0 }};"#
        )
    };
    let forbid = with(&overflow(
        r#"forbid (principal, action == Vidimus::Action::"propose", resource)"#,
    ));
    let refused = evaluate(&forbid);
    assert_eq!(refused.decision, Decision::Refuse, "{refused:?}");
    assert!(refused.reasons[0].contains("broken"), "{refused:?}");

    let release = with(&format!(
        r#"{} @id("all") permit (principal, action == Vidimus::Action::"release", resource);"#,
        overflow(r#"forbid (principal, action == Vidimus::Action::"release", resource)"#)
    ));
    let asked = evaluate(&release);
    assert_eq!(asked.decision, Decision::Ask, "{asked:?}");
    assert!(asked.reasons.iter().any(|why| why.contains("broken")));

    let decide = with(&overflow(
        r#"forbid (principal, action == Vidimus::Action::"decide", resource)"#,
    ));
    let why = decide.may_approve(&person(&[]), &inputs(|_| {}), now());
    assert!(why.unwrap_err().to_string().contains("broken"));
}

#[test]
fn who_may_decide_hangs_on_groups_of_that_time() {
    let set = team(
        r#"
        @id("anything") permit (principal, action == Vidimus::Action::"propose", resource);
        @id("dba") @why("Only the database team.")
        permit (principal in Vidimus::Group::"dba", action == Vidimus::Action::"decide", resource);
        @id("not-own") @why("Not the team of the agent's owner.")
        forbid (principal, action == Vidimus::Action::"decide", resource)
            when { principal in Vidimus::Group::"data" && context.agent in Vidimus::Group::"data" };"#,
    );
    let may = |groups: &[&str]| set.may_approve(&person(groups), &inputs(|_| {}), now());
    assert_eq!(may(&["dba"]), Ok(vec!["dba".to_owned()]));
    assert!(
        may(&["sre"])
            .unwrap_err()
            .to_string()
            .contains("no policy lets Bob")
    );
    let both = may(&["data", "dba"]).unwrap_err().to_string();
    assert!(both.contains("Not the team"), "{both}");
}

#[test]
fn every_mistake_is_named_with_its_place() {
    for (policies, place, words) in [
        ("permit (principal", "a.cedar:1", "unexpected"),
        (
            r#"permit (principal, action == Vidimus::Action::"propose", resource);"#,
            "a.cedar:1:1",
            "no id",
        ),
        (
            "\n\n@id(\"a b\") permit (principal, action == Vidimus::Action::\"propose\", resource);",
            "a.cedar:3:1",
            "no id",
        ),
        (
            r#"@id("a") @peple("2") permit (principal, action == Vidimus::Action::"propose", resource);"#,
            "a.cedar:1:1: a",
            "`@peple` is unknown",
        ),
        (
            r#"@id("a") @people("2") permit (principal, action == Vidimus::Action::"release", resource);"#,
            "a.cedar:1:1: a",
            "only a policy that permits to propose",
        ),
        (
            r#"@id("a") @people("2") forbid (principal, action == Vidimus::Action::"propose", resource);"#,
            "a.cedar:1:1: a",
            "only a policy that permits to propose",
        ),
        (
            r#"@id("a") @escalate("managers") permit (principal, action == Vidimus::Action::"propose", resource);"#,
            "a.cedar:1:1: a",
            "use `managers after 10m`",
        ),
        (
            r#"@id("a") @escalate("managers after 10m") @ttl("10m") permit (principal, action == Vidimus::Action::"propose", resource);"#,
            "a.cedar:1:1: a",
            "it expires after 10m, so nobody is told after 10m: make the time in `@escalate` shorter",
        ),
        (
            r#"@id("a") @escalate("managers after 10m") permit (principal, action == Vidimus::Action::"decide", resource);"#,
            "a.cedar:1:1: a",
            "only a policy that permits to propose",
        ),
        (
            r#"@id("a") permit (principal, action, resource);"#,
            "a.cedar:1:1: a",
            "names one question",
        ),
        (
            r#"@id("a") permit (principal, action == Vidimus::Action::"delete", resource);"#,
            "a.cedar:1:1: a",
            "no question",
        ),
        (
            r#"@id("a") permit (principal == ?principal, action == Vidimus::Action::"propose", resource);"#,
            "a.cedar:1:1",
            "template",
        ),
        (
            &format!("{ANYTHING}{ANYTHING}"),
            "a.cedar:5:1: anything",
            "called `anything` too",
        ),
        (
            &format!(
                r#"{ANYTHING}@id("a") forbid (principal, action, resource) when {{ context.nothing }};"#
            ),
            "a.cedar:4:54: a",
            "nothing",
        ),
        (
            &format!(
                r#"{ANYTHING}@id("a") forbid (principal, action, resource) when {{ context.sql.whole_table }};"#
            ),
            "a.cedar:4:54: a",
            "has",
        ),
        (
            r#"@id("a") permit (principal, action == Vidimus::Action::"propose", resource);"#,
            "a.cedar:1:1",
            "nothing could be approved",
        ),
        (
            r#"@id("a") permit (principal, action == Vidimus::Action::"decide", resource);"#,
            "a.cedar:1:1",
            "everything would be refused",
        ),
    ] {
        let found = wrong(policies);
        assert!(found.contains(place), "{place}: {found}");
        assert!(found.contains(words), "{words}: {found}");
    }
}

#[test]
fn mistakes_of_all_sorts_are_named_at_once() {
    let found = wrong(
        r#"@id("a") @peple("2") permit (principal, action == Vidimus::Action::"propose", resource);
        @id("b") forbid (principal, action, resource)
        when {
            context.nothing
        };"#,
    );
    assert!(found.contains("a.cedar:1:1: a: `@peple`"), "{found}");
    assert!(found.contains("a.cedar:4:13: b: "), "{found}");
    assert_eq!(found.lines().count(), 2, "{found}");
}

#[test]
fn a_personal_log_has_one_person_to_ask() {
    let two = format!(
        r#"{ANYTHING}@id("two") @people("2") permit (principal, action == Vidimus::Action::"propose", resource);"#
    );
    let problems = set_of(&two, Profile::Personal).unwrap_err().join("\n");
    assert!(problems.contains("one person"), "{problems}");
    let glass = format!(
        r#"{ANYTHING}@id("urgent") @break_glass("allowed") permit (principal, action == Vidimus::Action::"propose", resource);"#
    );
    let problems = set_of(&glass, Profile::Personal).unwrap_err().join("\n");
    assert!(problems.contains("one person"), "{problems}");
    set_of(&glass, Profile::Team).unwrap();
}

#[test]
fn the_policies_to_begin_with_are_right() {
    for profile in [Profile::Team, Profile::Personal] {
        let text = PolicyText::new(starter(profile)).unwrap();
        let set = Set::parse(&text, profile, "starter").unwrap();
        assert!(set.rules().all(|rule| rule.why.is_some()));
        let asked = set.evaluate(&inputs(|_| {}));
        assert_eq!(asked.decision, Decision::Ask, "{asked:?}");
        assert!(asked.reason_required);
        let reads = |program: &str| {
            set.evaluate(&inputs(|json| {
                json["facts"]["effects"] = ["read"].into();
                json["facts"]["command"] = json!({
                    "args": ["psql"], "cwd": "/", "env": [], "line": "psql", "name": "psql",
                    "program": program, "root": false, "user": "ada",
                });
            }))
        };
        let read = reads("/usr/bin/psql");
        assert_eq!(reads("/tmp/psql").decision, Decision::Ask);
        let expected = match profile {
            // Nothing, before an administrator has named an agent.
            Profile::Team => Decision::Ask,
            Profile::Personal => Decision::Release,
        };
        assert_eq!(read.decision, expected, "{read:?}");
        let flood = set.evaluate(&inputs(|json| json["last_hour"] = 200.into()));
        assert_eq!(flood.decision, Decision::Refuse, "{flood:?}");
    }
}

#[test]
fn being_unknown_or_elsewhere_is_no_cheaper_than_being_destructive() {
    for profile in [Profile::Team, Profile::Personal] {
        let text = PolicyText::new(starter(profile)).unwrap();
        let set = Set::parse(&text, profile, "starter").unwrap();
        let asked = |effects: &[&str], environment: &str| {
            set.evaluate(&inputs(|json| {
                json["facts"]["effects"] = effects.into();
                json["target"]["environment"] = environment.into();
            }))
        };
        let worst = asked(&["destructive"], "production");
        for environment in ["production", "local", "mcp", "test"] {
            for effects in [
                &["destructive"] as &[&str],
                &["permission"],
                &["unknown"],
                &["destructive", "unknown"],
                &["read", "unknown"],
                &["unknown", "write"],
            ] {
                assert_eq!(
                    asked(effects, environment),
                    worst,
                    "{effects:?} {environment}"
                );
            }
        }
    }
}

#[test]
fn less_is_asked_of_an_agent_that_an_administrator_names() {
    let mut files = starter(Profile::Team);
    let text = &mut files[0].text;
    let said = "unless { principal == Vidimus::Agent::\"agt_ID\" }";
    assert!(text.contains(said));
    let named = said.replace("agt_ID", "agt_01040g2081040g2081040g2081");
    let (before, rule) = text.split_once("@id(\"destructive-wants-two\")").unwrap();
    let (rule, behind) = rule.split_once(';').unwrap();
    *text = format!("{before}@id(\"destructive-wants-two\"){rule}\n{named};{behind}");
    let set = Set::parse(&PolicyText::new(files).unwrap(), Profile::Team, "set").unwrap();
    let asked = evaluate(&set);
    assert_eq!((asked.quorum, asked.groups.len()), (1, 0), "{asked:?}");
    let other = set.evaluate(&inputs(|json| {
        json["agent"]["id"] = "agt_01040g2081040g2081040g2082".into();
    }));
    assert_eq!(other.quorum, 2, "{other:?}");
}

#[test]
fn the_policies_to_begin_with_pass_their_tests() {
    for profile in [Profile::Team, Profile::Personal] {
        let text = PolicyText::new(starter(profile)).unwrap();
        let set = Set::parse(&text, profile, "starter").unwrap();
        let cases = fixtures::cases(&text).unwrap();
        let mut named = BTreeSet::new();
        for case in &cases {
            let outcome = case.run(&set);
            assert!(outcome.passed(), "{outcome:?}");
            named.extend(outcome.evaluation.policies);
        }
        let asked = |rule: &&Rule| rule.questions != [Question::Decide];
        for rule in set.rules().filter(asked) {
            assert!(named.contains(&rule.id), "{} has no test", rule.id);
        }
    }
}

/// The policies that `docs/spec/policy.md` shows.
fn the_example() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec/policy.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once("\n## Escalation\n").unwrap();
    let (_, rest) = rest.split_once("```cedar\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[test]
fn managers_decide_once_they_were_told() {
    let tests = r#"{"cases": [
      {
        "name": "managers are told after ten minutes",
        "propose": {"kind": "command", "wait_s": 3600},
        "expect": {"decision": "ask", "people": "1", "ttl_s": 1800, "escalate": [{"after_s": 600, "group": "managers"}]},
        "may_approve": [{"name": "Otto", "groups": ["operations"]}],
        "may_not_approve": [{"name": "Mia", "groups": ["managers"]}]
      },
      {
        "name": "a second before they may not decide",
        "propose": {"kind": "command"},
        "decided_after_s": 599,
        "expect": {"decision": "ask"},
        "may_not_approve": [{"name": "Mia", "groups": ["managers"]}]
      },
      {
        "name": "from then on they may",
        "propose": {"kind": "command"},
        "decided_after_s": 600,
        "expect": {"decision": "ask"},
        "may_approve": [{"name": "Otto", "groups": ["operations"]}, {"name": "Mia", "groups": ["managers"]}],
        "may_not_approve": [{"name": "Eve"}]
      }
    ]}"#;
    let file = |name: &str, text: &str| PolicyFile {
        name: name.into(),
        text: text.into(),
    };
    let files = vec![file("a.cedar", &the_example()), file("a.json", tests)];
    let text = PolicyText::new(files).unwrap();
    let set = Set::parse(&text, Profile::Team, "example").unwrap();
    for case in fixtures::cases(&text).unwrap() {
        let outcome = case.run(&set);
        assert!(outcome.passed(), "{outcome:?}");
    }
    // The test sees it when they are not told.
    let untold = the_example().replace("@escalate(\"managers after 10m\")\n", "");
    let untold = team(&untold);
    let first = fixtures::cases(&text).unwrap().remove(0);
    let differences = first.run(&untold).differences;
    assert_eq!(differences[0].what, "escalate");
    assert_eq!(differences[0].after, "none");
}

#[test]
fn the_proposal_and_its_release_are_asked_at_one_time() {
    let set = with(
        r#"@id("same") forbid (principal, action == Vidimus::Action::"propose", resource)
            unless { context.time == context.proposed };
        @id("now") permit (principal, action == Vidimus::Action::"release", resource)
            when { context.time == context.proposed };"#,
    );
    assert_eq!(evaluate(&set).decision, Decision::Release);
}

#[test]
fn seventeen_groups_cannot_be_told() {
    let of = |count: usize| {
        let policy = |number: usize| {
            format!(
                r#"@id("p{number}") @escalate("g{number:02} after 1m")
                permit (principal, action == Vidimus::Action::"propose", resource);"#
            )
        };
        let policies: String = (0..count).map(policy).collect();
        evaluate(&with(&policies))
    };
    let asked = of(16);
    assert_eq!(asked.decision, Decision::Ask);
    let groups = asked.escalate.iter().map(|step| step.group.as_str());
    assert!(groups.is_sorted() && asked.escalate.len() == 16);
    let refused = of(17);
    assert_eq!(refused.decision, Decision::Refuse);
    assert!(refused.reasons[0].contains("17 groups"), "{refused:?}");
}

#[test]
fn a_replay_names_decisions_and_approvals_that_would_differ() {
    let was = with("");
    let inputs = inputs(|_| {});
    let before = was.evaluate(&inputs);
    let approval = Approval {
        person: person(&["sre"]),
        time: now(),
    };
    let given = std::slice::from_ref(&approval);
    assert!(!replay(&was, &inputs, &before, given).differs());

    let stricter = with(
        r#"@id("not-sre") @why("Not those who run it.")
        forbid (principal in Vidimus::Group::"sre", action == Vidimus::Action::"decide", resource);"#,
    );
    let replayed = replay(&stricter, &inputs, &before, given);
    assert_eq!(replayed.differences, []);
    assert_eq!(replayed.not_permitted[0].name, "Bob");
    assert!(
        replayed.not_permitted[0]
            .why
            .contains("Not those who run it.")
    );

    // Where nobody is asked, nobody's approval is missed.
    let released = with(
        r#"@id("all") permit (principal, action == Vidimus::Action::"release", resource);
        @id("not-sre")
        forbid (principal in Vidimus::Group::"sre", action == Vidimus::Action::"decide", resource);"#,
    );
    let replayed = replay(&released, &inputs, &before, given);
    assert_eq!(replayed.not_permitted, []);
    assert_eq!(replayed.differences[0].after, "release");
    let mut counts = Counts::default();
    counts.add(&before);
    counts.add(&replayed.after);
    assert_eq!((counts.asked, counts.released, counts.refused), (1, 1, 0));
}

#[test]
fn a_policy_says_in_words_what_it_does() {
    let set = with(
        r#"
        @id("two") @people("2") @ttl("1h") @use("5m")
        permit (principal, action == Vidimus::Action::"propose", resource);
        @id("reads") permit (principal, action == Vidimus::Action::"release", resource);
        @id("never") forbid (principal, action, resource);"#,
    );
    for (id, words) in [
        (
            "two",
            "asks for 2 people, within 1h, started within 5m after",
        ),
        ("reads", "lets it run without a person"),
        ("anybody", "lets them approve"),
        ("never", "forbids it"),
    ] {
        assert_eq!(set.rule(id).unwrap().words(), words);
    }
}

#[test]
fn an_effect_has_its_word() {
    for effect in [
        Effect::Destructive,
        Effect::Permission,
        Effect::Read,
        Effect::Unknown,
        Effect::Write,
    ] {
        let json = serde_json::to_value(effect).unwrap();
        assert_eq!(json, effect.as_str());
    }
}
