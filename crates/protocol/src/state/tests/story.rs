//! Writes leaves that fit a state, so that a test can break one thing of them.
//! The reducer checks no signatures: what stands in their place is filler.

mod team;

use serde::Serialize;

use crate::action::{ActionKind, CONTEXT_TYPE, INPUTS_TYPE, OUTPUT_TYPE, PAYLOAD_TYPE, TEXT_TYPE};
use crate::bytes::{Blob, Digest, sha256};
use crate::entry::{
    AgentRegistered, Answered, Asked, Completed, CredentialEnrolled, Data, Decision, Entry,
    Evaluation, Flagged, Founder, Kind, Leaf, LogOpened, Outcome, PartRef, PermitIssued, PermitKey,
    PermitLapsed, PermitRedeemed, Profile, Proposed, Ref, Resolution, Resolved, Taken,
    VerdictGiven,
};
use crate::envelope::{
    ActType, AgentItem, Assertion, Decimal, EnrolmentItem, Envelope, Finding, Seen, SeenPart,
    Signed, Verdict, VerdictItem,
};
use crate::id::{
    ActionId, Actor, AgentId, DelegationId, ExecutorId, GrantId, PermitId, ReviewerId, RunId,
};
use crate::state::{Effect, State, Violation};
use crate::strict;
use crate::time::Time;

/// Longest wait of every proposal here: less than an envelope's skew, so that
/// a late verdict is late and nothing else.
pub(crate) const TTL_S: u64 = 60;
/// How long every approval is good.
pub(crate) const USE_S: u64 = 900;
/// Life of every permit.
pub(crate) const PERMIT_S: u64 = 300;

/// The happy path: every kind at least once.
const PATH: [Kind; 15] = [
    Kind::LogOpened,
    Kind::CredentialEnrolled,
    Kind::AgentRegistered,
    Kind::ActionProposed,
    Kind::ActionTaken,
    Kind::ActionAsked,
    Kind::ActionAnswered,
    Kind::ActionFlagged,
    Kind::VerdictGiven,
    Kind::ActionResolved,
    Kind::PermitIssued,
    Kind::PermitLapsed,
    Kind::PermitIssued,
    Kind::PermitRedeemed,
    Kind::ActionCompleted,
];
const ATTESTATION: &[u8] = b"attestation object";

use team::ANCHOR;
pub(crate) use team::{
    ESCALATED_S, Person, ada, ben, ben_again, cleo, dan, edited_payload, model, other_model,
};

pub(crate) fn founder() -> ReviewerId {
    ada().id
}

pub(crate) fn stranger() -> ReviewerId {
    ReviewerId::from_random([9; 16])
}

pub(crate) fn agent() -> AgentId {
    AgentId::from_random([2; 16])
}

pub(crate) fn executor() -> ExecutorId {
    ExecutorId::from_random([3; 16])
}

/// The run that a team's proposals belong to.
pub(crate) fn run() -> RunId {
    "nightly-42".parse().expect("visible ASCII")
}

/// The action of the happy path is number 0.
pub(crate) fn action(number: u8) -> ActionId {
    ActionId::from_random([0x40 + number; 16])
}

pub(crate) fn grant(number: u8) -> GrantId {
    GrantId::from_random([0xc0 + number; 16])
}

pub(crate) fn delegation(number: u8) -> DelegationId {
    DelegationId::from_random([0xe0 + number; 16])
}

pub(crate) fn permit(number: u8) -> PermitId {
    PermitId::from_random([0x80 + number; 16])
}

pub(crate) fn key_id() -> Blob {
    ada().key_id()
}

pub(crate) fn part(name: &str, r#type: &str, content: &str) -> PartRef {
    PartRef {
        commit: sha256(&[name.as_bytes(), content.as_bytes()]),
        name: name.into(),
        size: content.len() as u64,
        r#type: r#type.into(),
    }
}

pub(crate) fn leaf_hash(leaf: &Leaf) -> Digest {
    sha256(&[&[0], &leaf.to_bytes()])
}

