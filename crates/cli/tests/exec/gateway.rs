//! A gateway of a few lines for tests: it keeps a real log in memory, answers
//! the routes that `vidimus exec` asks, and lies where a test tells it to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use vidimus_protocol::api::{
    ActionStatus, ActionView, PermitReply, Problem, Propose, Redeem, ReportOutcome, WaitFor,
    WaitNews,
};
use vidimus_protocol::entry::Resolution;
use vidimus_protocol::state::Life;
use vidimus_protocol::{ActionId, strict};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::testkit::Story;

#[path = "world.rs"]
mod world;

pub use world::{Decide, Faults, World};

#[derive(Clone)]
pub struct Gateway {
    world: Arc<Mutex<World>>,
    pub port: u16,
}

impl Gateway {
    pub fn start(decide: Decide) -> Self {
        Self::of(Story::new(1, Algorithm::Es256), decide)
    }

    pub fn of(story: Story, decide: Decide) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let world = World {
            story,
            decide,
            faults: Faults::default(),
            proposals: Vec::new(),
            redemptions: 0,
            reports: Vec::new(),
            withdrawn: false,
            questions: Vec::new(),
            meanwhile: None,
        };
        let gateway = Self {
            world: Arc::new(Mutex::new(world)),
            port,
        };
        let served = gateway.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = served.clone();
                std::thread::spawn(move || served.serve(stream));
            }
        });
        gateway
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Waits until something holds, as long as a slow machine needs.
    pub fn wait(&self, what: &str, holds: impl Fn(&World) -> bool) {
        let begun = Instant::now();
        while !holds(&self.world()) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut first = String::new();
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        // Without an answer the connection just ends.
        if let Some((status, json)) = self.answer(method, target, &body) {
            let kind = if status < 400 { "json" } else { "problem+json" };
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/{kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                json.len()
            );
            let mut stream = stream;
            // The command may have gone away meanwhile.
            stream.write_all(&[head.as_bytes(), &json].concat()).ok();
        }
    }

    fn answer(&self, method: &str, target: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        if self.world().faults.unknown_token {
            return Some(problem(401, "unauthorised"));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut segments = path.split('/').skip(3);
        let action = segments.next();
        if (method, action) == ("POST", Some("wait")) {
            return Some(self.wait_for(&read(body)));
        }
        let action: Option<ActionId> = action.map(|id| id.parse().unwrap());
        match (method, action, segments.next()) {
            ("POST", None, None) => self.propose(read(body)),
            ("GET", Some(action), None) => {
                let wait = query.strip_prefix("wait=").unwrap();
                let (wait, heard) = wait.split_once("&questions=").unwrap_or((wait, "99"));
                let wait = Duration::from_secs(wait.parse().unwrap());
                Some(self.view(action, wait, heard.parse().unwrap()))
            }
            ("GET", Some(action), Some("payload")) => {
                let payload = self.world().payload(action);
                Some(payload.map_or_else(
                    || problem(404, "unknown_action"),
                    |payload| json(200, &payload),
                ))
            }
            ("POST", Some(action), Some("withdraw")) => {
                let mut world = self.world();
                world.withdrawn = true;
                let draft = world.story.resolution(action, Resolution::Withdrawn);
                let entry = world.story.write(draft);
                Some(json(200, &world.story.ack(&[entry.index])))
            }
            ("POST", Some(action), Some("permit")) => Some(self.permit(action)),
            ("POST", Some(action), Some("redeem")) => self.redeem(action, &read(body)),
            ("POST", Some(action), Some("outcome")) => {
                let mut world = self.world();
                if std::mem::take(&mut world.faults.full_disk) {
                    return Some(problem(503, "disk_full"));
                }
                let report: ReportOutcome = read(body);
                let kind = world.replay().state().action(&action).unwrap().kind;
                assert!(report.outcome.fits(kind), "{kind:?} ends as {report:?}");
                world.reports.push(report);
                let entry = world.story.complete(action);
                Some(json(200, &world.story.ack(&[entry.index])))
            }
            other => panic!("nobody asks {other:?}"),
        }
    }

    fn propose(&self, propose: Propose) -> Option<(u16, Vec<u8>)> {
        let mut world = self.world();
        if world.is_paused() {
            return Some(problem(409, "agent_paused"));
        }
        let repeated = world.proposals.contains(&propose);
        world.proposals.push(propose.clone());
        if !repeated {
            world.log(&propose);
        }
        if std::mem::take(&mut world.faults.lose_proposal) {
            return None;
        }
        Some(json(201, &world.proposal(propose.action)))
    }

    fn view(&self, action: ActionId, wait: Duration, heard: usize) -> (u16, Vec<u8>) {
        let begun = Instant::now();
        loop {
            let Some(view) = self.look(action) else {
                return problem(404, "unknown_action");
            };
            if !lives(&view) || view.questions.len() > heard || begun.elapsed() >= wait {
                return json(200, &view);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn wait_for(&self, asked: &WaitFor) -> (u16, Vec<u8>) {
        let begun = Instant::now();
        loop {
            let mut news = WaitNews {
                actions: Vec::new(),
                unknown: Vec::new(),
            };
            for known in &asked.actions {
                match self.look(known.action) {
                    Some(view)
                        if view.status == known.status
                            && lives(&view)
                            && view.questions.len() as u64 <= known.questions => {}
                    Some(view) => news.actions.push(view),
                    None => news.unknown.push(known.action),
                }
            }
            let nothing = news.actions.is_empty() && news.unknown.is_empty();
            if !nothing || begun.elapsed() >= Duration::from_secs(asked.wait_s) {
                return json(200, &news);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Where it stands, once people have decided what they do decide.
    fn look(&self, action: ActionId) -> Option<ActionView> {
        let mut world = self.world();
        let (life, _) = world.life(action)?;
        let waits = matches!(world.decide, Decide::EditAndWait(..)) && world.is_edit(action);
        if life == Life::Pending && world.decide != Decide::Nothing && !waits {
            world.decide(action);
        }
        let (life, expires_at) = world.life(action)?;
        Some(world.view(action, life, expires_at))
    }

    fn permit(&self, action: ActionId) -> (u16, Vec<u8>) {
        let mut world = self.world();
        if world.is_stopped(action) {
            return problem(409, "agent_paused");
        }
        let permit = world.permit(action);
        if world.faults.pause_after_permit {
            world.pause();
        }
        json(200, &PermitReply { permit })
    }

    fn redeem(&self, action: ActionId, redeem: &Redeem) -> Option<(u16, Vec<u8>)> {
        let mut world = self.world();
        world.redemptions += 1;
        world
            .meanwhile
            .take()
            .into_iter()
            .for_each(|happens| happens());
        if world.is_stopped(action) {
            return Some(problem(409, "agent_paused"));
        }
        let life = world.life(action).map(|(life, _)| life);
        if matches!(life, Some(Life::Redeemed | Life::Completed)) {
            return Some(problem(409, "permit_not_in_force"));
        }
        assert_eq!(redeem.permit, world.permit(action));
        assert_eq!(redeem.action_digest, world.story.digest(action));
        world.story.redeem(action);
        if std::mem::take(&mut world.faults.lose_redemption) {
            return None;
        }
        if world.faults.other_bundle {
            let other = world.story.propose();
            world.story.approve(other);
            world.story.redeem(other);
            return Some(json(200, &world.story.bundle(other)));
        }
        Some(json(200, &world.story.bundle(action)))
    }
}

fn lives(view: &ActionView) -> bool {
    matches!(view.status, ActionStatus::Pending | ActionStatus::Redeemed)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> T {
    strict::parse(body, 4 << 20).unwrap()
}

fn json<T: Serialize>(status: u16, value: &T) -> (u16, Vec<u8>) {
    (status, strict::canonical(value))
}

fn problem(status: u16, code: &str) -> (u16, Vec<u8>) {
    let problem = Problem {
        code: code.into(),
        detail: "no".into(),
        status,
        title: code.into(),
        r#type: format!("urn:vidimus:problem:{code}"),
    };
    json(status, &problem)
}
