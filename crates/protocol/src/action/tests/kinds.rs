//! Each kind beside `command` and `json`: its bytes and its rules.

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef01234567";

fn bound() -> Command {
    sample().command().unwrap().clone()
}

fn action(payload: Payload) -> Action {
    Action {
        payload,
        target: sample().target,
    }
}

fn push() -> GitPush {
    GitPush {
        command: bound(),
        refs: vec![RefUpdate {
            commits: vec![Commit {
                author: "Ada".into(),
                id: ID.into(),
                subject: "Say what is meant".into(),
            }],
            lost: 0,
            more: 0,
            name: "refs/heads/main".into(),
            new: Some(ID.into()),
            old: None,
        }],
        remote: "ssh://git.example/x".into(),
    }
}

fn sql() -> Sql {
    Sql {
        command: bound(),
        database: Some("ada@db:5432/shop".into()),
        statements: vec![Statement {
            class: StatementClass::Delete,
            plan: None,
            tables: vec!["a".into(), "b".into()],
            text: "DELETE FROM a USING b".into(),
            whole_table: true,
        }],
    }
}

fn plan() -> TerraformPlan {
    TerraformPlan {
        changes: vec![ResourceChange {
            actions: vec!["delete".into(), "create".into()],
            address: "terraform_data.x".into(),
            after: Some(r#"{"a":-1.5}"#.into()),
            before: Some("{}".into()),
            unknown: Some(r#"{"id":true}"#.into()),
        }],
        command: bound(),
        outputs: vec![OutputChange {
            actions: vec!["create".into()],
            after: Some("1".into()),
            before: None,
            name: "x".into(),
        }],
        version: "1.5.7".into(),
    }
}

fn file_change() -> FileChange {
    let state = |text: &str| FileState {
        mode: "0644".into(),
        sha256: crate::sha256(&[text.as_bytes()]),
        size: text.len().try_into().unwrap(),
        text: Some(text.into()),
    };
    FileChange {
        after: state("new\n"),
        before: Some(state("old\n")),
        path: "/etc/motd".into(),
        uid: 0,
        user: "root".into(),
    }
}

fn call() -> ToolCall {
    ToolCall {
        arguments: format!(r#"{{"n":-0.5,"token":"{SECRET_ARGUMENT}"}}"#),
        definition: r#"{"name":"pay"}"#.into(),
        secrets: vec![SecretArgument {
            commit: Digest([7; 32]),
            pointer: "/token".into(),
        }],
        server: "npx some-server".into(),
        tool: "pay".into(),
    }
}

#[test]
fn each_kind_has_one_spelling_and_its_name() {
    let kinds = [
        (action(Payload::GitPush(Box::new(push()))), "git.push", true),
        (action(Payload::Sql(Box::new(sql()))), "sql", true),
        (
            action(Payload::TerraformPlan(Box::new(plan()))),
            "terraform.plan",
            true,
        ),
        (
            action(Payload::FileChange(Box::new(file_change()))),
            "file.change",
            false,
        ),
        (
            action(Payload::McpToolCall(Box::new(call()))),
            "mcp.tool_call",
            false,
        ),
    ];
    for (action, name, runs_a_program) in kinds {
        let bytes = action.to_bytes();
        assert_eq!(Action::parse(&bytes), Ok(action.clone()), "{name}");
        // The fast way of `parse_ordered` counts on this.
        assert_eq!(serde_json::to_vec(&action).unwrap(), bytes, "{name}");
        assert_eq!(action.kind().as_str(), name);
        assert_eq!(serde_json::to_value(action.kind()).unwrap(), json!(name));
        assert_eq!(action.kind().runs_a_program(), runs_a_program);
        assert_eq!(action.command().is_some(), runs_a_program);
        let unknown = String::from_utf8(bytes).unwrap();
        let unknown = unknown.replacen(r#""payload":{"#, r#""payload":{"a":1,"#, 1);
        assert!(Action::parse(unknown.as_bytes()).is_err(), "{name}");
    }
}

/// What a case breaks, and how.
type Case<T> = (&'static str, fn(&mut T));

/// Breaks one rule in a copy and hopes for a refusal.
fn refuses<T: Clone>(good: &T, wrap: fn(Box<T>) -> Payload, cases: &[Case<T>]) {
    for (what, break_it) in cases {
        let mut broken = good.clone();
        break_it(&mut broken);
        let bytes = action(wrap(Box::new(broken))).to_bytes();
        assert!(
            matches!(Action::parse(&bytes), Err(ActionError::Rule(_))),
            "{what}"
        );
    }
}

#[test]
fn each_rule_of_a_push_refuses() {
    refuses(
        &push(),
        Payload::GitPush,
        &[
            ("command", |p| p.command.argv.clear()),
            ("no refs", |p| p.refs.clear()),
            ("many refs", |p| {
                p.refs = vec![p.refs[0].clone(); MAX_REFS + 1]
            }),
            ("short name", |p| p.refs[0].name = "main".into()),
            ("neither", |p| p.refs[0].new = None),
            ("upper case", |p| p.refs[0].new = Some(ID.to_uppercase())),
            ("short id", |p| p.refs[0].old = Some(ID[1..].into())),
            ("commit id", |p| p.refs[0].commits[0].id = "x".into()),
            ("many commits", |p| {
                p.refs[0].commits = vec![p.refs[0].commits[0].clone(); MAX_COMMITS + 1];
            }),
            ("more", |p| p.refs[0].more = strict::MAX_SAFE + 1),
            ("lost", |p| p.refs[0].lost = strict::MAX_SAFE + 1),
        ],
    );
}

#[test]
fn each_rule_of_sql_and_of_a_plan_refuses() {
    refuses(
        &sql(),
        Payload::Sql,
        &[
            ("command", |s| s.command.argv.clear()),
            ("nothing", |s| s.statements.clear()),
            ("order", |s| s.statements[0].tables.reverse()),
            ("twice", |s| s.statements[0].tables[1] = "a".into()),
        ],
    );
    refuses(
        &plan(),
        Payload::TerraformPlan,
        &[
            ("command", |p| p.command.argv.clear()),
            ("after", |p| p.changes[0].after = Some("{".into())),
            ("before", |p| {
                p.changes[0].before = Some(r#"{"a":1,"a":1}"#.into())
            }),
            ("unknown", |p| p.changes[0].unknown = Some(String::new())),
            ("output", |p| p.outputs[0].after = Some("NaN".into())),
            ("actions", |p| p.changes[0].actions.clear()),
            ("output's actions", |p| p.outputs[0].actions.clear()),
        ],
    );
}

#[test]
fn each_rule_of_a_file_and_of_a_call_refuses() {
    refuses(
        &file_change(),
        Payload::FileChange,
        &[
            ("relative", |c| c.path = "motd".into()),
            ("NUL", |c| c.path = "/a\0b".into()),
            ("mode", |c| c.after.mode = "644".into()),
            ("mode before", |c| {
                c.before.as_mut().unwrap().mode = "0888".into()
            }),
            ("text", |c| c.after.text = Some("other".into())),
            ("text before", |c| c.before.as_mut().unwrap().size = 9),
            ("size", |c| {
                c.after.text = None;
                c.after.size = strict::MAX_SAFE + 1;
            }),
        ],
    );
    refuses(
        &call(),
        Payload::McpToolCall,
        &[
            ("array", |c| c.arguments = "[]".into()),
            ("twice", |c| c.arguments = r#"{"a":1,"a":1}"#.into()),
            ("definition", |c| c.definition = "1".into()),
            ("tool", |c| c.tool.clear()),
            ("shown", |c| c.secrets[0].pointer = "/n".into()),
            ("not there", |c| c.secrets[0].pointer = "/x".into()),
            ("order", |c| c.secrets.push(c.secrets[0].clone())),
        ],
    );
}
