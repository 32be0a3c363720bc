//! A policy tried out before it is signed: its tests, and what was proposed
//! lately, decided anew.

use vidimus_console::view::{
    CeremonyPurpose, Command, PolicyCheckView, PolicyDecision, PolicyFileText, PolicyPreviewView,
    PolicyReplayView, PolicyStanding, ReplaySpan, Reply, VerdictChoice,
};
use vidimus_protocol::ActionId;

use crate::seats::patiently;
use crate::support::{Computer, Front};
use crate::texts::{TRIED as POLICY, files, plain};

async fn check(front: &Front, files: Vec<PolicyFileText>) -> PolicyCheckView {
    match front.ask(Command::CheckPolicy { files }).await.unwrap() {
        Reply::PolicyChecked(checked) => checked,
        other => panic!("{other:?}"),
    }
}

async fn preview(front: &Front, files: Vec<PolicyFileText>) -> PolicyPreviewView {
    match front.ask(Command::PreviewPolicy { files }).await.unwrap() {
        Reply::PolicyPreview(preview) => *preview,
        other => panic!("{other:?}"),
    }
}

async fn replay(front: &Front, text: &str) -> PolicyReplayView {
    let command = Command::ReplayPolicy {
        files: files(text),
        span: ReplaySpan::Week,
    };
    match front.ask(command).await.unwrap() {
        Reply::PolicyReplayed(Some(replayed)) => *replayed,
        other => panic!("{other:?}"),
    }
}

