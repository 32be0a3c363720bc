//! Calendars of a policy, from their text to what the policy says at a time.

#![allow(clippy::unwrap_used)]

use vidimus_policy::{
    Inputs, MAX_EVENTS, PersonInput, PolicyFile, PolicyText, Problem, Set, fixtures,
};
use vidimus_protocol::Time;
use vidimus_protocol::entry::{Decision, Profile};

const POLICY: &str = r#"
@id("anything") permit (principal, action == Vidimus::Action::"propose", resource);
@id("freeze") @why("Nothing is changed.")
forbid (principal, action == Vidimus::Action::"propose", resource)
when { context.calendars.contains("freeze") };
@id("owner-at-work")
permit (principal, action == Vidimus::Action::"release", resource)
when { context.on_duty.containsAny(["on-call", "office"]) };
@id("on-duty")
permit (principal, action == Vidimus::Action::"decide", resource)
when { context.on_duty.contains("on-call") };
"#;

const FREEZE: &str = "DTSTART:20261223T000000Z\nDURATION:P1W";
const OFFICE: &str = "DTSTART:20261222T080000Z\nDURATION:PT8H\nATTENDEE:mailto:ada@example.com";
const ON_CALL: &str = "DTSTART:20261222T000000Z\nDURATION:P1D\nATTENDEE:mailto:Bob@Example.com";

fn event(uid: usize, text: &str) -> String {
    format!("BEGIN:VEVENT\nUID:{uid}\n{text}\nEND:VEVENT\n")
}

fn file(name: &str, text: &str) -> PolicyFile {
    PolicyFile {
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

fn calendar(name: &str, events: &str) -> PolicyFile {
    file(name, &format!("BEGIN:VCALENDAR\n{events}END:VCALENDAR\n"))
}

fn files() -> Vec<PolicyFile> {
    vec![
        file("policy.cedar", POLICY),
        calendar("freeze.ics", &event(1, FREEZE)),
        calendar("office.ics", &event(1, OFFICE)),
        calendar("on-call.ics", &event(1, ON_CALL)),
    ]
}

fn text(files: Vec<PolicyFile>) -> PolicyText {
    PolicyText::new(files).unwrap()
}

fn set(files: Vec<PolicyFile>) -> Result<Set, Vec<Problem>> {
    Set::parse(&text(files), Profile::Team, "set")
}

fn at(time: &str) -> Inputs {
    serde_json::from_value(serde_json::json!({
        "agent": {
            "id": "agt_01040g2081040g2081040g2081",
            "name": "nightly",
            "owner": {
                "groups": [], "id": "rev_01040g2081040g2081040g2081",
                "identity": "ada@example.com", "name": "Ada", "roles": ["reviewer"]
            }
        },
        "facts": {"effects": ["unknown"], "json": {"operation": "run", "removes": false}},
        "first_of_kind": false,
        "kind": "json",
        "last_hour": 0,
        "last_hour_of_kind": 0,
        "quorum": 1,
        "target": {"environment": "production", "resource": "shop", "system": "db1"},
        "time": time
    }))
    .unwrap()
}

fn bob() -> PersonInput {
    serde_json::from_value(serde_json::json!({
        "groups": [], "id": "rev_01040g2081040g2081040g2082",
        "identity": "bob@example.com", "name": "Bob", "roles": ["reviewer"]
    }))
    .unwrap()
}

#[test]
fn a_policy_asks_what_holds_and_who_is_on_duty() {
    let set = set(files()).unwrap();
    let names: Vec<&str> = set.calendars().iter().map(|it| it.name()).collect();
    assert_eq!(names, ["freeze", "office", "on-call"]);
    let decision = |time| set.evaluate(&at(time)).decision;
    assert_eq!(decision("2026-12-22T07:59:59.999Z"), Decision::Ask);
    assert_eq!(decision("2026-12-22T08:00:00.000Z"), Decision::Release);
    assert_eq!(decision("2026-12-22T16:00:00.000Z"), Decision::Ask);
    assert_eq!(decision("2026-12-22T23:59:59.999Z"), Decision::Ask);
    assert_eq!(decision("2026-12-23T00:00:00.000Z"), Decision::Refuse);
    // Whoever decides is asked about at the time of their verdict.
    let proposed = at("2026-12-21T23:00:00.000Z");
    let may = |time: &str| {
        let time: Time = time.parse().unwrap();
        set.may_approve(&bob(), &proposed, time).is_ok()
    };
    assert!(!may("2026-12-21T23:59:59.999Z"));
    assert!(may("2026-12-22T00:00:00.000Z"));
    assert!(!may("2026-12-23T00:00:00.000Z"));
}

#[test]
fn a_name_without_a_calendar_is_a_mistake() {
    for gone in ["freeze.ics", "office.ics", "on-call.ics"] {
        let rest: Vec<PolicyFile> = files().into_iter().filter(|it| it.name != gone).collect();
        let problems = set(rest.clone()).unwrap_err();
        let name = gone.strip_suffix(".ics").unwrap();
        assert!(!problems.is_empty());
        for problem in &problems {
            assert!(
                problem.message.contains(&format!("no calendar `{name}`")),
                "{problem}"
            );
            assert!(problem.policy.is_some() && problem.line > 1, "{problem}");
        }
        // What was in force stays readable: no verifier asks that.
        assert!(Set::in_log(&text(rest), Profile::Team, "set").is_ok());
    }
}

#[test]
fn a_calendar_that_is_not_understood_is_a_mistake_where_it_stands() {
    let mut all = files();
    all[1] = calendar("freeze.ics", &event(1, &FREEZE.replace("P1W", "P1X")));
    for read in [
        Set::parse(&text(all.clone()), Profile::Team, "set"),
        Set::in_log(&text(all), Profile::Team, "set"),
    ] {
        let problems = read.unwrap_err();
        let [problem] = problems.as_slice() else {
            panic!("{problems:?}")
        };
        assert_eq!((problem.file.as_str(), problem.line), ("freeze.ics", 5));
    }
}

#[test]
fn the_events_of_a_set_have_a_bound() {
    let many = |count: usize| -> String { (0..count).map(|uid| event(uid, FREEZE)).collect() };
    let with = |here: usize, there: usize| {
        let mut all = files();
        all[1] = calendar("freeze.ics", &many(here));
        all.push(calendar("more.ics", &many(there)));
        set(all)
    };
    // Two stand in the other calendars.
    assert!(with(250, MAX_EVENTS - 252).is_ok());
    let problems = with(250, MAX_EVENTS - 251).unwrap_err();
    assert!(
        problems[0].message.contains("more than 500 events"),
        "{problems:?}"
    );
    let problems = with(1, MAX_EVENTS + 1).unwrap_err();
    assert!(
        problems[0].message.contains("more than 500 events"),
        "{problems:?}"
    );
}

#[test]
fn tests_of_policies_try_a_time() {
    let tests = r#"{"cases": [
        {"name": "before the freeze", "propose": {"kind": "json", "time": "2026-12-22T23:00:00.000Z"}, "expect": {"decision": "ask"}},
        {"name": "in the freeze", "propose": {"kind": "json", "time": "2026-12-24T23:00:00.000Z"}, "expect": {"decision": "refuse", "policies": ["freeze"]}}
    ]}"#;
    let mut all = files();
    all.push(file("policy.json", tests));
    let text = text(all.clone());
    let set = set(all).unwrap();
    let cases = fixtures::cases(&text).unwrap();
    assert_eq!(cases.len(), 2);
    for case in &cases {
        assert!(case.run(&set).passed(), "{}", case.name);
    }
}
