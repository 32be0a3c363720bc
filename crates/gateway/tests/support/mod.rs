//! A real gateway on loopback, a person with a software passkey, an agent.
// Each test uses a part of it.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::panic,
    unreachable_pub
)]

mod drafts;
mod fresh;
mod passkey;
mod port;

use std::path::Path;
use std::sync::Arc;

use ::passkey::types::Passkey;
use reqwest::Method;
use serde_json::{Value, json};
use vidimus_gateway::{Config, Gateway};
use vidimus_ledger::checkpoint;
use vidimus_ledger::note::VerifierKey;
use vidimus_ledger::tree::{leaf_hash, root_of};
use vidimus_protocol::action::TEXT_TYPE;
use vidimus_protocol::api::{
    Ack, CeremonyStarted, Content, EditExtras, GrantExtras, NonceReply, Problem, Propose,
    StartCeremony, VerdictExtras,
};
use vidimus_protocol::entry::{Data, Leaf, Parsed, PartRef};
use vidimus_protocol::envelope::{
    ActType, AgentItem, Decimal, EditItem, Envelope, GrantItem, Seen, SeenPart, SessionItem,
    Verdict, VerdictItem, token_hash,
};
use vidimus_protocol::id::ExecutorId;
use vidimus_protocol::shape::SHAPE_TYPE;
use vidimus_protocol::{ActionId, AgentId, Blob, Digest, GrantId, ReviewerId, Time, strict};

pub use drafts::{Draft, action, commit, content, proposal};
pub use fresh::{Fresh, open, registered, registered_by, reopened, serve};
pub use passkey::{Forgery, assert_with, register_with};

pub struct World {
    pub gateway: Gateway,
    pub http: reqwest::Client,
    pub key: Passkey,
    pub reviewer: ReviewerId,
    pub session: String,
    pub log: Digest,
    pub log_key: VerifierKey,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    served: Option<tokio::task::JoinHandle<()>>,
}

pub struct Held {
    pub agent: AgentId,
    pub executor: ExecutorId,
    pub token: String,
}

