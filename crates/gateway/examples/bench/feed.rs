//! A console on the feed; and one thousand, beside the same bytes on bare
//! sockets.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::raw::{self, Connection, Echo};
use crate::report::{Disk, keep_to_processor, median, row};
use crate::support::{self, World};

const CLIENTS: usize = 1000;
const TURNS: usize = 100;
const PROPOSALS: usize = 200;
/// The processors of the row with one client.
const CLIENTS_OWN: usize = 0;
const GATEWAYS: usize = 1;

/// A proposal is acknowledged, then the last of the clients has its frame. The
/// clients share one thread, which looks for a frame's end and its entries.
/// Floor, alternating: one task writes as many bytes to as many sockets, which
/// the same thread reads.
pub(crate) async fn thousand_clients(folder: &Path) -> [Value; 2] {
    let world = World::new(&folder.join("feed")).await;
    let agent = world.connect().await;
    let (port, session) = (world.gateway.port(), world.session.clone());
    let bare = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bare_port = bare.local_addr().unwrap().port();
    let (ask, asked) = channel(1);
    let (began, begins) = channel(1);
    let writer = tokio::spawn(write_when_asked(bare, asked, began));
    let clients = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut proposer = Connection::open(port).await;
            let (mut feeds, mut bares) = (Vec::new(), Vec::new());
            for _ in 0..CLIENTS {
                let mut feed = Connection::open(port).await;
                feed.follow(port, &session).await;
                feed.entries().await;
                feeds.push(feed);
                bares.push(Connection::open(bare_port).await);
            }
            let (mut value, mut floor) = (Taken::default(), Taken::default());
            let mut begins = begins;
            for turn in 0..TURNS {
                let proposal = support::proposal(&["deploy", &turn.to_string()]);
                let request = raw::proposal(port, &agent.token, &proposal);
                let before = others();
                proposer.call(&request, "201").await;
                let acknowledged = Instant::now();
                let mut bytes = 0;
                for feed in &mut feeds {
                    bytes = feed.entries().await;
                }
                value.add(acknowledged, before);

                let before = others();
                ask.send(bytes).await.unwrap();
                let start = begins.recv().await.unwrap();
                for bare in &mut bares {
                    bare.take(bytes).await;
                }
                floor.add(start, before);
            }
            (value, floor)
        })
    });
    let (mut value, mut floor) = clients.await.unwrap();
    writer.await.unwrap();
    world.stop().await;
    let (latency, latency_floor) = (value.p99_ms(), floor.p99_ms());
    let (work, work_floor) = (value.processor_ms(), floor.processor_ms());
    let (slower, dearer) = (latency / latency_floor, work / work_floor);
    [
        row(
            "acknowledgement → frame at the last of 1,000 feed clients, p99",
            "ms",
            latency,
            latency_floor,
            slower,
            "≤ 3 × the same bytes on bare sockets",
            slower <= 3.0,
        ),
        row(
            "processor time of the gateway for 1,000 frames",
            "ms",
            work,
            work_floor,
            dearer,
            "≤ 3 × the same bytes on bare sockets",
            dearer <= 3.0,
        ),
    ]
}

/// From the first byte of a proposal until its frame is at the one console that
/// follows. Floor, alternating: a write through to the disk and five round
/// trips on loopback. The client has one processor and the gateway another, as
/// have the two ends of the round trips.
pub(crate) fn one_client(folder: &Path) -> Value {
    let measured = std::thread::scope(|scope| {
        let gateway = scope.spawn(|| {
            keep_to_processor(GATEWAYS);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(first_frames(folder))
        });
        gateway.join().unwrap()
    });
    let (mut value, mut floor) = measured;
    let (value, floor) = (median(&mut value) * 1000.0, median(&mut floor) * 1000.0);
    let ratio = value / floor;
    row(
        "proposal sent → frame at a console's feed, median",
        "ms",
        value,
        floor,
        ratio,
        "≤ fdatasync + 5 loopback round trips",
        ratio <= 1.0,
    )
}

async fn first_frames(folder: &Path) -> (Vec<Duration>, Vec<Duration>) {
    let world = World::new(&folder.join("frames")).await;
    let agent = world.connect().await;
    let (port, session) = (world.gateway.port(), world.session.clone());
    let mut disk = Disk::new(folder);
    // It starts on the gateway's processor, and so does what it starts.
    let mut echo = Echo::new();
    let console = tokio::task::spawn_blocking(move || {
        keep_to_processor(CLIENTS_OWN);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut proposer = Connection::open(port).await;
            let mut feed = Connection::open(port).await;
            feed.follow(port, &session).await;
            feed.entries().await;
            let (mut value, mut floor) = (Vec::new(), Vec::new());
            for turn in 0..=PROPOSALS {
                let proposal = support::proposal(&["deploy", &turn.to_string()]);
                let request = raw::proposal(port, &agent.token, &proposal);
                let start = Instant::now();
                let framed = async {
                    feed.entries().await;
                    start.elapsed()
                };
                let (framed, ()) = tokio::join!(framed, proposer.call(&request, "201"));
                let took = disk.sync_once() + echo.round_trips();
                // The first turn opens connections and files.
                if turn > 0 {
                    value.push(framed);
                    floor.push(took);
                }
            }
            (value, floor)
        })
    });
    let measured = console.await.unwrap();
    world.stop().await;
    measured
}

/// What the turns took: until the last client had it, and whoever sent it.
#[derive(Default)]
struct Taken {
    latencies: Vec<Duration>,
    /// Seconds.
    processor: f64,
}

impl Taken {
    fn add(&mut self, start: Instant, before: f64) {
        self.latencies.push(start.elapsed());
        self.processor += others() - before;
    }

    fn p99_ms(&mut self) -> f64 {
        self.latencies.sort_unstable();
        let last = self.latencies.len() * 99 / 100 - 1;
        self.latencies[last].as_secs_f64() * 1000.0
    }

    fn processor_ms(&self) -> f64 {
        let thousands = (self.latencies.len() * CLIENTS) as f64 / 1000.0;
        self.processor * 1000.0 / thousands
    }
}

/// Processor seconds of this process without this thread. The two clocks are
/// read one after the other: over a turn in which the others rest it may run
/// backwards a little, over all of them that evens out.
fn others() -> f64 {
    let time = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    time(ClockId::ProcessCPUTime) - time(ClockId::ThreadCPUTime)
}

async fn write_when_asked(
    listener: TcpListener,
    mut asked: Receiver<usize>,
    began: Sender<Instant>,
) {
    let mut sockets = Vec::new();
    while sockets.len() < CLIENTS {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        sockets.push(socket);
    }
    while let Some(bytes) = asked.recv().await {
        let message = vec![7; bytes];
        began.send(Instant::now()).await.unwrap();
        for socket in &mut sockets {
            socket.write_all(&message).await.unwrap();
        }
    }
}
