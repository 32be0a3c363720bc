//! The frame of every entry, and signed acts.

use super::*;

cases! { ORDER:
    TimeRunsBackwards, "a millisecond back", ActionProposed, |_, entry| {
        entry.leaf.time = before(entry.leaf.time, 1);
    };
    NotOpened, "an enrolment first", CredentialEnrolled, |story, entry| {
        story.state = State::new();
        entry.index = 0;
    };
    BadOpening, "opened again", ActionProposed, |story, entry| {
        let again = story.opened();
        instead(story, entry, again);
    };
    BadOpening, "no founder", LogOpened, |_, entry| {
        data!(entry, LogOpened).founders.clear();
    };
    BadOpening, "two founders", LogOpened, |_, entry| {
        let data = data!(entry, LogOpened);
        data.founders.push(data.founders[0].clone());
    };
    BadOpening, "no permit key", LogOpened, |_, entry| {
        data!(entry, LogOpened).permit_keys.clear();
    };
    BadName, "a founder without a name", LogOpened, |_, entry| {
        data!(entry, LogOpened).founders[0].name.clear();
    };
}

cases! { ACTS:
    WrongActType, "a sign-in as a verdict", VerdictGiven, |_, entry| {
        verdict!(entry).envelope.r#type = ActType::SessionOpened;
    };
    OtherLog, "another log", VerdictGiven, |_, entry| {
        verdict!(entry).envelope.log = Digest([1; 32]);
    };
    Skew, "issued too long ago", VerdictGiven, |_, entry| {
        let envelope: &mut Envelope = &mut verdict!(entry).envelope;
        envelope.issued_at = before(envelope.issued_at, 120_001);
    };
    Skew, "issued in the future", VerdictGiven, |_, entry| {
        let envelope: &mut Envelope = &mut verdict!(entry).envelope;
        envelope.issued_at = Time::from_unix_ms(envelope.issued_at.unix_ms() + 120_001);
    };
    EnvelopeExpired, "at its end", VerdictGiven, |_, entry| {
        verdict!(entry).envelope.expires_at = entry.leaf.time;
    };
    WrongActor, "not the signer", VerdictGiven, |_, entry| {
        entry.leaf.actor = Actor::Reviewer(stranger());
    };
    ItemCount, "no items", VerdictGiven, |_, entry| {
        verdict!(entry).count = 0;
    };
    ItemCount, "257 items", VerdictGiven, |_, entry| {
        verdict!(entry).count = 257;
    };
    ItemCount, "beyond the items", VerdictGiven, |_, entry| {
        verdict!(entry).index = 1;
    };
    StalePin, "does not cover the proposal", VerdictGiven, |story, entry| {
        let proposal = story.state.action(&action(0)).expect("proposed").proposal;
        verdict!(entry).envelope.pinned_size = Decimal(proposal.index);
    };
    StalePin, "does not cover the key", AgentRegistered, |_, entry| {
        data!(entry, AgentRegistered).signed.envelope.pinned_size = Decimal(1);
    };
    StalePin, "does not cover the opening", CredentialEnrolled, |_, entry| {
        data!(entry, CredentialEnrolled).signed.envelope.pinned_size = Decimal(0);
    };
    PinBeyond, "covers the verdict itself", VerdictGiven, |_, entry| {
        verdict!(entry).envelope.pinned_size = Decimal(entry.index + 1);
    };
    NonceReused, "other items", VerdictGiven, |story, entry| {
        let own = verdict!(entry).envelope.items_root;
        reuse_nonce(story, entry, 2, 1);
        verdict!(entry).envelope.items_root = own;
    };
    NonceReused, "the same item", VerdictGiven, |story, entry| {
        reuse_nonce(story, entry, 2, 0);
    };
    NonceReused, "under another count", VerdictGiven, |story, entry| {
        reuse_nonce(story, entry, 3, 1);
    };
    UnknownCredential, "a key of nobody", VerdictGiven, |_, entry| {
        verdict!(entry).assertion.credential_id = Blob(vec![0]);
    };
    UnknownCredential, "a key of nobody", AgentRegistered, |_, entry| {
        data!(entry, AgentRegistered).signed.assertion.credential_id = Blob(vec![0]);
    };
    ForeignCredential, "signed for another", VerdictGiven, |_, entry| {
        verdict!(entry).envelope.signer = stranger();
        entry.leaf.actor = Actor::Reviewer(stranger());
    };
    NotTheFoundersKey, "another person", CredentialEnrolled, |_, entry| {
        data!(entry, CredentialEnrolled).signed.item.reviewer = stranger();
        data!(entry, CredentialEnrolled).signed.envelope.signer = stranger();
        entry.leaf.actor = Actor::Reviewer(stranger());
    };
    NotTheFoundersKey, "another key id", CredentialEnrolled, |_, entry| {
        data!(entry, CredentialEnrolled).signed.item.credential_id = Blob(vec![0]);
        data!(entry, CredentialEnrolled)
            .signed
            .assertion
            .credential_id = Blob(vec![0]);
    };
    NotTheFoundersKey, "another key", CredentialEnrolled, |_, entry| {
        data!(entry, CredentialEnrolled).signed.item.public_key = Blob(vec![0]);
    };
    NotTheFoundersKey, "another name", CredentialEnrolled, |_, entry| {
        data!(entry, CredentialEnrolled).signed.item.name = "Eve".into();
    };
    NotItsOwnKey, "signed by another key", CredentialEnrolled, |_, entry| {
        data!(entry, CredentialEnrolled)
            .signed
            .assertion
            .credential_id = Blob(vec![0]);
    };
    NotItsOwnKey, "signed by another", CredentialEnrolled, |_, entry| {
        data!(entry, CredentialEnrolled).signed.envelope.signer = stranger();
        entry.leaf.actor = Actor::Reviewer(stranger());
    };
    NotItsOwnKey, "another attestation", CredentialEnrolled, |_, entry| {
        data!(entry, CredentialEnrolled).attestation_object = Blob(vec![0]);
    };
    NotItsOwnKey, "a second time", AgentRegistered, |story, entry| {
        let again = story.enrolled();
        instead(story, entry, again);
    };
    BadName, "a key without a name", CredentialEnrolled, |_, entry| {
        data!(entry, CredentialEnrolled).signed.item.label.clear();
    };
    UnknownReviewer, "an agent of nobody", AgentRegistered, |_, entry| {
        data!(entry, AgentRegistered).signed.item.owner = stranger();
    };
    AgentExists, "registered twice", ActionProposed, |story, entry| {
        let again = story.registered();
        instead(story, entry, again);
    };
    AgentExists, "another agent with the same token", ActionProposed, |story, entry| {
        let token_hash = story.state.agents().next().expect("one is registered").token_hash;
        let mut again = story.registered_as(AgentId::from_random([0x22; 16]));
        if let Data::AgentRegistered(data) = &mut again.data {
            data.signed.item.token_hash = token_hash;
        }
        instead(story, entry, again);
    };
    BadName, "81 characters", AgentRegistered, |_, entry| {
        data!(entry, AgentRegistered).signed.item.name = "é".repeat(81);
    };
    BadName, "a line feed", AgentRegistered, |_, entry| {
        data!(entry, AgentRegistered).signed.item.name = "a\nb".into();
    };
    BadName, "a space at the end", AgentRegistered, |_, entry| {
        data!(entry, AgentRegistered).signed.item.name = "a ".into();
    };
}

/// Writes the first of two items of a touch first, and makes the verdict the
/// item `index` of `count` of the same touch.
pub(super) fn reuse_nonce(story: &mut Story, entry: &mut Entry, count: u64, index: u64) {
    let mut leaf = story.registered_as(AgentId::from_random([0x22; 16]));
    let Data::AgentRegistered(data) = &mut leaf.data else {
        panic!("another kind");
    };
    data.signed.count = 2;
    let used = data.signed.envelope.clone();
    first(story, entry, leaf);
    let signed = &mut verdict!(entry);
    (signed.count, signed.index) = (count, index);
    (signed.envelope.nonce, signed.envelope.items_root) = (used.nonce, used.items_root);
}
