//! The built command: help, wrong usage, and `vidimus verify`.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::{Command, Output};

use vidimus_client::Home;
use vidimus_ledger::tree::{MemoryTree, leaf_hash};
use vidimus_mirror::Mirror;
use vidimus_protocol::Digest;
use vidimus_protocol::trust::TrustFile;
use vidimus_verify::cose::Algorithm;
use vidimus_verify::testkit::Story;

fn vidimus(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vidimus"));
    command.args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn help_names_every_command_and_code() {
    let bare = vidimus(&[]);
    let help = vidimus(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let names = [
        "exec",
        "mcp",
        "wait",
        "answer",
        "install",
        "uninstall",
        "doctor",
        "hook",
        "verify",
        "export",
        "policy",
        "backup",
        "gateway",
        "webhook",
        "--home",
    ];
    for name in names {
        assert!(text(&help.stdout).contains(name), "{name}");
        assert!(text(&bare.stderr).contains(name), "{name}");
    }
    let exec = vidimus(&["exec", "--help"]);
    for code in 110..=118 {
        assert!(text(&exec.stdout).contains(&code.to_string()), "{code}");
    }
    assert_eq!(vidimus(&["--version"]).status.code(), Some(0));
}

#[test]
fn wrong_usage_has_its_code() {
    for words in [
        &["nonsense"][..],
        &["exec"],
        &["exec", "--ttl", "15", "--", "true"],
        &["exec", "--resume", "x"],
        &["exec", "--json", "--", "true"],
        &["wait"],
        &["verify"],
        &["gateway"],
        &["install"],
        &["install", "cursor"],
        &["hook"],
        &["hook", "--client", "codex"],
        &["verify", "/no/such/file"],
    ] {
        assert_eq!(vidimus(words).status.code(), Some(2), "{words:?}");
    }
}

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

#[test]
fn verify_tells_five_results_apart() {
    let files = Files {
        folder: tempfile::tempdir().unwrap(),
    };
    let mut story = Story::new(1, Algorithm::EdDsa);
    story.run();
    let export = files.write("export", &story.export());
    let trust = files.write("trust", &story.trust().to_bytes());

    let good = vidimus(&["verify", "--trust", &trust, &export]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stdout));
    assert!(text(&good.stdout).ends_with("verified\n"));
    assert!(
        !text(&good.stdout).contains('\u{1b}'),
        "no colour in a pipe"
    );

    let loose = vidimus(&["verify", &export]);
    assert_eq!(loose.status.code(), Some(3));
    assert!(text(&loose.stdout).contains("internally consistent, anchored by nobody"));

    let other = files.write("other", &TrustFile::new(Digest([9; 32])).to_bytes());
    let foreign = vidimus(&["verify", "--trust", &other, &export]);
    assert_eq!(foreign.status.code(), Some(1));

    let mut bytes = story.export();
    let at = bytes
        .windows(8)
        .position(|piece| piece == b"\"Ada\",\"p")
        .unwrap();
    bytes[at + 1] = b'E';
    let broken = files.write("broken", &bytes);
    let wrong = vidimus(&["verify", "--trust", &trust, &broken]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        text(&wrong.stdout).contains("first wrong: entry 0: its bytes were changed"),
        "{}",
        text(&wrong.stdout)
    );

    let rest = story.export();
    let newer = text(&rest).replacen("\"v\":1}", "\"v\":2}", 1);
    let newer = files.write("newer", newer.as_bytes());
    assert_eq!(vidimus(&["verify", &newer]).status.code(), Some(4));

    let unfit = vidimus(&["verify", "--trust", &export, &export]);
    assert_eq!(unfit.status.code(), Some(2), "no trust file");
}

#[test]
fn export_writes_what_the_console_has_and_verify_takes_it() {
    let files = Files {
        folder: tempfile::tempdir().unwrap(),
    };
    let home = Home::at(&files.folder.path().join("home"));
    let out = files.folder.path().join("export");
    let export = || {
        let root = home.root().unwrap().to_str().unwrap();
        vidimus(&["--home", root, "export", "--out", out.to_str().unwrap()])
    };
    assert_eq!(export().status.code(), Some(117), "no console yet");

    let mut story = Story::new(1, Algorithm::EdDsa);
    story.run();
    std::fs::create_dir_all(home.console_dir()).unwrap();
    let mut mirror = Mirror::open(&home.mirror_file()).unwrap();
    mirror.adopt(story.log.id).unwrap();
    assert_eq!(export().status.code(), Some(117), "still empty");
    let note = story.checkpoint();
    mirror.apply(0, story.leaves(), &note, &[]).unwrap();
    let incomplete = export();
    assert_eq!(incomplete.status.code(), Some(70));
    assert!(text(&incomplete.stderr).contains("is not here yet"));
    assert!(!out.exists(), "nothing half is left");
    for (index, name, content) in story.parts() {
        mirror.put_part(*index, name, content).unwrap();
    }
    // The console still has it open.
    let whole = export();
    assert_eq!(whole.status.code(), Some(0), "{}", text(&whole.stderr));
    let exported = story.export();
    assert_eq!(std::fs::read(&out).unwrap(), exported);
    let trust = files.write("trust", &story.trust().to_bytes());
    let good = vidimus(&["verify", "--trust", &trust, out.to_str().unwrap()]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stdout));
    assert_eq!(export().status.code(), Some(2), "nothing is written over");
    // A crash between pinning and storing leaves the pin ahead.
    drop(mirror);
    story.propose();
    let ahead = story.checkpoint();
    let db = rusqlite::Connection::open(home.mirror_file()).unwrap();
    let pinned = "UPDATE pins SET note = ?1 WHERE role = 'newest'";
    db.execute(pinned, [&ahead]).unwrap();
    std::fs::remove_file(&out).unwrap();
    let behind = export();
    assert_eq!(behind.status.code(), Some(70));
    assert!(
        text(&behind.stderr).contains("9 of 10 entries are here"),
        "{}",
        text(&behind.stderr)
    );
    db.execute(pinned, [&note]).unwrap();
    let root = home.root().unwrap().to_str().unwrap();
    let piped = vidimus(&["--home", root, "export"]);
    assert_eq!(piped.stdout, exported);

    // The checkpoint in a file of its own, and the answer as JSON.
    let (out, kept) = (out.to_str().unwrap(), files.path("kept"));
    let export = ["--home", root, "export", "--out", out, "--checkpoint-out"];
    let whole = vidimus(&[&export[..], &[&kept, "--json"]].concat());
    assert_eq!(whole.status.code(), Some(0), "{}", text(&whole.stderr));
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), note);
    let escaped = note.replace('\n', "\\n");
    let (log, hash) = (story.log.id, root_of(&story, 9));
    let trust = home.trust_file();
    let trust = trust.display();
    assert_eq!(
        text(&whole.stdout),
        format!(
            r#"{{"checkpoint":"{escaped}","checkpoint_out":"{kept}","exit_code":0,"log":"{log}","out":"{out}","parts":4,"root":"{hash}","size":9,"trust_file":"{trust}","type":"vidimus-export-result","v":1}}
"#
        )
    );
    assert!(whole.stderr.is_empty());
    let good = vidimus(&["verify", "--at-least", &kept, out]);
    assert_eq!(good.status.code(), Some(3), "{}", text(&good.stdout));
    // Neither file is written over, and neither is left after a failure.
    let again = vidimus(&[&export[..], &[&kept, "--json"]].concat());
    assert_eq!(again.status.code(), Some(2));
    assert!(
        text(&again.stdout).starts_with(r#"{"error":"cannot write `"#),
        "{}",
        text(&again.stdout)
    );
    std::fs::remove_file(out).unwrap();
    let again = vidimus(&[&export[..], &[&kept]].concat());
    assert_eq!(again.status.code(), Some(2));
    assert!(!std::path::Path::new(out).exists());
    let other = files.path("other");
    std::fs::write(out, b"mine").unwrap();
    let again = vidimus(&[&export[..], &[&other]].concat());
    assert_eq!(again.status.code(), Some(2));
    assert!(!std::path::Path::new(&other).exists());
    assert_eq!(std::fs::read(out).unwrap(), b"mine");
}

