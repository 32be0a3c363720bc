//! Policies as files: starter, check, test, explain and diff.

use crate::world::{Files, POLICY};

#[test]
fn the_starter_is_right_passes_and_overwrites_nothing() {
    for (personal, folder) in [("", "team"), ("--personal", "own")] {
        let files = Files::new();
        let written = files.policy(&format!("starter {personal} {folder}"));
        written.says(0, &["policy.cedar", "tests.json", "vidimus policy test"]);
        let checked = files.policy(&format!("check {personal} {folder}"));
        checked.says(0, &["right for", "agents-leave-vidimus-alone  forbids it"]);
        files
            .policy(&format!("test {personal} {folder}"))
            .says(0, &["tests passed"]);
        files.write(&format!("{folder}/policy.cedar"), "mine");
        let again = files.policy(&format!("starter {personal} {folder}"));
        again.says(2, &["policy.cedar", "not overwritten"]);
        assert_eq!(files.read(&format!("{folder}/policy.cedar")), "mine");
    }
}

#[test]
fn check_says_what_each_policy_asks_for() {
    let files = Files::new();
    files.write("p/policy.cedar", POLICY);
    let checked = files.policy("check p");
    checked.says(
        0,
        &[
            "production        asks for 1 from operations and 1 from security, with a reason — Two pairs of eyes in production.",
            "no-root           forbids it — Root stays out.",
            "reviewers-decide  lets them approve",
            "4 policies, no tests",
        ],
    );
    let json = files.policy("check --json p").json();
    assert_eq!(json["policies"][2]["id"], "no-root");
    assert_eq!(json["policies"][2]["effect"], "forbid");
    assert_eq!(json["policies"][2]["line"], 12);
    assert_eq!(json["exit_code"], 0);
}

#[test]
fn check_names_each_mistake_with_its_place() {
    let files = Files::new();
    let typo = POLICY.replace("@reason(\"required\")", "@reson(\"required\")");
    files.write(
        "p/policy.cedar",
        typo.replace("@id(\"no-root\")", "@id(\"no root\")"),
    );
    let checked = files.policy("check p");
    checked.says(
        1,
        &[
            "p/policy.cedar:6:1: production: `@reson` is unknown",
            "p/policy.cedar:12:1: no root: `no root` is no id",
            "2 problems",
        ],
    );
    let json = files.policy("check p --json");
    assert_eq!(json.code, 1);
    let json = json.json();
    assert_eq!(json["problems"][0]["file"], "p/policy.cedar");
    assert_eq!(json["problems"][0]["line"], 6);

    let files = Files::new();
    files.write("p/policy.cedar", POLICY);
    files.write("p/tests.json", "{\"cases\": [\n{\"nmae\": \"x\"}]}");
    for command in ["check", "test"] {
        let found = files.policy(&format!("{command} p"));
        found.says(1, &["p/tests.json:2:", "unknown field `nmae`", "1 problem"]);
    }
}

#[test]
fn check_knows_whose_log_it_is_for() {
    let files = Files::new();
    files.write("p/policy.cedar", POLICY);
    files
        .policy("check --personal p")
        .says(1, &["a personal log has one person"]);
}

#[test]
fn what_is_no_policy_is_named() {
    let files = Files::new();
    files.write("empty/README.md", "nothing");
    files.policy("check empty").says(
        2,
        &["there are no policies in `empty`", "vidimus policy starter"],
    );
    files
        .policy("check nowhere")
        .says(2, &["cannot read `nowhere`"]);
    files.write("Big.cedar", POLICY);
    files
        .policy("check Big.cedar")
        .says(1, &["Big.cedar:1:1", "is no name of a policy file"]);
    files.write("a/p.cedar", POLICY).write("b/p.cedar", POLICY);
    files
        .policy("check a b/p.cedar")
        .says(1, &["`a/p.cedar` has the same name"]);
    files.write("bytes.cedar", b"\xff");
    files
        .policy("check bytes.cedar")
        .says(1, &["no text in UTF-8"]);
    let json = files.policy("check nowhere --json");
    assert_eq!(json.code, 2);
    assert_eq!(json.json()["type"], "vidimus-error");
}

const CASES: &str = r#"{"cases": [
  {"name": "production wants two",
   "propose": {"kind": "json", "target": "production/crm/customers"},
   "expect": {"decision": "ask", "people": "1 from operations and 1 from security"}},
  {"name": "root may",
   "propose": {"kind": "command", "facts": {"command": {"root": true}}},
   "expect": {"decision": "ask"}}
]}"#;

#[test]
fn a_failing_test_says_what_came_instead() {
    let files = Files::new();
    files
        .write("p/policy.cedar", POLICY)
        .write("p/tests.json", CASES);
    let tested = files.policy("test p");
    tested.says(
        1,
        &[
            "ok    production wants two",
            "FAIL  root may  (p/tests.json)",
            "decision: expected ask, got refuse",
            "because: Forbidden: Root stays out. (no-root)",
            "1 failed, 1 passed",
        ],
    );
    let json = files.policy("test p --json");
    assert_eq!(json.code, 1);
    let json = json.json();
    assert_eq!((&json["failed"], &json["passed"]), (&1.into(), &1.into()));
    assert_eq!(json["cases"][1]["differences"][0]["after"], "refuse");
}

