//! What is proposed while policies are in shadow, from a console's copy.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use vidimus_client::Home;
use vidimus_mirror::Mirror;
use vidimus_protocol::entry::Resolution;
use vidimus_protocol::envelope::Verdict;
use vidimus_verify::testkit::{sample_action, sample_change};

use crate::world::{Files, Log, POLICY, Run, as_root, in_production};

const PATIENCE: Duration = Duration::from_secs(60);

/// The copy of a console that follows the log.
struct Copy {
    files: Files,
    mirror: Mirror,
}

impl Copy {
    fn of(log: &Log) -> Self {
        let files = Files::new();
        let home = Home::at(&files.folder.path().join("home"));
        fs::create_dir_all(home.console_dir()).unwrap();
        let mut mirror = Mirror::open(&home.mirror_file()).unwrap();
        mirror.adopt(log.story.log.id).unwrap();
        let mut copy = Self { files, mirror };
        copy.follow(log);
        copy
    }

    /// What is in the log now, with all content.
    fn follow(&mut self, log: &Log) {
        self.entries(log);
        self.content(log);
    }

    fn entries(&mut self, log: &Log) {
        let note = log.story.checkpoint();
        self.mirror
            .apply(0, log.story.leaves(), &note, &[])
            .unwrap();
    }

    fn content(&self, log: &Log) {
        for (index, name, content) in log.story.parts() {
            self.mirror.put_part(*index, name, content).unwrap();
        }
    }

    fn home(&self) -> PathBuf {
        self.files.folder.path().join("home")
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vidimus"));
        command
            .current_dir(self.files.folder.path())
            .env("VIDIMUS_HOME", self.home())
            .args(["policy", "shadow"])
            .args(words.split_whitespace());
        command
    }

    /// Runs it to its end.
    fn run(&self, words: &str) -> Run {
        let done = self.command(words).output().unwrap();
        Run {
            code: done.status.code().unwrap(),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8(done.stderr).unwrap(),
        }
    }

    /// Starts it, and waits until it watches.
    fn watch(&self, words: &str) -> Watch {
        let mut command = self.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _gone = sender.send(line);
            }
        });
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        err.read_line(&mut said).unwrap();
        assert!(said.contains("watching from entry"), "{said}");
        std::thread::spawn(move || err.read_to_string(&mut String::new()));
        Watch { child, lines }
    }
}

/// The command, as it goes on.
struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    /// The next line that it prints.
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    /// Ctrl-C: what it still prints.
    fn end(mut self) -> Vec<String> {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        self.lines.iter().collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It is over already where the test held.
        let _over = self.child.kill();
    }
}

/// A stricter policy: production wants three, only security approves, and root
/// is let in.
fn stricter() -> String {
    POLICY
        .replace("1 from operations and 1 from security", "3")
        .replace("no-root", "never")
        .replace("context.command.root", "context.command.name == \"never\"")
        .replace(
            "when { principal.reviewer }",
            "when { principal in Vidimus::Group::\"security\" }",
        )
}

#[track_caller]
fn has(line: &str, words: &[&str]) {
    for words in words {
        assert!(line.contains(words), "`{words}` is not in: {line}");
    }
}

#[test]
fn what_would_be_decided_otherwise_is_told_as_it_comes() {
    let mut log = Log::new();
    log.bring_in_force(POLICY);
    // What was proposed before is not looked at.
    log.propose(&in_production());
    let mut copy = Copy::of(&log);
    copy.files.write("p/policy.cedar", stricter());
    let watch = copy.watch("p");

    let differs = log.propose(&in_production());
    let same = log.propose(&sample_change());
    let refused = log.propose(&as_root());
    copy.follow(&log);
    let people = "people: 1 from operations and 1 from security -> 3 people";
    has(
        &watch.line(),
        &[
            &differs.to_string(),
            "coder",
            people,
            "by anything, production",
        ],
    );
    has(
        &watch.line(),
        &[&refused.to_string(), "decision: refuse -> ask 1 person"],
    );

    // An approval that would not count, and what becomes of it.
    log.decide(same, Verdict::Approve, "yes");
    copy.follow(&log);
    has(
        &watch.line(),
        &[
            &same.to_string(),
            "Ben approved it: no policy lets Ben approve it",
        ],
    );
    log.resolve(same, Resolution::Approved);
    log.cleo_decides(differs, Verdict::Approve, "planned");
    copy.follow(&log);

    // Content that comes later than its entry is waited for.
    let late = log.propose(&in_production());
    copy.entries(&log);
    std::thread::sleep(Duration::from_millis(1500));
    assert!(watch.lines.try_recv().is_err());
    copy.content(&log);
    has(&watch.line(), &[&late.to_string(), people]);
    let unseen = log.propose(&sample_action(7));
    copy.entries(&log);
    let rest = watch.end();
    let words = rest.join("\n");
    let words = words.split(' ').filter(|word| !word.is_empty());
    let words = words.collect::<Vec<_>>().join(" ");
    has(
        &words,
        &[
            "4 of 4 proposals would be decided otherwise; 1 approval would not have been permitted",
            "asked people 3 4",
            "refused 1 0",
            "of 1 more the content is not on this computer yet",
        ],
    );
    assert!(!words.contains(&unseen.to_string()), "{words}");
    assert!(!words.contains('\u{1b}'), "{words:?}");
}

