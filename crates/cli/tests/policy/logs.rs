//! Policies held against a log.

use vidimus_protocol::entry::Resolution;
use vidimus_protocol::envelope::Verdict;
use vidimus_verify::testkit::{sample_action, sample_change};

use crate::world::{Log, POLICY, as_root, in_production};

#[test]
fn explain_says_why_an_action_waits_and_who_is_missing() {
    let mut log = Log::new();
    log.bring_in_force(POLICY);
    let id = log.propose(&in_production());
    log.decide(id, Verdict::Approve, "planned");
    let files = log.files();
    let told = files.policy(&format!("explain --log log --trust trust {id}"));
    told.says(
        0,
        &[
            "by coder",
            "under policy/9",
            "It needs approval by 1 from operations and 1 from security.",
            "production asks for",
            "Ben approved it (permitted by reviewers-decide): planned",
            "It still waits.",
            "Missing: 1 from security.",
            "Ben (operations): has approved it",
            "Cleo (security): yes",
            "Ada: no: ",
            "    @people(\"1 from operations and 1 from security\")",
        ],
    );
    let json = files
        .policy(&format!("explain --json --log log {id}"))
        .json();
    assert_eq!(json["missing"], "1 from security");
    assert_eq!(json["verdicts"][0]["name"], "Ben");
    assert_eq!(json["people"][0]["name"], "Ada");
    assert!(json["people"][0]["why_not"].is_string());
    assert!(json["people"][2]["why_not"].is_null());
    assert_eq!(json["people"][1]["approved"], true);

    // An approval with a key that counts no more is none.
    log.revoke_ben();
    let files = log.files();
    files.policy(&format!("explain --log log {id}")).says(
        0,
        &[
            "Missing: 1 from operations and 1 from security.",
            "Ben (operations): yes",
        ],
    );
}

#[test]
fn explain_says_what_can_still_be_stopped_and_who_took_it_back() {
    let mut log = Log::new();
    log.bring_in_force(&POLICY.replace("@people", "@grace(\"1h\") @people"));
    let id = log.propose(&in_production());
    log.decide(id, Verdict::Approve, "planned");
    log.cleo_decides(id, Verdict::Approve, "so it is");
    let files = log.files();
    let told = files.policy(&format!("explain --log log {id}"));
    told.says(
        0,
        &["It is approved and starts ", " unless somebody denies it."],
    );
    assert!(!told.out.contains("Missing"), "{}", told.out);
    let json = files
        .policy(&format!("explain --json --log log {id}"))
        .json();
    assert!(json["starts_at"].is_string(), "{json}");

    log.cleo_decides(id, Verdict::Deny, "not today");
    let files = log.files();
    files.policy(&format!("explain --log log {id}")).says(
        0,
        &[
            "Cleo approved it",
            "Cleo took the approval back and denied it: not today",
            "It still waits.",
            "Missing: 1 from security.",
        ],
    );
}

#[test]
fn explain_says_what_a_denied_and_a_refused_action_needed() {
    let mut log = Log::new();
    log.bring_in_force(POLICY);
    let denied = log.propose(&in_production());
    log.decide(denied, Verdict::Approve, "yes");
    log.cleo_decides(denied, Verdict::Deny, "not today");
    log.resolve(denied, Resolution::Denied);
    let refused = log.propose(&as_root());
    let files = log.files();
    files.policy(&format!("explain --log log {denied}")).says(
        0,
        &[
            "Cleo denied it: not today",
            "It was denied.",
            "To be approved it still needed 1 from security.",
        ],
    );
    let told = files.policy(&format!("explain --log log {refused}"));
    told.says(
        0,
        &[
            "It is refused.",
            "Forbidden: Root stays out. (no-root)",
            "It was refused when it was proposed.",
        ],
    );
    assert!(!told.out.contains('\u{1b}'), "{:?}", told.out);
}

#[test]
fn explain_says_that_the_built_in_rules_asked() {
    let mut log = Log::new();
    let id = log.propose(&sample_change());
    let files = log.files();
    files.policy(&format!("explain --log log {id}")).says(
        0,
        &[
            "under the built-in rules (builtin/team/1)",
            "Everything waits for a reviewer.",
            "Missing: 1 person.",
        ],
    );
    let other = vidimus_protocol::ActionId::from_random([9; 16]);
    files
        .policy(&format!("explain --log log {other}"))
        .says(2, &["has no action", "newer than the export"]);
    files
        .policy("explain --log log nonsense")
        .says(2, &["`nonsense` is no action"]);
}

#[test]
fn nothing_is_told_from_a_log_in_which_the_gateway_lies() {
    let mut log = Log::new();
    log.bring_in_force(POLICY);
    let lie = log.lie(&sample_change(), 2);
    let files = log.files();
    files
        .policy(&format!("explain --log log {lie}"))
        .says(1, &["gives another evaluation", "vidimus verify"]);
}

#[test]
fn nothing_is_told_from_a_broken_export() {
    let mut log = Log::new();
    log.bring_in_force(POLICY);
    let id = log.propose(&in_production());
    let files = log.files();
    let mut bytes = log.story.export();
    let at = bytes
        .windows(6)
        .position(|piece| piece == b"\"coder")
        .unwrap();
    bytes[at + 1] = b'C';
    files.write("broken", bytes).write("p/policy.cedar", POLICY);
    for words in [
        format!("explain --log broken {id}"),
        "diff --log broken p".into(),
        "replay p --log broken".into(),
    ] {
        let told = files.policy(&words);
        told.says(1, &["`broken` is not right", "vidimus verify broken"]);
        assert_eq!(told.out, "");
    }
    let other = vidimus_protocol::trust::TrustFile::new(vidimus_protocol::Digest([9; 32]));
    files.write("other", other.to_bytes());
    files
        .policy("replay p --log log --trust other")
        .says(1, &["is not right"]);
    files
        .policy("replay p --log nowhere")
        .says(2, &["cannot read `nowhere`"]);
}

