//! Measures what the product promises, as ratios to a floor of the same run.
//!
//! `cargo xtask bench` runs it and renders `docs/BENCHMARKS.md`. Rows have a
//! name, a value and a floor in one unit, their ratio, and a goal.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::cast_precision_loss)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::{Value, json};
use support::{Forgery, Held, World};
use vidimus_client::home::Home;
use vidimus_client::profile::AgentProfile;
use vidimus_ledger::tree::{MemoryTree, leaf_hash};
use vidimus_protocol::api::{Ack, Proven};
use vidimus_protocol::entry::{Data, Parsed};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{Blob, Digest, Leaf, sha256};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::export;
use vidimus_verify::testkit::Story;

const PROPOSALS: usize = 200;
const RELEASES: usize = 30;
const ENTRIES: u64 = 100_000;
const RUNS: usize = 15;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut value = |wanted: &str| -> PathBuf {
        let name = arguments.next();
        assert_eq!(
            name.as_deref(),
            Some(wanted),
            "usage: bench --out FILE --vidimus PROGRAM"
        );
        arguments.next().expect("a path").into()
    };
    let (out, vidimus) = (value("--out"), value("--vidimus"));
    let folder = tempfile::tempdir_in(out.parent().unwrap()).unwrap();
    let machine = json!({
        "processors": std::thread::available_parallelism().map_or(1, usize::from),
        "system": std::fs::read_to_string("/proc/version").unwrap_or_default().split(" (").next(),
    });
    let verification = full_verification();
    let release = verdict_to_child(folder.path(), &vidimus).await;
    // Last, since it keeps to one processor.
    let proposals = durable_proposals(folder.path()).await;
    let rows = [proposals, verification, release];
    let report = json!({ "machine": machine, "rows": rows });
    std::fs::write(out, serde_json::to_vec_pretty(&report).unwrap()).unwrap();
}

fn row(name: &str, unit: &str, value: f64, floor: f64, ratio: f64, goal: &str, met: bool) -> Value {
    let round = |number: f64| (number * 1000.0).round() / 1000.0;
    eprintln!("{name}: {value:.3} {unit}, floor {floor:.3}, ratio {ratio:.3} (goal {goal})");
    json!({
        "name": name, "unit": unit, "value": round(value), "floor": round(floor),
        "ratio": round(ratio), "goal": goal, "met": met,
    })
}

/// One `write` and `fdatasync` of 4 KiB at the end of a file, on the disk that
/// the ledger is on.
struct Disk(std::fs::File);

impl Disk {
    fn new(folder: &Path) -> Self {
        Self(tempfile::tempfile_in(folder).unwrap())
    }

    fn sync_once(&mut self) -> Duration {
        self.0.seek(std::io::SeekFrom::End(0)).unwrap();
        let start = Instant::now();
        self.0.write_all(&[7; 4096]).unwrap();
        self.0.sync_data().unwrap();
        start.elapsed()
    }
}

/// This thread and those that it starts.
fn keep_to_one_processor() {
    let mut one = rustix::thread::CpuSet::new();
    one.set(0);
    rustix::thread::sched_setaffinity(None, &one).unwrap();
}

fn seconds(times: &[Duration]) -> f64 {
    times.iter().sum::<Duration>().as_secs_f64()
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

/// One agent, one connection, each proposal acknowledged before the next.
/// Floor and value alternate, so that both see the same disk. The gateway runs
/// as in `vidimus gateway`, the agent in a thread of its own. One step waits for
/// another all the way, so all of it keeps to one processor: waking another,
/// where that is a virtual one, takes longer than the steps.
async fn durable_proposals(folder: &Path) -> Value {
    keep_to_one_processor();
    let world = World::new(&folder.join("proposals")).await;
    let agent = world.connect().await;
    let url = format!("{}/v1/actions", world.gateway.url());
    let mut disk = Disk::new(folder);
    let (measured, floor) = tokio::task::spawn_blocking(move || {
        keep_to_one_processor();
        let client = ureq::Agent::new_with_defaults();
        let propose = |turn: usize| {
            let body = serde_json::to_vec(&support::proposal(&["deploy", &turn.to_string()]));
            let start = Instant::now();
            let mut reply = client
                .post(&url)
                .header("authorization", format!("Bearer {}", agent.token))
                .content_type("application/json")
                .send(body.unwrap())
                .unwrap();
            let ack: Ack =
                serde_json::from_slice(&reply.body_mut().read_to_vec().unwrap()).unwrap();
            black_box(ack);
            start.elapsed()
        };
        // The first opens the connection.
        propose(PROPOSALS);
        (0..PROPOSALS)
            .map(|turn| (propose(turn), disk.sync_once()))
            .unzip::<_, _, Vec<_>, Vec<_>>()
    })
    .await
    .unwrap();
    world.stop().await;
    let rate = |times: &[Duration]| times.len() as f64 / seconds(times);
    let (value, floor) = (rate(&measured), rate(&floor));
    let ratio = value / floor;
    row(
        "durable proposals, one at a time",
        "proposals/s",
        value,
        floor,
        ratio,
        "≥ 0.5 of the fdatasync rate",
        ratio >= 0.5,
    )
}

/// `vidimus verify --trust` on an export, in memory. The floor is what no
/// verifier can leave out, on as many threads: each line read once as JSON, the
/// parts decoded, the file's digest, leaf hashes and tree, part commits, ES256
/// signatures.
fn full_verification() -> Value {
    eprintln!("making a log of {ENTRIES} entries");
    let mut story = Story::new(1, Algorithm::Es256);
    story.run_until(ENTRIES);
    let file = story.export();
    let trust = story.trust();
    let mut best_floor = Duration::MAX;
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        floor_of(&story, &file);
        best_floor = best_floor.min(start.elapsed());
        let start = Instant::now();
        let report = export::verify(file.as_slice(), Some(&trust), |_| {}).unwrap();
        best = best.min(start.elapsed());
        assert_eq!(report.conclusion.exit_code(), 0, "{report:?}");
    }
    let (value, floor) = (best.as_secs_f64(), best_floor.as_secs_f64());
    let ratio = floor / value;
    row(
        "full verification of 100,000 entries",
        "s",
        value,
        floor,
        ratio,
        "floor / value ≥ 0.8",
        ratio >= 0.8,
    )
}