/// A reply: its status and its body.
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Reply {
    #[track_caller]
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> T {
        assert!(
            self.status < 300,
            "{}: {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    pub fn refused(&self) -> String {
        assert!(
            self.status >= 400,
            "not refused: {} {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status);
        assert!(problem.detail.len() > 10, "a refusal says why: {problem:?}");
        problem.code
    }
}

pub fn random32() -> Digest {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    Digest(bytes)
}

/// A token as a console makes it.
pub fn token() -> String {
    Blob(random32().0.to_vec()).to_string()
}

pub fn random16() -> [u8; 16] {
    random32().0[..16].try_into().unwrap()
}

pub fn now() -> Time {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Time::from_unix_ms(since.as_millis().try_into().unwrap())
}

pub fn config(dir: &Path) -> Config {
    port::reserve(dir);
    Config::personal(dir.to_owned())
}

pub fn config_with(dir: &Path, clock: Arc<dyn vidimus_gateway::Clock>) -> Config {
    Config {
        clock,
        ..config(dir)
    }
}

pub fn leaf(ack: &Ack, at: usize) -> Leaf {
    match Leaf::parse(ack.entries[at].leaf.as_bytes()).unwrap() {
        Parsed::Known(leaf) => leaf,
        Parsed::Unknown { kind, .. } => panic!("unknown kind {kind}"),
    }
}

async fn call(
    http: &reqwest::Client,
    url: &str,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Reply {
    let mut request = http.request(method, format!("{url}{path}"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let response = request.send().await.unwrap();
    Reply {
        status: response.status().as_u16(),
        body: response.bytes().await.unwrap().to_vec(),
    }
}

impl World {
    pub async fn new(dir: &Path) -> Self {
        serve(config(dir)).found(now()).await
    }

    pub async fn stop(mut self) {
        self.halt().await;
    }

    /// Stops the gateway, unless it has stopped. The person stays.
    pub async fn halt(&mut self) {
        if let (Some(stop), Some(served)) = (self.stop.take(), self.served.take()) {
            let _ = stop.send(());
            served.await.unwrap();
        }
    }

    /// The same person, once the gateway has stopped and runs again.
    pub async fn restart(mut self, config: Config) -> Self {
        self.halt().await;
        let Self {
            gateway,
            http,
            key,
            reviewer,
            session,
            log,
            log_key,
            ..
        } = self;
        drop(gateway);
        let fresh = serve(config);
        Self {
            gateway: fresh.gateway,
            http,
            key,
            reviewer,
            session,
            log,
            log_key,
            stop: Some(fresh.stop),
            served: Some(fresh.served),
        }
    }

    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Reply {
        call(&self.http, &self.gateway.url(), method, path, token, body).await
    }

    pub async fn post<T: serde::Serialize>(&self, path: &str, token: &str, body: &T) -> Reply {
        self.call(
            Method::POST,
            path,
            Some(token),
            Some(&serde_json::to_value(body).unwrap()),
        )
        .await
    }

    pub async fn get(&self, path: &str, token: &str) -> Reply {
        self.call(Method::GET, path, Some(token), None).await
    }

    /// Checks an acknowledgement: every entry is in the signed checkpoint.
    pub fn proven(&self, ack: &Ack) {
        let origin = self.log_key.name();
        let signed = checkpoint::open(&ack.checkpoint, &self.log_key, origin).unwrap();
        for entry in &ack.entries {
            let path: Vec<_> = entry.proof.iter().map(|node| node.0).collect();
            vidimus_ledger::proof::verify_inclusion(
                &leaf_hash(entry.leaf.as_bytes()),
                entry.index,
                signed.checkpoint.size,
                &path,
                &signed.checkpoint.root,
            )
            .unwrap();
        }
    }

    pub async fn pin(&self) -> (u64, Digest) {
        let view: Value = self.call(Method::GET, "/v1/log", None, None).await.json();
        let note = view["checkpoint"].as_str().unwrap();
        let signed = checkpoint::open(note, &self.log_key, self.log_key.name()).unwrap();
        (signed.checkpoint.size, Digest(signed.checkpoint.root))
    }

    pub async fn envelope(&self, act: ActType) -> Envelope {
        self.envelope_at(act, now()).await
    }

    pub async fn envelope_at(&self, act: ActType, now: Time) -> Envelope {
        let nonce: NonceReply = self
            .call(Method::POST, "/v1/nonces", None, None)
            .await
            .json();
        let (size, root) = self.pin().await;
        Envelope {
            expires_at: now.plus_seconds(120),
            issued_at: now,
            items_root: Digest([0; 32]),
            log: self.log,
            nonce: nonce.nonce,
            pinned_root: root,
            pinned_size: Decimal(size),
            signer: self.reviewer,
            r#type: act,
        }
    }

    /// Starts a ceremony and answers it.
    pub async fn act(
        &self,
        token: Option<&str>,
        start: &StartCeremony,
        forgery: &Forgery,
    ) -> Reply {
        self.act_with(&self.key, token, start, forgery).await
    }

    pub async fn act_with(
        &self,
        key: &Passkey,
        token: Option<&str>,
        start: &StartCeremony,
        forgery: &Forgery,
    ) -> Reply {
        match self.begin(token, start).await {
            Ok(prompt) => {
                let answer = self.answer(key, start, forgery).await;
                self.call(
                    Method::POST,
                    &format!("{prompt}/assertion"),
                    None,
                    Some(&answer),
                )
                .await
            }
            Err(refused) => refused,
        }
    }

    /// Begins a key prompt: its path, or the refusal.
    pub async fn begin(&self, token: Option<&str>, start: &StartCeremony) -> Result<String, Reply> {
        let body = serde_json::to_value(start).unwrap();
        let started = self
            .call(Method::POST, "/v1/ceremonies", token, Some(&body))
            .await;
        if started.status >= 400 {
            return Err(started);
        }
        let CeremonyStarted { ceremony, .. } = started.json();
        Ok(format!("/v1/ceremonies/{ceremony}"))
    }

    /// What the page sends when the key has answered.
    pub async fn answer(&self, key: &Passkey, start: &StartCeremony, forgery: &Forgery) -> Value {
        let origin = self.gateway.url();
        let challenge = start.envelope.challenge();
        let assertion = assert_with(key, &origin, challenge, forgery).await;
        json!({ "assertion": assertion })
    }

    pub async fn sign_in(&self) -> String {
        let token = token();
        let item = SessionItem {
            expires_at: now().plus_seconds(3600),
            token_hash: token_hash(&token),
        };
        let start = self.one(ActType::SessionOpened, &item).await;
        let view: Value = self.act(None, &start, &Forgery::default()).await.json();
        assert_eq!(view["state"], "done");
        token
    }

    /// A ceremony over one item.
    pub async fn one<I: serde::Serialize>(&self, act: ActType, item: &I) -> StartCeremony {
        let mut envelope = self.envelope(act).await;
        let text = strict::canonical(item);
        envelope.items_root = Digest(root_of(&[leaf_hash(&text)]));
        StartCeremony {
            envelope,
            items: vec![String::from_utf8(text).unwrap()],
            edit: None,
            grant: None,
            policy: None,
            review: None,
            verdict: None,
        }
    }

    pub async fn connect(&self) -> Held {
        let token = token();
        let item = AgentItem {
            agent: AgentId::from_random(random16()),
            executor: ExecutorId::from_random(random16()),
            name: "builder".into(),
            owner: self.reviewer,
            token_hash: token_hash(&token),
        };
        let start = self.one(ActType::AgentRegistered, &item).await;
        let view: Value = self
            .act(Some(&self.session), &start, &Forgery::default())
            .await
            .json();
        let ack: Ack = serde_json::from_value(view["ack"].clone()).unwrap();
        self.proven(&ack);
        Held {
            agent: item.agent,
            executor: item.executor,
            token,
        }
    }

    pub async fn propose(&self, agent: &Held, argv: &[&str]) -> (Propose, Ack) {
        let propose = proposal(argv);
        let ack: Ack = self
            .post("/v1/actions", &agent.token, &propose)
            .await
            .json();
        self.proven(&ack);
        (propose, ack)
    }

    /// A good verdict on a proposal, unsigned.
    pub async fn draft(&self, ack: &Ack, verdict: Verdict, reason: &str) -> Draft {
        self.draft_at(ack, verdict, reason, now()).await
    }

    pub async fn draft_at(&self, ack: &Ack, verdict: Verdict, reason: &str, now: Time) -> Draft {
        let proposal = leaf(ack, 0);
        let Data::ActionProposed(proposed) = &proposal.data else {
            panic!("no proposal")
        };
        let digest = proposal.part("payload").unwrap().commit;
        // What a policy looked at is nothing to be shown.
        let shown = proposal.parts.iter().filter(|part| part.name != "inputs");
        let seen = |part: &PartRef| SeenPart {
            commit: part.commit,
            name: part.name.clone(),
        };
        Draft {
            envelope: self.envelope_at(ActType::VerdictGiven, now).await,
            item: VerdictItem {
                action: proposed.action,
                action_digest: digest,
                expires_at: proposed.expires_at,
                proposal_leaf: Digest(leaf_hash(ack.entries[0].leaf.as_bytes())),
                reason_commit: digest,
                seen: digest,
                verdict,
            },
            extras: VerdictExtras {
                reason: content(TEXT_TYPE, reason.as_bytes()),
                seen: Seen {
                    full: false,
                    parts: shown.map(seen).collect(),
                    renderer: "test/1".into(),
                },
            },
        }
        .seal()
    }

    /// A grant over a proposal, ready for a key.
    pub async fn grant(&self, like: &Ack, shape: &[u8], uses: u64) -> StartCeremony {
        self.grant_beside(like, shape, uses, Vec::new()).await
    }

    /// The same of who saw these texts of notes too.
    pub async fn grant_beside(
        &self,
        like: &Ack,
        shape: &[u8],
        uses: u64,
        notes: Vec<SeenPart>,
    ) -> StartCeremony {
        let leaf = leaf(like, 0);
        let Data::ActionProposed(proposed) = &leaf.data else {
            panic!("no proposal");
        };
        let seen = |name: &str| {
            Some(SeenPart {
                commit: leaf.part(name)?.commit,
                name: name.into(),
            })
        };
        let extras = GrantExtras {
            reason: content(TEXT_TYPE, b"every night"),
            seen: Seen {
                full: false,
                parts: ["context", "payload"]
                    .into_iter()
                    .filter_map(seen)
                    .chain(notes)
                    .collect(),
                renderer: "test/0".into(),
            },
            shape: content(SHAPE_TYPE, shape),
        };
        let item = GrantItem {
            action: proposed.action,
            action_digest: leaf.part("payload").unwrap().commit,
            grant: GrantId::from_random(random16()),
            proposal_leaf: Digest(leaf_hash(like.entries[0].leaf.as_bytes())),
            reason_commit: commit(&extras.reason),
            seen: extras.seen.digest(),
            shape: commit(&extras.shape),
            until: now().plus_seconds(3600),
            uses,
        };
        let start = self.one(ActType::GrantGiven, &item).await;
        StartCeremony {
            grant: Some(extras),
            ..start
        }
    }

    /// An edit before it is signed.
    pub async fn edit(&self, proposed: &Ack, payload: Content) -> StartCeremony {
        let leaf = leaf(proposed, 0);
        let Data::ActionProposed(data) = &leaf.data else {
            panic!("no proposal");
        };
        let item = EditItem {
            action: data.action,
            action_digest: leaf.part("payload").unwrap().commit,
            edited: ActionId::from_random(random16()),
            edited_digest: commit(&payload),
            proposal_leaf: Digest(vidimus_ledger::tree::leaf_hash(
                proposed.entries[0].leaf.as_bytes(),
            )),
        };
        let mut start = self.one(ActType::ActionEdited, &item).await;
        start.edit = Some(EditExtras { payload });
        start
    }

    pub async fn decide(&self, ack: &Ack, verdict: Verdict, reason: &str) -> Ack {
        let draft = self.draft(ack, verdict, reason).await;
        let view: Value = self
            .act(Some(&self.session), &draft.start(), &Forgery::default())
            .await
            .json();
        let ack: Ack = serde_json::from_value(view["ack"].clone()).unwrap();
        self.proven(&ack);
        ack
    }

    pub async fn status(&self, agent: &Held, action: ActionId) -> Value {
        self.get(&format!("/v1/actions/{action}"), &agent.token)
            .await
            .json()
    }

    pub async fn permit(&self, agent: &Held, action: ActionId) -> Reply {
        self.call(
            Method::POST,
            &format!("/v1/actions/{action}/permit"),
            Some(&agent.token),
            None,
        )
        .await
    }

    /// Every leaf, from the feed's own store.
    pub fn leaves(dir: &Path) -> Vec<String> {
        let store = rusqlite::Connection::open(dir.join("gateway.db")).unwrap();
        let mut statement = store
            .prepare("SELECT leaf FROM leaves ORDER BY idx")
            .unwrap();
        let rows = statement
            .query_map([], |row| row.get::<_, Vec<u8>>(0))
            .unwrap();
        rows.map(|row| String::from_utf8(row.unwrap()).unwrap())
            .collect()
    }
}