#[test]
fn an_approval_that_is_taken_back_differs_no_more() {
    let mut log = Log::new();
    let patient = POLICY.replace(
        "@id(\"anything\")",
        "@id(\"anything\")\n@people(\"2\")\n@veto(\"2\")",
    );
    log.bring_in_force(&patient);
    let mut copy = Copy::of(&log);
    let other = patient.replace(
        "when { principal.reviewer }",
        "when { principal in Vidimus::Group::\"security\" }",
    );
    copy.files.write("p/policy.cedar", other);
    let watch = copy.watch("p");
    let id = log.propose(&sample_change());
    log.decide(id, Verdict::Approve, "yes");
    copy.follow(&log);
    has(&watch.line(), &[&id.to_string(), "Ben approved it"]);
    log.decide(id, Verdict::Deny, "not today");
    copy.follow(&log);
    has(&watch.line(), &[&id.to_string(), "decided alike after all"]);
    let rest = watch.end();
    has(&rest[0], &["0 of 1 proposal would be decided otherwise"]);
}

#[test]
fn it_begins_and_ends_when_it_is_told_to() {
    let mut log = Log::new();
    log.bring_in_force(POLICY);
    let first = log.propose(&in_production());
    log.decide(first, Verdict::Approve, "yes");
    let copy = Copy::of(&log);
    copy.files.write("p/policy.cedar", stricter());
    copy.run("p --for 1s")
        .says(0, &["nothing was proposed meanwhile"]);
    let told = copy.run("p --since 2026-01-01 --for 1s --json");
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    let lines: Vec<Value> = told
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [decision, sum] = lines.as_slice() else {
        panic!("{}", told.out);
    };
    assert_eq!(decision["type"], "vidimus-policy-shadow-decision");
    assert_eq!(decision["action"], first.to_string());
    assert_eq!(decision["differences"][0]["what"], "people");
    assert_eq!(decision["not_permitted"][0]["name"], "Ben");
    assert_eq!(decision["before"]["policy"], "policy/9");
    assert_eq!(sum["type"], "vidimus-policy-shadow");
    assert_eq!(sum["exit_code"], 0);
    assert_eq!(
        (&sum["proposals"], &sum["differing"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        (&sum["awaited"], &sum["not_permitted"]),
        (&0.into(), &1.into())
    );
    copy.run("p --since 2026-01-01 --last 1d")
        .says(2, &["cannot be used with"]);
    copy.run("p --for 0s").says(2, &["such as `7d`"]);
}

#[test]
fn nothing_is_told_from_what_is_wrong_or_not_there() {
    let mut log = Log::new();
    let id = log.propose(&sample_change());
    let mut copy = Copy::of(&log);
    copy.files
        .write("p/policy.cedar", POLICY)
        .write("bad/policy.cedar", "permit (");
    copy.run("bad --for 1s").says(1, &["bad/policy.cedar:1:"]);
    copy.run("p --for 1s --gateway nowhere.example")
        .says(117, &["follow nowhere.example there"]);
    copy.run("p --for 1s --gateway nowhere.example --json")
        .says(117, &["\"type\":\"vidimus-error\""]);

    // Nobody denied it.
    log.resolve(id, Resolution::Denied);
    copy.follow(&log);
    copy.run("p --for 1s --since 2026-01-01")
        .says(1, &["breaks a rule, so nothing is told from it"]);
}
