//! A policy in shadow: seen as it goes, over restarts, and with no effect.

use std::path::{Path, PathBuf};

use vidimus_console::view::{
    Command, ConsoleView, Phase, PolicyDecision, PolicyFileText, PolicyPreviewView,
    PolicyShadowView, Reply, ShadowBeside, ShadowSummaryView, VerdictChoice,
};

use crate::support::{Computer, Front};
use crate::texts::{TRIED as POLICY, files, plain};

async fn shadow(front: &Front) -> Option<PolicyShadowView> {
    match front.ask(Command::PolicyShadow).await.unwrap() {
        Reply::PolicyShadow(shadow) => shadow.map(|shadow| *shadow),
        other => panic!("{other:?}"),
    }
}

async fn begin(front: &Front, files: Vec<PolicyFileText>) {
    let begun = front.ask(Command::ShadowPolicy { files }).await;
    assert_eq!(begun.unwrap(), Reply::Accepted);
}

async fn preview(front: &Front, text: &str) -> PolicyPreviewView {
    let command = Command::PreviewPolicy { files: files(text) };
    match front.ask(command).await.unwrap() {
        Reply::PolicyPreview(preview) => *preview,
        other => panic!("{other:?}"),
    }
}

async fn sign(front: &Front, text: &str) {
    let command = Command::ChangePolicy { files: files(text) };
    front.ask(command).await.unwrap();
    front.done().await;
    front.ask(Command::CancelCeremony).await.unwrap();
}

/// Evaluated, differing, approvals that would not have been permitted, awaited.
fn counts(view: &ConsoleView) -> Option<[u64; 4]> {
    let ShadowSummaryView {
        proposals,
        differing,
        not_permitted,
        awaited,
        unjudged: 0,
        behind: 0,
        ..
    } = view.policy_shadow?
    else {
        return None;
    };
    Some([proposals, differing, not_permitted, awaited])
}