fn root_of(story: &Story, size: usize) -> Digest {
    let mut tree = MemoryTree::new();
    for leaf in &story.leaves()[..size] {
        tree.push(leaf_hash(leaf));
    }
    Digest(tree.root())
}

#[test]
fn verify_answers_in_json() {
    let files = Files {
        folder: tempfile::tempdir().unwrap(),
    };
    let mut story = Story::new(1, Algorithm::EdDsa);
    story.run();
    let export = files.write("export", &story.export());
    let trust = files.write("trust", &story.trust().to_bytes());
    let kept = files.write("kept", story.checkpoint_at(4).as_bytes());
    let good = vidimus(&[
        "verify",
        "--json",
        "--trust",
        &trust,
        "--at-least",
        &kept,
        &export,
    ]);
    let (log, root, reviewer) = (story.log.id, root_of(&story, 9), story.reviewer);
    assert_eq!(good.status.code(), Some(0));
    let same = format!(
        r#""first_time":"2026-11-21T09:30:00.000Z","last_time":"2026-11-21T09:30:08.000Z","log":"{log}","people":[{{"approved":1,"denied":0,"name":"Ada","reviewer":"{reviewer}"}}],"remarks":["single operator: one person owns the agents, decides and runs the gateway","software key: 3 signatures were made by a key without hardware, the lowest assurance"],"root":"{root}","size":9,"type":"vidimus-verification","upgrade":null,"v":1"#
    );
    let actions = r#"{"actions":{"approved":0,"completed":1,"denied":0,"expired":0,"pending":0,"proposed":1,"refused":0,"superseded":0,"unknown":0,"withdrawn":0},"#;
    let passed = r#"{"check":"file","checked":24,"note":null,"result":"passed"},{"check":"entries","checked":9,"note":null,"result":"passed"},{"check":"signatures","checked":3,"note":null,"result":"passed"},{"check":"checkpoint","checked":1,"note":null,"result":"passed"},{"check":"parts","checked":4,"note":null,"result":"passed"},{"check":"policy","checked":0,"note":null,"result":"passed"},"#;
    assert_eq!(
        text(&good.stdout),
        format!(
            r#"{actions}"anchored":true,"checkpoint_time":"2026-11-21T09:30:09.000Z","checks":[{passed}{{"check":"anchor","checked":1,"note":null,"result":"passed"}},{{"check":"at_least","checked":4,"note":null,"result":"passed"}}],"exit_code":0,{same},"verdict":"verified","wrong":null}}
"#
        )
    );

    // Another past up to there.
    let mut fork = Story::new(1, Algorithm::EdDsa);
    let action = fork.propose();
    fork.deny(action);
    let forked = files.write("forked", fork.checkpoint().as_bytes());
    let wrong = vidimus(&["verify", "--json", "--at-least", &forked, &export]);
    assert_eq!(wrong.status.code(), Some(1));
    let why = "the log signed two histories: its first 6 entries were others when it signed the earlier checkpoint. Keep both files, they prove it, and trust neither";
    assert_eq!(
        text(&wrong.stdout),
        format!(
            r#"{actions}"anchored":false,"checkpoint_time":"2026-11-21T09:30:09.000Z","checks":[{passed}{{"check":"anchor","checked":0,"note":"no trust file was given","result":"not_checked"}},{{"check":"at_least","checked":0,"note":"earlier checkpoint: {why}","result":"failed"}}],"exit_code":1,{same},"verdict":"violated","wrong":{{"bytes":"unproven","check":"at_least","entry":null,"part":null,"section":"at_least","why":"{why}"}}}}
"#
        )
    );

    let mut bytes = story.export();
    let salt = bytes.windows(8).rposition(|piece| piece == b"\"salt\":\"");
    bytes[salt.unwrap() + 8] ^= 1;
    let broken = files.write("broken", &bytes);
    let wrong = vidimus(&["verify", "--json", &broken]);
    assert!(
        text(&wrong.stdout).ends_with(
            r#""wrong":{"bytes":"changed","check":"parts","entry":8,"part":"output","section":"parts","why":"its part `output` is not the one that it commits to"}}
"#
        ),
        "{}",
        text(&wrong.stdout)
    );
}

