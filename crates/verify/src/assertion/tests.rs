//! One good assertion of each algorithm, and for each rule one that breaks it
//! and nothing else.
#![allow(clippy::unwrap_used)]

use vidimus_protocol::state::software_origin;

use super::*;
use crate::cbor::CborError;
use crate::cose::Algorithm;
use crate::testkit::{FLAGS, ORIGIN, SoftKey, authenticator_data, client_data};

const CHALLENGE: Digest = Digest([9; 32]);

struct Case {
    pair: SoftKey,
    key: CoseKey,
    software: String,
}

impl Case {
    fn new(algorithm: Algorithm) -> Self {
        let pair = SoftKey::from_seed(algorithm, &[3; 32]);
        let key = CoseKey::parse(&pair.public_key().0).unwrap();
        let software = software_origin(Digest([1; 32]));
        Self {
            pair,
            key,
            software,
        }
    }

    /// Signs these bytes well and checks them.
    fn check_signed(&self, data: Vec<u8>, client: Vec<u8>) -> Result<Route, AssertionError> {
        self.check(&self.pair.assert(&Blob(vec![1]), data, client))
    }

    fn check(&self, assertion: &Assertion) -> Result<Route, AssertionError> {
        check(
            assertion,
            &Expected {
                challenge: &CHALLENGE,
                rp_id: "localhost",
                origins: &[ORIGIN.to_owned(), "http://localhost:7412".to_owned()],
                software_origin: Some(&self.software),
                public_key: &self.key,
            },
        )
    }

    fn with_client(&self, client: impl Into<Vec<u8>>) -> Result<Route, AssertionError> {
        self.check_signed(good_data(), client.into())
    }

    fn with_data(&self, data: Vec<u8>) -> Result<Route, AssertionError> {
        self.check_signed(data, good_client())
    }
}

fn good_client() -> Vec<u8> {
    client_data("webauthn.get", &CHALLENGE, ORIGIN)
}

fn good_data() -> Vec<u8> {
    authenticator_data("localhost", FLAGS)
}

fn cases() -> impl Iterator<Item = Case> {
    [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256]
        .into_iter()
        .map(Case::new)
}

#[test]
fn good_assertions_of_each_algorithm_pass() {
    for case in cases() {
        assert_eq!(case.with_client(good_client()), Ok(Route::Browser));
        let software = client_data("webauthn.get", &CHALLENGE, &case.software);
        assert_eq!(case.with_client(software), Ok(Route::Software));
        let second = client_data("webauthn.get", &CHALLENGE, "http://localhost:7412");
        assert_eq!(case.with_client(second), Ok(Route::Browser));
    }
}

