//! What `vidimus mcp` costs: a call that passes, ten thousand that wait, and
//! the release of one among them.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vidimus_client::home::Home;
use vidimus_protocol::envelope::Verdict;

use crate::release::{connect_exec, decide_fast, wait_for_proposal};
use crate::report::{Disk, keep_to_one_processor, median, pss_mib, row};
use crate::support::World;

/// The argument that makes this program a server of one tool.
pub(crate) const SERVER: &str = "--mcp-server";

const CALLS: usize = 4000;
const BATCH: usize = 200;
/// An agent may have 1,000 actions pending: each has a proxy of its own.
const AGENTS: usize = 10;
const HELD: usize = 999;
const RELEASES: usize = 30;
const BARE: usize = 1000;
/// Writes to the disk between verdict and release: see `release.rs`.
const WRITES: u32 = 4;

/// A server of one tool, `echo`, over standard input and output.
pub(crate) fn serve() {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let message: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let result = match message["method"].as_str() {
            Some("initialize") => json!({
                "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                "serverInfo": {"name": "echo", "version": "1"},
            }),
            Some("tools/list") => {
                json!({"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]})
            }
            Some("tools/call") => json!({"content": [{"type": "text", "text": "done"}]}),
            _ => continue,
        };
        let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
        writeln!(output, "{answer}").unwrap();
    }
}

/// A call that needs nobody's approval, through the proxy; floor, alternating:
/// the same server, asked directly. One step waits for another all the way, so
/// all of it keeps to one processor.
pub(crate) fn passing_calls(folder: &Path, vidimus: &Path) -> [Value; 2] {
    let root = folder.join("passing");
    let measured = std::thread::spawn({
        let vidimus = vidimus.to_owned();
        move || {
            keep_to_one_processor();
            let mut proxied = Talk::start(&vidimus, &root, &["--allow", "echo"]);
            let mut direct = Talk::of(Command::new(own()).arg(SERVER));
            let (mut value, mut floor) = (Vec::new(), Vec::new());
            for _ in 0..CALLS / BATCH {
                for _ in 0..BATCH {
                    value.push(proxied.round_trip());
                }
                for _ in 0..BATCH {
                    floor.push(direct.round_trip());
                }
            }
            (value, floor)
        }
    });
    let (mut value, mut floor) = measured.join().unwrap();
    let mut of = |name, share: f64, goal: f64| {
        let (value, floor) = (quantile(&mut value, share), quantile(&mut floor, share));
        let (value, floor) = (value * 1e6, floor * 1e6);
        let ratio = value / floor;
        let words = format!("≤ {goal} × the same server asked directly");
        row(name, "µs", value, floor, ratio, &words, ratio <= goal)
    };
    [
        of("MCP call that passes through the proxy, p50", 0.5, 4.0),
        of("MCP call that passes through the proxy, p99", 0.99, 4.0),
    ]
}

fn quantile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let at = (times.len() as f64 * share) as usize;
    times[at.min(times.len() - 1)].as_secs_f64()
}

/// Nearly ten thousand calls wait in ten proxies: what each takes of memory in
/// its proxy and in the gateway. Then one more is approved: from the verdict
/// to the tool's result. Floors: an HTTP request that waits for its answer,
/// both ends; the writes to the disk that a release waits for; the same
/// release with nobody else waiting.
pub(crate) async fn held_calls(folder: &Path, vidimus: &Path) -> [Value; 3] {
    let bare = bare_waits().await;
    let home = Home::at(&folder.join("held-0"));
    let world = World::new(&home.gateway_dir()).await;
    let mut proxies = Vec::new();
    for agent in 0..AGENTS {
        let held = world.connect().await;
        let root = folder.join(format!("held-{agent}"));
        connect_exec(&world, &held, &Home::at(&root));
        proxies.push(Talk::start(vidimus, &root, &[]));
    }
    let mut disk = Disk::new(folder);
    let mut writes: Vec<_> = (0..RELEASES).map(|_| disk.sync_once() * WRITES).collect();
    let writes = median(&mut writes) * 1000.0;
    let alone = release(&world, &home, &mut proxies[0]).await;
    let memory = |proxies: &[Talk]| {
        let proxies: f64 = proxies.iter().map(|proxy| pss_mib(proxy.child.id())).sum();
        (proxies, pss_mib(std::process::id()))
    };
    let before = memory(&proxies);
    let begun = Instant::now();
    for proxy in &mut proxies {
        for _ in 0..HELD {
            proxy.call(true);
        }
    }
    let waiting = format!("\nvidimus_waiting_clients {}\n", AGENTS * HELD);
    while !metrics(&world).await.contains(&waiting) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    eprintln!(
        "{} calls wait after {:.1} s",
        AGENTS * HELD,
        begun.elapsed().as_secs_f64()
    );
    let after = memory(&proxies);
    let among = release(&world, &home, &mut proxies[0]).await;
    drop(proxies);
    world.stop().await;
    let calls = (AGENTS * HELD) as f64;
    let (proxy, gateway) = (after.0 - before.0, after.1 - before.1);
    let kib = |mib: f64| mib * 1024.0 / calls;
    eprintln!(
        "of it in the proxy: {:.1} KiB, in the gateway: {:.1} KiB",
        kib(proxy),
        kib(gateway)
    );
    let (value, ratio) = (kib(proxy + gateway), kib(proxy + gateway) / bare);
    [
        row(
            "memory of a held MCP call, of 9,990 that wait, in proxy and gateway",
            "KiB",
            value,
            bare,
            ratio,
            "≤ 1 × an HTTP request that waits, both ends",
            ratio <= 1.0,
        ),
        row(
            "verdict → result of a held MCP call, median",
            "ms",
            alone,
            writes,
            alone / writes,
            "≤ 8 × the four writes to the disk that it waits for",
            alone / writes <= 8.0,
        ),
        row(
            "verdict → result of a held MCP call while 9,990 others wait, median",
            "ms",
            among,
            alone,
            among / alone,
            "≤ 2 × while nobody else waits",
            among / alone <= 2.0,
        ),
    ]
}

