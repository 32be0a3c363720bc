//! `vidimus gateway` for those who look after it: a full disk, logs, traces, a restored backup.
#![allow(clippy::unwrap_used, unreachable_pub)]

#[path = "../../../gateway/tests/support/passkey.rs"]
#[allow(dead_code)]
mod key;
#[path = "../../../console/tests/support/passkey.rs"]
#[allow(dead_code)]
mod passkey;
#[path = "../../../gateway/tests/support/port.rs"]
mod port;
mod running;
mod shadow;
mod telemetry;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use running::{PATIENCE, Person, Running, gateway, proposal};
use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::Value;
use vidimus_client::Home;
use vidimus_protocol::api::Ack;
use vidimus_verify::replay::Replay;

/// A disk that gets full.
trait Disk {
    /// The command line that starts the gateway on it.
    fn gateway(&self, home: &Path) -> Command;
    /// Leaves no room.
    fn fill(&self, running: &Running);
    /// Makes room again, while the gateway runs.
    fn free(&self, running: &Running);
    /// The command, beside the gateway.
    fn vidimus(&self, running: &Running) -> Command;
    /// Where the files of `path` are for this process.
    fn seen(&self, running: &Running, path: &Path) -> std::path::PathBuf;
}

/// No file may be longer: the kernel refuses with `EFBIG`. It works everywhere.
struct Limited;

/// What the ledger and its write-ahead log take from the start, and a little more.
const LIMIT: u64 = 5 << 20;

impl Disk for Limited {
    fn gateway(&self, home: &Path) -> Command {
        let plain = gateway(home);
        let mut command = Command::new("bash");
        // The signal would end the program before the write could fail.
        command
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(plain.get_program())
            .args(plain.get_args())
            .env("VIDIMUS_HOME", home);
        command
    }

    fn fill(&self, running: &Running) {
        limit(running, Some(LIMIT));
    }

    fn free(&self, running: &Running) {
        limit(running, None);
    }

    fn vidimus(&self, _running: &Running) -> Command {
        Command::new(env!("CARGO_BIN_EXE_vidimus"))
    }

    fn seen(&self, _running: &Running, path: &Path) -> std::path::PathBuf {
        path.to_owned()
    }
}

fn limit(running: &Running, current: Option<u64>) {
    let limit = Rlimit {
        current,
        maximum: None,
    };
    prlimit(Some(running.pid()), Resource::Fsize, limit).unwrap();
}

/// A small file system of its own: the kernel refuses with `ENOSPC`.
struct Small;

const BALLAST: &str = "ballast";

impl Disk for Small {
    fn gateway(&self, home: &Path) -> Command {
        let plain = gateway(home);
        let mut command = Command::new("unshare");
        let script = "mkdir -p \"$VIDIMUS_HOME\" && cp -a \"$VIDIMUS_HOME\" \"$VIDIMUS_HOME.kept\" \
             && mount -t tmpfs -o size=32m,mode=700 tmpfs \"$VIDIMUS_HOME\" \
             && cp -a \"$VIDIMUS_HOME.kept/.\" \"$VIDIMUS_HOME\" && exec \"$0\" \"$@\"";
        command
            .args(["--user", "--map-root-user", "--mount", "bash", "-c", script])
            .arg(plain.get_program())
            .args(plain.get_args())
            .env("VIDIMUS_HOME", home);
        command
    }

    fn fill(&self, running: &Running) {
        use std::io::Write as _;
        let path = self.seen(running, &running_home(running)).join(BALLAST);
        let mut ballast = std::fs::File::create(path).unwrap();
        let piece = [0; 4096];
        while ballast.write_all(&piece).is_ok() {}
    }

    fn free(&self, running: &Running) {
        let path = self.seen(running, &running_home(running)).join(BALLAST);
        std::fs::remove_file(path).unwrap();
    }

    fn vidimus(&self, running: &Running) -> Command {
        let mut command = Command::new("nsenter");
        let target = running.child.id().to_string();
        command
            .args([
                "--user",
                "--mount",
                "--preserve-credentials",
                "--target",
                &target,
            ])
            .arg(env!("CARGO_BIN_EXE_vidimus"));
        command
    }

    fn seen(&self, running: &Running, path: &Path) -> std::path::PathBuf {
        let root = format!("/proc/{}/root", running.child.id());
        Path::new(&root).join(path.strip_prefix("/").unwrap())
    }
}

fn running_home(running: &Running) -> std::path::PathBuf {
    let environment = std::fs::read(format!("/proc/{}/environ", running.child.id())).unwrap();
    let environment = String::from_utf8(environment).unwrap();
    let home = environment
        .split('\0')
        .find_map(|variable| variable.strip_prefix("VIDIMUS_HOME="));
    home.unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_limit_refuses_in_words_loses_nothing_and_resumes() {
    a_full_disk(&Limited, "store").await;
}

/// Where this process may not mount anything, the test above tells the same
/// story by another error of the kernel.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_in_words_loses_nothing_and_resumes() {
    let try_it = "mount -t tmpfs tmpfs /mnt";
    let may_mount = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "bash", "-c", try_it])
        .output()
        .is_ok_and(|tried| tried.status.success());
    if may_mount {
        a_full_disk(&Small, "disk_full").await;
    }
}

