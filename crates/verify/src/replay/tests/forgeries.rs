//! Each lie that a gateway can tell about a running log.

use super::*;
use crate::testkit::mirrored;

/// Tells a story with one forged entry at its end.
type Forgery = fn(&mut Story) -> Draft;
type Is = fn(&ReplayError) -> bool;

fn verdict_with_envelope(
    story: &mut Story,
    change: impl FnOnce(&mut Story, &mut vidimus_protocol::envelope::Envelope),
) -> Draft {
    let action = story.propose();
    let mut changed = None;
    // The change may need the story, which the closure below cannot have.
    let draft = story.verdict_with(action, Verdict::Approve, "", |envelope, _| {
        changed = Some(envelope.clone());
    });
    let mut envelope = changed.unwrap();
    drop(draft);
    change(story, &mut envelope);
    story.verdict_with(action, Verdict::Approve, "", |slot, _| *slot = envelope)
}

fn resolved(story: &mut Story, verdict: Verdict, resolution: Resolution) -> (ActionId, Draft) {
    let action = story.propose();
    let draft = story.verdict(action, verdict, "");
    story.write(draft);
    let draft = story.resolution(action, resolution);
    (action, draft)
}

fn verdict_data(draft: &mut Draft) -> &mut vidimus_protocol::entry::VerdictGiven {
    match &mut draft.leaf.data {
        Data::VerdictGiven(data) => data,
        other => panic!("not a verdict: {other:?}"),
    }
}

fn foreign(story: &mut Story, tell: impl FnOnce(&mut Story) -> Draft) -> Draft {
    let key = SoftKey::from_seed(Algorithm::Es256, &[77; 32]);
    let own_key = std::mem::replace(&mut story.key, key);
    let own_id = std::mem::replace(&mut story.credential_id, Blob(vec![7; 16]));
    let draft = tell(story);
    story.key = own_key;
    story.credential_id = own_id;
    draft
}