/// A log on its way, and the time at which its next entry is written.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) state: State,
    pub(crate) now: Time,
    /// Who signs what comes next.
    pub(crate) person: Person,
    /// Whether roots of items are made up too: the reducer only compares them.
    pub(crate) swift: bool,
    profile: Profile,
    nonces: u64,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self {
            state: State::new(),
            now: Time::from_unix_ms(1_795_253_400_000),
            person: ada(),
            swift: false,
            profile: Profile::Personal,
            nonces: 0,
        }
    }

    /// Right before the entry of that kind on the happy path; that of a team
    /// for what there is nowhere else.
    pub(crate) fn before(kind: Kind) -> Self {
        if !PATH.contains(&kind) {
            return Self::team_before(kind);
        }
        let mut story = Self::new();
        for step in PATH {
            if step == kind {
                break;
            }
            story.next(step);
        }
        story
    }

    /// Every leaf of the happy path, and then of a team's.
    pub(crate) fn whole() -> Vec<Leaf> {
        let mut story = Self::new();
        let mut team = Self::team();
        let personal: Vec<_> = PATH.into_iter().map(|kind| story.next(kind)).collect();
        let team = team::PATH.into_iter().map(|kind| team.next(kind));
        personal.into_iter().chain(team).collect()
    }

    /// Applies the next entry of that kind.
    pub(crate) fn next(&mut self, kind: Kind) -> Leaf {
        let leaf = self.leaf(kind);
        self.take(leaf.clone());
        leaf
    }

    /// A leaf of that kind for action 0, due now, that the state accepts.
    pub(crate) fn leaf(&mut self, kind: Kind) -> Leaf {
        let id = action(0);
        if self.profile == Profile::Team {
            self.person = self.who_signs(kind);
        }
        match kind {
            Kind::LogOpened => self.opened(),
            Kind::CredentialEnrolled => self.enrolled(),
            Kind::CredentialAdmitted => self.admitted(ben_again()),
            Kind::CredentialRevoked => self.revoked(ben_again()),
            Kind::ReviewerRegistered => self.person_registered(ben()),
            Kind::ReviewerChanged => self.person_changed(ben()),
            Kind::ReviewerRemoved => self.person_removed(ben()),
            Kind::RulesChanged => self.ruled(1),
            Kind::PolicyChanged => self.policy_changed("permit"),
            Kind::AgentRegistered => self.registered(),
            Kind::AgentRevoked => self.agent_revoked(),
            Kind::AgentPaused => self.paused(Some(run())),
            Kind::AgentResumed => self.resumed(),
            Kind::VerdictRecognised => self.recognised(id),
            Kind::ActionEdited => self.edited(action(1), action(2)),
            Kind::ActionEscalated => {
                let known = self.state.action(&action(4));
                let at = known.map(|known| known.proposed_at.plus_seconds(ESCALATED_S));
                self.now = self.now.max(at.unwrap_or_default());
                self.escalated(action(4), "sre")
            }
            // What comes under the policy is urgent, then what is escalated.
            Kind::ActionProposed if self.state.action(&action(3)).is_some() => {
                self.proposed_escalating(action(4))
            }
            Kind::ActionProposed if self.state.policy().is_some() => {
                self.proposed_urgent(action(3))
            }
            // The one of the happy path, one to be edited, and its successor.
            Kind::ActionProposed if self.is_edited(action(1)) => self.successor(action(1)),
            Kind::ActionProposed if self.state.action(&id).is_some() => self.proposed(action(1)),
            Kind::ActionProposed => self.proposed(id),
            Kind::ActionTaken => self.taken(id),
            Kind::ActionAsked => self.asked(id),
            Kind::ActionAnswered => self.answered(id),
            Kind::ActionFlagged => self.flagged(id),
            Kind::VerdictGiven if self.state.action(&action(3)).is_some() => {
                self.verdict(action(3), Verdict::BreakGlass)
            }
            Kind::VerdictGiven => self.verdict(id, Verdict::Approve),
            Kind::VerdictReviewed => self.reviewed(action(3), Finding::Justified),
            Kind::GrantGiven => self.granted(grant(0), id),
            Kind::GrantRevoked => self.grant_revoked(grant(0)),
            Kind::DelegationGiven => self.delegated(delegation(0), ada(), &["sre"]),
            Kind::DelegationRevoked => self.delegation_revoked(delegation(0)),
            Kind::ActionResolved if self.is_edited(action(1)) => self.superseded(action(1)),
            Kind::ActionResolved => self.resolved(id, Resolution::Approved),
            Kind::PermitIssued => {
                let number = self
                    .state
                    .action(&id)
                    .map_or(0, |known| known.permits.len());
                self.issued(id, permit(u8::try_from(number).expect("few permits")))
            }
            Kind::PermitLapsed => {
                if let Some(live) = self.state.action(&id).and_then(|known| known.live_permit()) {
                    self.now = self.now.max(live.expires_at);
                }
                self.lapsed(id)
            }
            Kind::PermitRedeemed => self.redeemed(id),
            Kind::ActionCompleted => self.completed(id),
        }
    }

    fn is_edited(&self, id: ActionId) -> bool {
        let known = self.state.action(&id);
        known.is_some_and(|known| known.edit.is_some())
    }

    pub(crate) fn entry(&self, leaf: Leaf) -> Entry {
        Entry {
            index: self.state.size(),
            leaf_hash: leaf_hash(&leaf),
            leaf,
        }
    }

    pub(crate) fn try_take(&mut self, leaf: Leaf) -> Result<Option<Effect>, Violation> {
        let entry = self.entry(leaf);
        self.state.apply(&entry)
    }

    #[track_caller]
    pub(crate) fn take(&mut self, leaf: Leaf) -> Option<Effect> {
        let kind = leaf.kind();
        self.try_take(leaf)
            .unwrap_or_else(|violation| panic!("{}: {violation}", kind.as_str()))
    }

    pub(crate) fn later(&mut self, seconds: u64) {
        self.now = self.now.plus_seconds(seconds);
    }

    pub(crate) fn opened(&self) -> Leaf {
        let data = LogOpened {
            founders: vec![Founder {
                credential_id: key_id(),
                name: ada().name.into(),
                public_key: key_id(),
                reviewer: founder(),
            }],
            log_key: "vidimus/0707070707070707+00000000+AQ".into(),
            nonce: Digest([7; 32]),
            origin: "vidimus/0707070707070707".into(),
            origins: vec!["http://localhost:8478".into()],
            permit_keys: vec![PermitKey {
                kid: "kid".into(),
                x: Blob(vec![8; 32]),
            }],
            profile: self.profile,
            rp_id: "localhost".into(),
        };
        self.by(Actor::Gateway, vec![], Data::LogOpened(Box::new(data)))
    }

    pub(crate) fn enrolled(&mut self) -> Leaf {
        let person = self.person;
        let certified = person == ada();
        let item = EnrolmentItem {
            attestation: sha256(&[ATTESTATION]),
            backup_eligible: person.key.starts_with("synced"),
            credential_id: person.key_id(),
            label: person.key.into(),
            model: certified.then(model),
            name: person.name.into(),
            public_key: person.key_id(),
            reviewer: person.id,
        };
        let data = CredentialEnrolled {
            anchor: certified.then(|| Blob(ANCHOR.to_vec())),
            attestation_object: Blob(ATTESTATION.to_vec()),
            client_data_json: Blob(b"client data".to_vec()),
            signed: self.signed(ActType::CredentialEnrolled, item),
        };
        let refs = vec![Ref {
            index: 0,
            leaf: self.log(),
        }];
        let data = Data::CredentialEnrolled(Box::new(data));
        self.by_person(refs, data)
    }

    pub(crate) fn registered(&mut self) -> Leaf {
        self.registered_as(agent())
    }

    pub(crate) fn registered_as(&mut self, id: AgentId) -> Leaf {
        let item = AgentItem {
            agent: id,
            executor: executor(),
            name: "builder".into(),
            owner: founder(),
            token_hash: if id == agent() {
                Digest([5; 32])
            } else {
                Digest([6; 32])
            },
        };
        let data = AgentRegistered {
            signed: self.signed(ActType::AgentRegistered, item),
        };
        let refs = vec![self.key_entry()];
        let data = Data::AgentRegistered(Box::new(data));
        self.by_person(refs, data)
    }

    pub(crate) fn proposed(&self, id: ActionId) -> Leaf {
        self.proposed_as(id, Decision::Ask)
    }

    pub(crate) fn proposed_as(&self, id: ActionId, decision: Decision) -> Leaf {
        let policy = self.state.policy().map(|policy| policy.entry);
        let data = Proposed {
            action: id,
            action_kind: ActionKind::Command,
            agent: agent(),
            evaluation: Evaluation {
                decision,
                policies: policy.map(|_| "everything".into()).into_iter().collect(),
                quorum: u64::from(decision != Decision::Release),
                reasons: vec!["every command waits for its owner".into()],
                ttl_s: TTL_S,
                use_s: USE_S,
                ..Evaluation::refusing("builtin/personal/1")
            },
            edits: None,
            expires_at: self.now.plus_seconds(TTL_S),
            grants: Vec::new(),
            run: (self.profile == Profile::Team).then(run),
        };
        let registered = self.state.agent(&agent()).map(|known| known.entry);
        let rules = self.state.rules().map(|rules| rules.entry);
        let rules = rules.filter(|entry| entry.index > 0);
        let mut leaf = self.by(
            Actor::Agent(agent()),
            registered.into_iter().chain(rules).chain(policy).collect(),
            Data::ActionProposed(Box::new(data)),
        );
        leaf.parts = vec![
            part("context", CONTEXT_TYPE, "why"),
            part("payload", PAYLOAD_TYPE, "what"),
        ];
        if policy.is_some() {
            leaf.parts
                .insert(1, part("inputs", INPUTS_TYPE, "all of it"));
        }
        leaf
    }

    pub(crate) fn taken(&self, id: ActionId) -> Leaf {
        self.note(id, Data::ActionTaken(Box::new(Taken { action: id })))
    }

    pub(crate) fn asked(&self, id: ActionId) -> Leaf {
        let mut leaf = self.note(id, Data::ActionAsked(Box::new(Asked { action: id })));
        leaf.parts = vec![part("question", TEXT_TYPE, "why now?")];
        leaf
    }

    pub(crate) fn flagged(&self, id: ActionId) -> Leaf {
        let mut leaf = self.note(id, Data::ActionFlagged(Box::new(Flagged { action: id })));
        leaf.parts = vec![part("remark", TEXT_TYPE, "look at the region")];
        leaf
    }

    /// To the last question.
    pub(crate) fn answered(&self, id: ActionId) -> Leaf {
        let known = self.state.action(&id);
        let question = known.and_then(|known| known.questions().last());
        let question = question.map_or(NOWHERE, |(question, _)| question.entry);
        let data = Data::ActionAnswered(Box::new(Answered { action: id }));
        let mut leaf = self.by(Actor::Agent(agent()), vec![question], data);
        leaf.parts = vec![part("answer", TEXT_TYPE, "it expires today")];
        leaf
    }

    fn note(&self, id: ActionId, data: Data) -> Leaf {
        let proposal = self
            .state
            .action(&id)
            .map_or(NOWHERE, |known| known.proposal);
        self.by_person(vec![proposal], data)
    }

    pub(crate) fn verdict(&mut self, id: ActionId, verdict: Verdict) -> Leaf {
        let (digest, context, proposal, expires_at) =
            self.state
                .action(&id)
                .map_or((Digest([0; 32]), None, NOWHERE, self.now), |known| {
                    (
                        known.digest,
                        known.context,
                        known.proposal,
                        known.expires_at,
                    )
                });
        let known = self.state.action(&id);
        let seen = Seen {
            full: known.is_some_and(|known| known.evaluation.full_review),
            ..seen(digest, context)
        };
        let reason = match verdict {
            Verdict::BreakGlass => "Checkout is down, and nobody else answers.",
            Verdict::Approve | Verdict::Deny => "looks right",
        };
        let reason = part("reason", TEXT_TYPE, reason);
        let item = VerdictItem {
            action: id,
            action_digest: digest,
            expires_at,
            proposal_leaf: proposal.leaf,
            reason_commit: reason.commit,
            seen: seen.digest(),
            verdict,
        };
        let under_policy = self.state.action(&id);
        let under_policy = under_policy.is_some_and(|known| known.policy.is_some());
        let named = under_policy && verdict.approves();
        let data = VerdictGiven {
            policies: named.then(|| "everybody".into()).into_iter().collect(),
            seen,
            signed: self.signed(ActType::VerdictGiven, item),
        };
        let refs = vec![proposal, self.key_entry()];
        let data = Data::VerdictGiven(Box::new(data));
        let mut leaf = self.by_person(refs, data);
        leaf.parts = vec![reason];
        leaf
    }

    pub(crate) fn resolved(&self, id: ActionId, resolution: Resolution) -> Leaf {
        let data = Resolved {
            action: id,
            resolution,
            use_before: resolution.runs().then(|| self.now.plus_seconds(USE_S)),
        };
        let actor = match resolution {
            Resolution::Withdrawn => Actor::Agent(agent()),
            _ => Actor::Gateway,
        };
        let refs = self.state.action(&id).map_or(vec![NOWHERE], |known| {
            let verdicts = known.verdicts.iter().map(|given| given.entry);
            std::iter::once(known.proposal).chain(verdicts).collect()
        });
        self.by(actor, refs, Data::ActionResolved(Box::new(data)))
    }

    /// Withdrawn by the pause that met it.
    pub(crate) fn withdrawn_by_pause(&self, id: ActionId) -> Leaf {
        let mut leaf = self.resolved(id, Resolution::Withdrawn);
        leaf.actor = Actor::Gateway;
        let known = self.state.action(&id);
        let pause = known.and_then(|known| self.state.stopped_by(known));
        leaf.refs.push(pause.map_or(NOWHERE, |pause| pause.entry));
        leaf
    }

    pub(crate) fn issued(&self, id: ActionId, permit: PermitId) -> Leaf {
        let resolved = self
            .state
            .action(&id)
            .and_then(|known| known.resolved.as_ref());
        let (entry, use_before) = resolved.map_or((NOWHERE, None), |resolved| {
            (resolved.entry, resolved.use_before)
        });
        let life = self.now.plus_seconds(PERMIT_S);
        let data = PermitIssued {
            action: id,
            audience: executor(),
            expires_at: use_before.map_or(life, |end| end.min(life)),
            kid: "kid".into(),
            permit,
        };
        self.by(
            Actor::Gateway,
            vec![entry],
            Data::PermitIssued(Box::new(data)),
        )
    }

    pub(crate) fn lapsed(&self, id: ActionId) -> Leaf {
        let (permit, entry) = self.last_permit(id);
        let data = PermitLapsed { action: id, permit };
        self.by(
            Actor::Gateway,
            vec![entry],
            Data::PermitLapsed(Box::new(data)),
        )
    }

    pub(crate) fn redeemed(&self, id: ActionId) -> Leaf {
        let (permit, entry) = self.last_permit(id);
        let data = PermitRedeemed { action: id, permit };
        let data = Data::PermitRedeemed(Box::new(data));
        self.by(Actor::Agent(agent()), vec![entry], data)
    }

    pub(crate) fn completed(&self, id: ActionId) -> Leaf {
        let data = Completed {
            action: id,
            duration_ms: 12,
            outcome: Outcome::Exited { code: 0 },
            output_omitted: 0,
        };
        let redeemed = self.state.action(&id).and_then(|known| known.redeemed);
        let refs = vec![redeemed.map_or(NOWHERE, |(entry, _)| entry)];
        let data = Data::ActionCompleted(Box::new(data));
        let mut leaf = self.by(Actor::Agent(agent()), refs, data);
        leaf.parts = vec![part("output", OUTPUT_TYPE, "done\n")];
        leaf
    }

    fn by_person(&self, refs: Vec<Ref>, data: Data) -> Leaf {
        self.by(Actor::Reviewer(self.person.id), refs, data)
    }

    fn by(&self, actor: Actor, refs: Vec<Ref>, data: Data) -> Leaf {
        Leaf {
            time: self.now,
            actor,
            refs,
            data,
            parts: vec![],
        }
    }

    fn signed<I: Serialize>(&mut self, act: ActType, item: I) -> Signed<I> {
        self.nonces += 1;
        let envelope = Envelope {
            expires_at: self.now.plus_seconds(120),
            issued_at: self.now,
            items_root: match self.swift {
                true => sha256(&[b"items", &self.nonces.to_be_bytes()]),
                false => sha256(&[&[0], &strict::canonical(&item)]),
            },
            log: self.log(),
            nonce: sha256(&[b"nonce", &self.nonces.to_be_bytes()]),
            pinned_root: Digest([6; 32]),
            pinned_size: Decimal(self.state.size()),
            signer: self.person.id,
            r#type: act,
        };
        Signed {
            assertion: Assertion {
                authenticator_data: Blob(b"authenticator data".to_vec()),
                client_data_json: Blob(b"client data".to_vec()),
                credential_id: self.person.key_id(),
                signature: Blob(b"signature".to_vec()),
            },
            count: 1,
            envelope,
            index: 0,
            item,
            path: vec![],
        }
    }

    fn log(&self) -> Digest {
        self.state.log().map_or(Digest([0; 32]), |log| log.id)
    }

    fn key_entry(&self) -> Ref {
        self.enrolment_of(self.person)
    }

    fn enrolment_of(&self, person: Person) -> Ref {
        let key = self.state.credential(&person.key_id());
        key.map_or(NOWHERE, |key| key.entry)
    }

    fn last_permit(&self, id: ActionId) -> (PermitId, Ref) {
        let known = self
            .state
            .action(&id)
            .and_then(|known| known.permits.last());
        known.map_or((permit(0), NOWHERE), |last| (last.id, last.entry))
    }
}

/// Everything that a proposal shows.
fn seen(digest: Digest, context: Option<Digest>) -> Seen {
    let shown = [("context", context), ("payload", Some(digest))];
    let part = |(name, commit): (&str, Option<Digest>)| {
        Some(SeenPart {
            commit: commit?,
            name: name.into(),
        })
    };
    Seen {
        full: false,
        parts: shown.into_iter().filter_map(part).collect(),
        renderer: "vidimus-console/0.1.0".into(),
    }
}

const NOWHERE: Ref = Ref {
    index: 0,
    leaf: Digest([0xee; 32]),
};