#[test]
fn a_set_without_tests_has_not_passed() {
    let files = Files::new();
    files.write("p/policy.cedar", POLICY);
    files.policy("test p").says(1, &["there are no tests"]);
    assert_eq!(files.policy("test p --json").json()["exit_code"], 1);
}

#[test]
fn explain_says_who_asked_for_what() {
    let files = Files::new();
    files.write("p/policy.cedar", POLICY);
    files.write(
        "asked.json",
        r#"{"kind": "json", "target": "production/crm/customers"}"#,
    );
    files.policy("explain p --inputs asked.json").says(
        0,
        &[
            "It needs approval by 1 from operations and 1 from security.",
            "anything asks for 1 person",
            "production asks for 1 from operations",
            "Two pairs of eyes in production.",
            "reason     required",
            "No policy lets anything run without a person.",
        ],
    );
    files.write(
        "refused.json",
        r#"{"kind": "command", "facts": {"command": {"root": true}}}"#,
    );
    files.policy("explain p --inputs refused.json").says(
        0,
        &[
            "It is refused.",
            "Forbidden: Root stays out. (no-root)",
            "no approval helps",
        ],
    );
    let json = files.policy("explain p --inputs asked.json --json").json();
    assert_eq!(json["evaluation"]["quorum"], 2);
    assert_eq!(json["policies"][1]["id"], "production");
    // What it evaluated can be given back as it stands.
    files.write("whole.json", json["inputs"].to_string());
    let again = files.policy("explain p --inputs whole.json --json").json();
    assert_eq!(again, json);
    files.write("typo.json", r#"{"knid": "command"}"#);
    files
        .policy("explain p --inputs typo.json")
        .says(2, &["typo.json:1:", "unknown field `knid`"]);
    files.policy("explain p").says(2, &["--inputs <FILE>"]);
}

#[test]
fn explain_says_what_would_let_it_run_or_be_proposed() {
    let files = Files::new();
    files.policy("starter p");
    files.write("command.json", r#"{"kind": "command"}"#);
    files.policy("explain p --inputs command.json").says(
        0,
        &["It is not released without a person. Policies that release something: reads-pass."],
    );
    files.write(
        "read.json",
        r#"{"kind": "sql", "agent_id": "agt_00000000000000000000000000", "effects": ["read"]}"#,
    );
    files
        .policy("explain p --inputs read.json")
        .says(0, &["It runs without a person.", "reads-pass lets it run"]);
    let only = POLICY.replace(
        "permit (principal, action == Vidimus::Action::\"propose\", resource);",
        "permit (principal, action == Vidimus::Action::\"propose\", resource in Vidimus::System::\"x\");",
    );
    files.write("q/policy.cedar", only);
    files.policy("explain q --inputs command.json").says(
        0,
        &[
            "It is refused.",
            "No policy permits this agent to propose it.",
            "Policies that permit something to be proposed: anything, production.",
        ],
    );
}

#[test]
fn diff_says_what_each_policy_did_and_does() {
    let files = Files::new();
    files
        .write("old/policy.cedar", POLICY)
        .write("old/tests.json", CASES);
    let new = POLICY
        .replace("1 from operations and 1 from security", "3")
        .replace("@id(\"no-root\")", "@id(\"root-stays-out\")");
    files.write("new/policy.cedar", new);
    let diff = files.policy("diff old new");
    diff.says(
        0,
        &[
            "changed production",
            "does: asks for 1 from operations and 1 from security, with a reason",
            "now asks for 3 people, with a reason",
            "- @people(\"1 from operations and 1 from security\")",
            "+ @people(\"3\")",
            "removed no-root",
            "added root-stays-out",
            "the tests in tests.json are gone",
            "1 added, 1 changed, 1 removed, 2 policies as before",
        ],
    );
    files.policy("diff old old").says(0, &["no policy changes"]);
    let json = files.policy("diff --json old new").json();
    assert_eq!(json["policies"][0]["change"], "removed");
    assert_eq!(
        json["policies"][1]["differences"][0]["after"],
        "asks for 3 people, with a reason"
    );
    files.policy("diff old").says(2, &["name two"]);
    files.write("new/policy.cedar", "permit");
    files
        .policy("diff old new")
        .says(1, &["new/policy.cedar:1:"]);
}

#[test]
fn nothing_of_a_policy_reaches_the_terminal_as_it_stands() {
    let files = Files::new();
    let hidden = POLICY.replace("Two pairs", "Two \u{202e}pairs");
    files.write("p/policy.cedar", &hidden);
    let commented = hidden.replace("forbid (", "// \u{1b}[2J\nforbid (");
    files.write("q/policy.cedar", commented);
    files.write(
        "p/tests.json",
        CASES.replace("root may", "root \u{202e} may"),
    );
    files.write(
        "asked.json",
        r#"{"kind": "json", "target": "production/a/b"}"#,
    );
    for words in [
        "check p",
        "test p",
        "diff p q",
        "explain p --inputs asked.json",
    ] {
        let run = files.policy(words);
        assert!(run.out.contains("\\u{"), "{words}: {}", run.out);
        let shown = !run.out.contains(['\u{202e}', '\u{1b}']);
        assert!(shown, "{words}: {:?}", run.out);
    }
}
