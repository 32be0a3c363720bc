//! Makes valid logs in memory, step by step, and lets tests break them.
//!
//! A [`Story`] says what a gateway would have logged. Each step first gives a
//! [`Draft`], which a test may change before it is written; nothing is judged
//! here. The same seed tells the same story; only ES256 signatures differ.

mod delegations;
mod drafts;
mod edits;
mod glass;
mod grants;
mod handover;
mod kinds;
mod policy;
mod soft_key;
mod team;
mod vendor;

use std::collections::HashMap;

use serde::Serialize;
use vidimus_ledger::note::SigningKey;
use vidimus_ledger::part;
use vidimus_ledger::tree::{MemoryTree, leaf_hash};
use vidimus_protocol::action::{Action, Change, Command, File, Payload, Stdin, Target};
use vidimus_protocol::api::Content;
use vidimus_protocol::entry::{
    Data, Founder, LogOpened, PartRef, Profile, Proposed, Ref, Resolution,
};
use vidimus_protocol::envelope::{ActType, Decimal, Envelope, Seen, SeenPart, Signed, Verdict};
use vidimus_protocol::state::Log;
use vidimus_protocol::{
    ActionId, Actor, AgentId, Blob, DelegationId, Digest, ExecutorId, GrantId, Leaf, PermitId,
    ReviewerId, Time, sha256, strict,
};

pub use edits::Successor;
pub use kinds::sample_kinds;
pub use team::Member;
pub use vendor::{Certificates, Vendor, names_model, packed};

pub use soft_key::{
    FLAGS, SoftKey, attestation_object, authenticator_data, client_data, mirrored,
    registration_data,
};
#[cfg(test)]
pub(crate) use soft_key::{eddsa, encode, es256, rs256};

use crate::cose::Algorithm;
use crate::permit::PermitSigner;

/// Token of the story's agent.
pub const AGENT_TOKEN: &str = "c3RvcnktYWdlbnQtdG9rZW4tb2YtMzItYnl0ZXMtLS0";
/// Web origin of the story's log.
pub const ORIGIN: &str = "http://localhost:7411";
/// Web origin of a team's log.
pub const TEAM_ORIGIN: &str = "https://gate.example.com";
const TEAM_HOST: &str = "gate.example.com";
const START_UNIX_MS: u64 = 1_795_253_400_000;

/// A log in the making.
#[derive(Debug)]
pub struct Story {
    /// The key that signs next: the founder's, until [`Story::swap`].
    pub key: SoftKey,
    /// Its id.
    pub credential_id: Blob,
    /// Whose it is.
    pub reviewer: ReviewerId,
    /// His name.
    pub name: String,
    /// The agent.
    pub agent: AgentId,
    /// What runs the agent's actions.
    pub executor: ExecutorId,
    /// The log.
    pub log: Log,
    /// Origin that the founder's assertions carry.
    pub origin: String,
    /// Time of the next entry.
    pub now: Time,
    log_key: SigningKey,
    permit_signer: PermitSigner,
    leaves: Vec<Vec<u8>>,
    tree: MemoryTree,
    parts: Vec<(u64, String, Content)>,
    seed: u64,
    drawn: u64,
    credential: Option<Ref>,
    registered: Option<Ref>,
    rules: Option<Ref>,
    policy: Option<Ref>,
    records: HashMap<ReviewerId, Ref>,
    actions: HashMap<ActionId, Told>,
    /// Each with the action that it is over.
    grants: HashMap<GrantId, (Ref, ActionId)>,
    delegations: HashMap<DelegationId, Ref>,
}

/// An entry before it is written, with the content of its parts.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The entry.
    pub leaf: Leaf,
    /// Content of its parts, by name.
    pub parts: Vec<(String, Content)>,
}

