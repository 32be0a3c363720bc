//! Actions of each kind beside `command` and `json`: what may stand in one, and how it may end.

use serde_json::{Value, json};
use vidimus_protocol::Blob;
use vidimus_protocol::action::Action;
use vidimus_protocol::entry::Data;
use vidimus_verify::cose::Algorithm;
use vidimus_verify::testkit::{Story, sample_kinds};

use crate::Cases;
use crate::acts::change;
use crate::fields::{changes, places, put};
use crate::forge::{Forge, blob, read, written};

/// Its outcome.
const COMPLETED: usize = 8;

/// Good logs of such actions.
pub(crate) fn good() -> Vec<(String, Forge)> {
    let named = |action: Action| (format!("a {} action", action.kind().as_str()), run(&action));
    sample_kinds().into_iter().map(named).collect()
}

fn run(action: &Action) -> Forge {
    let mut story = Story::new(1, Algorithm::EdDsa);
    let draft = story.proposal_of(action, None);
    let Data::ActionProposed(data) = &draft.leaf.data else {
        unreachable!("a proposal proposes");
    };
    let action = data.action;
    story.write(draft);
    story.approve(action);
    story.redeem(action);
    let draft = story.completion(action);
    story.write(draft);
    Forge::new(story)
}

pub(crate) fn write(cases: &mut Cases) {
    for action in sample_kinds() {
        let forge = run(&action);
        let kind = action.kind().as_str();
        let payload = forge
            .content
            .parts
            .iter()
            .position(|part| part["name"] == json!("payload"));
        let payload = payload.expect("a proposal has a payload");
        let plain = read(&blob(&forge.content.parts[payload]["bytes"]).expect("base64url"));
        for (name, changed) in actions(&plain).into_iter().chain(tied(&plain)) {
            change(cases, &forge, &format!("{kind}: {name}"), |content| {
                content.parts[payload]["bytes"] = json!(Blob(written(&changed)).to_string());
            });
        }
        for other in [
            "command",
            "json",
            "sql",
            "git.push",
            "git_push",
            "terraform.plan",
        ] {
            change(
                cases,
                &forge,
                &format!("{kind} proposed as `{other}`"),
                |content| {
                    content.leaves[3]["data"]["action_kind"] = json!(other);
                },
            );
        }
        for outcome in [
            json!({"exited": {"code": 0}}),
            json!({"failed_to_start": {"why": "gone"}}),
            json!({"succeeded": {}}),
            json!({"failed": {"why": "x"}}),
        ] {
            let name = format!("{kind} that ends as {outcome}");
            change(cases, &forge, &name, |content| {
                content.leaves[COMPLETED]["data"]["outcome"] = outcome.clone();
            });
        }
    }
}

