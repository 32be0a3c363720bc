//! The opening of a log and its first key.

use super::*;

#[test]
fn each_rule_of_the_first_key_refuses() {
    type Change = fn(&mut Story, &mut vidimus_protocol::entry::CredentialEnrolled);
    type Is = fn(&EnrolmentError) -> bool;
    let cases: &[(&str, Change, Is)] = &[
        (
            "a registration of another key",
            |_, data| {
                let key = SoftKey::from_seed(Algorithm::Es256, &[9; 32]).public_key();
                let id = &data.signed.item.credential_id.0;
                let other = crate::testkit::registration_data("localhost", 5, id, &key);
                data.attestation_object = crate::testkit::attestation_object(&other);
            },
            |error| *error == EnrolmentError::OtherKey,
        ),
        (
            "a registration of a key that may be copied, said to stay",
            |_, data| {
                let item = &data.signed.item;
                let (id, key) = (&item.credential_id.0, &item.public_key);
                let other = crate::testkit::registration_data("localhost", 0x0d, id, key);
                data.attestation_object = crate::testkit::attestation_object(&other);
            },
            |error| *error == EnrolmentError::OtherKey,
        ),
        (
            "a registration of another credential id",
            |_, data| {
                let key = data.signed.item.public_key.clone();
                let other = crate::testkit::registration_data("localhost", 5, &[1], &key);
                data.attestation_object = crate::testkit::attestation_object(&other);
            },
            |error| *error == EnrolmentError::OtherKey,
        ),
        (
            "a registration without user verification",
            |_, data| {
                let item = &data.signed.item;
                let (id, key) = (&item.credential_id.0, &item.public_key);
                let other = crate::testkit::registration_data("localhost", 1, id, key);
                data.attestation_object = crate::testkit::attestation_object(&other);
            },
            |error| matches!(error, EnrolmentError::Attestation(_)),
        ),
        (
            "a registration on another page",
            |_, data| {
                let other = client_data("webauthn.create", &Digest([0; 32]), "http://evil");
                data.client_data_json = Blob(other);
            },
            |error| {
                matches!(
                    error,
                    EnrolmentError::ClientData(ClientDataError::Origin(_))
                )
            },
        ),
        (
            "an assertion in place of a registration",
            |story, data| {
                let other = client_data("webauthn.get", &Digest([0; 32]), &story.origin);
                data.client_data_json = Blob(other);
            },
            |error| matches!(error, EnrolmentError::ClientData(ClientDataError::Type(_))),
        ),
        (
            "a registration by another route",
            |_, data| {
                let page = crate::testkit::ORIGIN;
                let other = client_data("webauthn.create", &Digest([0; 32]), page);
                data.client_data_json = Blob(other);
            },
            |error| *error == EnrolmentError::OtherRoute,
        ),
    ];
    for (what, change, expected) in cases {
        let mut story = Story::open(1, Algorithm::Es256);
        let mut draft = story.enrolment();
        if let Data::CredentialEnrolled(data) = &mut draft.leaf.data {
            change(&mut story, data);
        }
        story.write(draft);
        match replay(story.leaves()) {
            Err((1, ReplayError::Enrolment(error))) => assert!(expected(&error), "{what}: {error}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    // The same, with a statement about the swapped registration.
    let mut story = Story::open(1, Algorithm::Es256);
    let mut draft = story.enrolment();
    if let Data::CredentialEnrolled(data) = &mut draft.leaf.data {
        let item = &data.signed.item;
        let (id, key) = (&item.credential_id.0, &item.public_key);
        // Reserved flags are ignored.
        let other = crate::testkit::registration_data("localhost", 0x07, id, key);
        data.attestation_object = crate::testkit::attestation_object(&other);
    }
    story.write(draft);
    let (index, error) = replay(story.leaves()).unwrap_err();
    assert_eq!(index, 1);
    assert!(violates(&error, Violation::NotItsOwnKey), "{error}");
}

#[test]
fn each_rule_of_the_opening_refuses() {
    type Change = fn(&mut vidimus_protocol::entry::LogOpened);
    type Is = fn(&OpeningError) -> bool;
    let cases: &[(&str, Change, Is)] = &[
        (
            "log key",
            |opened| opened.log_key.push('x'),
            |error| matches!(error, OpeningError::LogKey(_)),
        ),
        (
            "nonce",
            |opened| opened.nonce.0[0] ^= 1,
            |error| matches!(error, OpeningError::Origin(_)),
        ),
        (
            "name of the log key",
            |opened| {
                let other = vidimus_ledger::note::SigningKey::from_seed("vidimus/x", &[1; 32]);
                opened.log_key = other.unwrap().verifier().to_string();
            },
            |error| matches!(error, OpeningError::Origin(_)),
        ),
        (
            "RP ID",
            |opened| opened.rp_id = "example.org".into(),
            |error| matches!(error, OpeningError::RpId(_)),
        ),
        (
            "no web origin",
            |opened| opened.origins.clear(),
            |error| *error == OpeningError::WebOrigins,
        ),
        (
            "web origin twice",
            |opened| opened.origins.push(opened.origins[0].clone()),
            |error| *error == OpeningError::WebOrigins,
        ),
        (
            "foreign web origin",
            |opened| opened.origins[0] = "http://example.org:1".into(),
            |error| *error == OpeningError::WebOrigins,
        ),
        (
            "port",
            |opened| opened.origins[0] = "http://localhost:065".into(),
            |error| *error == OpeningError::WebOrigins,
        ),
        (
            "path",
            |opened| opened.origins[0].push('/'),
            |error| *error == OpeningError::WebOrigins,
        ),
        (
            "permit key's id",
            |opened| opened.permit_keys[0].x.0[0] ^= 1,
            |error| matches!(error, OpeningError::PermitKey(_)),
        ),
        (
            "permit key's size",
            |opened| opened.permit_keys[0].x.0.push(0),
            |error| matches!(error, OpeningError::PermitKey(_)),
        ),
        (
            "permit key twice",
            |opened| opened.permit_keys.push(opened.permit_keys[0].clone()),
            |error| matches!(error, OpeningError::PermitKey(_)),
        ),
        (
            "founder's key",
            |opened| opened.founders[0].public_key.0.push(0),
            |error| matches!(error, OpeningError::FounderKey(_)),
        ),
    ];
    for (what, change, expected) in cases {
        let story = Story::open(1, Algorithm::Es256);
        let mut leaf = leaf_of(&story.leaves()[0]);
        if let Data::LogOpened(opened) = &mut leaf.data {
            change(opened);
        }
        match replay(&[leaf.to_bytes()]) {
            Err((0, ReplayError::Opening(error))) => assert!(expected(&error), "{what}: {error}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}
