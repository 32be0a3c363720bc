//! A gateway of a few lines for tests: it keeps a real log in memory, answers
//! the routes that `vidimus exec` asks, and lies where a test tells it to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;
use vidimus_protocol::action::{Action, Payload, Stdin};
use vidimus_protocol::api::{
    Ack, ActionStatus, ActionView, Content, PermitReply, Problem, Propose, Question, Redeem,
    ReportOutcome, WaitFor, WaitNews,
};
use vidimus_protocol::entry::{Data, PartRef, Ref, Resolution};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::state::Life;
use vidimus_protocol::{ActionId, Blob, Digest, Time, strict};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::permit;
use vidimus_verify::replay::Replay;
use vidimus_verify::testkit::{SoftKey, Story};

/// What people decide, and whether the gateway is honest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decide {
    /// Nobody decides.
    Nothing,
    Approve,
    Deny(&'static str),
    Expire,
    Refuse,
    /// A permit without a verdict.
    WithoutVerdict,
    /// A verdict by a key of the gateway's own.
    OwnKey,
    /// The agent is paused while it waits.
    Pause,
    /// Approved, and paused before the permit is fetched.
    ApproveAndPause,
    /// One text becomes another, and what comes of it is approved.
    Edit(&'static str, &'static str),
    /// The same, and nobody decides on what came of it.
    EditAndWait(&'static str, &'static str),
}

/// Answers that go wrong, once each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The acknowledgement of the proposal gets lost.
    pub lose_proposal: bool,
    /// The answer to the redemption gets lost.
    pub lose_redemption: bool,
    /// The disk is full when the outcome is reported.
    pub full_disk: bool,
    /// Another payload is logged than was proposed.
    pub log_other_payload: bool,
    /// The proof bundle is of another action.
    pub other_bundle: bool,
    /// The permit names another digest than the log.
    pub other_permit: bool,
    /// The token is not known.
    pub unknown_token: bool,
    /// The agent is paused once its permit was fetched.
    pub pause_after_permit: bool,
}

/// What happened.
pub struct World {
    pub story: Story,
    pub decide: Decide,
    pub faults: Faults,
    pub proposals: Vec<Propose>,
    pub redemptions: u32,
    pub reports: Vec<ReportOutcome>,
    pub withdrawn: bool,
    /// What reviewers asked, about whichever action.
    pub questions: Vec<Question>,
    /// What happens on the computer just before the next redemption.
    pub meanwhile: Option<Box<dyn FnOnce() + Send>>,
}

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

impl World {
    /// Logs a proposal with the proposer's own id, bytes and salts.
    fn log(&mut self, propose: &Propose) {
        self.catch_up();
        let mut draft = self.story.proposal();
        let Data::ActionProposed(data) = &mut draft.leaf.data else {
            unreachable!("a proposal proposes");
        };
        data.action = propose.action;
        data.action_kind = Action::parse(&propose.payload.bytes.0).unwrap().kind();
        data.run = propose.run.clone();
        if !self.faults.log_other_payload {
            let mut parts = vec![("payload", propose.payload.clone())];
            parts.extend(propose.context.clone().map(|context| ("context", context)));
            parts.sort_by_key(|(name, _)| *name);
            draft.leaf.parts = parts
                .iter()
                .map(|(name, part)| commit(name, part))
                .collect();
            draft.parts = parts
                .into_iter()
                .map(|(name, part)| (name.to_owned(), part))
                .collect();
        }
        self.story.write(draft);
    }

    fn proposal(&self, action: ActionId) -> Ack {
        let state = self.replay();
        let index = state.state().action(&action).unwrap().proposal.index;
        self.story.ack(&[index])
    }

