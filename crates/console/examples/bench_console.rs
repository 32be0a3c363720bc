//! Measures from a proposal to a console: its feed's frame, and the view that
//! its front is given.
//!
//! `cargo xtask bench` runs it beside the gateway's bench, whose report it
//! shares, with `TMPDIR` on the disk that is measured.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::cast_precision_loss)]

#[path = "../../gateway/examples/bench/raw.rs"]
#[allow(dead_code)]
mod raw;
#[path = "../../gateway/examples/bench/report.rs"]
#[allow(dead_code)]
mod report;
#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use raw::Connection;
use report::{Disk, keep_to_one_processor, median, row};
use serde_json::json;
use support::{Agent, Computer, content, echo};
use vidimus_console::view::Event;
use vidimus_console::{FrontId, Handle};
use vidimus_protocol::ActionId;
use vidimus_protocol::action::PAYLOAD_TYPE;
use vidimus_protocol::api::Propose;

const TURNS: usize = 200;
const ROUND_TRIPS: usize = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let out: PathBuf = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--out"), Some(out)) => out.into(),
        _ => panic!("usage: bench_console --out FILE"),
    };
    // One step waits for another all the way: see the proposals' row.
    keep_to_one_processor();
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let disk = Disk::new(computer.folder.path());
    let console = front.0.clone();
    let session = computer.keyring.secret("session:").unwrap();
    let measured = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(measure(&console, &agent, &session, disk))
    });
    let mut taken = measured.await.unwrap();
    front.0.stop().await;
    let floor = median(&mut taken.floor) * 1000.0;
    let against_floor = |name, value: &mut [Duration], goal, most: f64| {
        let value = median(value) * 1000.0;
        let ratio = value / floor;
        row(name, "ms", value, floor, ratio, goal, ratio <= most)
    };
    let rows = [
        against_floor(
            "proposal sent → frame at a console's feed, median",
            &mut taken.frame,
            "≤ fdatasync + 5 loopback round trips",
            1.0,
        ),
        against_floor(
            "proposal sent → in the console's published view, median",
            &mut taken.view,
            "≤ 3 × fdatasync + 5 loopback round trips: two copies are kept",
            3.0,
        ),
    ];
    std::fs::write(
        out,
        serde_json::to_vec_pretty(&json!({ "rows": rows })).unwrap(),
    )
    .unwrap();
}

/// What the turns took.
#[derive(Default)]
struct Taken {
    frame: Vec<Duration>,
    view: Vec<Duration>,
    floor: Vec<Duration>,
}

/// Each turn begins with an empty inbox: what waits is withdrawn again.
async fn measure(console: &Handle, agent: &Agent, session: &str, mut disk: Disk) -> Taken {
    let url = agent.profile.url.to_string();
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    let mut connection = Connection::open(port).await;
    let mut feed = Connection::open(port).await;
    feed.follow(port, session).await;
    feed.entries().await;
    let mut echo_end = Echo::new();
    let mut events = console.subscribe(FrontId::Desktop);
    let mut taken = Taken::default();
    for turn in 0..=TURNS {
        let action = ActionId::from_random(support::random());
        let payload = content(PAYLOAD_TYPE, echo(&turn.to_string()).to_bytes());
        let propose = Propose {
            action,
            context: None,
            payload,
            ttl_s: None,
        };
        let request = raw::proposal(port, agent.profile.token.expose(), &propose);
        let id = action.to_string();
        let start = Instant::now();
        let shown = async {
            loop {
                if let Some(Event::View(view)) = events.next().await
                    && view.inbox.iter().any(|row| row.id == id)
                {
                    return start.elapsed();
                }
            }
        };
        let framed = async {
            feed.entries().await;
            start.elapsed()
        };
        let (shown, framed, ()) = tokio::join!(shown, framed, connection.call(&request, "201"));
        let took = disk.sync_once() + echo_end.round_trips();
        agent.gateway.withdraw(action).await.unwrap();
        feed.entries().await;
        while !console.view(&FrontId::Desktop).inbox.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // The first turn opens connections and files.
        if turn > 0 {
            taken.frame.push(framed);
            taken.view.push(shown);
            taken.floor.push(took);
        }
    }
    taken
}

/// Two threads and a loopback connection.
struct Echo(TcpStream);

impl Echo {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        near.set_nodelay(true).unwrap();
        far.set_nodelay(true).unwrap();
        std::thread::spawn(move || {
            let mut byte = [0];
            while far.read_exact(&mut byte).is_ok() && far.write_all(&byte).is_ok() {}
        });
        Self(near)
    }

    fn round_trips(&mut self) -> Duration {
        let start = Instant::now();
        for _ in 0..ROUND_TRIPS {
            let mut byte = [7];
            self.0.write_all(&byte).unwrap();
            self.0.read_exact(&mut byte).unwrap();
        }
        start.elapsed()
    }
}