/// What was written about an action.
#[derive(Clone, Debug)]
struct Told {
    proposal: Ref,
    proposed: Proposed,
    payload: Digest,
    context: Option<Digest>,
    question: Option<Ref>,
    edit: Option<(Ref, ActionId)>,
    verdicts: Vec<Ref>,
    resolution: Option<Ref>,
    permit: Option<(Ref, PermitId)>,
    redemption: Option<Ref>,
}

impl Told {
    /// Everything that it shows.
    fn seen(&self) -> Seen {
        let shown = [("context", self.context), ("payload", Some(self.payload))];
        let part = |(name, commit): (&str, Option<Digest>)| {
            let name = name.to_owned();
            commit.map(|commit| SeenPart { commit, name })
        };
        Seen {
            full: self.proposed.evaluation.full_review,
            parts: shown.into_iter().filter_map(part).collect(),
            renderer: "vidimus-testkit/0".into(),
        }
    }
}

impl Story {
    /// A story with the key enrolled and the agent registered (3 entries).
    #[must_use]
    pub fn new(seed: u64, algorithm: Algorithm) -> Self {
        let mut story = Self::open(seed, algorithm);
        let draft = story.enrolment();
        story.write(draft);
        let draft = story.registration();
        story.write(draft);
        story
    }

    /// A story of one entry, `log.opened`.
    ///
    /// # Panics
    /// Never: the names in it are fit.
    #[must_use]
    pub fn open(seed: u64, algorithm: Algorithm) -> Self {
        Self::open_as(seed, algorithm, Profile::Personal)
    }

    fn open_as(seed: u64, algorithm: Algorithm, profile: Profile) -> Self {
        let (web_origin, rp_id) = match profile {
            Profile::Personal => (ORIGIN, "localhost"),
            Profile::Team => (TEAM_ORIGIN, TEAM_HOST),
        };
        let draw = |what: u64| draw(seed, u64::MAX - what);
        let id = |what| half(draw(what));
        let nonce = draw(0);
        let origin = format!("vidimus/{}", &nonce.to_string()[..16]);
        let key = SoftKey::from_seed(algorithm, &draw(1).0);
        let log_key = SigningKey::from_seed(&origin, &draw(2).0).expect("the origin is a name");
        let permit_signer = PermitSigner::from_seed(&draw(3).0);
        let reviewer = ReviewerId::from_random(id(4));
        let credential_id = Blob(draw(5).0.to_vec());
        let founder = Founder {
            credential_id: credential_id.clone(),
            name: "Ada".into(),
            public_key: key.public_key(),
            reviewer,
        };
        let opened = LogOpened {
            founders: vec![founder],
            log_key: log_key.verifier().to_string(),
            nonce,
            origin,
            origins: vec![web_origin.into()],
            permit_keys: vec![permit_signer.key().clone()],
            profile,
            rp_id: rp_id.into(),
        };
        let mut story = Self {
            key,
            credential_id,
            reviewer,
            name: "Ada".into(),
            agent: AgentId::from_random(id(6)),
            executor: ExecutorId::from_random(id(7)),
            log: Log {
                id: Digest([0; 32]),
                opened: opened.clone(),
            },
            origin: String::new(),
            now: Time::from_unix_ms(START_UNIX_MS),
            log_key,
            permit_signer,
            leaves: Vec::new(),
            tree: MemoryTree::new(),
            parts: Vec::new(),
            seed,
            drawn: 0,
            credential: None,
            registered: None,
            rules: None,
            policy: None,
            records: HashMap::new(),
            actions: HashMap::new(),
            grants: HashMap::new(),
            delegations: HashMap::new(),
        };
        let draft = story.draft(Actor::Gateway, &[], Data::LogOpened(Box::new(opened)));
        story.write(draft);
        story
    }

    /// Writes a line of a kind that nobody here knows.
    pub fn write_unknown(&mut self) -> Ref {
        let bytes = br#"{"kind":"tea.made","v":1}"#.to_vec();
        self.append(bytes)
    }

