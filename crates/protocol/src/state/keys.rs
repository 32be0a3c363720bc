//! Keys: enrolled, admitted, revoked.

use std::collections::HashSet;

use super::{Effect, Rules, State, Violation, expect_parts, expect_refs, name_is_fit};
use crate::bytes::{Blob, Digest, sha256};
use crate::entry::{
    CredentialAdmitted, CredentialEnrolled, CredentialRevoked, Entry, Profile, Ref,
};
use crate::envelope::{ActType, Revocation, Role, Signed};
use crate::id::ReviewerId;
use crate::model::Model;
use crate::time::Time;

/// An enrolled key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The key's id.
    pub id: Blob,
    /// Whose it is, or says it is until it is admitted.
    pub reviewer: ReviewerId,
    /// Their name, when they enrolled it.
    pub name: String,
    /// Its own name.
    pub label: String,
    /// COSE key.
    pub public_key: Blob,
    /// Whether it may leave the device that made it.
    pub backup_eligible: bool,
    /// Its authenticator's model, when its attestation proved it.
    pub model: Option<Model>,
    /// When it was enrolled.
    pub enrolled_at: Time,
    /// Its `credential.enrolled`.
    pub entry: Ref,
    /// Whether it counts.
    pub standing: Standing,
    /// The entries that let it count and count no more, in order.
    pub history: Vec<Ref>,
    /// Time of the last entry that it signed.
    pub last_used: Time,
}

/// Whether a key counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It says whose it is; administrators have admitted it with these keys, and
    /// more must.
    Claimed(Vec<Blob>),
    /// It counts.
    InForce,
    /// It counts no more.
    Revoked(Revocation),
}

impl Credential {
    /// Whether the rules let it count at that time.
    ///
    /// # Errors
    /// [`Violation`] names the broken rule.
    pub fn keeps(&self, rules: &Rules, now: Time) -> Result<(), Violation> {
        if rules.device_bound && self.backup_eligible {
            return Err(Violation::NotDeviceBound);
        }
        let allowed = |model| rules.models.binary_search(&model).is_ok();
        if !rules.models.is_empty() && !self.model.is_some_and(allowed) {
            return Err(Violation::ModelNotAllowed);
        }
        let seconds = rules.max_age_days.saturating_mul(86_400);
        if seconds > 0 && now >= self.enrolled_at.plus_seconds(seconds) {
            return Err(Violation::KeyTooOld);
        }
        Ok(())
    }
}

impl State {
    /// Takes the claim of a new key. The founder's key counts at once.
    pub(super) fn enrol(
        &mut self,
        entry: &Entry,
        data: &CredentialEnrolled,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        self.check_act(entry, signed, ActType::CredentialEnrolled, 1)?;
        let log = self.opened()?;
        let opening = Ref {
            index: 0,
            leaf: log.id,
        };
        expect_refs(&entry.leaf, &[opening])?;
        expect_parts(&entry.leaf.parts, &[])?;
        let speaks_for_itself = signed.assertion.credential_id == item.credential_id
            && signed.envelope.signer == item.reviewer;
        let attested = sha256(&[&data.attestation_object.0]) == item.attestation;
        // Whoever decides twice under two ids would do it with one key.
        let known = self
            .credentials
            .values()
            .any(|known| known.id == item.credential_id || known.public_key == item.public_key);
        if !speaks_for_itself || !attested || known {
            return Err(Violation::NotItsOwnKey);
        }
        if !name_is_fit(&item.name) || !name_is_fit(&item.label) {
            return Err(Violation::BadName);
        }
        let founder = &log.opened.founders[0];
        let is_the_first = self.credentials.is_empty();
        let is_the_founders = founder.reviewer == item.reviewer
            && founder.credential_id == item.credential_id
            && founder.public_key == item.public_key
            && founder.name == item.name;
        // Nothing counts before the founder's key, and it is enrolled once.
        if is_the_first != is_the_founders {
            return Err(Violation::NotTheFoundersKey);
        }
        let person = self.reviewers.get(&item.reviewer);
        if person.is_some_and(|person| person.removed || person.name != item.name) {
            return Err(Violation::WrongStatement);
        }
        let single = log.opened.profile == Profile::Personal;
        if single && founder.reviewer != item.reviewer {
            return Err(Violation::TeamOnly);
        }
        let credential = Credential {
            id: item.credential_id.clone(),
            reviewer: item.reviewer,
            name: item.name.clone(),
            label: item.label.clone(),
            public_key: item.public_key.clone(),
            backup_eligible: item.backup_eligible,
            model: item.model,
            enrolled_at: entry.leaf.time,
            entry: entry.reference(),
            standing: if is_the_founders {
                Standing::InForce
            } else {
                Standing::Claimed(Vec::new())
            },
            history: Vec::new(),
            last_used: entry.leaf.time,
        };
        self.use_nonce(signed);
        self.credentials
            .insert(item.credential_id.clone(), credential);
        if is_the_founders {
            self.first_person(item.reviewer, &item.name, entry.reference());
        }
        Ok(None)
    }

