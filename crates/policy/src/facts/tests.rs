#![allow(clippy::unwrap_used)]
use super::*;
use serde_json::{Value, json};

/// An action of a program, as its bytes say it: whoever has an agent's token
/// can write them.
fn posted(kind: &str, words: &[&str], beside: Value) -> Option<Facts> {
    let name = words[0].rsplit('/').next().unwrap();
    let mut payload = beside;
    payload["command"] = json!({
        "argv": words,
        "cwd": "/srv",
        "env": [{"name": "PATH", "value": "/usr/bin"}],
        "files": [],
        "not_bound": [],
        "program": {"path": format!("/usr/bin/{name}"), "sha256": "a".repeat(64), "size": 9},
        "stdin": "null",
        "uid": 1000,
        "user": "agent",
    });
    if kind == "terraform.plan" {
        let plan = json!({"path": "/srv/x", "sha256": "a".repeat(64), "size": 9});
        payload["command"]["files"] = json!([{"argument": words.len() - 1, "file": plan}]);
    }
    of(kind, payload)
}

/// Facts, if every reader takes the action.
fn of(kind: &str, payload: Value) -> Option<Facts> {
    let target = json!({"environment": "local", "resource": "/srv", "system": "host"});
    let action = json!({"kind": kind, "payload": payload, "target": target});
    let bytes = vidimus_protocol::strict::canonical(&action);
    Some(Facts::of(&Action::parse(&bytes).ok()?))
}

fn query(words: &[&str], text: &str) -> Option<Facts> {
    let statement = json!({"class": "read", "tables": [], "text": text, "whole_table": false});
    posted("sql", words, json!({"statements": [statement]}))
}

fn effects(of: &[Effect]) -> BTreeSet<Effect> {
    of.iter().copied().collect()
}

use Effect::{Destructive, Permission, Read, Unknown, Write};

#[test]
fn what_the_proposer_calls_a_read_is_one_only_if_its_text_reads() {
    let released = |words: &[&str], text: &str| {
        query(words, text).is_some_and(|facts| facts.effects == effects(&[Read]))
    };
    assert!(released(&["psql", "-X", "-c", "SELECT 1"], "SELECT 1"));
    let shell = ["sh", "-c", "rm -rf /srv"];
    assert!(!released(&shell, "rm -rf /srv"), "a shell");
    let drop = "DROP TABLE users";
    assert!(!released(&["psql", "-X", "-c", drop], drop), "a drop");
    let facts = query(&["psql", "-X", "-c", drop], drop).unwrap();
    assert_eq!(facts.effects, effects(&[Destructive, Read]));
    assert_eq!(facts.sql.unwrap().classes.len(), 2);
    let all = "UPDATE users SET a = 1";
    let facts = query(&["psql", "-X", "-c", all], all).unwrap();
    assert_eq!(facts.effects, effects(&[Destructive, Read, Write]));
    assert!(facts.sql.unwrap().whole_table);
    // What the statement means hangs on settings that nobody sees.
    for place in [
        "-dservice=shop",
        "--dbname=postgres:///shop?options=-csearch_path%3Dx",
        "postgres:///shop?%6fptions=-crole",
        "OPTIONS=-crole=x",
    ] {
        let facts = query(&["psql", "-X", place, "-c", "SELECT 1"], "SELECT 1").unwrap();
        assert_eq!(facts.effects, effects(&[Read, Unknown]), "{place}");
    }
    for place in [
        "services",
        "-doptions",
        "postgres://ada@db/shop?sslmode=require",
    ] {
        assert!(
            released(&["psql", "-X", place, "-c", "SELECT 1"], "SELECT 1"),
            "{place}"
        );
    }
}

#[test]
fn what_steers_the_program_is_no_read() {
    let facts = query(&["psql", "-X", "-c", "SELECT 1"], "SELECT 1").unwrap();
    let (sql, command) = (facts.sql.unwrap(), facts.command.unwrap());
    let with = |names: &[&str]| CommandFacts {
        env: names.iter().map(ToString::to_string).collect(),
        ..command.clone()
    };
    let told = |names: &[&str]| sql.effects(Some(&with(names)));
    assert_eq!(told(&["PGHOST", "PGPASSWORD"]), effects(&[Read]));
    for name in ["LD_PRELOAD", "PGOPTIONS", "PGSERVICE", "PSQLRC", "pghost"] {
        assert_eq!(told(&["PGPASSWORD", name]), effects(&[Unknown]), "{name}");
    }
    assert_eq!(sql.effects(None), effects(&[Unknown]));
}

