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

fn running(words: &[&str]) -> Command {
    Command {
        argv: words.iter().map(ToString::to_string).collect(),
        program: File {
            path: format!("/usr/lib/{0}/bin/{0}", words[0].rsplit('/').next().unwrap()),
            ..bound().program
        },
        script: None,
        ..bound()
    }
}

fn push() -> GitPush {
    let update = |name: &str, new: Option<&str>, old: Option<&str>| RefUpdate {
        commits: vec![],
        lost: 0,
        more: 0,
        name: name.into(),
        new: new.map(Into::into),
        old: old.map(Into::into),
    };
    let mut refs = vec![
        update("refs/heads/main", Some(ID), None),
        update("refs/heads/gone", None, Some(ID)),
    ];
    refs[0].commits.push(Commit {
        author: "Ada".into(),
        id: ID.into(),
        subject: "Say what is meant".into(),
    });
    let mut push = GitPush {
        command: running(&["/usr/bin/git", "-C", "x"]),
        refs,
        remote: "ssh://git.example/x".into(),
    };
    rewritten(&mut push);
    push
}

/// Gives a push the command line of its references.
fn rewritten(push: &mut GitPush) {
    push.command.argv.truncate(3);
    let words = push_words(&["--atomic".into()], &push.remote, &push.refs);
    push.command.argv.extend(words);
}

fn sql() -> Sql {
    let statement = |text: &str| Statement {
        class: StatementClass::Delete,
        plan: None,
        tables: vec!["a".into(), "b".into()],
        text: text.into(),
        whole_table: true,
    };
    let texts = [
        "-c",
        " DELETE FROM a USING b ;;",
        "--command=/* ; */ SELECT ';'\t",
    ];
    Sql {
        command: running(&[&["psql", "-X", "-dx"], &texts[..]].concat()),
        database: Some("ada@db:5432/shop".into()),
        statements: vec![
            statement("DELETE FROM a USING b"),
            statement("/* ; */ SELECT ';'"),
        ],
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
        command: Command {
            files: vec![ArgFile {
                argument: 2,
                file: bound().program,
            }],
            ..running(&["terraform", "apply", "x.tfplan"])
        },
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
    for sql in sources() {
        let action = action(Payload::Sql(Box::new(sql)));
        assert_eq!(Action::parse(&action.to_bytes()), Ok(action));
    }
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

/// Breaks one rule in a copy, for each case, and hopes for a refusal.
fn refuses<T: Clone>(good: &T, wrap: fn(Box<T>) -> Payload, cases: &[Case<T>]) {
    let refused = |break_it: &fn(&mut T)| {
        let mut broken = good.clone();
        break_it(&mut broken);
        let bytes = action(wrap(Box::new(broken))).to_bytes();
        matches!(Action::parse(&bytes), Err(ActionError::Rule(_)))
    };
    let taken = cases.iter().filter(|(_, break_it)| !refused(break_it));
    let taken: Vec<_> = taken.map(|(what, _)| what).collect();
    assert!(taken.is_empty(), "{taken:?}");
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
                let numbered = |number| RefUpdate {
                    name: format!("refs/heads/{number}"),
                    ..p.refs[0].clone()
                };
                p.refs = (0..=MAX_REFS).map(numbered).collect();
                rewritten(p);
            }),
            ("short name", |p| {
                p.refs[0].name = "main".into();
                rewritten(p);
            }),
            ("name with a colon", |p| {
                p.refs[0].name = "refs/heads/a:refs/heads/b".into();
                rewritten(p);
            }),
            ("twice", |p| {
                p.refs[1].name = p.refs[0].name.clone();
                rewritten(p);
            }),
            ("neither", |p| {
                p.refs[0].new = None;
                rewritten(p);
            }),
            ("upper case", |p| {
                p.refs[0].new = Some(ID.to_uppercase());
                rewritten(p);
            }),
            ("short id", |p| {
                p.refs[0].old = Some(ID[1..].into());
                rewritten(p);
            }),
            ("commit id", |p| p.refs[0].commits[0].id = "x".into()),
            ("many commits", |p| {
                p.refs[0].commits = vec![p.refs[0].commits[0].clone(); MAX_COMMITS + 1];
            }),
            ("more", |p| p.refs[0].more = strict::MAX_SAFE + 1),
            ("lost", |p| p.refs[0].lost = strict::MAX_SAFE + 1),
            ("another remote", |p| p.remote.push('y')),
            ("another object", |p| p.refs[0].new = Some("a".repeat(40))),
            ("another lease", |p| p.refs[1].old = Some("a".repeat(40))),
            ("another name", |p| p.refs[0].name.push('y')),
            ("a reference more", |p| {
                p.command.argv.push("a:refs/b".into())
            }),
            ("a reference less", |p| drop(p.refs.pop())),
            ("another program", |p| {
                p.command.argv[0] = "/usr/bin/gitx".into()
            }),
            ("another file", |p| {
                p.command.program.path = "/bin/bash".into()
            }),
            ("a setting", |p| {
                p.command.argv.splice(1..3, ["-c".into(), "a.b=c".into()]);
            }),
            ("an option of git's", |p| {
                p.command.argv[1] = "--exec-path=x".into()
            }),
            ("a folder that is none", |p| {
                p.command.argv.insert(3, "-C".into())
            }),
            ("an option", |p| p.command.argv.insert(6, "--mirror".into())),
            ("without its end", |p| p.command.argv.truncate(6)),
            ("without a push", |p| p.command.argv.truncate(1)),
            ("a variable", |p| p.command.env[0].name = "GIT_DIR".into()),
        ],
    );
}

