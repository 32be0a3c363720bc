//! Proposals one at a time, beside the disk.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use vidimus_protocol::api::Ack;

use crate::report::{Disk, keep_to_one_processor, row};
use crate::support::{self, World};

const PROPOSALS: usize = 200;

/// One agent, one connection, each proposal acknowledged before the next.
/// Floor and value alternate, so that both see the same disk. The gateway runs
/// as in `vidimus gateway`, the agent in a thread of its own. One step waits for
/// another all the way, so all of it keeps to one processor: waking another,
/// where that is a virtual one, takes longer than the steps.
pub(crate) fn durable_proposals(folder: &Path) -> (Value, f64) {
    std::thread::scope(|scope| scope.spawn(|| on_one_processor(folder)).join().unwrap())
}

fn on_one_processor(folder: &Path) -> (Value, f64) {
    keep_to_one_processor();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (measured, floor) = runtime.block_on(measure(folder));
    let rate =
        |times: &[Duration]| times.len() as f64 / times.iter().sum::<Duration>().as_secs_f64();
    let (value, floor) = (rate(&measured), rate(&floor));
    let ratio = value / floor;
    let row = row(
        "durable proposals, one at a time",
        "proposals/s",
        value,
        floor,
        ratio,
        "≥ 0.5 of the fdatasync rate",
        ratio >= 0.5,
    );
    (row, value)
}

async fn measure(folder: &Path) -> (Vec<Duration>, Vec<Duration>) {
    let world = World::new(&folder.join("proposals")).await;
    let agent = world.connect().await;
    let url = format!("{}/v1/actions", world.gateway.url());
    let mut disk = Disk::new(folder);
    let (measured, floor) = tokio::task::spawn_blocking(move || {
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
    (measured, floor)
}