    fn decide(&mut self, action: ActionId) {
        self.catch_up();
        match self.decide {
            Decide::Nothing => {}
            Decide::Approve => self.story.approve(action),
            Decide::Edit(..) | Decide::EditAndWait(..) if self.is_edit(action) => {
                if matches!(self.decide, Decide::Edit(..)) {
                    self.story.approve(action);
                }
            }
            Decide::Edit(old, new) | Decide::EditAndWait(old, new) => {
                let edited = self.edited(action, old, new);
                self.story.replace(action, &edited);
            }
            Decide::Pause => {
                let pause = self.pause();
                let draft = self.story.withdrawal_by(action, pause);
                self.story.write(draft);
            }
            Decide::ApproveAndPause => {
                self.story.approve(action);
                self.pause();
            }
            Decide::Deny(reason) => {
                let draft = self.story.verdict(action, Verdict::Deny, reason);
                self.story.write(draft);
                self.resolve(action, Resolution::Denied);
            }
            Decide::Expire => {
                self.story.pass(900);
                self.resolve(action, Resolution::Expired);
            }
            Decide::Refuse => self.resolve(action, Resolution::Refused),
            Decide::WithoutVerdict => {
                self.resolve(action, Resolution::Approved);
                let draft = self.story.permit(action);
                self.story.write(draft);
            }
            Decide::OwnKey => {
                self.story.key = SoftKey::from_seed(Algorithm::Es256, &[9; 32]);
                self.story.approve(action);
            }
        }
    }

    /// Its owner paused the agent.
    pub fn pause(&mut self) -> Ref {
        self.catch_up();
        let draft = self.story.pause(None);
        self.story.write(draft)
    }

    fn is_edit(&self, action: ActionId) -> bool {
        let replay = self.replay();
        let known = replay.state().action(&action);
        known.is_some_and(|known| known.edits.is_some())
    }

    /// What takes the action's place.
    pub fn successor(&self, action: ActionId) -> Option<ActionId> {
        let replay = self.replay();
        let edit = replay.state().action(&action)?.edit.as_ref()?;
        Some(edit.to)
    }

    /// The payload that was logged for an action.
    fn payload(&self, action: ActionId) -> Option<Content> {
        let replay = self.replay();
        let index = replay.state().action(&action)?.proposal.index;
        let mut parts = self.story.parts().iter();
        let found = parts.find(|(at, name, _)| *at == index && name == "payload");
        found.map(|(_, _, content)| content.clone())
    }

    /// The action with one text for another: in its arguments and its input, or
    /// in what comes after a change.
    fn edited(&self, action: ActionId, old: &str, new: &str) -> Action {
        let mut edited = Action::parse(&self.payload(action).unwrap().bytes.0).unwrap();
        let command = match &mut edited.payload {
            Payload::Command(command) => command,
            Payload::Json(change) => {
                let after = change.after.as_ref().unwrap().to_string();
                change.after = serde_json::from_str(&after.replace(old, new)).unwrap();
                return edited;
            }
            // No gateway does; a lying one could.
            Payload::McpToolCall(call) => {
                call.arguments = call.arguments.replace(old, new);
                return edited;
            }
            other => panic!("nobody asks for {other:?}"),
        };
        for word in &mut command.argv {
            *word = word.replace(old, new);
        }
        if let Stdin::Bound(input) = &mut command.stdin {
            let text = input.text.as_ref().unwrap().replace(old, new);
            input.sha256 = vidimus_protocol::sha256(&[text.as_bytes()]);
            input.size = u64::try_from(text.len()).unwrap();
            input.text = Some(text);
        }
        edited
    }

    /// Whether a pause of the agent met the action.
    fn is_stopped(&self, action: ActionId) -> bool {
        let replay = self.replay();
        let state = replay.state();
        let known = state.action(&action);
        known.is_some_and(|known| state.stopped_by(known).is_some())
    }

    fn is_paused(&self) -> bool {
        let replay = self.replay();
        let agent = replay.state().agent(&self.story.agent);
        agent.is_some_and(|agent| agent.standing_pauses().next().is_some())
    }

    fn resolve(&mut self, action: ActionId, resolution: Resolution) {
        let draft = self.story.resolution(action, resolution);
        self.story.write(draft);
    }

