#![allow(clippy::unwrap_used)]
use super::*;
use crate::model::Aaguid;

fn sample(r#type: ActType) -> Envelope {
    Envelope {
        expires_at: Time::from_unix_ms(1_795_253_520_000),
        issued_at: Time::from_unix_ms(1_795_253_400_000),
        items_root: Digest([1; 32]),
        log: Digest([2; 32]),
        nonce: Digest([3; 32]),
        pinned_root: Digest([4; 32]),
        pinned_size: Decimal(42),
        signer: ReviewerId::from_random([5; 16]),
        r#type,
    }
}

#[test]
fn golden_challenge() {
    let envelope = sample(ActType::VerdictGiven);
    assert_eq!(
        String::from_utf8(envelope.to_bytes()).unwrap(),
        format!(
            r#"{{"expires_at":"2026-11-21T09:32:00.000Z","issued_at":"2026-11-21T09:30:00.000Z","items_root":"{}","log":"{}","nonce":"{}","pinned_root":"{}","pinned_size":"42","signer":"{}","type":"verdict.given"}}"#,
            "01".repeat(32),
            "02".repeat(32),
            "03".repeat(32),
            "04".repeat(32),
            envelope.signer
        )
    );
    assert_eq!(envelope.to_bytes(), strict::canonical(&envelope));
    assert_eq!(
        envelope.challenge(),
        sha256(&[b"vidimus/verdict.given/v1\0", &envelope.to_bytes()])
    );
}

#[test]
fn fields_of_what_is_signed_stand_in_order() {
    let (digest, time) = (Digest([1; 32]), Time::from_unix_ms(1));
    let reviewer = ReviewerId::from_random([2; 16]);
    let model = Model {
        aaguid: Aaguid([6; 16]),
        anchor: digest,
    };
    fn holds<T: Serialize>(value: &T) {
        assert_eq!(strict::ordered(value), strict::canonical(value));
    }
    let parts = vec![SeenPart {
        commit: digest,
        name: "é\n\u{7f}".into(),
    }];
    for full in [false, true] {
        holds(&Seen {
            full,
            parts: parts.clone(),
            renderer: "r".into(),
        });
    }
    holds(&VerdictItem {
        action: ActionId::from_random([3; 16]),
        action_digest: digest,
        expires_at: time,
        proposal_leaf: digest,
        reason_commit: digest,
        seen: digest,
        verdict: Verdict::Deny,
    });
    holds(&EnrolmentItem {
        attestation: digest,
        backup_eligible: true,
        credential_id: Blob(vec![1]),
        label: "l".into(),
        model: Some(model),
        name: "n".into(),
        public_key: Blob(vec![2]),
        reviewer,
    });
    holds(&AdmissionItem {
        credential: digest,
        reviewer,
    });
    holds(&RevocationItem {
        credential: digest,
        why: Revocation::Lost,
    });
    holds(&ReviewerItem {
        credential: digest,
        groups: vec!["g".into()],
        identity: "i".into(),
        name: "n".into(),
        reviewer,
        roles: vec![Role::Administrator],
    });
    holds(&ReviewerChangeItem {
        groups: vec!["g".into()],
        identity: "i".into(),
        name: "n".into(),
        replaces: digest,
        reviewer,
        roles: vec![Role::Reviewer],
    });
    holds(&RemovalItem {
        replaces: digest,
        reviewer,
    });
    holds(&RulesItem {
        device_bound: true,
        max_age_days: 365,
        models: vec![model],
        quorum: 2,
        replaces: digest,
    });
    holds(&AgentRevocationItem {
        agent: AgentId::from_random([4; 16]),
        registration: digest,
    });
    holds(&PauseItem {
        agent: AgentId::from_random([4; 16]),
        registration: digest,
        run: Some("nightly-42".parse().unwrap()),
    });
    holds(&ResumptionItem {
        agent: AgentId::from_random([4; 16]),
        pause: digest,
    });
    holds(&EditItem {
        action: ActionId::from_random([3; 16]),
        action_digest: digest,
        edited: ActionId::from_random([4; 16]),
        edited_digest: digest,
        proposal_leaf: digest,
    });
    holds(&RecognitionItem {
        action: ActionId::from_random([3; 16]),
        verdict: digest,
    });
    holds(&AgentItem {
        agent: AgentId::from_random([4; 16]),
        executor: ExecutorId::from_random([5; 16]),
        name: "n".into(),
        owner: reviewer,
        token_hash: digest,
    });
    holds(&SessionItem {
        expires_at: time,
        token_hash: digest,
    });
}

#[test]
fn each_type_has_its_own_challenge() {
    let types = ActType::ALL;
    let challenges: std::collections::HashSet<_> =
        types.iter().map(|act| sample(*act).challenge()).collect();
    assert_eq!(challenges.len(), types.len());
}

#[test]
fn decimal_has_one_spelling() {
    assert_eq!("0".parse(), Ok(Decimal(0)));
    assert_eq!("9007199254740991".parse(), Ok(Decimal(strict::MAX_SAFE)));
    for bad in ["", "00", "01", "+1", "-1", "1.0", "9007199254740992", " 1"] {
        assert_eq!(bad.parse::<Decimal>(), Err(DecimalError), "{bad}");
    }
}
