//! An action of each kind beside `command` and `json`.

use vidimus_protocol::action::{
    Action, ArgFile, Command, Commit, File, FileChange, FileState, GitPush, OutputChange, Payload,
    RefUpdate, ResourceChange, SECRET_ARGUMENT, SecretArgument, Sql, Statement, StatementClass,
    TerraformPlan, ToolCall, push_words,
};
use vidimus_protocol::{Digest, sha256};

use super::sample_action;

/// One of each.
#[must_use]
pub fn sample_kinds() -> Vec<Action> {
    let sample = sample_action(0);
    let Payload::Command(command) = sample.payload else {
        return Vec::new();
    };
    let payloads = [
        Payload::FileChange(Box::new(file_change())),
        Payload::GitPush(Box::new(push(&command))),
        Payload::McpToolCall(Box::new(call())),
        Payload::Sql(Box::new(sql(&command))),
        Payload::TerraformPlan(Box::new(plan(&command))),
    ];
    let action = |payload| Action {
        payload,
        target: sample.target.clone(),
    };
    payloads.map(action).into()
}

fn file_change() -> FileChange {
    let state = |text: &str| FileState {
        mode: "0644".into(),
        sha256: sha256(&[text.as_bytes()]),
        size: text.len().try_into().unwrap_or(u64::MAX),
        text: Some(text.into()),
    };
    FileChange {
        after: state("listen 443\nworkers 8\n"),
        before: Some(state("listen 443\nworkers 2\n")),
        path: "/etc/proxy.conf".into(),
        uid: 1000,
        user: "ada".into(),
    }
}

/// The command with another program and line.
fn running(command: &Command, words: &[String]) -> Command {
    let name = words.first().map_or("", String::as_str);
    Command {
        argv: words.to_vec(),
        program: File {
            path: format!("/usr/lib/{name}/bin/{name}"),
            ..command.program.clone()
        },
        ..command.clone()
    }
}

fn push(command: &Command) -> GitPush {
    let id = |digit: &str| digit.repeat(40);
    let refs = vec![RefUpdate {
        commits: vec![Commit {
            author: "Ada".into(),
            id: id("a"),
            subject: "Say what is meant".into(),
        }],
        lost: 2,
        more: 1,
        name: "refs/heads/main".into(),
        new: Some(id("a")),
        old: Some(id("b")),
    }];
    let remote = "ssh://git.example/shop.git";
    let git = ["git", "-C", "shop", "--no-pager"].map(String::from);
    let words = push_words(&["--atomic".into()], remote, &refs);
    GitPush {
        command: running(command, &[&git[..], &words].concat()),
        refs,
        remote: remote.into(),
    }
}

fn call() -> ToolCall {
    ToolCall {
        arguments: format!(r#"{{"amount":-12.5,"card":{{"pin":"{SECRET_ARGUMENT}"}}}}"#),
        definition: r#"{"description":"Pays.","name":"pay"}"#.into(),
        secrets: vec![SecretArgument {
            commit: Digest([9; 32]),
            pointer: "/card/pin".into(),
        }],
        server: "npx @shop/mcp".into(),
        tool: "pay".into(),
    }
}

fn sql(command: &Command) -> Sql {
    let statement = |class, tables: &[&str], text: &str, whole_table| Statement {
        class,
        plan: None,
        tables: tables.iter().map(ToString::to_string).collect(),
        text: text.into(),
        whole_table,
    };
    let orders = "UPDATE orders SET paid = true FROM customers WHERE orders.id = 7";
    let line = ["psql", "-X", "--set=ON_ERROR_STOP=1", "-dshop", "-c"].map(String::from);
    let texts = [format!(" {orders}; \n;DELETE FROM carts;")];
    Sql {
        command: running(command, &[&line[..], &texts].concat()),
        database: Some("ada@db.example:5432/shop".into()),
        statements: vec![
            Statement {
                plan: Some("Update on orders\n  ->  Index Scan".into()),
                ..statement(
                    StatementClass::Write,
                    &["customers", "orders"],
                    orders,
                    false,
                )
            },
            statement(
                StatementClass::Delete,
                &["carts"],
                "DELETE FROM carts",
                true,
            ),
        ],
    }
}

fn plan(command: &Command) -> TerraformPlan {
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    TerraformPlan {
        changes: vec![
            ResourceChange {
                actions: words(&["update"]),
                address: "aws_instance.web".into(),
                after: Some(r#"{"size":"large","weight":-0.5}"#.into()),
                before: Some(r#"{"size":"small","weight":-0.5}"#.into()),
                unknown: None,
            },
            ResourceChange {
                actions: words(&["delete", "create"]),
                address: "aws_db.shop".into(),
                after: Some(r#"{"password":"(sensitive value)"}"#.into()),
                before: Some("{}".into()),
                unknown: Some(r#"{"id":true}"#.into()),
            },
        ],
        command: Command {
            files: vec![ArgFile {
                argument: 2,
                file: command.program.clone(),
            }],
            ..running(
                command,
                &["terraform", "apply", "x.tfplan"].map(String::from),
            )
        },
        outputs: vec![OutputChange {
            actions: words(&["create"]),
            after: Some("\"https://shop\"".into()),
            before: None,
            name: "url".into(),
        }],
        version: "1.5.7".into(),
    }
}