#[test]
fn a_command_has_the_name_that_it_was_given_and_its_variables() {
    let mut payload = json!({
        "argv": ["/opt/x/pg_dump", "shop"],
        "cwd": "/srv",
        "env": [
            {"name": "HOME", "value": "/"},
            {"name": "LD_PRELOAD", "value": "/x.so"},
            {"commit": "a".repeat(64), "name": "TOKEN"},
        ],
        "files": [], "not_bound": [],
        "program": {
            "path": "/usr/share/postgresql-common/pg_wrapper", "sha256": "a".repeat(64), "size": 9,
        },
        "stdin": "null", "uid": 1000, "user": "agent",
    });
    let told = of("command", payload.clone()).unwrap().command.unwrap();
    assert_eq!(told.name, "pg_dump");
    let names: Vec<_> = told.env.into_iter().collect();
    assert_eq!(names, ["LD_PRELOAD", "TOKEN"]);
    payload["argv"] = json!(["pg_dump/"]);
    assert_eq!(of("command", payload).unwrap().command.unwrap().name, "");
}

#[test]
fn a_plan_never_only_reads() {
    let planned = |words: &[&str], changes: &[&[&str]], outputs: bool| {
        let change = |actions: &&[&str]| json!({"actions": actions, "address": "a.b"});
        let outputs = outputs.then(|| json!({"actions": ["create"], "name": "x"}));
        let beside = json!({
            "changes": changes.iter().map(change).collect::<Vec<_>>(),
            "outputs": Vec::from_iter(outputs),
            "version": "1.5.7",
        });
        posted("terraform.plan", words, beside).map(|facts| facts.effects)
    };
    let apply = ["terraform", "apply", "-input=false", "x.tfplan"];
    let told = |changes: &[&[&str]], outputs| planned(&apply, changes, outputs).unwrap();
    assert_eq!(planned(&["rm", "/etc/x"], &[], false), None);
    assert_eq!(told(&[], false), effects(&[Unknown]));
    assert_eq!(told(&[&["no-op"]], false), effects(&[Unknown]));
    assert_eq!(told(&[&["read"]], false), effects(&[Unknown]));
    assert_eq!(told(&[], true), effects(&[Write]));
    assert_eq!(told(&[&["import", "update"]], false), effects(&[Write]));
    assert_eq!(
        told(&[&["read"], &["create"]], false),
        effects(&[Unknown, Write])
    );
    assert_eq!(
        told(&[&["odd", "update"]], false),
        effects(&[Unknown, Write])
    );
    let replaces: &[&str] = &["delete", "create"];
    assert_eq!(told(&[replaces], false), effects(&[Destructive, Write]));
    assert_eq!(told(&[&["forget"]], false), effects(&[Destructive, Write]));
}

#[test]
fn a_type_is_the_word_before_the_name() {
    for (address, expected) in [
        ("aws_iam_role.admin", "aws_iam_role"),
        ("aws_iam_role.admin[0]", "aws_iam_role"),
        (r#"module.a["x.y"].aws_s3_bucket.b["k.l"]"#, "aws_s3_bucket"),
        (r#"aws_iam_role.b["].null_resource.x["]"#, "aws_iam_role"),
        (
            r#"aws_iam_role.b["\"].null_resource.x[\""]"#,
            "aws_iam_role",
        ),
        (r#"aws_iam_role.b["\\"].null_resource.x"#, "null_resource"),
        (r#"a.b["c.d"#, "a"),
        (r#"a.b["c.d\"#, "a"),
        ("data.http.page", "http"),
        ("odd", "odd"),
    ] {
        assert_eq!(type_of(address), expected, "{address}");
    }
}

#[test]
fn only_reading_counts_as_reading() {
    let facts = query(&["psql", "-X", "-c", "SELECT 1"], "SELECT 1").unwrap();
    let told = |classes: &[StatementClass], whole_table| {
        SqlFacts {
            classes: classes.iter().copied().collect(),
            database: None,
            tables: BTreeSet::new(),
            whole_table,
        }
        .effects(facts.command.as_ref())
    };
    use StatementClass as Class;
    assert_eq!(told(&[Class::Read], false), effects(&[Read]));
    for (class, effect) in [
        (Class::Session, Write),
        (Class::Write, Write),
        (Class::Delete, Destructive),
        (Class::Schema, Destructive),
        (Class::Permission, Permission),
        (Class::Unknown, Unknown),
    ] {
        let found = told(&[Class::Read, class], false);
        assert_eq!(found, effects(&[Read, effect]));
    }
    let whole = told(&[Class::Write], true);
    assert_eq!(whole, effects(&[Write, Destructive]));
}
