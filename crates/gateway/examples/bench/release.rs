//! From a person's verdict to the command that waited for it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use vidimus_client::home::Home;
use vidimus_client::profile::AgentProfile;
use vidimus_protocol::api::{Ack, Proven};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::trust::TrustFile;

use crate::report::{median, row};
use crate::support::{Draft, Forgery, Held, World};

const RELEASES: usize = 30;

/// Durable writes (`fsync`, `fdatasync`) of gateway and executor together, from
/// the moment at which the key's answer is sent to the moment at which the
/// command that waited in `vidimus exec` runs. Counted by `strace`.
pub(crate) async fn verdict_to_child(folder: &Path, vidimus: &Path) -> Value {
    let root = folder.join("home");
    let home = Home::at(&root);
    let world = World::new(&home.gateway_dir()).await;
    let agent = world.connect().await;
    connect_exec(&world, &agent, &home);
    let own = folder.join("gateway.strace");
    let mut tracer = strace(&own)
        .args(["-p", &std::process::id().to_string()])
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (mut most, mut measured) = (0, Vec::new());
    for turn in 0..RELEASES {
        let stamp = folder.join(format!("stamp-{turn}"));
        let script = format!("date +%s%N > {}", stamp.display());
        // A child of this process, so the same trace has its calls too.
        let mut held = tokio::process::Command::new(vidimus)
            .arg("--home")
            .arg(&root)
            .args(["exec", "--", "/bin/sh", "-c", &script])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let ack = wait_for_proposal(&home.gateway_dir(), 0).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let draft = world.draft(&ack, Verdict::Approve, "").await;
        let sent = decide_fast(&world, &draft).await;
        let sent = sent.elapsed();
        let sent = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .saturating_sub(sent);
        assert!(held.wait().await.unwrap().success(), "exec ran the command");
        let ran: u64 = std::fs::read_to_string(stamp)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let ran = Duration::from_nanos(ran);
        measured.push(ran.saturating_sub(sent));
        most = most.max(syncs(&own, sent, ran));
    }
    tracer.kill().await.unwrap();
    world.stop().await;
    eprintln!(
        "verdict → child running, under strace: median {:.1} ms",
        median(&mut measured) * 1000.0
    );
    let value = f64::from(most);
    row(
        "durable writes from verdict to child, most of 30",
        "fdatasyncs",
        value,
        1.0,
        value,
        "≤ 4 (at least 1)",
        (1..=4).contains(&most),
    )
}

fn strace(out: &Path) -> tokio::process::Command {
    let mut strace = tokio::process::Command::new("strace");
    strace
        .args(["-f", "-q", "-ttt", "-e", "trace=fsync,fdatasync", "-o"])
        .arg(out);
    strace
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true);
    strace
}

/// Durable writes in a trace that began within a span of time.
fn syncs(trace: &Path, from: Duration, to: Duration) -> u32 {
    let text = std::fs::read_to_string(trace).unwrap();
    let began = |line: &str| -> Option<Duration> {
        // `PID SECONDS.MICROS fdatasync(7) = 0`; a resumed call began earlier.
        let mut fields = line.split_ascii_whitespace();
        let (seconds, micros) = fields.nth(1)?.split_once('.')?;
        let call = fields.next()?;
        let time = Duration::from_secs(seconds.parse().ok()?)
            + Duration::from_micros(micros.parse().ok()?);
        (call.starts_with("fsync(") || call.starts_with("fdatasync(")).then_some(time)
    };
    let within = text
        .lines()
        .filter_map(began)
        .filter(|at| (from..to).contains(at));
    u32::try_from(within.count()).unwrap()
}

/// Signs a verdict beforehand and sends it: when that was.
pub(crate) async fn decide_fast(world: &World, draft: &Draft) -> Instant {
    let start = draft.start();
    let prompt = world.begin(Some(&world.session), &start).await;
    let path = format!("{}/assertion", prompt.ok().unwrap());
    let answer = world.answer(&world.key, &start, &Forgery::default()).await;
    let sent = Instant::now();
    let _: Value = world
        .call(reqwest::Method::POST, &path, None, Some(&answer))
        .await
        .json();
    sent
}

pub(crate) fn connect_exec(world: &World, agent: &Held, home: &Home) {
    let trust = home.trust_file();
    std::fs::create_dir_all(trust.parent().unwrap()).unwrap();
    std::fs::write(&trust, TrustFile::new(world.log).to_bytes()).unwrap();
    let profile = AgentProfile {
        agent: agent.agent,
        executor: agent.executor,
        log: world.log,
        name: "builder".into(),
        tls_ca: None,
        token: agent.token.parse().unwrap(),
        trust,
        url: world.gateway.url().parse().unwrap(),
    };
    profile.save(&home.agent_profile("builder")).unwrap();
}

/// The newest entry, once it is a proposal behind so many entries.
pub(crate) async fn wait_for_proposal(folder: &Path, known: usize) -> Ack {
    loop {
        let leaves = World::leaves(folder);
        let leaf = leaves.last().unwrap().clone();
        if leaves.len() > known && leaf.contains(r#""kind":"action.proposed""#) {
            let index = u64::try_from(leaves.len()).unwrap() - 1;
            let entries = vec![Proven {
                index,
                leaf,
                proof: Vec::new(),
            }];
            return Ack {
                parts: Vec::new(),
                checkpoint: String::new(),
                entries,
            };
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