    /// Another key of the same person admits a key at once; administrators
    /// do when more than half of the others agree.
    pub(super) fn admit(
        &mut self,
        entry: &Entry,
        data: &CredentialAdmitted,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let key = self.key_of(signed)?;
        let claim = self.claimed(item.credential)?;
        self.check_act(
            entry,
            signed,
            ActType::CredentialAdmitted,
            key.entry.index.max(claim.entry.index) + 1,
        )?;
        expect_refs(&entry.leaf, &[key.entry, claim.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        let person = self.person(item.reviewer)?;
        if claim.reviewer != item.reviewer || claim.name != person.name {
            return Err(Violation::WrongStatement);
        }
        // Whose key is too old for the rules gets a new one with it.
        let enough = if key.reviewer == item.reviewer {
            true
        } else {
            self.counts(key, entry.leaf.time)?;
            self.recovers(claim, key, entry.leaf.time)?
        };
        let (credential, signer) = (claim.id.clone(), key.id.clone());
        self.use_key(entry, signed);
        if let Some(claim) = self.credentials.get_mut(&credential) {
            claim.history.push(entry.reference());
            match &mut claim.standing {
                Standing::Claimed(by) if !enough => by.push(signer),
                standing => *standing = Standing::InForce,
            }
        }
        Ok(None)
    }

    /// Whether this administrator's word is the last that a lost key's
    /// successor needs. Words count as long as their keys do.
    fn recovers(&self, claim: &Credential, key: &Credential, now: Time) -> Result<bool, Violation> {
        let administers = |id: ReviewerId| {
            self.person(id)
                .is_ok_and(|person| person.is(Role::Administrator))
        };
        if !administers(key.reviewer) {
            return Err(Violation::NotAllowed);
        }
        let Standing::Claimed(by) = &claim.standing else {
            return Err(Violation::UnknownCredential);
        };
        let mut agreed: HashSet<ReviewerId> = by
            .iter()
            .filter_map(|id| self.credentials.get(id))
            .filter(|given| administers(given.reviewer) && self.counts(given, now).is_ok())
            .map(|given| given.reviewer)
            .collect();
        let is_new = agreed.insert(key.reviewer);
        let enough = agreed.len() >= self.recovery_quorum(claim.reviewer);
        // Others may have left since their first word: then their second is enough.
        if is_new || enough {
            Ok(enough)
        } else {
            Err(Violation::DecidedAlready)
        }
    }

    /// How many administrators must admit a key of this person when they have no
    /// other: more than half of the others.
    #[must_use]
    pub fn recovery_quorum(&self, person: ReviewerId) -> usize {
        let others = self
            .administrators()
            .filter(|admin| admin.id != person)
            .count();
        others / 2 + 1
    }

    pub(super) fn revoke(
        &mut self,
        entry: &Entry,
        data: &CredentialRevoked,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let key = self.key_of(signed)?;
        let revoked = self
            .credential_of(item.credential)
            .filter(|credential| !matches!(credential.standing, Standing::Revoked(_)))
            .ok_or(Violation::UnknownCredential)?;
        self.check_act(
            entry,
            signed,
            ActType::CredentialRevoked,
            key.entry.index.max(revoked.entry.index) + 1,
        )?;
        expect_refs(&entry.leaf, &[key.entry, revoked.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        if revoked.reviewer != key.reviewer {
            self.counts(key, entry.leaf.time)?;
            if !self.person(key.reviewer)?.is(Role::Administrator) {
                return Err(Violation::NotAllowed);
            }
        }
        if self.is_the_last_of_the_last(revoked) {
            return Err(Violation::LastAdministrator);
        }
        let (credential, why) = (revoked.id.clone(), item.why);
        self.use_key(entry, signed);
        if let Some(credential) = self.credentials.get_mut(&credential) {
            credential.standing = Standing::Revoked(why);
            credential.history.push(entry.reference());
        }
        Ok(None)
    }

    /// Whether nobody could administer the log without this key.
    fn is_the_last_of_the_last(&self, key: &Credential) -> bool {
        let administers = |key: &Credential| {
            key.standing == Standing::InForce
                && self
                    .person(key.reviewer)
                    .is_ok_and(|person| person.is(Role::Administrator))
        };
        let mut others = self.credentials.values().filter(|other| other.id != key.id);
        administers(key) && !others.any(administers)
    }

    /// The key that this `credential.enrolled` enrolled.
    #[must_use]
    pub fn credential_of(&self, enrolment: Digest) -> Option<&Credential> {
        self.credentials
            .values()
            .find(|credential| credential.entry.leaf == enrolment)
    }

    pub(super) fn claimed(&self, enrolment: Digest) -> Result<&Credential, Violation> {
        self.credential_of(enrolment)
            .filter(|credential| matches!(credential.standing, Standing::Claimed(_)))
            .ok_or(Violation::UnknownCredential)
    }

    /// The signer's key. Unknown keys, other people's keys and keys that do not
    /// count at the entry's time end here.
    pub(super) fn signing_key<I>(
        &self,
        entry: &Entry,
        signed: &Signed<I>,
    ) -> Result<&Credential, Violation> {
        let key = self.key_of(signed)?;
        self.counts(key, entry.leaf.time)?;
        Ok(key)
    }

    /// The signer's key in force, whatever the rules say of it.
    fn key_of<I>(&self, signed: &Signed<I>) -> Result<&Credential, Violation> {
        let key = self
            .credentials
            .get(&signed.assertion.credential_id)
            .ok_or(Violation::UnknownCredential)?;
        if key.reviewer != signed.envelope.signer {
            return Err(Violation::ForeignCredential);
        }
        self.in_force(key)?;
        Ok(key)
    }

    /// Whether a key still is its person's: it opens sessions, and admits and
    /// revokes their own keys, also when the rules want others for all else.
    ///
    /// # Errors
    /// [`Violation`] says why not.
    pub fn in_force(&self, key: &Credential) -> Result<(), Violation> {
        match key.standing {
            Standing::InForce => {}
            Standing::Claimed(_) => return Err(Violation::NotAdmitted),
            Standing::Revoked(_) => return Err(Violation::KeyRevoked),
        }
        self.person(key.reviewer).map(|_| ())
    }

    /// Whether what a key signs at that time counts.
    ///
    /// # Errors
    /// [`Violation`] says why not.
    pub fn counts(&self, key: &Credential, now: Time) -> Result<(), Violation> {
        self.in_force(key)?;
        let rules = self.rules.as_ref().ok_or(Violation::NotOpened)?;
        key.keeps(rules, now)
    }

    /// Takes the nonce of an act, and says when its key was used.
    pub(super) fn use_key<I>(&mut self, entry: &Entry, signed: &Signed<I>) {
        self.use_nonce(signed);
        if let Some(key) = self.credentials.get_mut(&signed.assertion.credential_id) {
            key.last_used = entry.leaf.time;
        }
    }
}