/// What a part's line has to be decoded for.
#[derive(serde::Deserialize)]
struct PartContent {
    bytes: Blob,
    salt: Digest,
}

fn floor_of(story: &Story, file: &[u8]) {
    let key = &story.key.public_key().0;
    // An ES256 COSE key ends in x (32 bytes), its label and head, y (32 bytes).
    let (x, y) = (&key[key.len() - 67..key.len() - 35], &key[key.len() - 32..]);
    let point = [&[4], x, y].concat();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let lines: Vec<&[u8]> = file
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    let parts_from = lines.len() - 1 - story.parts().len();
    let (entries, parts) = lines[..lines.len() - 1].split_at(parts_from);
    let read = |line: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(line).unwrap();
    let read_part = |line: &[u8]| {
        let part: PartContent = serde_json::from_slice(line).unwrap();
        sha256(&[&part.salt.0, &part.bytes.0])
    };
    let share = story.leaves().len().div_ceil(threads);
    let mut tree = MemoryTree::new();
    std::thread::scope(|scope| {
        let hashed: Vec<_> = story
            .leaves()
            .chunks(share)
            .map(|leaves| {
                let point = &point;
                scope.spawn(move || {
                    leaves
                        .iter()
                        .map(|leaf| floor_of_leaf(leaf, point))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let halves = [
            entries.split_at(entries.len() / 2),
            parts.split_at(parts.len() / 2),
        ];
        let work = move |entries: &[&[u8]], parts: &[&[u8]]| {
            for line in entries {
                black_box(read(line));
            }
            for line in parts {
                black_box(read_part(line));
            }
        };
        let half = scope.spawn(move || work(halves[0].0, halves[1].0));
        work(halves[0].1, halves[1].1);
        half.join().unwrap();
        black_box(sha256(&[file]));
        for part in hashed {
            tree.extend(part.join().unwrap());
        }
    });
    black_box(tree.root());
}

fn floor_of_leaf(leaf: &[u8], point: &[u8]) -> [u8; 32] {
    if leaf.windows(13).any(|window| window == b"verdict.given") {
        let Ok(Parsed::Known(Leaf {
            data: Data::VerdictGiven(given),
            ..
        })) = Leaf::parse(leaf)
        else {
            return leaf_hash(leaf);
        };
        let assertion = &given.signed.assertion;
        let hash = sha256(&[&assertion.client_data_json.0]);
        let message = [assertion.authenticator_data.0.as_slice(), &hash.0].concat();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
            .verify(&message, &assertion.signature.0)
            .unwrap();
    }
    leaf_hash(leaf)
}

/// Durable writes (`fsync`, `fdatasync`) of gateway and executor together, from
/// the moment at which the key's answer is sent to the moment at which the
/// command that waited in `vidimus exec` runs. Counted by `strace`.
async fn verdict_to_child(folder: &Path, vidimus: &Path) -> Value {
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
        let ack = wait_for_proposal(&home.gateway_dir()).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let draft = world.draft(&ack, Verdict::Approve, "").await;
        let start = draft.start();
        let prompt = world
            .begin(Some(&world.session), &start)
            .await
            .ok()
            .unwrap();
        let answer = world.answer(&world.key, &start, &Forgery::default()).await;
        let path = format!("{prompt}/assertion");
        let sent = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let _: Value = world
            .call(reqwest::Method::POST, &path, None, Some(&answer))
            .await
            .json();
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

fn connect_exec(world: &World, agent: &Held, home: &Home) {
    let trust = home.trust_file();
    std::fs::create_dir_all(trust.parent().unwrap()).unwrap();
    std::fs::write(&trust, TrustFile::new(world.log).to_bytes()).unwrap();
    let profile = AgentProfile {
        agent: agent.agent,
        executor: agent.executor,
        log: world.log,
        name: "builder".into(),
        token: agent.token.parse().unwrap(),
        trust,
        url: world.gateway.url().parse().unwrap(),
    };
    profile.save(&home.agent_profile("builder")).unwrap();
}

/// The newest entry, once it is a proposal.
async fn wait_for_proposal(folder: &Path) -> Ack {
    loop {
        let leaves = World::leaves(folder);
        let leaf = leaves.last().unwrap().clone();
        if leaf.contains(r#""kind":"action.proposed""#) {
            let index = u64::try_from(leaves.len()).unwrap() - 1;
            let entries = vec![Proven {
                index,
                leaf,
                proof: Vec::new(),
            }];
            return Ack {
                checkpoint: String::new(),
                entries,
            };
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
