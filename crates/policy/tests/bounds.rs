//! What agents and administrators can make large or deep.

#![allow(clippy::unwrap_used)]

use std::thread;

use vidimus_policy::{
    Inputs, MAX_ANSWERING, MAX_NESTING, MAX_OPERATORS, MAX_SEEN, PersonInput, PolicyFile,
    PolicyText, Set,
};
use vidimus_protocol::Time;
use vidimus_protocol::action::{Action, Command, File, MAX_INPUTS, MAX_PAYLOAD, Payload, Stdin};
use vidimus_protocol::action::{ActionKind, Target};
use vidimus_protocol::entry::{Decision, Evaluation, Profile};

/// Stacks of threads: of a small one, of a usual one, of a main thread.
const STACKS: [usize; 3] = [256 << 10, 2 << 20, 8 << 20];

fn text(policies: &str) -> PolicyText {
    let file = PolicyFile {
        name: "a.cedar".into(),
        text: policies.into(),
    };
    PolicyText::new(vec![file]).unwrap()
}

fn set(policies: &str) -> Result<Set, String> {
    Set::parse(&text(policies), Profile::Team, "set").map_err(|problems| problems[0].to_string())
}

const DECIDE: &str =
    r#"@id("decide") permit (principal, action == Vidimus::Action::"decide", resource);"#;

fn under(condition: &str) -> String {
    let propose = r#"@id("a") permit (principal, action == Vidimus::Action::"propose", resource)"#;
    let decide = r#"@id("b") permit (principal, action == Vidimus::Action::"decide", resource)"#;
    format!("{propose} when {{ {condition} }};\n{decide} when {{ {condition} }};")
}