/// What the command holds is another module's matter, and would be said four times.
fn actions(plain: &Value) -> Vec<(String, Value)> {
    let mut actions = Vec::new();
    let mut set = |place: &str, name: &str, new: Option<Value>| {
        let mut action = plain.clone();
        put(&mut action, place, new);
        actions.push((format!("{place} {name}"), action));
    };
    for place in places(plain) {
        if place.starts_with("/payload/command/") {
            continue;
        }
        let old = plain.pointer(&place).expect("found there");
        for (name, new) in changes(old, &[]) {
            set(&place, &name, new);
        }
        if old.is_string() {
            for text in TEXTS {
                set(&place, &format!("is `{text}`"), Some(json!(text)));
            }
        }
    }
    for (place, texts) in [("/payload/changes/0/after", 33), ("/payload/arguments", 33)] {
        if plain.pointer(place).is_some() {
            for levels in 31..=texts {
                let deep = format!("{}{}", "{\"a\":".repeat(levels), "1");
                set(
                    place,
                    &format!("{levels} levels"),
                    Some(json!(deep + &"}".repeat(levels))),
                );
            }
            for size in [262_143, 262_144, 262_145] {
                let long = format!("{{\"a\":\"{}\"}}", "y".repeat(size - 8));
                set(place, &format!("{size} bytes"), Some(json!(long)));
            }
        }
    }
    if plain["kind"] == json!("git.push") {
        let one = plain["payload"]["refs"][0].clone();
        for number in [0, 1, 100, 101] {
            let numbered = |at| {
                let mut one = one.clone();
                one["name"] = json!(format!("refs/heads/{at}"));
                one
            };
            let refs: Vec<_> = (0..number).map(numbered).collect();
            let name = format!("{number} references");
            set("/payload", &name, Some(moving(plain, &refs)));
        }
        for name in ["main", "refs/", "refs/heads/a:refs/heads/b", "refs/a b"] {
            let mut one = one.clone();
            one["name"] = json!(name);
            set(
                "/payload",
                &format!("`{name}`"),
                Some(moving(plain, &[one])),
            );
        }
        let twice = [one.clone(), one.clone()];
        set("/payload", "a reference twice", Some(moving(plain, &twice)));
        let commit = one["commits"][0].clone();
        for number in [0, 200, 201] {
            let many = json!(vec![commit.clone(); number]);
            set("/payload/refs/0/commits", &format!("{number}"), Some(many));
        }
        for missing in [&["old"][..], &["new"], &["old", "new"]] {
            let mut one = one.clone();
            for name in missing {
                one.as_object_mut().expect("a reference").remove(*name);
            }
            let name = format!("without {missing:?}");
            let both = Some(moving(plain, std::slice::from_ref(&one)));
            set("/payload", &name, both);
            set("/payload/refs/0", &name, Some(one));
        }
    }
    if plain["kind"] == json!("mcp.tool_call") {
        for number in [100, 101] {
            let names: Vec<_> = (0..number).map(|at| format!("{at:03}")).collect();
            let mut payload = plain["payload"].clone();
            let arguments = names
                .iter()
                .map(|name| format!("\"{name}\":\"(bound, not shown)\""));
            let arguments = arguments.collect::<Vec<_>>().join(",");
            payload["arguments"] = json!(format!("{{{arguments}}}"));
            let secret = |name| json!({"commit": "09".repeat(32), "pointer": format!("/{name}")});
            payload["secrets"] = json!(names.iter().map(secret).collect::<Vec<_>>());
            set("/payload", &format!("{number} secrets"), Some(payload));
        }
        let secret = |pointer: &str| json!({"commit": "09".repeat(32), "pointer": pointer});
        let hidden = "(bound, not shown)";
        let arguments = json!({"": hidden, "a/b": [0, hidden], "c~d": {"01": hidden}, "e": hidden});
        for pointers in [
            &["/"][..],
            &["/a~1b/1"],
            &["/a~1b/01"],
            &["/a~1b/+1"],
            &["/a~1b/-"],
            &["/a~1b/0"],
            &["/a/b/1"],
            &["/c~0d/01"],
            &["/c~d/01"],
            &["e"],
            &["/e/"],
            &[""],
            &["/e", "/e"],
            &["/e", "/c~0d/01"],
            &["/c~0d/01", "/e"],
        ] {
            let secrets: Vec<_> = pointers.iter().map(|pointer| secret(pointer)).collect();
            let mut payload = plain["payload"].clone();
            payload["arguments"] = json!(arguments.to_string());
            payload["secrets"] = json!(secrets);
            set("/payload", &format!("secrets {pointers:?}"), Some(payload));
        }
    }
    if plain["kind"] == json!("sql") {
        for tables in [
            &["a", "a"][..],
            &["b", "a"],
            &["\u{1f600}", "\u{fb33}"],
            &["\u{fb33}", "\u{1f600}"],
        ] {
            set(
                "/payload/statements/0/tables",
                &format!("{tables:?}"),
                Some(json!(tables)),
            );
        }
        set("/payload/statements", "none", Some(json!([])));
    }
    actions
}

/// A push with these references and the command line that moves them.
fn moving(plain: &Value, refs: &[Value]) -> Value {
    let mut payload = plain["payload"].clone();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let mut words = vec![
        "git".to_owned(),
        "-c".into(),
        "push.pushOption=".into(),
        "push".into(),
        "--no-follow-tags".into(),
        "--no-recurse-submodules".into(),
    ];
    let lease = |one| {
        format!(
            "--force-with-lease={}:{}",
            text(one, "name"),
            text(one, "old")
        )
    };
    words.extend(refs.iter().map(lease));
    words.extend(["--".into(), text(&payload, "remote")]);
    words.extend(
        refs.iter()
            .map(|one| format!("{}:{}", text(one, "new"), text(one, "name"))),
    );
    payload["command"]["argv"] = json!(words);
    payload["refs"] = json!(refs);
    payload
}

/// A command line, and what it is to be tied to: changed words, and SQL that stands elsewhere.
fn tied(plain: &Value) -> Vec<(String, Value)> {
    let mut actions = Vec::new();
    let mut set = |name: &str, changes: &[(&str, Value)]| {
        let mut action = plain.clone();
        for (place, new) in changes {
            put(&mut action, place, Some(new.clone()));
        }
        actions.push((format!("tied: {name}"), action));
    };
    let argv = "/payload/command/argv";
    let Some(words) = plain.pointer(argv).and_then(Value::as_array).cloned() else {
        return actions;
    };
    for at in 0..=words.len() {
        for word in MORE_WORDS {
            let more = json!([&words[..at], &[json!(word)], &words[at..]].concat());
            set(&format!("`{word}` at {at}"), &[(argv, more)]);
        }
    }
    for at in 0..words.len() {
        let mut less = words.clone();
        let word = less.remove(at);
        set(&format!("without word {at}"), &[(argv, json!(less))]);
        less.insert((at + 1).min(less.len()), word.clone());
        set(&format!("word {at} later"), &[(argv, json!(less))]);
        let mut other = words.clone();
        other[at] = json!(format!("{}x", word.as_str().expect("a word")));
        set(&format!("word {at} longer"), &[(argv, json!(other))]);
    }
    for name in ["git", "psql", "terraform", "tofu", "sh"] {
        for path in [
            name.to_owned(),
            format!("./{name}"),
            format!("{name}/"),
            format!("/{name}/x"),
        ] {
            set(
                &format!("given as `{path}`"),
                &[("/payload/command/argv/0", json!(path))],
            );
            let file = json!(format!("/usr/{path}"));
            set(
                &format!("from `{path}`"),
                &[("/payload/command/program/path", file)],
            );
        }
    }
    for name in [
        "GIT_DIR",
        "GIT",
        "git_dir",
        "TF_CLI_ARGS",
        "TF_CLI_ARGS_apply",
        "TF_VAR_x",
    ] {
        let env = json!([{"name": name, "value": "x"}]);
        set(
            &format!("variable {name}"),
            &[("/payload/command/env", env)],
        );
    }
    if plain["kind"] == json!("sql") {
        for (name, changes) in sources(plain) {
            set(&name, &changes);
        }
    }
    actions
}

