//! The built command: help, wrong usage, and `vidimus verify`.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::{Command, Output};

use vidimus_client::Home;
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
    for name in ["exec", "verify", "export", "gateway", "--home"] {
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
        &["verify"],
        &["gateway"],
        &["verify", "/no/such/file"],
    ] {
        assert_eq!(vidimus(words).status.code(), Some(2), "{words:?}");
    }
}

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
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
        text(&wrong.stdout).contains("first wrong: entry 1"),
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
    let piped = vidimus(&["--home", home.root().unwrap().to_str().unwrap(), "export"]);
    assert_eq!(piped.stdout, exported);
}