    /// Permits are checked against the real clock, so the story follows it.
    fn catch_up(&mut self) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Time::from_unix_ms(u64::try_from(since.as_millis()).unwrap());
        // Entries are written at once, a second apart each: some time is kept for them.
        let now = Time::from_unix_ms(now.unix_ms() - 60_000);
        self.story.now = self.story.now.max(now);
    }

    fn replay(&self) -> Replay {
        let mut replay = Replay::new();
        for leaf in self.story.leaves() {
            // A log that lies is judged as far as it is right.
            if replay.push(leaf).is_err() {
                break;
            }
        }
        replay
    }

    /// From what was written, right or wrong.
    fn life(&self, action: ActionId) -> Option<(Life, Time)> {
        let mut found = None;
        for leaf in self.story.leaves() {
            let Ok(vidimus_protocol::entry::Parsed::Known(leaf)) =
                vidimus_protocol::Leaf::parse(leaf)
            else {
                unreachable!("the story knows what it writes");
            };
            let expires_at = found.map(|(_, at)| at);
            found = match (&leaf.data, expires_at) {
                (Data::ActionProposed(data), _) if data.action == action => {
                    Some((Life::Pending, data.expires_at))
                }
                (Data::ActionResolved(data), Some(at)) if data.action == action => {
                    let life = match data.resolution {
                        Resolution::Approved => Life::Approved,
                        over => Life::Over(over),
                    };
                    Some((life, at))
                }
                (Data::PermitRedeemed(data), Some(at)) if data.action == action => {
                    Some((Life::Redeemed, at))
                }
                (Data::ActionCompleted(data), Some(at)) if data.action == action => {
                    Some((Life::Completed, at))
                }
                _ => found,
            };
        }
        found
    }

    fn view(&self, action: ActionId, life: Life, expires_at: Time) -> ActionView {
        let status = match life {
            Life::Pending => ActionStatus::Pending,
            Life::Approved => ActionStatus::Approved,
            Life::Redeemed => ActionStatus::Redeemed,
            Life::Completed => ActionStatus::Completed,
            Life::Over(Resolution::Denied) => ActionStatus::Denied,
            Life::Over(Resolution::Expired) => ActionStatus::Expired,
            Life::Over(Resolution::Withdrawn) => ActionStatus::Withdrawn,
            Life::Over(Resolution::Superseded) => ActionStatus::Superseded,
            Life::Over(Resolution::Refused | Resolution::Approved) => ActionStatus::Refused,
        };
        let reason = match self.decide {
            Decide::Deny(reason) => Some(Content {
                bytes: Blob(reason.as_bytes().to_vec()),
                salt: Digest([0; 32]),
                r#type: vidimus_protocol::action::TEXT_TYPE.into(),
            }),
            _ => None,
        };
        ActionView {
            action,
            edits: None,
            expires_at,
            outcome: None,
            paused: self.is_stopped(action) && life != Life::Redeemed,
            policy: vec!["the rule of the house".into()],
            questions: self.questions.clone(),
            reason,
            status,
            superseded_by: self.successor(action),
            use_before: None,
        }
    }

    /// The permit, by an honest reading of the log or, where that ends in a
    /// lie, with claims made up.
    fn permit(&self, action: ActionId) -> String {
        let (_, id) = self.story.last_permit(action);
        let replay = self.replay();
        let state = replay.state();
        let known = state.action(&action).unwrap();
        let record = known.permits.iter().find(|permit| permit.id == id);
        let claims = record.and_then(|record| permit::claims(state, known, record));
        let claims = claims.unwrap_or_else(|| {
            let seconds = self.story.now.unix_ms() / 1000 - 10;
            vidimus_protocol::permit::Claims {
                act: vidimus_protocol::permit::Act {
                    sub: self.story.reviewer,
                },
                approval: vidimus_protocol::permit::Approval {
                    id: action,
                    log_index: 4,
                    policy: "builtin/personal/1".into(),
                    reviewers: vec![self.story.reviewer],
                },
                aud: self.story.executor,
                authorization_details: [vidimus_protocol::permit::AuthorizationDetail {
                    action_kind: vidimus_protocol::action::ActionKind::Command,
                    digest: self.story.digest(action),
                    r#type: vidimus_protocol::permit::DETAIL_TYPE.into(),
                }],
                exp: seconds + 300,
                iat: seconds,
                iss: self.story.log.opened.origin.clone(),
                jti: id,
                nbf: seconds,
                sub: self.story.agent,
            }
        });
        let mut claims = claims;
        if self.faults.other_permit {
            claims.authorization_details[0].digest = Digest([1; 32]);
        }
        self.story.permit_signer().sign(&claims)
    }
}

fn commit(name: &str, content: &Content) -> PartRef {
    let Content {
        bytes,
        salt,
        r#type,
    } = content;
    let commit = vidimus_ledger::part::commit(&salt.0, r#type, &bytes.0).unwrap();
    PartRef {
        commit: Digest(commit),
        name: name.into(),
        size: u64::try_from(bytes.0.len()).unwrap(),
        r#type: r#type.clone(),
    }
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