async fn a_full_disk(disk: &dyn Disk, code: &str) {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let running = Running::start(&home, disk.gateway(&home)).await;
    let seen = disk.seen(&running, &home);
    let person = Person::set_up(&seen, &running).await;
    let token = person.connect(&running).await;

    let first = running.propose(&token, &proposal("first", "")).await;
    let mut acknowledged = vec![first.unwrap()];
    disk.fill(&running);
    let long = "x".repeat(400_000);
    let began = Instant::now();
    let problem = loop {
        match running.propose(&token, &proposal(&long, "")).await {
            Ok(ack) => acknowledged.push(ack),
            Err(problem) => break problem,
        }
        assert!(began.elapsed() < PATIENCE, "the disk never gets full");
    };
    assert_eq!(problem["status"], 503);
    assert_eq!(problem["code"], code);
    let words = problem["detail"].as_str().unwrap();
    assert!(words.starts_with("nothing was logged: "), "{words}");
    assert!(words.ends_with("the gateway goes on by itself"), "{words}");

    // Ready says the same, and small things are refused like large ones.
    let unready = running.health(503).await;
    assert_eq!(unready["code"], code);
    assert_eq!(unready["detail"], problem["detail"]);
    let small = running.propose(&token, &proposal("small", "")).await;
    assert_eq!(small.unwrap_err()["code"], code);
    let metrics = running.metrics().await;
    assert!(metrics.contains("\nvidimus_ready 0\n"), "{metrics}");
    // What was committed can still be read.
    let known = leaf_action(&acknowledged[0]);
    let url = format!("{}/v1/actions/{known}", running.url);
    let view = running
        .http
        .get(url)
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(view.json::<Value>().await.unwrap()["status"], "pending");

    disk.free(&running);
    running.health(200).await;
    for number in 0..20 {
        let text = format!("{number}{long}");
        let ack = running.propose(&token, &proposal(&text, "")).await;
        acknowledged.push(ack.unwrap());
    }
    let backup = folder.path().join("backup");
    let copied = disk
        .vidimus(&running)
        .args(["backup", "--to"])
        .arg(&backup)
        .env("VIDIMUS_HOME", &home)
        .output()
        .unwrap();
    assert!(copied.status.success(), "{copied:?}");
    let leaves = leaves(&backup.join("gateway.db"));
    let stderr = running.stop().await;
    let mut replay = Replay::new();
    for leaf in &leaves {
        replay.push(leaf.as_bytes()).unwrap();
    }
    for ack in &acknowledged {
        let entry = &ack.entries[0];
        let at = usize::try_from(entry.index).unwrap();
        assert_eq!(leaves[at], entry.leaf, "entry {at} was acknowledged");
    }
    let refusals = stderr.matches("nothing of this group was written").count();
    assert_eq!(refusals, 1, "said once, not each time: {stderr}");
}

fn leaf_action(ack: &Ack) -> String {
    let leaf: Value = serde_json::from_str(&ack.entries[0].leaf).unwrap();
    leaf["data"]["action"].as_str().unwrap().to_owned()
}

fn leaves(ledger: &Path) -> Vec<String> {
    let store = rusqlite::Connection::open(ledger).unwrap();
    let mut leaves = store
        .prepare("SELECT leaf FROM leaves ORDER BY idx")
        .unwrap();
    let rows = leaves
        .query_map([], |row| row.get::<_, Vec<u8>>(0))
        .unwrap();
    rows.map(|row| String::from_utf8(row.unwrap()).unwrap())
        .collect()
}

fn vidimus(home: &Path, words: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_vidimus"))
        .args(words)
        .env("VIDIMUS_HOME", home)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

/// The commands of `docs/OPERATIONS.md`, as they stand there.
fn documented_restore(home: &Path, backup: &Path) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/OPERATIONS.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("### Restore").unwrap();
    let (_, block) = section.split_once("```console\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let script: String = block
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(script.contains("BACKUP") && script.contains("~/.local/share/vidimus/gateway"));
    let home = Home::at(home);
    let script = script
        .replace("~/.local/share/vidimus", home.data().to_str().unwrap())
        .replace("BACKUP", backup.to_str().unwrap());
    let done = Command::new("bash")
        .args(["-ec", &script])
        .output()
        .unwrap();
    assert!(done.status.success(), "{script}{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_is_resumed_or_refused_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let nothing = folder.path().join("nothing");
    let (code, _, words) = vidimus(&home, &["backup", "--to", nothing.to_str().unwrap()]);
    assert_eq!(code, 117);
    assert!(words.contains("there is no ledger"), "{words}");

    let running = Running::start(&home, gateway(&home)).await;
    let person = Person::set_up(&home, &running).await;
    let token = person.connect(&running).await;
    running
        .propose(&token, &proposal("before", ""))
        .await
        .unwrap();
    let backup = folder.path().join("backup");
    let (code, out, _) = vidimus(&home, &["backup", "--to", backup.to_str().unwrap()]);
    assert_eq!(
        (code, out.starts_with("4 entries copied to ")),
        (0, true),
        "{out}"
    );
    running.stop().await;

    // Nothing was logged since: it goes on.
    documented_restore(&home, &backup);
    let running = Running::start(&home, gateway(&home)).await;
    running
        .propose(&token, &proposal("after", ""))
        .await
        .unwrap();
    running.stop().await;

    // Something was: it does not start, and says why.
    std::fs::remove_dir_all(Home::at(&home).data().join("before-restore")).unwrap();
    documented_restore(&home, &backup);
    let refused = tokio::task::spawn_blocking(move || {
        let output = gateway(&home).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    });
    let (code, words) = refused.await.unwrap();
    assert_eq!(code, Some(70), "{words}");
    assert!(
        words.contains("5 were signed: an older copy was restored"),
        "{words}"
    );
}