#[test]
fn what_goes_wrong_is_json_where_json_was_asked_for() {
    let files = Files {
        folder: tempfile::tempdir().unwrap(),
    };
    let missing = files.path("missing");
    let mut story = Story::new(1, Algorithm::EdDsa);
    story.run();
    let export = files.write("export", &story.export());
    let no_note = files.write("no-note", b"{}\n");
    for (words, code, start) in [
        (&["verify", "--json"][..], 2, "error: "),
        (&["export", "--json"], 2, "error: "),
        (&["verify", "--json", "--colour"], 2, "error: "),
        (&["verify", "--json", &missing], 2, "cannot read `"),
        (
            &["verify", "--json", "--at-least", &no_note, &export],
            2,
            "`",
        ),
        (
            &["--home", &missing, "export", "--json", "--out", &no_note],
            117,
            "there is no copy",
        ),
    ] {
        let refused = vidimus(words);
        assert_eq!(refused.status.code(), Some(code), "{words:?}");
        let (answer, end) = (
            text(&refused.stdout),
            format!(r#"","exit_code":{code},"type":"vidimus-error","v":1}}"#),
        );
        let start = format!(r#"{{"error":"{start}"#);
        assert!(answer.starts_with(&start), "{words:?}: {answer}");
        assert!(answer.trim_end().ends_with(&end), "{words:?}: {answer}");
        assert_eq!(answer.lines().count(), 1);
        assert!(refused.stderr.is_empty(), "{words:?}");
    }
    // A command's own `--json` is its own.
    let held = vidimus(&["exec", "--nonsense", "--", "verify", "--json"]);
    assert!(held.stdout.is_empty());
    assert_eq!(
        vidimus(&["verify", "--json", "--help"]).status.code(),
        Some(0)
    );
}