/// The same statements from a file, and from standard input.
fn sources() -> [Sql; 2] {
    let text = "DELETE FROM a USING b;\n/* ; */ SELECT ';'";
    let sha256 = crate::sha256(&[text.as_bytes()]);
    let size = text.len().try_into().unwrap();
    let (mut file, mut input) = (sql(), sql());
    file.command = running(&["psql", "-X", "-f", "x.sql", "shop"]);
    file.command.script = Some(Script {
        argument: 3,
        file: File {
            path: "/srv/x.sql".into(),
            sha256,
            size,
        },
        text: Some(text.into()),
    });
    input.command = running(&["psql", "-X", "-1", "-v", "ON_ERROR_STOP=1", "-f-"]);
    input.command.stdin = Stdin::Bound(Box::new(Input {
        sha256,
        size,
        text: Some(text.into()),
    }));
    [file, input]
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
            ("another statement", |s| s.statements[0].text.push('x')),
            ("one less", |s| drop(s.statements.pop())),
            ("one more", |s| s.statements.push(s.statements[1].clone())),
            ("an empty one", |s| {
                s.statements[0].text.clear();
                s.command.argv[4] = ";".into();
            }),
            ("another order", |s| s.statements.reverse()),
            ("a source more", |s| {
                s.command.argv.push("-cDROP TABLE a".into())
            }),
            ("another program", |s| s.command.argv[0] = "sh".into()),
            ("another program's name", |s| {
                s.command.argv[0] = "psql/sh".into()
            }),
            ("another file", |s| {
                s.command.program.path = "/usr/bin/dash".into()
            }),
            ("a shell that runs them", |s| {
                s.command.argv = ["sh", "-c", "rm -rf /srv"].map(Into::into).into();
                s.statements.truncate(1);
                s.statements[0].text = "rm -rf /srv".into();
            }),
            ("a start-up file", |s| drop(s.command.argv.remove(1))),
            ("a value that looks as if there were none", |s| {
                s.command.argv.insert(1, "-F".into())
            }),
            ("an unknown option", |s| s.command.argv[1] = "-Xc".into()),
            ("a long one", |s| s.command.argv[1] = "--no-psqlrc=x".into()),
            ("a shortened one", |s| {
                s.command.argv.push("--comm=DROP TABLE a".into())
            }),
            ("a dash", |s| s.command.argv.push("-".into())),
            ("no value", |s| s.command.argv.push("-c".into())),
            ("a variable", |s| s.command.argv.push("-vx=1".into())),
            ("a file too", |s| s.command.argv.push("-fx".into())),
            ("a script too", |s| {
                s.command.script.clone_from(&sources()[0].command.script)
            }),
        ],
    );
    let [file, input] = sources();
    refuses(
        &file,
        Payload::Sql,
        &[
            ("text", |s| s.command.script.as_mut().unwrap().text = None),
            ("another file", |s| {
                s.command.argv.extend(["-f".into(), "y".into()])
            }),
            ("another place", |s| {
                s.command.script.as_mut().unwrap().argument = 4
            }),
            ("no script", |s| s.command.script = None),
            ("another text", |s| {
                s.statements[1].text = "SELECT ''".into()
            }),
        ],
    );
    refuses(
        &input,
        Payload::Sql,
        &[
            ("text", |s| match &mut s.command.stdin {
                Stdin::Bound(input) => input.text = None,
                Stdin::Null | Stdin::Inherited => panic!("it is bound"),
            }),
            ("no input", |s| s.command.stdin = Stdin::Inherited),
            ("a file", |s| s.command.argv[5] = "-fx".into()),
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
            ("no file", |p| p.command.files.clear()),
            ("another file", |p| p.command.files[0].argument = 1),
            ("another program", |p| p.command.argv[0] = "rm".into()),
            ("another program's file", |p| {
                p.command.program.path = "/usr/bin/rm".into()
            }),
            ("another command of it", |p| {
                p.command.argv[1] = "destroy".into()
            }),
            ("a program that deletes", |p| {
                p.command.argv = ["rm", "/etc/x"].map(Into::into).into();
                p.command.files[0].argument = 1;
                (p.changes, p.outputs) = (vec![], vec![]);
            }),
            ("a second folder", |p| {
                p.command
                    .argv
                    .splice(1..1, ["-chdir=a", "-chdir=b"].map(Into::into));
                p.command.files[0].argument = 4;
            }),
            ("an option that writes elsewhere", |p| {
                p.command.argv.insert(2, "-state-out=/etc/x".into());
                p.command.files[0].argument = 3;
            }),
            ("an option for a plan", |p| {
                p.command.argv[2] = "-destroy".into();
            }),
            ("a second plan", |p| {
                p.command.argv.insert(2, "y.tfplan".into());
                p.command.files[0].argument = 3;
            }),
            ("a variable that adds arguments", |p| {
                p.command.env[0].name = "TF_CLI_ARGS_apply".into()
            }),
            ("no argument", |p| {
                p.command.argv.truncate(1);
                p.command.files[0].argument = 0;
            }),
        ],
    );
}