const FORGERIES: &[(&str, Forgery, Is)] = &[
    (
        "the gateway admits a key of its own",
        |story| {
            let mut key = story.further_key(Algorithm::Es256);
            story.enrol(&mut key);
            story.swap(&mut key);
            story.admission_of_own()
        },
        |error| violates(error, Violation::NotAdmitted),
    ),
    (
        "the founder's key is enrolled twice",
        Story::enrolment,
        |error| violates(error, Violation::NotItsOwnKey),
    ),
    (
        "a second log is opened inside",
        |story| {
            let other = Story::open(2, Algorithm::Es256);
            let mut draft = Draft {
                leaf: leaf_of(&other.leaves()[0]),
                parts: Vec::new(),
            };
            draft.leaf.time = story.now;
            draft
        },
        |error| violates(error, Violation::BadOpening),
    ),
    (
        "approved without a verdict",
        |story| {
            let action = story.propose();
            story.resolution(action, Resolution::Approved)
        },
        |error| violates(error, Violation::NoQuorum),
    ),
    (
        "a permit without an approval",
        |story| {
            let action = story.propose();
            story.permit(action)
        },
        |error| violates(error, Violation::NotApproved),
    ),
    (
        "approved although denied",
        |story| resolved(story, Verdict::Deny, Resolution::Approved).1,
        |error| violates(error, Violation::NoQuorum),
    ),
    (
        "denied although approved",
        |story| resolved(story, Verdict::Approve, Resolution::Denied).1,
        |error| violates(error, Violation::UnfoundedResolution),
    ),
    (
        "an envelope of another log",
        |story| {
            verdict_with_envelope(story, |_, envelope| {
                envelope.log = Story::open(2, Algorithm::Es256).log.id;
            })
        },
        |error| violates(error, Violation::OtherLog),
    ),
    (
        "a verdict signed by the software key of another log",
        |story| {
            let own = std::mem::replace(&mut story.origin, Story::open(2, Algorithm::Es256).origin);
            let draft = verdict_with_envelope(story, |_, _| {});
            story.origin = own;
            draft
        },
        |error| {
            matches!(
                error,
                ReplayError::Act(ActError::Assertion(AssertionError::ClientData(
                    ClientDataError::Origin(_)
                )))
            )
        },
    ),
    (
        "an envelope of another type",
        |story| {
            verdict_with_envelope(story, |_, envelope| {
                envelope.r#type = ActType::SessionOpened;
            })
        },
        |error| violates(error, Violation::WrongActType),
    ),
    (
        "a pin older than the proposal",
        |story| {
            verdict_with_envelope(story, |story, envelope| {
                let size = story.size() - 1;
                envelope.pinned_size = Decimal(size);
                envelope.pinned_root = Digest(story.tree().root_at(size).unwrap());
            })
        },
        |error| violates(error, Violation::StalePin),
    ),
    (
        "an invented pin",
        |story| verdict_with_envelope(story, |_, envelope| envelope.pinned_root.0[0] ^= 1),
        |error| *error == ReplayError::Act(ActError::WrongPin),
    ),
    (
        "a pin of another size's root",
        |story| {
            verdict_with_envelope(story, |story, envelope| {
                let root = story.tree().root_at(story.size() - 1).unwrap();
                envelope.pinned_root = Digest(root);
            })
        },
        |error| *error == ReplayError::Act(ActError::WrongPin),
    ),
    (
        "a pin in the future",
        |story| {
            verdict_with_envelope(story, |story, envelope| {
                envelope.pinned_size = Decimal(story.size() + 1);
            })
        },
        |error| *error == ReplayError::Act(ActError::PinBeyond),
    ),
    (
        "a nonce used before",
        |story| {
            let first = story.propose();
            let draft = story.verdict(first, Verdict::Approve, "");
            let used = nonce_of(&draft);
            story.write(draft);
            verdict_with_envelope(story, |_, envelope| envelope.nonce = used)
        },
        |error| violates(error, Violation::NonceReused),
    ),
    (
        "the same signed verdict again",
        |story| {
            let action = story.propose();
            let draft = story.verdict(action, Verdict::Deny, "");
            let again = draft.clone();
            story.write(draft);
            again
        },
        |error| {
            violates(error, Violation::TimeRunsBackwards) || violates(error, Violation::NonceReused)
        },
    ),
    (
        // It verifies as the first one does. The nonce tells, before any rule about verdicts would.
        "the same verdict again, its ECDSA signature mirrored",
        |story| {
            let action = story.propose();
            let first = story.verdict(action, Verdict::Approve, "");
            story.write(first.clone());
            let mut again = first;
            // The entry's time is the gateway's to write, and may not run backwards.
            again.leaf.time = story.now;
            let signature = &mut verdict_data(&mut again).signed.assertion.signature;
            if let SoftKey::Es256(_) = story.key {
                *signature = mirrored(signature);
            }
            again
        },
        |error| violates(error, Violation::NonceReused),
    ),
    (
        // Two gateways at one web address, one after the other: only the log id tells them apart.
        "a verdict relayed from another log of the same key and page",
        |story| relayed(story, |_, _| {}),
        |error| violates(error, Violation::OtherLog),
    ),
    (
        "a verdict relayed from another log, whose name is put right",
        |story| relayed(story, |own, envelope| envelope.log = own),
        is_challenge,
    ),
    (
        "a verdict under a challenge of another type",
        |story| {
            let action = story.propose();
            let mut draft = story.verdict_with(action, Verdict::Approve, "", |envelope, _| {
                envelope.r#type = ActType::SessionOpened;
            });
            // The words are put right afterwards; what was signed stays a session.
            verdict_data(&mut draft).signed.envelope.r#type = ActType::VerdictGiven;
            draft
        },
        is_challenge,
    ),
    (
        "an envelope issued too early",
        |story| {
            verdict_with_envelope(story, |story, envelope| {
                envelope.issued_at = Time::from_unix_ms(story.now.unix_ms() - 120_001);
            })
        },
        |error| violates(error, Violation::Skew),
    ),
    (
        "an envelope that had expired",
        |story| verdict_with_envelope(story, |story, envelope| envelope.expires_at = story.now),
        |error| violates(error, Violation::EnvelopeExpired),
    ),
    (
        "another reason than the signed one",
        |story| {
            let action = story.propose();
            let mut draft = story.verdict(action, Verdict::Approve, "fine");
            draft.leaf.parts[0].commit.0[0] ^= 1;
            draft
        },
        |error| violates(error, Violation::WrongReason),
    ),
    (
        "another reason, in the signed item too",
        |story| {
            let action = story.propose();
            let mut draft = story.verdict(action, Verdict::Approve, "fine");
            draft.leaf.parts[0].commit.0[0] ^= 1;
            let commit = draft.leaf.parts[0].commit;
            verdict_data(&mut draft).signed.item.reason_commit = commit;
            draft
        },
        not_the_signed_item,
    ),
    (
        "a denial turned into an approval",
        |story| {
            let action = story.propose();
            let mut draft = story.verdict(action, Verdict::Deny, "no");
            verdict_data(&mut draft).signed.item.verdict = Verdict::Approve;
            draft
        },
        not_the_signed_item,
    ),
    (
        "a denial turned into an approval, under a root of its own",
        |story| {
            let action = story.propose();
            let mut draft = story.verdict(action, Verdict::Deny, "no");
            let signed = &mut verdict_data(&mut draft).signed;
            signed.item.verdict = Verdict::Approve;
            let item = vidimus_ledger::tree::leaf_hash(&strict::canonical(&signed.item));
            signed.envelope.items_root = Digest(item);
            draft
        },
        is_challenge,
    ),
    (
        "a verdict about another digest",
        |story| {
            let action = story.propose();
            story.verdict_with(action, Verdict::Approve, "", |_, item| {
                item.action_digest.0[0] ^= 1;
            })
        },
        |error| violates(error, Violation::WrongProposal),
    ),
    (
        "a verdict about another proposal",
        |story| {
            let action = story.propose();
            story.verdict_with(action, Verdict::Approve, "", |_, item| {
                item.proposal_leaf.0[0] ^= 1;
            })
        },
        |error| violates(error, Violation::WrongProposal),
    ),
    (
        "an approval without seeing the payload",
        |story| {
            let action = story.propose();
            let mut seen = None;
            let draft = story.verdict_with(action, Verdict::Approve, "", |_, item| {
                seen = Some(item.seen);
            });
            drop(draft);
            let empty = vidimus_protocol::envelope::Seen {
                full: false,
                parts: Vec::new(),
                renderer: "none".into(),
            };
            let digest = empty.digest();
            let mut draft = story.verdict_with(action, Verdict::Approve, "", |_, item| {
                item.seen = digest;
            });
            verdict_data(&mut draft).seen = empty;
            draft
        },
        |error| violates(error, Violation::WrongSeen),
    ),
    (
        "more was seen than was signed",
        |story| {
            let action = story.propose();
            let mut draft = story.verdict(action, Verdict::Approve, "");
            verdict_data(&mut draft).seen.renderer = "other".into();
            draft
        },
        |error| violates(error, Violation::WrongSeen),
    ),
    (
        "a verdict at the deadline",
        |story| {
            let action = story.propose();
            story.pass(899);
            story.verdict(action, Verdict::Approve, "")
        },
        |error| violates(error, Violation::TooLate),
    ),
    (
        "a verdict after the resolution",
        |story| {
            let action = story.propose();
            let draft = story.resolution(action, Resolution::Withdrawn);
            story.write(draft);
            story.verdict(action, Verdict::Approve, "")
        },
        |error| violates(error, Violation::NotPending),
    ),
    (
        "a key that nobody enrolled",
        |story| {
            let action = story.propose();
            foreign(story, |story| story.verdict(action, Verdict::Approve, ""))
        },
        |error| violates(error, Violation::UnknownCredential),
    ),
    (
        "another key under the founder's credential id",
        |story| {
            let action = story.propose();
            let id = story.credential_id.clone();
            foreign(story, |story| {
                story.credential_id = id;
                story.verdict(action, Verdict::Approve, "")
            })
        },
        |error| *error == ReplayError::Act(ActError::Assertion(AssertionError::Signature)),
    ),
    (
        "another person's name under the founder's key",
        |story| {
            let action = story.propose();
            let other = ReviewerId::from_random([9; 16]);
            let mut draft = story.verdict_with(action, Verdict::Approve, "", |envelope, _| {
                envelope.signer = other;
            });
            draft.leaf.actor = Actor::Reviewer(other);
            draft
        },
        |error| violates(error, Violation::ForeignCredential),
    ),
    (
        "an agent for somebody else",
        |story| {
            let item = vidimus_protocol::envelope::AgentItem {
                agent: AgentId::from_random([1; 16]),
                executor: story.executor,
                name: "x".into(),
                owner: ReviewerId::from_random([9; 16]),
                token_hash: vidimus_protocol::envelope::token_hash(AGENT_TOKEN),
            };
            story.registration_with(item, |_, _| {})
        },
        |error| violates(error, Violation::UnknownReviewer),
    ),
    (
        "an agent's token changed after the signature",
        |story| {
            let mut draft = story.registration();
            if let Data::AgentRegistered(data) = &mut draft.leaf.data {
                data.signed.item.agent = AgentId::from_random([1; 16]);
                data.signed.item.token_hash.0[0] ^= 1;
            }
            draft
        },
        not_the_signed_item,
    ),
    (
        "a second redemption",
        |story| {
            let action = story.run();
            story.redemption(action)
        },
        |error| violates(error, Violation::NoSuchPermit),
    ),
    (
        "a second permit after a redemption",
        |story| {
            let action = story.propose();
            story.approve(action);
            story.redeem(action);
            story.permit(action)
        },
        |error| violates(error, Violation::PermitExists),
    ),
    (
        "a second permit beside the first",
        |story| {
            let action = story.propose();
            story.approve(action);
            story.permit(action)
        },
        |error| violates(error, Violation::PermitExists),
    ),
    (
        "a redemption after the permit's end",
        |story| {
            let action = story.propose();
            story.approve(action);
            story.pass(300);
            story.redemption(action)
        },
        |error| violates(error, Violation::TooLate),
    ),
    (
        "an outcome of what never ran",
        |story| {
            let action = story.propose();
            story.completion(action)
        },
        |error| violates(error, Violation::NotRunning),
    ),
    (
        "time runs backwards",
        |story| {
            let mut draft = story.proposal();
            draft.leaf.time = Time::from_unix_ms(story.now.unix_ms() - 1_001);
            draft
        },
        |error| violates(error, Violation::TimeRunsBackwards),
    ),
    (
        "more items than an envelope may have",
        |story| {
            let action = story.propose();
            let mut draft = story.verdict(action, Verdict::Approve, "");
            verdict_data(&mut draft).signed.count = 257;
            draft
        },
        |error| *error == ReplayError::Act(ActError::ItemCount),
    ),
    (
        "an item outside its envelope",
        |story| {
            let action = story.propose();
            let mut draft = story.verdict(action, Verdict::Approve, "");
            verdict_data(&mut draft).signed.index = 1;
            draft
        },
        |error| {
            matches!(
                error,
                ReplayError::Act(ActError::Item(ProofError::IndexOutOfRange { .. }))
            )
        },
    ),
];