/// Once the content of everything that was proposed is here.
async fn replay_of_all(front: &Front, proposals: u64) -> PolicyReplayView {
    let all = |replayed: &PolicyReplayView| replayed.proposals == proposals;
    patiently(async || Some(replay(front, POLICY).await).filter(all)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_are_run_on_what_is_typed_and_keep_nobody_from_signing() {
    let computer = Computer::new();
    let front = computer.set_up().await;
    let Ok(Reply::PolicyStart(start)) = front.ask(Command::PolicyStart).await else {
        panic!("no starter");
    };
    let mut files = start.starter;
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["policy.cedar", "tests.json"]);
    let checked = check(&front, files.clone()).await;
    assert_eq!(checked.tests.words, "All 10 tests pass.");
    assert_eq!(checked.tests.cases.len(), 10);
    assert!(!preview(&front, files.clone()).await.tests.alarm);

    // One that expects something else fails, and says what came.
    files[1].text = files[1].text.replacen("\"release\"", "\"ask\"", 1);
    let checked = check(&front, files.clone()).await;
    assert!(checked.problems.is_empty() && !checked.rules.is_empty());
    assert_eq!(checked.tests.failed, 1);
    let failed = checked
        .tests
        .cases
        .iter()
        .find(|case| !case.differences.is_empty());
    let failed = failed.unwrap();
    let row = &failed.differences[0];
    assert_eq!((&*row.before, &*row.after), ("ask", "release"));
    assert!(
        files[1]
            .text
            .lines()
            .nth(failed.line as usize - 1)
            .unwrap()
            .contains('{')
    );

    // It is said before the key and beside it, and it is signed all the same.
    let before = preview(&front, files.clone()).await;
    assert!(before.tests.alarm && before.tests.words.starts_with("1 of 10 tests fails: “"));
    assert_eq!(before.replay, None);
    front.ask(Command::ChangePolicy { files }).await.unwrap();
    let view = front.done().await;
    let CeremonyPurpose::Policy {
        words, standing, ..
    } = view.ceremony.unwrap().purpose
    else {
        panic!("another prompt");
    };
    assert!(words.contains("1 of 10 tests fails"), "{words}");
    assert_eq!(standing, Some(PolicyStanding::InForce));

    // Nothing was proposed here.
    let none = replay(&front, POLICY).await;
    assert_eq!(none.words, "Nothing was proposed in the last week.");
    assert!(none.rows.is_empty());
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_proposed_is_decided_anew() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let mut actions = Vec::<ActionId>::new();
    for word in ["plain", "odd", "vault", "hello"] {
        actions.push(agent.propose(word).await.0);
    }
    front.until(|view| view.inbox.len() == 4).await;
    let odd = actions[1];
    front.open(odd).await;
    front.decide(odd, VerdictChoice::Approve, "").await.unwrap();
    front.done().await;

    let found = replay_of_all(&front, 4).await;
    assert_eq!(
        found.words,
        "In the last week: 4 decisions, 3 would differ; 1 approval would not have been permitted."
    );
    assert_eq!((found.differing, found.unjudged), (3, 0));
    assert!(front.view().policy_replay.is_none());
    let counts: Vec<_> = found
        .counts
        .iter()
        .map(|it| (it.before, it.after))
        .collect();
    assert_eq!(counts, [(4, 2), (0, 1), (0, 1)]);
    let rows: Vec<_> = found.rows.iter().map(|row| row.action.clone()).collect();
    let newest_first: Vec<_> = actions.iter().rev().map(ToString::to_string).collect();
    assert_eq!(rows, newest_first);
    let after = |at: usize| found.rows[at].after.as_ref().unwrap();
    let [hello, vault, odd, plain_one] = [0, 1, 2, 3].map(|at: usize| &found.rows[at]);
    assert_eq!(
        (&*hello.before.words, after(0).decision, &*hello.policies),
        (
            "Waits for 1 person",
            PolicyDecision::Release,
            &["hello".to_owned()][..]
        )
    );
    assert_eq!((&*hello.agent, &*hello.kind), ("builder", "command"));
    assert_eq!(plain(&hello.title.as_ref().unwrap().spans), "echo hello");
    assert_eq!(after(1).decision, PolicyDecision::Refuse);
    assert!(plain(&vault.why[0].spans).contains("The vault stays shut."));
    assert!(odd.differs && after(2).words == odd.before.words);
    assert_eq!(
        plain(&odd.why[0].spans),
        "Ada approved it: no policy lets Ada approve it."
    );
    assert!(!plain_one.differs && plain_one.why.is_empty());

    // It is summed before the key, for this very text alone.
    let same = preview(&front, files(POLICY)).await;
    assert_eq!(same.replay.as_deref(), Some(&*found.words));
    let other = preview(&front, files(&format!("{POLICY}\n"))).await;
    assert_eq!(other.replay, None);

    // What cannot be read is not judged, and says so.
    let copy = mirror_below(computer.folder.path()).unwrap();
    let removed = rusqlite::Connection::open(copy).unwrap().execute(
        "UPDATE parts SET salt = NULL, bytes = NULL WHERE name = 'payload'
         AND idx = (SELECT max(idx) FROM parts WHERE name = 'payload')",
        [],
    );
    assert_eq!(removed.unwrap(), 1);
    let found = replay(&front, POLICY).await;
    assert_eq!((found.proposals, found.unjudged), (3, 1));
    assert!(
        found.words.ends_with("1 cannot be judged."),
        "{}",
        found.words
    );
    let unknown = found.rows.iter().find(|row| row.after.is_none()).unwrap();
    assert_eq!(unknown.action, actions[3].to_string());
    assert!(unknown.title.is_none() && !unknown.differs);
    assert_eq!(
        plain(&unknown.why[0].spans),
        "Its content is not on this computer."
    );

    // Nothing is replayed under what is wrong.
    let wrong = Command::ReplayPolicy {
        files: files("permit ("),
        span: ReplaySpan::Day,
    };
    assert_eq!(front.ask(wrong).await.unwrap_err().code, "bad_policy");
    front.0.stop().await;
}

/// The copy of the log below this folder.
fn mirror_below(folder: &std::path::Path) -> Option<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    entries
        .map(|entry| entry.path())
        .find_map(|path| match path.is_dir() {
            true => mirror_below(&path),
            false => path.ends_with("mirror.db").then_some(path),
        })
}
