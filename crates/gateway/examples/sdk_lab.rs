//! A gateway with a person, for the tests of the client libraries: they start this program, and tell it on standard
//! input, a JSON object a line, what the person decides. Each line is answered with one.
//!
//! The first line out says `home` and `detour`, two folders with the profile of one agent each. That in `detour` goes
//! through a forwarder that loses or replaces answers where a test asks for it; the gateway itself never lies.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/support/mod.rs"]
mod support;

#[path = "sdk_lab/detour.rs"]
mod detour;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use vidimus_client::home::Home;
use vidimus_client::private::write_private;
use vidimus_client::profile::AgentProfile;
use vidimus_protocol::action::TEXT_TYPE;
use vidimus_protocol::api::{Ack, Content, Proven, WriteNote};
use vidimus_protocol::entry::{Data, Parsed};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::shape::Shape;
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{ActionId, Leaf, strict};

use detour::{Detour, Fault};
use support::{Forgery, Held, World};

/// How long a proposal is waited for: a test whose client has failed must end.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a test tells the person, or asks.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Order {
    /// The next proposal, when it comes.
    Next,
    Approve {
        action: ActionId,
    },
    /// And whatever is the same, in advance.
    Grant {
        action: ActionId,
    },
    Deny {
        action: ActionId,
        reason: String,
    },
    Ask {
        action: ActionId,
        text: String,
    },
    /// Every entry so far.
    Log,
    /// The content of a part, as text.
    Part {
        index: usize,
        name: String,
    },
    /// The next answer to a path that ends so goes wrong.
    Fault(Fault),
    /// The gateway stops.
    Down,
    /// It runs again.
    Up,
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("gateway");
    let world = World::new(&dir).await;
    let detour = Detour::start(world.gateway.url()).await;
    let homes = ["home", "detour"].map(|name| folder.path().join(name));
    for (home, url) in homes.iter().zip([world.gateway.url(), detour.url()]) {
        let held = world.connect().await;
        write_profile(&Home::at(home), &url, &world, held);
    }
    let [home, through] = homes;
    println!("{}", json!({ "home": home, "detour": through }));
    let mut lab = Lab {
        world: Some(world),
        dir,
        detour,
        told: 0,
    };
    // The gateway goes on meanwhile, on the runtime's other threads.
    while let Some(line) = tokio::task::block_in_place(|| std::io::stdin().lines().next()) {
        let order = serde_json::from_str(&line.unwrap()).unwrap();
        println!("{}", lab.obey(order).await);
    }
}

/// What *Connect an agent* leaves behind.
fn write_profile(home: &Home, url: &str, world: &World, held: Held) {
    let trust = home.trust_file();
    write_private(&trust, &strict::canonical(&TrustFile::new(world.log))).unwrap();
    let profile = AgentProfile {
        agent: held.agent,
        executor: held.executor,
        log: world.log,
        name: "builder".to_owned(),
        tls_ca: None,
        token: held.token.parse().unwrap(),
        trust,
        url: url.parse().unwrap(),
    };
    profile.save(&home.agent_profile("builder")).unwrap();
}

struct Lab {
    /// Taken only while it is replaced.
    world: Option<World>,
    dir: PathBuf,
    detour: Detour,
    /// Leaves that `Next` has been through.
    told: usize,
}

impl Lab {
    async fn obey(&mut self, order: Order) -> Value {
        match order {
            Order::Next => self.next().await,
            Order::Approve { action } => self.decide(action, Verdict::Approve, "").await,
            Order::Grant { action } => self.grant(action).await,
            Order::Deny { action, reason } => self.decide(action, Verdict::Deny, &reason).await,
            Order::Ask { action, text } => self.ask(action, &text).await,
            Order::Log => {
                let leaves = World::leaves(&self.dir);
                let read = |leaf: &String| serde_json::from_str::<Value>(leaf).unwrap();
                json!({ "entries": leaves.iter().map(read).collect::<Vec<_>>() })
            }
            Order::Part { index, name } => json!({ "text": self.part(index, &name).await }),
            Order::Fault(fault) => {
                self.detour.push(fault);
                json!({})
            }
            Order::Down => {
                self.world().halt().await;
                json!({})
            }
            Order::Up => {
                let world = self.world.take().unwrap();
                self.world = Some(world.restart(support::config(&self.dir)).await);
                json!({})
            }
        }
    }

    fn world(&mut self) -> &mut World {
        self.world.as_mut().unwrap()
    }

    async fn next(&mut self) -> Value {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "nobody proposes anything");
            let leaves = World::leaves(&self.dir);
            while self.told < leaves.len() {
                let index = self.told;
                self.told += 1;
                if let Some(action) = proposed(&leaves[index]) {
                    let payload = self.part(index, "payload").await;
                    let payload: Value = serde_json::from_str(&payload).unwrap();
                    return json!({ "action": action, "index": index, "payload": payload });
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn part(&mut self, index: usize, name: &str) -> String {
        let path = format!("/v1/parts/{index}/{name}");
        let world = self.world();
        let content: Content = world.get(&path, &world.session).await.json();
        String::from_utf8(content.bytes.0).unwrap()
    }

    async fn decide(&mut self, action: ActionId, verdict: Verdict, reason: &str) -> Value {
        let ack = proposal(&self.dir, action);
        self.world().decide(&ack, verdict, reason).await;
        json!({})
    }

    async fn grant(&mut self, action: ActionId) -> Value {
        let ack = proposal(&self.dir, action);
        let world = self.world();
        let shape = Shape::default().to_bytes();
        let start = world.grant(&ack, &shape, 5).await;
        let session = Some(world.session.as_str());
        let done = world.act(session, &start, &Forgery::default()).await;
        assert_eq!(done.json::<Value>()["state"], "done");
        json!({})
    }

    async fn ask(&mut self, action: ActionId, text: &str) -> Value {
        let note = WriteNote {
            text: support::content(TEXT_TYPE, text.as_bytes()),
        };
        let world = self.world();
        let path = format!("/v1/actions/{action}/questions");
        let ack: Ack = world.post(&path, &world.session, &note).await.json();
        json!({ "entry": ack.entries[0].index })
    }
}

fn proposed(leaf: &str) -> Option<ActionId> {
    match Leaf::parse(leaf.as_bytes()).unwrap() {
        Parsed::Known(Leaf {
            data: Data::ActionProposed(proposed),
            ..
        }) => Some(proposed.action),
        _ => None,
    }
}

/// The proposal of that action, as its agent got it.
fn proposal(dir: &Path, action: ActionId) -> Ack {
    let leaves = World::leaves(dir);
    let index = leaves
        .iter()
        .position(|leaf| proposed(leaf) == Some(action))
        .unwrap();
    Ack {
        parts: Vec::new(),
        checkpoint: String::new(),
        entries: vec![Proven {
            index: index.try_into().unwrap(),
            leaf: leaves[index].clone(),
            proof: Vec::new(),
        }],
    }
}