/// The median from the sent verdict to the result, in milliseconds.
async fn release(world: &World, home: &Home, proxy: &mut Talk) -> f64 {
    let mut measured = Vec::new();
    for _ in 0..RELEASES {
        let known = World::leaves(&home.gateway_dir()).len();
        let id = proxy.call(true);
        let ack = wait_for_proposal(&home.gateway_dir(), known).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let draft = world.draft(&ack, Verdict::Approve, "").await;
        let sent = decide_fast(world, &draft).await;
        // The gateway has this thread; its answer is timed by another.
        let arrived = loop {
            if let Some(at) = proxy.answered(id) {
                break at;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        measured.push(arrived.duration_since(sent));
    }
    median(&mut measured) * 1000.0
}

async fn metrics(world: &World) -> String {
    let url = format!("{}/metrics", world.gateway.url());
    reqwest::get(url).await.unwrap().text().await.unwrap()
}

/// Memory of an HTTP request that waits, in KiB: hyper's server and client in
/// this process, a connection each.
async fn bare_waits() -> f64 {
    let never = axum::Router::new().fallback(std::future::pending::<()>);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, never).await.unwrap() });
    let client = reqwest::Client::new();
    let before = pss_mib(std::process::id());
    let mut waits = tokio::task::JoinSet::new();
    for _ in 0..BARE {
        waits.spawn(client.get(&url).send());
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = pss_mib(std::process::id());
    waits.shutdown().await;
    server.abort();
    (after - before) * 1024.0 / BARE as f64
}

fn own() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// An MCP client of a few lines.
struct Talk {
    child: Child,
    input: ChildStdin,
    /// Answers with the moment at which they came.
    answers: Receiver<(u64, Instant)>,
    early: HashMap<u64, Instant>,
    next: u64,
}

impl Talk {
    /// `vidimus mcp` in front of the server.
    fn start(vidimus: &Path, root: &Path, options: &[&str]) -> Self {
        let mut talk = Self::of(
            Command::new(vidimus)
                .arg("--home")
                .arg(root)
                .arg("mcp")
                .args(options)
                .args(["--name", "echo", "--"])
                .arg(own())
                .arg(SERVER),
        );
        let hello = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "bench", "version": "1"},
        });
        for (method, params) in [("initialize", hello), ("tools/list", json!({}))] {
            let id = talk.send(method, &params);
            talk.answer(id);
        }
        talk
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, answers) = channel();
        let output = child.stdout.take().unwrap();
        std::thread::spawn(move || hear(output, &sender));
        Self {
            input: child.stdin.take().unwrap(),
            child,
            answers,
            early: HashMap::new(),
            next: 0,
        }
    }

    fn send(&mut self, method: &str, params: &Value) -> u64 {
        self.next += 1;
        let message =
            json!({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params});
        writeln!(self.input, "{message}").unwrap();
        self.next
    }

    /// A call; one with progress is held until it is decided.
    fn call(&mut self, progress: bool) -> u64 {
        let number = self.next;
        let mut params = json!({"name": "echo", "arguments": {"number": number}});
        if progress {
            params["_meta"] = json!({"progressToken": number});
        }
        self.send("tools/call", &params)
    }

    /// When its answer came.
    fn answer(&mut self, id: u64) -> Instant {
        loop {
            if let Some(at) = self.early.remove(&id) {
                return at;
            }
            let (id, at) = self.answers.recv().unwrap();
            self.early.insert(id, at);
        }
    }

    /// The same, when it is here already.
    fn answered(&mut self, id: u64) -> Option<Instant> {
        self.early.extend(self.answers.try_iter());
        self.early.remove(&id)
    }

    fn round_trip(&mut self) -> Duration {
        let begun = Instant::now();
        let id = self.call(false);
        self.answer(id).duration_since(begun)
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn hear(output: ChildStdout, answers: &std::sync::mpsc::Sender<(u64, Instant)>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let at = Instant::now();
        let message: Value = serde_json::from_str(&line).unwrap();
        if let (Some(id), None) = (message["id"].as_u64(), message.get("method"))
            && answers.send((id, at)).is_err()
        {
            return;
        }
    }
}