#[test]
fn diff_takes_the_policy_in_force() {
    let mut log = Log::new();
    log.propose(&sample_change());
    let new = POLICY.replace("1 from operations and 1 from security", "3");
    let files = log.files();
    files.write("p/policy.cedar", &new);
    files.policy("diff --log log p").says(
        0,
        &[
            "no policy is in force",
            "added production",
            "4 added, 0 changed",
        ],
    );
    log.bring_in_force(&POLICY.replace("operations and", "legal and"));
    log.bring_in_force(POLICY);
    log.propose(&sample_change());
    let files = log.files();
    files.write("p/policy.cedar", new);
    files.policy("diff --log log p").says(
        0,
        &[
            "changed production",
            "does: asks for 1 from operations and 1 from security",
            "0 added, 1 changed, 0 removed, 3 policies as before",
        ],
    );
    files
        .policy("diff --log log p p")
        .says(2, &["name the new policies alone"]);
}

#[test]
fn replay_lists_what_would_be_decided_otherwise() {
    let mut log = Log::new();
    // Before any policy: what the agent wished was ten minutes.
    let first = log.propose(&in_production());
    let other = log.propose(&sample_change());
    log.bring_in_force(POLICY);
    let asked = log.propose(&in_production());
    log.decide(asked, Verdict::Approve, "yes");
    let refused = log.propose(&as_root());
    let files = log.files();
    let new = POLICY
        .replace("@id(\"no-root\")", "@id(\"changes-pass\")")
        .replace(
            "forbid (principal, action == Vidimus::Action::\"propose\", resource)\nwhen { context has command && context.command.root };",
            "permit (principal, action == Vidimus::Action::\"release\", resource)\nwhen { context has json && resource.environment == \"staging\" };",
        )
        .replace(
            "when { principal.reviewer }",
            "when { principal in Vidimus::Group::\"security\" }",
        );
    files.write("p/policy.cedar", new);
    let told = files.policy("replay p --log log");
    told.says(
        0,
        &[
            &first.to_string(),
            "people: 1 person -> 1 from operations and 1 from security",
            "reason: not required -> required",
            &other.to_string(),
            "decision: ask 1 person -> release",
            "by changes-pass",
            "Ben approved it: no policy lets Ben approve it",
            &refused.to_string(),
            "decision: refuse -> ask 1 person",
            "4 of 4 proposals would be decided otherwise; 1 approval would not have been permitted",
            "asked people          3        3",
            "released              0        1",
            "refused               1        0",
        ],
    );
    // The time that the agent would wait is known, so it does not differ.
    assert!(!told.out.contains("ttl"), "{}", told.out);
    assert!(!told.out.contains('\u{1b}'), "{:?}", told.out);

    let json = files.policy("replay p --log log --json").json();
    assert_eq!(json["proposals"], 4);
    assert_eq!(json["differing"][1]["after"]["decision"], "release");
    assert_eq!(json["differing"][2]["not_permitted"][0]["name"], "Ben");
    assert_eq!(json["before"]["asked"], 3);

    // Under the policy that is in force, what was proposed under it is as it was.
    files.write("q/policy.cedar", POLICY);
    let same = files.policy("replay q --log log --json").json();
    let differing: Vec<&str> = same["differing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["action"].as_str().unwrap())
        .collect();
    assert_eq!(differing, [first.to_string()]);
}

#[test]
fn replay_looks_at_the_time_that_is_named() {
    let mut log = Log::new();
    log.propose(&sample_action(1));
    log.story.pass(86_400);
    let late = log.propose(&sample_action(2));
    let since = log.story.now.to_string();
    let files = log.files();
    files.write("p/policy.cedar", POLICY);
    let count = |words: &str| {
        let told = files.policy(&format!("replay p --log log --json {words}"));
        told.json()["proposals"].as_u64().unwrap()
    };
    assert_eq!(count(""), 2);
    assert_eq!(count("--last 1h"), 1);
    assert_eq!(count("--last 2d"), 2);
    assert_eq!(count(&format!("--since {since}")), 0);
    assert_eq!(count("--since 2026-01-01"), 2);
    files
        .policy(&format!("replay p --log log --since {since}"))
        .says(0, &["nothing was proposed in that time"]);
    files
        .policy("replay p --log log --last week")
        .says(2, &["such as `7d`"]);
    let told = files.policy("replay p --log log --last 1h");
    assert!(!told.out.contains(&late.to_string()), "{}", told.out);
}

#[test]
fn explain_says_whom_it_was_escalated_to() {
    let mut log = Log::new();
    let told = POLICY.replace("@reason", "@escalate(\"managers after 2m\")\n@reason");
    log.bring_in_force(&told);
    let id = log.propose(&in_production());
    let files = log.files();
    files.policy(&format!("explain --log log {id}")).says(
        0,
        &[
            "escalated to managers after 2m",
            "  escalate   managers after 2m",
        ],
    );
    log.story.pass(120);
    let draft = log.story.escalation(id, "managers");
    log.story.write(draft);
    let files = log.files();
    let words = "escalated to managers, since nobody had decided";
    files
        .policy(&format!("explain --log log {id}"))
        .says(0, &[words, "It still waits."]);
    let json = files
        .policy(&format!("explain --json --log log {id}"))
        .json();
    assert_eq!(json["escalated"][0]["group"], "managers");
    assert_eq!(json["evaluation"]["escalate"][0]["after_s"], 120);
}