#[test]
fn a_plan_is_applied_with_the_options_that_exec_keeps() {
    for line in [
        "/usr/bin/tofu apply x",
        "terraform -chdir=a apply -input=false -lock=false --parallelism=3 -no-color x",
    ] {
        let mut plan = plan();
        let words: Vec<_> = line.split(' ').collect();
        plan.command.files[0].argument = (words.len() - 1).try_into().unwrap();
        plan.command = Command {
            files: plan.command.files,
            ..running(&words)
        };
        let action = action(Payload::TerraformPlan(Box::new(plan)));
        assert_eq!(Action::parse(&action.to_bytes()), Ok(action), "{line}");
    }
}

#[test]
fn what_psql_runs_and_where() {
    let run = |words: &[&str]| {
        let mut sql = sql();
        sql.command = running(words);
        sql.run().map(|run| {
            let owned = |texts: Vec<&str>| texts.join("|");
            (owned(run.sources), owned(run.connections))
        })
    };
    assert_eq!(
        run(&[
            "psql",
            "-X",
            "-dservice=a",
            "-cA",
            "-h",
            "db",
            "shop",
            "--command=B",
            "ada"
        ]),
        Some(("A|B".into(), "service=a|shop|ada".into()))
    );
    assert_eq!(run(&["psql", "-cA"]), None);
    assert_eq!(run(&["sh", "-X", "-cA"]), None);
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
            ("many", |c| {
                let hidden = |at| format!(r#""{at:03}":"{SECRET_ARGUMENT}""#);
                let all: Vec<_> = (0..=MAX_SECRETS).map(hidden).collect();
                c.arguments = format!("{{{}}}", all.join(","));
                let secret = |at| SecretArgument {
                    commit: Digest([7; 32]),
                    pointer: format!("/{at:03}"),
                };
                c.secrets = (0..=MAX_SECRETS).map(secret).collect();
            }),
        ],
    );
}