/// The one console's copy of the log.
fn database(computer: &Computer) -> rusqlite::Connection {
    rusqlite::Connection::open(computer.home().mirror_file()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_proposed_is_evaluated_in_shadow_and_nothing_hangs_on_it() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    agent.propose("vault, before it began").await;
    front.until(|view| view.inbox.len() == 1).await;
    assert!(shadow(&front).await.is_none() && front.view().policy_shadow.is_none());
    begin(&front, files(POLICY)).await;
    let empty = shadow(&front).await.unwrap();
    assert_eq!(
        empty.words,
        "In shadow for less than a minute: nothing was proposed."
    );
    let entries = front.view().gateway.checkpoint.unwrap().size;
    assert_eq!((empty.from, empty.beside), (entries, ShadowBeside::Same));
    assert!(empty.rows.is_empty() && empty.problem.is_none());

    let mut actions = Vec::new();
    for word in ["plain", "odd", "vault", "hello"] {
        actions.push(agent.propose(word).await.0);
    }
    front.until(|view| counts(view) == Some([4, 2, 0, 0])).await;
    // Each still waits for the person, and approving decides as ever.
    let odd = actions[1];
    assert_eq!(front.view().inbox.len(), 5);
    front.open(odd).await;
    front.decide(odd, VerdictChoice::Approve, "").await.unwrap();
    front.done().await;
    front.until(|view| counts(view) == Some([4, 3, 1, 0])).await;
    let found = shadow(&front).await.unwrap();
    assert_eq!(
        found.words,
        "In shadow for less than a minute: 4 decisions, 3 would differ; 1 approval would not have been permitted."
    );
    let rows: Vec<_> = found.rows.iter().map(|row| row.action.clone()).collect();
    let newest_first = [actions[3], actions[2], actions[1]].map(|id| id.to_string());
    assert_eq!(rows, newest_first);
    let after = |at: usize| found.rows[at].after.as_ref().unwrap().decision;
    assert_eq!(after(0), PolicyDecision::Release);
    assert_eq!(after(1), PolicyDecision::Refuse);
    assert!(plain(&found.rows[1].why[0].spans).contains("The vault stays shut."));
    assert!(plain(&found.rows[2].why[0].spans).starts_with("Ada approved it: "));
    let came: Vec<_> = found
        .counts
        .iter()
        .map(|it| (it.before, it.after))
        .collect();
    assert_eq!(came, [(4, 2), (0, 1), (0, 1)]);

    // It is said before the key, of this very text alone.
    let same = preview(&front, POLICY).await;
    assert_eq!(same.shadow, Some(found.words));
    let other = preview(&front, &format!("{POLICY}\n")).await;
    assert_eq!(other.shadow, None);

    // What comes in force meanwhile is said, also when it is itself.
    sign(&front, &format!("{POLICY}\n// Not yet.\n")).await;
    let beside = shadow(&front).await.unwrap().beside;
    assert_eq!(beside, ShadowBeside::Changed);
    agent.propose("vault, now refused").await.0.to_string();
    front.until(|view| counts(view) == Some([5, 3, 1, 0])).await;
    sign(&front, POLICY).await;
    let beside = shadow(&front).await.unwrap().beside;
    assert_eq!(beside, ShadowBeside::Itself);

    // What is in force, or wrong, is not put in shadow; what is stays.
    for (text, code) in [(POLICY, "unchanged"), ("permit (", "bad_policy")] {
        let files = files(text);
        let refused = front.ask(Command::ShadowPolicy { files }).await;
        assert_eq!(refused.unwrap_err().code, code);
    }
    assert!(front.view().policy_shadow.is_some());
    // Another takes its place and begins anew.
    begin(&front, files(&format!("{POLICY}\n// Other.\n"))).await;
    assert_eq!(counts(&front.view()), Some([0, 0, 0, 0]));
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_is_taken_back_differs_no_more() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let patient = r#"@id("ask") @grace("1h") permit (principal, action == Vidimus::Action::"propose", resource);
@id("i-decide") permit (principal, action == Vidimus::Action::"decide", resource)"#;
    sign(&front, &format!("{patient};")).await;
    let other = format!("{patient} when {{ !(context has command) }};");
    begin(&front, files(&other)).await;
    let odd = agent.propose("odd").await.0;
    front.until(|view| counts(view) == Some([1, 0, 0, 0])).await;
    for (verdict, expected) in [
        (VerdictChoice::Approve, [1, 1, 1, 0]),
        (VerdictChoice::Deny, [1, 0, 0, 0]),
    ] {
        front.open(odd).await;
        front.decide(odd, verdict, "").await.unwrap();
        front.done().await;
        front.until(|view| counts(view) == Some(expected)).await;
        let rows = shadow(&front).await.unwrap().rows;
        assert_eq!(rows.len() as u64, expected[1]);
        front.ask(Command::CancelCeremony).await.unwrap();
    }
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_outlives_the_console_until_it_is_stopped() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    begin(&front, files(POLICY)).await;
    let began = shadow(&front).await.unwrap();
    agent.propose("hello").await;
    front.until(|view| counts(view) == Some([1, 1, 0, 0])).await;

    // Under the lock it goes on, and nobody is told.
    front.ask(Command::Lock).await.unwrap();
    let locked = |view: &ConsoleView| matches!(view.phase, Phase::Locked { .. });
    assert!(front.until(locked).await.policy_shadow.is_none());
    let refused = front.ask(Command::PolicyShadow).await.unwrap_err();
    assert_eq!(refused.code, "locked");
    agent.propose("vault").await;
    front.ask(Command::SignIn).await.unwrap();
    front.until(|view| counts(view) == Some([2, 2, 0, 0])).await;
    front.0.stop().await;

    // Signed out, what has not come cannot come.
    computer.keyring.clear();
    let gone = database(&computer).execute(
        "UPDATE parts SET salt = NULL, bytes = NULL WHERE name = 'payload'
         AND idx = (SELECT max(idx) FROM parts WHERE name = 'payload')",
        [],
    );
    assert_eq!(gone.unwrap(), 1);
    let front = computer.start().await;
    assert_eq!(front.view().phase, Phase::SignedOut);
    assert_eq!(counts(&front.view()), Some([1, 1, 0, 1]));
    let again = shadow(&front).await.unwrap();
    assert_eq!(
        (again.summary.since_unix_ms, again.from, again.files),
        (began.summary.since_unix_ms, began.from, began.files)
    );
    assert_eq!(again.rows.len(), 1);
    front.ask(Command::SignIn).await.unwrap();
    front.until(|view| counts(view) == Some([2, 2, 0, 0])).await;

    // Stopped is stopped, also after a restart.
    front.ask(Command::StopShadow).await.unwrap();
    assert!(shadow(&front).await.is_none() && front.view().policy_shadow.is_none());
    front.0.stop().await;
    let front = computer.start().await;
    assert!(shadow(&front).await.is_none());
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_policy_any_more_says_so_and_stays() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    begin(&front, files(POLICY)).await;
    front.0.stop().await;
    // As if a rule for policies had become stricter since.
    let changed = database(&computer).execute(
        "UPDATE notes SET value = replace(value, 'Saying hello', 'Saying\\u0007hello') WHERE name = 'shadow'",
        [],
    );
    assert_eq!(changed.unwrap(), 1);
    let front = computer.start().await;
    let ready = |view: &ConsoleView| view.phase == Phase::Ready;
    front.until(ready).await;
    agent.propose("hello").await;
    front.until(|view| view.inbox.len() == 1).await;
    let wrong = shadow(&front).await.unwrap();
    assert_eq!(wrong.problem.unwrap().code, "shadow_wrong");
    assert!(wrong.files[0].text.contains("no-vault") && wrong.rows.is_empty());
    assert_eq!(counts(&front.view()), Some([0, 0, 0, 0]));
    front.ask(Command::StopShadow).await.unwrap();
    assert!(shadow(&front).await.is_none());
    front.0.stop().await;
}

/// Nothing of it leaves this computer: it stands in the console's own file.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_it_goes_to_the_gateway() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let needle = "needle-in-the-shadow";
    begin(
        &front,
        files(&POLICY.replace("The vault stays shut.", needle)),
    )
    .await;
    agent.propose("vault").await;
    front.until(|view| counts(view) == Some([1, 1, 0, 0])).await;
    front.0.stop().await;
    let holds = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        let mut windows = bytes.windows(needle.len());
        windows.any(|window| window == needle.as_bytes())
    };
    let found: Vec<_> = below(computer.folder.path())
        .into_iter()
        .filter(holds)
        .collect();
    assert!(!found.is_empty());
    let own = computer.home().console_dir();
    for path in found {
        assert!(path.starts_with(&own), "{}", path.display());
    }
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().filter_map(Result::ok);
    let paths = entries.map(|entry| entry.path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => below(&path),
            false if path.is_file() => vec![path],
            false => Vec::new(),
        })
        .collect()
}