/// What the founder's browser signs for another log, put into this one.
fn relayed(
    story: &mut Story,
    change: impl FnOnce(Digest, &mut vidimus_protocol::envelope::Envelope),
) -> Draft {
    let action = story.propose();
    let other = Story::open(2, Algorithm::Es256);
    let own_log = std::mem::replace(&mut story.log, other.log);
    let own_origin = std::mem::replace(&mut story.origin, crate::testkit::ORIGIN.into());
    let mut draft = story.verdict(action, Verdict::Approve, "");
    story.log = own_log;
    story.origin = own_origin;
    let own = story.log.id;
    change(own, &mut verdict_data(&mut draft).signed.envelope);
    draft
}

fn is_challenge(error: &ReplayError) -> bool {
    let challenge = AssertionError::ClientData(ClientDataError::Challenge);
    *error == ReplayError::Act(ActError::Assertion(challenge))
}

fn not_the_signed_item(error: &ReplayError) -> bool {
    *error == ReplayError::Act(ActError::Item(ProofError::RootMismatch))
}

fn nonce_of(draft: &Draft) -> Digest {
    match &draft.leaf.data {
        Data::VerdictGiven(data) => data.signed.envelope.nonce,
        other => panic!("not a verdict: {other:?}"),
    }
}

#[test]
fn each_forgery_is_caught_at_its_entry_and_by_name() {
    for (what, forge, expected) in FORGERIES {
        // Once at the start, once where signatures are read ahead.
        for before in [3, 40] {
            let mut story = Story::new(1, Algorithm::Es256);
            story.run_until(before);
            let draft = forge(&mut story);
            let at = story.size();
            assert!(replay(story.leaves()).is_ok(), "{what}: good until then");
            story.write(draft);
            story.run();
            let (index, error) = replay(story.leaves()).expect_err(what);
            assert_eq!(index, at, "{what}: {error}");
            assert!(expected(&error), "{what}: {error}");
        }
    }
}

