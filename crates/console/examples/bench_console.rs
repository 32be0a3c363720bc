//! Measures from a proposal to the view that a console's front is given.
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

use std::path::PathBuf;
use std::time::{Duration, Instant};

use raw::{Connection, Echo};
use report::{Disk, keep_to_one_processor, median, row};
use serde_json::json;
use support::{Agent, Computer, content, echo};
use vidimus_console::view::{Event, Told};
use vidimus_console::{FrontId, Handle};
use vidimus_protocol::ActionId;
use vidimus_protocol::action::PAYLOAD_TYPE;
use vidimus_protocol::api::Propose;

const TURNS: usize = 200;

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
    let measured = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(measure(&console, &agent, disk))
    });
    let (mut value, mut floor) = measured.await.unwrap();
    front.0.stop().await;
    let (value, floor) = (median(&mut value) * 1000.0, median(&mut floor) * 1000.0);
    let ratio = value / floor;
    let row = row(
        "proposal sent → in the console's published view, median",
        "ms",
        value,
        floor,
        ratio,
        "≤ 4 × fdatasync + 5 loopback round trips",
        ratio <= 4.0,
    );
    std::fs::write(
        out,
        serde_json::to_vec_pretty(&json!({ "rows": [row] })).unwrap(),
    )
    .unwrap();
}

/// Each turn begins with an empty inbox: what waits is withdrawn again.
async fn measure(
    console: &Handle,
    agent: &Agent,
    mut disk: Disk,
) -> (Vec<Duration>, Vec<Duration>) {
    let url = agent.profile.url.to_string();
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    let mut connection = Connection::open(port).await;
    let mut wire = Echo::new();
    let mut events = console.subscribe(FrontId::Desktop);
    let (mut value, mut floor) = (Vec::new(), Vec::new());
    for turn in 0..=TURNS {
        let action = ActionId::from_random(support::random());
        let payload = content(PAYLOAD_TYPE, echo(&turn.to_string()).to_bytes());
        let propose = Propose {
            action,
            context: None,
            payload,
            run: None,
            ttl_s: None,
        };
        let request = raw::proposal(port, agent.profile.token.expose(), &propose);
        let id = action.to_string();
        let start = Instant::now();
        let shown = async {
            loop {
                if let Some(Told {
                    event: Some(Event::View(view)),
                    ..
                }) = events.next().await
                    && view.inbox.iter().any(|row| row.id == id)
                {
                    return start.elapsed();
                }
            }
        };
        let (shown, ()) = tokio::join!(shown, connection.call(&request, "201"));
        let took = disk.sync_once() + wire.round_trips();
        agent.gateway.withdraw(action).await.unwrap();
        while !console.view(&FrontId::Desktop).inbox.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // The first turn opens connections and files.
        if turn > 0 {
            value.push(shown);
            floor.push(took);
        }
    }
    (value, floor)
}