#[test]
fn unknown_members_of_client_data_are_allowed() {
    let text = String::from_utf8(good_client()).unwrap();
    let more = text.replace(
        "}",
        r#","other_keys_can_be_added_here":"do not compare","x":{"y":[1,null]}}"#,
    );
    let without = text.replace(r#","crossOrigin":false"#, "");
    for case in cases() {
        assert_eq!(case.with_client(more.as_str()), Ok(Route::Browser));
        assert_eq!(case.with_client(without.as_str()), Ok(Route::Browser));
    }
}

#[test]
fn each_rule_of_client_data_refuses() {
    let text = String::from_utf8(good_client()).unwrap();
    let other = challenge_text(&Digest([8; 32]));
    let challenge = challenge_text(&CHALLENGE);
    let is_text = |error: &_| matches!(error, ClientDataError::Text(_));
    let is_challenge = |error: &_| matches!(error, ClientDataError::Challenge);
    let is_type = |error: &_| matches!(error, ClientDataError::Type(_));
    let is_origin = |error: &_| matches!(error, ClientDataError::Origin(_));
    let is_frame = |error: &_| matches!(error, ClientDataError::CrossOrigin);
    type Is<'a> = &'a dyn Fn(&ClientDataError) -> bool;
    let mut refused: Vec<(&str, String, Is<'_>)> = vec![
        ("no JSON", text.replace('}', ""), &is_text),
        ("bytes after", format!("{text} x"), &is_text),
        ("byte order mark", format!("\u{feff}{text}"), &is_text),
        (
            "key twice",
            text.replace('{', r#"{"origin":"http://evil","#),
            &is_text,
        ),
        (
            "key twice, escaped",
            text.replace('{', r#"{"orig\u0069n":"http://evil","#),
            &is_text,
        ),
        (
            "member missing",
            text.replace(r#""type":"webauthn.get","#, ""),
            &is_text,
        ),
        (
            "too long",
            text.replace('}', &format!("{}}}", " ".repeat(5000))),
            &is_text,
        ),
        (
            "other challenge",
            text.replace(&challenge, &other),
            &is_challenge,
        ),
        (
            "padded challenge",
            text.replace(&challenge, &format!("{challenge}=")),
            &is_challenge,
        ),
        (
            "registration",
            text.replace("webauthn.get", "webauthn.create"),
            &is_type,
        ),
        (
            "payment",
            text.replace("webauthn.get", "payment.get"),
            &is_type,
        ),
        (
            "foreign frame",
            text.replace(r#""crossOrigin":false"#, r#""crossOrigin":true"#),
            &is_frame,
        ),
        (
            "no boolean",
            text.replace(r#""crossOrigin":false"#, r#""crossOrigin":"false""#),
            &is_text,
        ),
        (
            "top origin",
            text.replace('}', &format!(r#","topOrigin":"{ORIGIN}"}}"#)),
            &is_frame,
        ),
        (
            "top origin null",
            text.replace('}', r#","topOrigin":null}"#),
            &is_frame,
        ),
    ];
    for origin in [
        "http://localhost:7413",
        "https://localhost:7411",
        "http://localhost:7411/",
        "http://LOCALHOST:7411",
        "http://localhost",
        "http://localhost:74110",
        "http://a.localhost:7411",
        "null",
        "",
        &software_origin(Digest([2; 32])),
    ] {
        refused.push(("other origin", text.replace(ORIGIN, origin), &is_origin));
    }
    for case in cases() {
        for (what, client, is) in &refused {
            match case.with_client(client.as_str()) {
                Err(AssertionError::ClientData(error)) => assert!(is(&error), "{what}: {error}"),
                other => panic!("{what}: {other:?}"),
            }
        }
    }
}

#[test]
fn each_rule_of_authenticator_data_refuses() {
    let flags = |flags| authenticator_data("localhost", flags);
    let with =
        |flags, more: &[u8]| [authenticator_data("localhost", flags).as_slice(), more].concat();
    let refused = [
        (
            "short",
            good_data()[..36].to_vec(),
            AuthenticatorError::Short,
        ),
        ("empty", Vec::new(), AuthenticatorError::Short),
        (
            "bytes after",
            with(FLAGS, &[0]),
            AuthenticatorError::Trailing,
        ),
        (
            "other relying party",
            authenticator_data("localhost.", FLAGS),
            AuthenticatorError::OtherRelyingParty,
        ),
        ("no UP", flags(0x04), AuthenticatorError::NoUserPresence),
        ("no UV", flags(0x01), AuthenticatorError::NoUserVerification),
        (
            "BS without BE",
            flags(FLAGS | 0x10),
            AuthenticatorError::BackupState,
        ),
        (
            "new credential",
            crate::testkit::registration_data(
                "localhost",
                FLAGS,
                &[1],
                &SoftKey::from_seed(Algorithm::EdDsa, &[1; 32]).public_key(),
            ),
            AuthenticatorError::Credential,
        ),
        (
            "announced extensions missing",
            flags(FLAGS | 0x80),
            CborError::Truncated.into(),
        ),
        (
            "extensions no map",
            with(FLAGS | 0x80, &[0x01]),
            CborError::WrongType.into(),
        ),
        (
            "extensions malformed",
            with(FLAGS | 0x80, &[0xa2, 0x61, b'a', 0x01, 0x61, b'a', 0x01]),
            CborError::DuplicateKey.into(),
        ),
        (
            "bytes after extensions",
            with(FLAGS | 0x80, &[0xa0, 0x00]),
            AuthenticatorError::Trailing,
        ),
        (
            "extensions without the flag",
            with(FLAGS, &[0xa0]),
            AuthenticatorError::Trailing,
        ),
    ];
    for case in cases() {
        for (what, data, error) in &refused {
            assert_eq!(
                case.with_data(data.clone()),
                Err(AssertionError::Authenticator(*error)),
                "{what}"
            );
        }
        for good in [
            flags(FLAGS | 0x08),
            flags(FLAGS | 0x18),
            with(FLAGS | 0x80, &[0xa1, 0x61, b'a', 0xf5]),
        ] {
            assert_eq!(case.with_data(good), Ok(Route::Browser));
        }
    }
}

#[test]
fn the_signature_binds_both_and_only_this_key_makes_it() {
    for case in cases() {
        let good = case.pair.assert(&Blob(vec![1]), good_data(), good_client());
        let mut counted = good.clone();
        counted.authenticator_data.0[36] = 1;
        assert_eq!(case.check(&counted), Err(AssertionError::Signature));
        let mut spaced = good.clone();
        spaced.client_data_json.0.push(b' ');
        assert_eq!(case.check(&spaced), Err(AssertionError::Signature));
        let mut flipped = good.clone();
        let middle = flipped.signature.0.len() / 2;
        flipped.signature.0[middle] ^= 1;
        assert_eq!(case.check(&flipped), Err(AssertionError::Signature));
        let other = SoftKey::from_seed(case.key.algorithm(), &[4; 32]);
        let foreign = other.assert(&Blob(vec![1]), good_data(), good_client());
        assert_eq!(case.check(&foreign), Err(AssertionError::Signature));
    }
}

/// Signature counters are ignored by design: passkeys leave them at zero, so a
/// counter that falls says nothing, and one that must rise would refuse them.
/// Nothing here remembers a counter. That an act counts once hangs on its nonce.
#[test]
fn a_lower_signature_counter_changes_nothing() {
    for case in cases() {
        for counter in [u32::MAX, 9, 8, 0] {
            let mut data = good_data();
            data[33..37].copy_from_slice(&counter.to_be_bytes());
            assert_eq!(case.with_data(data), Ok(Route::Browser), "{counter}");
        }
    }
}