    /// Writes an entry, right or wrong; a second later it is the next one's
    /// time.
    pub fn write(&mut self, draft: Draft) -> Ref {
        let entry = self.append(draft.leaf.to_bytes());
        let parts = draft.parts.into_iter();
        self.parts
            .extend(parts.map(|(name, content)| (entry.index, name, content)));
        self.remember(entry, &draft.leaf);
        entry
    }

    fn append(&mut self, bytes: Vec<u8>) -> Ref {
        let hash = leaf_hash(&bytes);
        self.leaves.push(bytes);
        self.now = self.now.plus_seconds(1);
        Ref {
            index: self.tree.push(hash),
            leaf: Digest(hash),
        }
    }

    /// Proposes an action.
    pub fn propose(&mut self) -> ActionId {
        let draft = self.proposal();
        let Data::ActionProposed(data) = &draft.leaf.data else {
            unreachable!("a proposal proposes");
        };
        let action = data.action;
        self.write(draft);
        action
    }

    /// Writes everything up to the permit.
    pub fn approve(&mut self, action: ActionId) {
        let draft = self.verdict(action, Verdict::Approve, "looks right");
        self.write(draft);
        let draft = self.resolution(action, Resolution::Approved);
        self.write(draft);
        let draft = self.permit(action);
        self.write(draft);
    }

    /// Writes a denial and its resolution.
    pub fn deny(&mut self, action: ActionId) {
        let draft = self.verdict(action, Verdict::Deny, "not now");
        self.write(draft);
        let draft = self.resolution(action, Resolution::Denied);
        self.write(draft);
    }

    /// Redeems the last permit.
    pub fn redeem(&mut self, action: ActionId) -> Ref {
        let draft = self.redemption(action);
        self.write(draft)
    }

    /// Reports the outcome.
    pub fn complete(&mut self, action: ActionId) -> Ref {
        let draft = self.completion(action);
        self.write(draft)
    }

    /// One whole action: six entries, one of them signed.
    pub fn run(&mut self) -> ActionId {
        let action = self.propose();
        self.approve(action);
        self.redeem(action);
        self.complete(action);
        action
    }

    /// Runs actions until there are `entries` entries.
    pub fn run_until(&mut self, entries: u64) {
        while self.size() + 6 <= entries {
            self.run();
        }
        while self.size() < entries {
            self.propose();
        }
    }