fn inputs(change: impl FnOnce(&mut serde_json::Value)) -> Inputs {
    let mut json = serde_json::json!({
        "agent": {"id": "agt_01040g2081040g2081040g2081", "name": "nightly", "owner": ada()},
        "facts": {"effects": ["destructive"]},
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

fn ada() -> serde_json::Value {
    serde_json::json!({
        "groups": ["data"], "id": "rev_01040g2081040g2081040g2081",
        "identity": "ada@example.com", "name": "Ada", "roles": ["reviewer"]
    })
}

/// What comes of the condition on a thread of its own: of text, of a proposal,
/// of an approval.
fn on(stack: usize, condition: &str) -> Result<(Evaluation, Result<Vec<String>, String>), String> {
    let policies = under(condition);
    let work = move || {
        let set = set(&policies)?;
        let inputs = inputs(|_| {});
        let person: PersonInput = serde_json::from_value(ada()).unwrap();
        let approved = set.may_approve(&person, &inputs, Time::default());
        Ok((
            set.evaluate(&inputs),
            approved.map_err(|why| why.to_string()),
        ))
    };
    let thread = thread::Builder::new().stack_size(stack);
    thread.spawn(work).unwrap().join().unwrap()
}

/// A true condition with that many of something, and how many there may be.
struct Deep {
    what: &'static str,
    most: usize,
    of: fn(usize) -> String,
}

const TRUE: &str = "context.last_hour > 0";

/// What is left when scope, braces and these brackets and operators are taken.
const fn left(around: usize, each: usize) -> usize {
    // `@id(`, `(`, `==`, `when`, `{`.
    (MAX_OPERATORS - 5 - around) / each
}

const DEEP: [Deep; 8] = [
    Deep {
        what: "parentheses",
        most: MAX_NESTING - 1,
        of: |n| format!("{}{TRUE}{}", "(".repeat(n), ")".repeat(n)),
    },
    Deep {
        what: "negations",
        most: MAX_NESTING - 1,
        of: |n| format!("{}0{} < 1", "-(".repeat(n), ")".repeat(n)),
    },
    Deep {
        what: "calls",
        most: MAX_NESTING - 1,
        of: |n| {
            let (open, close) = ("[false, ".repeat(n), "].contains(true)".repeat(n));
            format!("{open}{TRUE}{close}")
        },
    },
    Deep {
        what: "records",
        most: MAX_NESTING - 1,
        of: |n| format!("{}{TRUE}{}", "{a:".repeat(n), "}.a".repeat(n)),
    },
    Deep {
        what: "or",
        most: left(2, 2),
        of: |n| format!("{}{TRUE}", "context.first_of_kind || ".repeat(n)),
    },
    Deep {
        what: "and",
        most: left(2, 3),
        of: |n| format!("{}{TRUE}", format!("{TRUE} && ").repeat(n)),
    },
    Deep {
        what: "sums",
        most: left(1, 1),
        of: |n| format!("{}1 > 0", "1 + ".repeat(n)),
    },
    Deep {
        what: "ifs",
        most: left(2, 2),
        of: |n| {
            let no = "if context.first_of_kind then false else ";
            format!("{}{TRUE}", no.repeat(n))
        },
    },
];

#[test]
fn what_is_deep_is_the_same_on_every_thread_or_is_refused() {
    for Deep { what, most, of } in &DEEP {
        let expected = on(STACKS[2], &of(*most)).expect(what);
        assert_eq!(expected.0.decision, Decision::Ask, "{what}: {expected:?}");
        assert_eq!(expected.1.as_ref().unwrap(), &["b"], "{what}");
        for stack in STACKS {
            assert_eq!(on(stack, &of(*most)).as_ref(), Ok(&expected), "{what}");
            for more in [*most + 1, *most + 2, 8_000] {
                let refused = on(stack, &of(more)).unwrap_err();
                assert!(refused.contains("into several"), "{what}: {refused}");
            }
        }
    }
}

#[test]
fn what_is_wrong_deep_down_is_found_on_every_thread() {
    let wrong = format!(
        "{}1 < \"a\"",
        "context.first_of_kind || ".repeat(left(1, 2))
    );
    for stack in STACKS {
        let found = on(stack, &wrong).unwrap_err();
        assert!(found.contains("expected Long but saw String"), "{found}");
    }
}

#[test]
fn a_text_without_an_end_of_mistakes_is_answered() {
    let found = Set::parse(&text(&";".repeat(20_000)), Profile::Team, "set").unwrap_err();
    assert!(found.len() < 200, "{}", found.len());
}

#[test]
fn more_people_than_can_be_asked_are_a_refusal_in_words() {
    let of = |groups: usize, people: usize| {
        let policy = |group| {
            format!(
                r#"@id("from-g{group}") @people("{people} from g{group}") permit (principal, action == Vidimus::Action::"propose", resource);"#
            )
        };
        let policies: String = (0..groups).map(policy).collect();
        set(&format!("{policies}{DECIDE}"))
            .unwrap()
            .evaluate(&inputs(|_| {}))
    };
    assert_eq!((of(4, 4).decision, of(4, 4).quorum), (Decision::Ask, 16));
    assert_eq!(of(16, 1).groups.len(), 16);
    for refused in [of(6, 3), of(17, 1)] {
        assert_eq!(refused.decision, Decision::Refuse, "{refused:?}");
        assert!(refused.policies.is_empty());
        let why = &refused.reasons[0];
        assert!(why.contains("and 16 can be asked"), "{why}");
    }
    assert!(of(6, 3).reasons[0].contains("ask for 18 people"));
}

/// That many policies of one question, each with as many words as it may have.
fn wordy(how_many: usize, question: &str, effect: &str) -> String {
    let why = "🔏".repeat(300);
    let policy = |number: usize| {
        let id = format!("{number:0>64}");
        let people = match (question, effect) {
            ("propose", "permit") => {
                let group = |at| format!("1 from {at:0>40}");
                let groups: Vec<String> = (0..16).map(group).collect();
                format!("@people(\"{}\")", groups.join(" and "))
            }
            _ => String::new(),
        };
        format!(
            "@id(\"{id}\") @why(\"{why}\") {people} {effect} (principal, action == Vidimus::Action::\"{question}\", resource);\n"
        )
    };
    (0..how_many).map(policy).collect()
}

#[test]
fn what_many_policies_say_fits_an_entry() {
    let propose = r#"@id("p") permit (principal, action == Vidimus::Action::"propose", resource);"#;
    let evaluate = |policies: String| {
        let evaluation = set(&policies).unwrap().evaluate(&inputs(|_| {}));
        let size = serde_json::to_string(&evaluation).unwrap().len();
        // The rest of an entry is far less.
        assert!(size < 45_000, "{size}");
        evaluation
    };
    for more in [0, 1] {
        let many = MAX_ANSWERING + more;
        let asked = evaluate(wordy(many, "propose", "permit") + DECIDE);
        let released = evaluate(wordy(many, "release", "permit") + propose + DECIDE);
        let refused = evaluate(wordy(many, "propose", "forbid") + propose + DECIDE);
        let decided = wordy(many, "decide", "permit") + propose;
        let person: PersonInput = serde_json::from_value(ada()).unwrap();
        let approved =
            set(&decided)
                .unwrap()
                .may_approve(&person, &inputs(|_| {}), Time::default());
        let decisions = [&asked, &released, &refused].map(|one| one.decision);
        if more == 0 {
            assert_eq!(
                decisions,
                [Decision::Ask, Decision::Release, Decision::Refuse]
            );
            for one in [&asked, &released, &refused] {
                assert_eq!(one.policies.len(), MAX_ANSWERING);
                let last = one.reasons.last().unwrap();
                assert!(last.ends_with("and 248 more"), "{last}");
            }
            assert_eq!(approved.unwrap().len(), MAX_ANSWERING);
        } else {
            // Not released, since nobody could say by what.
            assert_eq!(
                decisions,
                [Decision::Refuse, Decision::Ask, Decision::Refuse]
            );
            for one in [&asked, &refused] {
                assert!(one.policies.is_empty(), "{one:?}");
                assert!(one.reasons[0].contains("257 policies"), "{one:?}");
            }
            assert!(approved.unwrap_err().to_string().contains("257 policies"));
        }
    }
}

#[test]
fn what_is_too_long_to_look_at_is_refused_in_words() {
    let set = set(&under(
        r#"!(context has command && context.command.line like "*a*")"#,
    ))
    .unwrap();
    let long =
        |length: usize| inputs(|json| json["target"]["resource"] = "x".repeat(length).into());
    let rest = long(0).to_bytes().len();
    let (fits, over) = (long(MAX_SEEN - rest), long(MAX_SEEN - rest + 1));
    assert_eq!(fits.to_bytes().len(), MAX_SEEN);
    assert_eq!(set.evaluate(&fits).decision, Decision::Ask);
    let refused = set.evaluate(&over);
    assert_eq!(refused.decision, Decision::Refuse);
    assert!(
        refused.reasons[0].contains("too long for the policy"),
        "{refused:?}"
    );
    let person: PersonInput = serde_json::from_value(ada()).unwrap();
    let why = set
        .may_approve(&person, &over, Time::default())
        .unwrap_err();
    assert!(why.to_string().contains("too long for the policy"), "{why}");
}

#[test]
fn the_inputs_of_the_longest_action_can_be_kept() {
    // Every character takes most bytes in JSON for the fewest in the payload.
    let mut action = Action {
        payload: Payload::Command(Box::new(Command {
            argv: vec!["true".into(), String::new()],
            cwd: "/".into(),
            env: vec![],
            files: vec![],
            interpreter: None,
            not_bound: vec![],
            program: File {
                path: "/bin/true".into(),
                sha256: vidimus_protocol::Digest([0; 32]),
                size: 1,
            },
            script: None,
            stdin: Stdin::Null,
            uid: 0,
            user: "somebody".into(),
        })),
        target: Target {
            environment: "local".into(),
            resource: "/".into(),
            system: "host".into(),
        },
    };
    let room = MAX_PAYLOAD - action.to_bytes().len();
    if let Payload::Command(command) = &mut action.payload {
        command.argv[1] = "\u{1}".repeat(room / 6);
    }
    assert!(action.to_bytes().len() > MAX_PAYLOAD - 6);
    let inputs = Inputs {
        facts: vidimus_policy::Facts::of(&action),
        kind: ActionKind::Command,
        target: action.target.clone(),
        ..inputs(|_| {})
    };
    let size = inputs.to_bytes().len();
    assert!(size > MAX_PAYLOAD && size <= MAX_INPUTS, "{size}");
    assert_eq!(Inputs::parse(&inputs.to_bytes()), Ok(inputs));
}

#[test]
fn what_cedar_warns_of_is_refused_to_come_and_no_reason_to_go() {
    let never =
        under(TRUE) + r#"@id("never") forbid (principal, action, resource) when { 1 == 2 };"#;
    let refused = set(&never).unwrap_err();
    assert!(refused.contains("never"), "{refused}");
    let kept = Set::in_log(&text(&never), Profile::Team, "set").unwrap();
    assert_eq!(kept.evaluate(&inputs(|_| {})).decision, Decision::Ask);
    let wrong = under(TRUE).replace("last_hour", "last_year");
    assert!(Set::in_log(&text(&wrong), Profile::Team, "set").is_err());
}