#[test]
fn a_refused_leaf_changes_nothing() {
    for (what, forge, _) in FORGERIES {
        let mut story = Story::new(1, Algorithm::EdDsa);
        let draft = forge(&mut story);
        let mut replayed = replay(story.leaves()).unwrap();
        let before = (
            replayed.state().clone(),
            replayed.tree().root(),
            replayed.signatures(),
        );
        replayed.push(&draft.leaf.to_bytes()).expect_err(what);
        let after = (
            replayed.state().clone(),
            replayed.tree().root(),
            replayed.signatures(),
        );
        assert!(before == after, "{what}");
        let next = story.proposal();
        assert!(
            replayed.push(&next.leaf.to_bytes()).is_ok(),
            "{what}: goes on"
        );
    }
}

/// A signature is no identity: the mirrored one makes the same good log, so a
/// rule that remembered signatures would not see an act for the second time.
#[test]
fn a_mirrored_signature_is_as_good_as_the_first() {
    let mut story = Story::new(1, Algorithm::Es256);
    let action = story.propose();
    let mut draft = story.verdict(action, Verdict::Approve, "");
    let signature = &mut verdict_data(&mut draft).signed.assertion.signature;
    let first = signature.clone();
    *signature = mirrored(signature);
    assert_ne!(*signature, first);
    story.write(draft);
    assert!(replay(story.leaves()).is_ok());
}