/// Where `psql` may have its SQL from, and where not.
fn sources(plain: &Value) -> Vec<(String, Vec<(&'static str, Value)>)> {
    let statements = plain["payload"]["statements"].as_array().expect("a list");
    let texts = statements
        .iter()
        .map(|one| one["text"].as_str().expect("a text"));
    let text = texts.collect::<Vec<_>>().join(";\u{b}");
    let sha256 = vidimus_protocol::sha256(&[text.as_bytes()]);
    let bound = json!({"sha256": sha256, "size": text.len()});
    let mut with_text = bound.clone();
    with_text["text"] = json!(text);
    let mut file = bound.clone();
    file["path"] = json!("/srv/x.sql");
    let mut cases = Vec::new();
    for line in [
        "psql|-f|x.sql",
        "psql|-fx.sql",
        "psql|--file|x.sql",
        "psql|--file=x.sql|-1",
        "psql|x|-fx.sql",
        "psql|-f|-",
        "psql|-f-",
        "psql|-f|-|-f|-",
        "psql|shop|ada",
        "psql|-c|SQL",
        "psql|-c|SQL|-f|-",
        "psql|-c|;|--command= SQL\t",
        "psql|-c|SQL|-c|SQL",
        "psql|-d|-c|SQL",
        "psql|-1c|SQL",
        "psql|--comm|SQL",
        "psql|--command|SQL|--csv|-v|ON_ERROR_STOP=1",
        "psql|-cSQL\u{a0}",
        "psql|-cSQLx",
        "psql|-cxSQL",
        "psql|-c",
        "psql|-c=SQL",
        "psql",
    ] {
        let words: Vec<_> = line
            .replacen("psql", "psql|-X", 1)
            .split('|')
            .map(|word| word.replace("SQL", &text))
            .collect();
        for stdin in [
            json!("inherited"),
            json!({"bound": bound}),
            json!({"bound": with_text}),
        ] {
            let changes = vec![
                ("/payload/command/argv", json!(words)),
                ("/payload/command/stdin", stdin.clone()),
            ];
            let name = format!("{line}, input {}", stdin.pointer("/bound/text").is_some());
            for argument in 0..words.len().min(3) {
                let script = json!({"argument": argument, "file": file, "text": text});
                let script = [("/payload/command/script", script)];
                let changes = [changes.as_slice(), &script].concat();
                cases.push((format!("{name}, script {argument}"), changes));
            }
            cases.push((name, changes));
        }
    }
    cases
}

/// Words that change what a command does, or where one thing ends.
const MORE_WORDS: &[&str] = &[
    "",
    "-",
    "--",
    "-c",
    "-C",
    "-x",
    "-t",
    "--csv",
    "-csv",
    "-\u{e9}x",
    "-v",
    "-vx=1",
    "-fx",
    "--atomic",
    "--mirror",
    "--git-dir=x",
    "--git-dir",
    "push",
    "git",
    "-X",
    "--no-psqlrc",
    "apply",
    "-chdir=x",
    "-lock=false",
    "--no-color",
    "---lock",
    "-lock=\n",
    "-state-out=x",
    "x",
];

/// What may stand in one string and not in another.
const TEXTS: &[&str] = &[
    "",
    "/",
    "/a\u{0}",
    "refs/",
    "0777",
    "0800",
    "644",
    "00644",
    "delete",
    "unknown",
    "{}",
    " {}",
    "[]",
    "{\"a\":1,\"a\":1}",
    "{\"a\":1,\"\\u0061\":1}",
    "{\"a\":\"\\ud800\"}",
    "{\"a\":-1.5e3}",
    "{\"a\":1e400}",
    "{\"a\":-1e400}",
    "{\"a\":1e-400}",
    "{\"a\":NaN}",
    "{\"a\":Infinity}",
    "{\"a\":01}",
    "{\"a\":1.}",
    "{\"a\":18446744073709551616}",
    "{\"a\":1} x",
    "nul",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];