    /// Lets time pass.
    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus_seconds(seconds);
    }

    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The leaves.
    #[must_use]
    pub fn leaves(&self) -> &[Vec<u8>] {
        &self.leaves
    }

    /// The tree over them.
    #[must_use]
    pub fn tree(&self) -> &MemoryTree {
        &self.tree
    }

    /// Entry, name and content of every part, in order.
    #[must_use]
    pub fn parts(&self) -> &[(u64, String, Content)] {
        &self.parts
    }

    /// Key that signs permits.
    #[must_use]
    pub fn permit_signer(&self) -> &PermitSigner {
        &self.permit_signer
    }

    /// Action digest of an action.
    #[must_use]
    pub fn digest(&self, action: ActionId) -> Digest {
        self.actions[&action].payload
    }

    /// The last permit of an action.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn last_permit(&self, action: ActionId) -> (Ref, PermitId) {
        self.actions[&action].permit.expect("a permit was issued")
    }

    /// Whether an action was proposed.
    #[must_use]
    pub fn knows(&self, action: ActionId) -> bool {
        self.actions.contains_key(&action)
    }

    /// Whether a permit was issued for an action.
    #[must_use]
    pub fn has_permit(&self, action: ActionId) -> bool {
        self.actions[&action].permit.is_some()
    }

    /// An envelope over one item, changed and then signed with the key that
    /// signs next.
    ///
    /// # Panics
    /// Never: the tree has a root.
    pub fn sign<I: Serialize>(
        &mut self,
        r#type: ActType,
        mut item: I,
        change: impl FnOnce(&mut Envelope, &mut I),
    ) -> Signed<I> {
        let mut envelope = Envelope {
            expires_at: self.now.plus_seconds(120),
            issued_at: self.now,
            items_root: Digest([0; 32]),
            log: self.log.id,
            nonce: self.draw(),
            pinned_root: Digest(self.tree.root()),
            pinned_size: Decimal(self.size()),
            signer: self.reviewer,
            r#type,
        };
        change(&mut envelope, &mut item);
        envelope.items_root = Digest(leaf_hash(&strict::canonical(&item)));
        let client_data = client_data("webauthn.get", &envelope.challenge(), &self.origin);
        let data = authenticator_data(&self.log.opened.rp_id, FLAGS);
        Signed {
            assertion: self.key.assert(&self.credential_id, data, client_data),
            count: 1,
            envelope,
            index: 0,
            item,
            path: Vec::new(),
        }
    }

    /// The next 32 bytes of this story's chance.
    pub fn draw(&mut self) -> Digest {
        self.drawn += 1;
        draw(self.seed, self.drawn)
    }

    /// Content with a salt of its own, and the commitment to it.
    ///
    /// # Panics
    /// When the type is not printable.
    pub fn part(&mut self, name: &str, r#type: &str, bytes: Vec<u8>) -> (Content, PartRef) {
        let salt = self.draw();
        let commit = part::commit(&salt.0, r#type, &bytes).expect("a printable type");
        let part = PartRef {
            commit: Digest(commit),
            name: name.into(),
            size: u64::try_from(bytes.len()).expect("it is in memory"),
            r#type: r#type.into(),
        };
        let content = Content {
            bytes: Blob(bytes),
            salt,
            r#type: r#type.into(),
        };
        (content, part)
    }

    fn add_part(&mut self, draft: &mut Draft, name: &str, r#type: &str, bytes: Vec<u8>) {
        let (content, part) = self.part(name, r#type, bytes);
        draft.leaf.parts.push(part);
        draft.parts.push((name.into(), content));
    }

    fn opened(&self) -> Ref {
        Ref {
            index: 0,
            leaf: self.log.id,
        }
    }

    fn by_reviewer(&self, refs: &[Ref], data: Data) -> Draft {
        self.draft(Actor::Reviewer(self.reviewer), refs, data)
    }

    fn by_agent(&self, refs: &[Ref], data: Data) -> Draft {
        self.draft(Actor::Agent(self.agent), refs, data)
    }

    fn draft(&self, actor: Actor, refs: &[Ref], data: Data) -> Draft {
        Draft {
            leaf: Leaf {
                time: self.now,
                actor,
                refs: refs.to_vec(),
                data,
                parts: Vec::new(),
            },
            parts: Vec::new(),
        }
    }

    fn remember(&mut self, entry: Ref, leaf: &Leaf) {
        let commit = |name: &str| leaf.part(name).map(|part| part.commit);
        match &leaf.data {
            Data::LogOpened(_) if entry.index == 0 => {
                self.log.id = entry.leaf;
                let software = self.log.software_origin();
                self.origin = software.unwrap_or_else(|| TEAM_ORIGIN.into());
            }
            Data::LogOpened(_) => {}
            Data::CredentialEnrolled(_) => {
                self.credential.get_or_insert(entry);
            }
            Data::RulesChanged(_) => self.rules = Some(entry),
            Data::PolicyChanged(_) => self.policy = self.policy_in_force(entry),
            Data::ReviewerRegistered(data) => {
                self.records.insert(data.signed.item.reviewer, entry);
            }
            Data::ReviewerChanged(data) => {
                self.records.insert(data.signed.item.reviewer, entry);
            }
            Data::ReviewerRemoved(data) => {
                self.records.insert(data.signed.item.reviewer, entry);
            }
            Data::AgentRegistered(data) if data.signed.item.agent == self.agent => {
                self.registered.get_or_insert(entry);
            }
            Data::AgentRegistered(_) => {}
            Data::ActionProposed(data) => {
                let told = Told {
                    proposal: entry,
                    proposed: data.as_ref().clone(),
                    payload: commit("payload").unwrap_or(Digest([0; 32])),
                    context: commit("context"),
                    question: None,
                    edit: None,
                    verdicts: self.granted(data),
                    resolution: None,
                    permit: None,
                    redemption: None,
                };
                self.actions.entry(data.action).or_insert(told);
            }
            Data::GrantGiven(data) => {
                let item = &data.signed.item;
                self.grants.insert(item.grant, (entry, item.action));
            }
            Data::DelegationGiven(data) => {
                self.delegations.insert(data.signed.item.delegation, entry);
            }
            Data::ActionAsked(data) => {
                self.about(data.action, |told| told.question = Some(entry));
            }
            Data::VerdictGiven(data) => {
                self.about(data.signed.item.action, |told| told.verdicts.push(entry));
            }
            Data::ActionResolved(data) => {
                self.about(data.action, |told| told.resolution = Some(entry));
            }
            Data::PermitIssued(data) => {
                self.about(data.action, |told| told.permit = Some((entry, data.permit)));
            }
            Data::ActionEdited(data) => {
                let item = &data.signed.item;
                self.about(item.action, |told| told.edit = Some((entry, item.edited)));
            }
            Data::AgentPaused(_)
            | Data::AgentResumed(_)
            | Data::AgentRevoked(_)
            | Data::CredentialAdmitted(_)
            | Data::CredentialRevoked(_)
            | Data::GrantRevoked(_)
            | Data::DelegationRevoked(_)
            | Data::VerdictRecognised(_)
            | Data::VerdictReviewed(_)
            | Data::ActionTaken(_)
            | Data::ActionAnswered(_)
            | Data::ActionFlagged(_)
            | Data::ActionEscalated(_)
            | Data::PermitLapsed(_)
            | Data::ActionCompleted(_) => {}
            Data::PermitRedeemed(data) => {
                self.about(data.action, |told| told.redemption = Some(entry));
            }
        }
    }

    /// The grants that approve a proposal: they stand beside its verdicts.
    fn granted(&self, data: &Proposed) -> Vec<Ref> {
        let uses = data.grants.iter();
        let given = uses.filter_map(|using| self.grants.get(&using.grant));
        given.map(|(entry, _)| *entry).collect()
    }

    fn about(&mut self, action: ActionId, change: impl FnOnce(&mut Told)) {
        if let Some(told) = self.actions.get_mut(&action) {
            change(told);
        }
    }
}

/// A small command.
#[must_use]
pub fn sample_action(number: u64) -> Action {
    Action {
        payload: Payload::Command(Box::new(Command {
            argv: vec![
                "systemctl".into(),
                "restart".into(),
                format!("unit-{number}"),
            ],
            cwd: "/srv".into(),
            env: Vec::new(),
            files: Vec::new(),
            interpreter: None,
            not_bound: vec!["the network".into()],
            program: File {
                path: "/usr/bin/systemctl".into(),
                sha256: Digest([7; 32]),
                size: 1_234,
            },
            script: None,
            stdin: Stdin::Null,
            uid: 1000,
            user: "ada".into(),
        })),
        target: Target {
            environment: "local".into(),
            resource: "/srv".into(),
            system: "workstation".into(),
        },
    }
}

/// A small change.
#[must_use]
pub fn sample_change() -> Action {
    let plan = |size: u64| serde_json::json!({"class": "standard", "size": size});
    Action {
        payload: Payload::Json(Box::new(Change {
            after: Some(plan(8)),
            before: Some(plan(2)),
            operation: "resize".into(),
        })),
        target: Target {
            environment: "staging".into(),
            resource: "db-1".into(),
            system: "database".into(),
        },
    }
}

fn draw(seed: u64, number: u64) -> Digest {
    sha256(&[b"story", &seed.to_be_bytes(), &number.to_be_bytes()])
}

fn half(digest: Digest) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.0[..16]);
    bytes
}
