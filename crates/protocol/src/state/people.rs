//! The log itself, keys and agents.

use super::{Effect, State, Violation, expect_actor, expect_parts, expect_refs};
use crate::bytes::{Blob, Digest, sha256};
use crate::entry::{AgentRegistered, CredentialEnrolled, Entry, LogOpened, Ref};
use crate::envelope::ActType;
use crate::id::{Actor, AgentId, ExecutorId, ReviewerId};

/// An opened log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Log id: leaf hash of `log.opened`.
    pub id: Digest,
    /// What `log.opened` says.
    pub opened: LogOpened,
}

impl Log {
    /// The origin that a software key of this log writes.
    #[must_use]
    pub fn software_origin(&self) -> String {
        software_origin(self.id)
    }
}

/// `vidimus-software:<log id>`: no browser page can produce it.
#[must_use]
pub fn software_origin(log: Digest) -> String {
    format!("vidimus-software:{log}")
}

/// An enrolled key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The key's id.
    pub id: Blob,
    /// Whose it is.
    pub reviewer: ReviewerId,
    /// His name.
    pub name: String,
    /// COSE key.
    pub public_key: Blob,
    /// Its `credential.enrolled`.
    pub entry: Ref,
}

/// How a key is reached, as its assertions prove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// By a page in a browser.
    Browser,
    /// A software key: the lowest assurance.
    Software,
}

/// A registered agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The agent.
    pub id: AgentId,
    /// Name for people.
    pub name: String,
    /// Audience of its permits.
    pub executor: ExecutorId,
    /// Whose agent it is.
    pub owner: ReviewerId,
    /// Hash of its token.
    pub token_hash: Digest,
    /// Its `agent.registered`.
    pub entry: Ref,
}

/// Whether a name can stand on a screen.
#[must_use]
pub fn name_is_fit(name: &str) -> bool {
    let length = name.chars().count();
    (1..=80).contains(&length) && !name.chars().any(char::is_control) && name.trim() == name
}

impl State {
    pub(super) fn open(
        &mut self,
        entry: &Entry,
        data: &LogOpened,
    ) -> Result<Option<Effect>, Violation> {
        expect_actor(&entry.leaf, Actor::Gateway)?;
        expect_refs(&entry.leaf, &[])?;
        expect_parts(&entry.leaf.parts, &[])?;
        let one_founder = data.founders.len() == 1;
        if entry.index != 0 || !one_founder || data.permit_keys.is_empty() {
            return Err(Violation::BadOpening);
        }
        if !data
            .founders
            .iter()
            .all(|founder| name_is_fit(&founder.name))
        {
            return Err(Violation::BadName);
        }
        self.log = Some(Log {
            id: entry.leaf_hash,
            opened: data.clone(),
        });
        Ok(None)
    }

    pub(super) fn enrol(
        &mut self,
        entry: &Entry,
        data: &CredentialEnrolled,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        self.check_act(entry, signed, ActType::CredentialEnrolled, 1)?;
        let log = self.opened()?;
        expect_refs(
            &entry.leaf,
            &[Ref {
                index: 0,
                leaf: log.id,
            }],
        )?;
        expect_parts(&entry.leaf.parts, &[])?;
        // The only key that a personal log of this version takes is the
        // founder's, and it speaks for itself.
        let founder = &log.opened.founders[0];
        let is_founder = founder.reviewer == item.reviewer
            && founder.credential_id == item.credential_id
            && founder.public_key == item.public_key
            && founder.name == item.name;
        let speaks_for_itself = signed.assertion.credential_id == item.credential_id
            && signed.envelope.signer == item.reviewer;
        let attested = sha256(&[&data.attestation_object.0]) == item.attestation;
        let first = !self.credentials.contains_key(&item.credential_id);
        if !(is_founder && speaks_for_itself && attested && first) {
            return Err(Violation::NotTheFoundersKey);
        }
        let credential = Credential {
            id: item.credential_id.clone(),
            reviewer: item.reviewer,
            name: item.name.clone(),
            public_key: item.public_key.clone(),
            entry: entry.reference(),
        };
        self.use_nonce(signed);
        self.credentials
            .insert(item.credential_id.clone(), credential);
        Ok(None)
    }

    pub(super) fn register(
        &mut self,
        entry: &Entry,
        data: &AgentRegistered,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let key = self.signing_key(&signed.assertion.credential_id, signed.envelope.signer)?;
        self.check_act(entry, signed, ActType::AgentRegistered, key.entry.index + 1)?;
        expect_refs(&entry.leaf, &[key.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        if item.owner != signed.envelope.signer {
            return Err(Violation::NotTheOwner);
        }
        // A token names one agent.
        let known = |agent: &Agent| agent.id == item.agent || agent.token_hash == item.token_hash;
        if self.agents.values().any(known) {
            return Err(Violation::AgentExists);
        }
        if !name_is_fit(&item.name) {
            return Err(Violation::BadName);
        }
        let agent = Agent {
            id: item.agent,
            name: item.name.clone(),
            executor: item.executor,
            owner: item.owner,
            token_hash: item.token_hash,
            entry: entry.reference(),
        };
        self.use_nonce(signed);
        self.agents.insert(item.agent, agent);
        Ok(None)
    }
}
