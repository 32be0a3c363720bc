//! The opening of a log and its first key.

use vidimus_protocol::Aaguid;

use super::*;
use crate::certificate::CertificateError;
use crate::testkit::Vendor;

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

/// Tells a log whose first key is of a model, with a change.
fn of_a_model(change: impl FnOnce(&mut vidimus_protocol::entry::CredentialEnrolled)) -> Story {
    let mut story = Story::open(1, Algorithm::Es256);
    let vendor = Vendor::new(Aaguid([7; 16]));
    let mut draft = story.attested_enrolment(&vendor);
    if let Data::CredentialEnrolled(data) = &mut draft.leaf.data {
        change(data);
    }
    story.write(draft);
    story
}

fn refused_model(
    change: impl FnOnce(&mut vidimus_protocol::entry::CredentialEnrolled),
) -> EnrolmentError {
    match replay(of_a_model(change).leaves()) {
        Err((1, ReplayError::Enrolment(error))) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_model_is_what_the_attestation_proves() {
    let replayed = replay(of_a_model(|_| {}).leaves()).unwrap();
    let key = replayed.state().credentials().next().unwrap();
    assert_eq!(key.model.unwrap().aaguid, Aaguid([7; 16]));
    let unproven = refused_model(|data| data.anchor = None);
    assert_eq!(unproven, EnrolmentError::OtherModel);
    let unnamed = refused_model(|data| data.signed.item.model = None);
    assert_eq!(unnamed, EnrolmentError::OtherModel);
    let other = refused_model(|data| {
        let model = data.signed.item.model.as_mut();
        model.unwrap().aaguid = Aaguid([8; 16]);
    });
    assert_eq!(other, EnrolmentError::OtherModel);
    let other = refused_model(|data| {
        let model = data.signed.item.model.as_mut();
        model.unwrap().anchor = Digest([8; 32]);
    });
    assert_eq!(other, EnrolmentError::OtherModel);
    // Another anchor, which the item names.
    let stranger = Vendor::new(Aaguid([7; 16]));
    let other = refused_model(|data| {
        data.signed.item.model = Some(stranger.model());
        data.anchor = Some(Blob(stranger.anchor.clone()));
    });
    assert!(matches!(other, EnrolmentError::Packed(_)), "{other}");
    // No attestation at all.
    let none = refused_model(|data| {
        let object = crate::attestation::split(&data.attestation_object.0).unwrap();
        let object = crate::testkit::attestation_object(object.authenticator_data);
        data.attestation_object = object;
    });
    assert!(matches!(none, EnrolmentError::Packed(_)), "{none}");
}

/// The same certificates prove nothing once they are over.
#[test]
fn a_model_is_proven_at_the_time_of_its_entry() {
    let mut story = Story::open(1, Algorithm::Es256);
    story.pass(20 * 365 * 86_400);
    let draft = story.attested_enrolment(&Vendor::new(Aaguid([7; 16])));
    story.write(draft);
    let (index, error) = replay(story.leaves()).unwrap_err();
    assert_eq!(index, 1);
    let over = CertificateError::NotValid.into();
    let over = ReplayError::Enrolment(EnrolmentError::Packed(over));
    assert_eq!(error, over);
}
