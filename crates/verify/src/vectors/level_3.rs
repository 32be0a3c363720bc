//! The test vectors of WebAuthn Level 3 (section "Test Vectors"), vector by
//! vector: what this crate's strict subset takes, and what it refuses and why.
//!
//! `tests/opinions/level3.py` computes the values and proves that they are the
//! published ones, but for attestation statements with certificates, which this
//! crate does not look into: an empty one stands in for them. With the
//! published vectors at hand, `VIDIMUS_LEVEL3_VECTORS` names a file that has
//! them whole; the script writes it.
#![allow(clippy::unwrap_used)]

use serde::Deserialize;
use vidimus_protocol::envelope::Assertion;
use vidimus_protocol::state::Route;
use vidimus_protocol::{Blob, Digest};

use crate::assertion::{self, AssertionError, Expected};
use crate::attestation::{self, AttestationError};
use crate::authenticator::AuthenticatorError;
use crate::client_data::{ClientData, ClientDataError};
use crate::cose::{CoseError, CoseKey};
use crate::testkit::encode;

const VECTORS: &str = include_str!("../../../../tests/vectors/webauthn-level-3.json");

#[derive(Deserialize)]
struct File {
    rp_id: String,
    origin: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    format: String,
    credential_id: Hex,
    public_key: Hex,
    registration: Registration,
    authentication: Authentication,
}

#[derive(Deserialize)]
struct Registration {
    challenge: Hex,
    client_data_json: Hex,
    authenticator_data: Hex,
    attestation_object: Option<Hex>,
}

#[derive(Deserialize)]
struct Authentication {
    challenge: Hex,
    client_data_json: Hex,
    authenticator_data: Hex,
    signature: Hex,
}

#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
struct Hex(Vec<u8>);

impl TryFrom<String> for Hex {
    type Error = const_hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const_hex::decode(text).map(Self)
    }
}

impl Registration {
    fn attestation_object(&self, format: &str) -> Vec<u8> {
        let object = self.attestation_object.clone();
        object.map_or_else(|| self.without_statement(format), |object| object.0)
    }

    fn without_statement(&self, format: &str) -> Vec<u8> {
        encode(|out| {
            out.map(3)?.str("fmt")?.str(format)?;
            out.str("attStmt")?.map(0)?;
            out.str("authData")?.bytes(&self.authenticator_data.0)?;
            Ok(())
        })
        .0
    }
}

/// Why one of a vector's ceremonies does not count.
#[derive(Debug, PartialEq)]
enum Refused {
    Client(ClientDataError),
    Authenticator(AuthenticatorError),
    Key(CoseError),
}

/// The user was not verified.
const NO_UV: Result<(), Refused> = Err(Refused::Authenticator(
    AuthenticatorError::NoUserVerification,
));
/// Made in a frame of another site.
const FRAME: Result<(), Refused> = Err(Refused::Client(ClientDataError::CrossOrigin));
/// ES384, ES512 and Ed448.
const ALGORITHM: Result<(), Refused> = Err(Refused::Key(CoseError::Algorithm));
const TAKEN: Result<(), Refused> = Ok(());

/// Each vector with what its registration says of the key it made, of the
/// person and of the page, and what becomes of its authentication. The rules
/// are asked one by one, so that one refusal hides no other.
type Expectation = (&'static str, [Result<(), Refused>; 3], Result<(), Refused>);

/// The strict rules, in order: `docs/spec/envelope.md`. Attestations of every
/// format are read and none is believed. WebAuthn leaves it to the relying
/// party to demand user verification; here it is always demanded.
const EXPECTED: [Expectation; 15] = [
    ("none.ES256", [TAKEN, NO_UV, TAKEN], NO_UV),
    ("packed-self.ES256", [TAKEN, TAKEN, TAKEN], NO_UV),
    ("none.ES256.crossOrigin", [TAKEN, TAKEN, FRAME], FRAME),
    ("none.ES256.topOrigin", [TAKEN, NO_UV, FRAME], FRAME),
    (
        "none.ES256.long-credential-id",
        [TAKEN, NO_UV, TAKEN],
        TAKEN,
    ),
    ("packed.ES256", [TAKEN, TAKEN, TAKEN], TAKEN),
    ("packed.ES384", [ALGORITHM, NO_UV, TAKEN], ALGORITHM),
    ("packed.ES512", [ALGORITHM, TAKEN, TAKEN], ALGORITHM),
    ("packed.RS256", [TAKEN, TAKEN, TAKEN], NO_UV),
    ("packed.EdDSA", [TAKEN, NO_UV, TAKEN], NO_UV),
    ("packed.Ed448", [ALGORITHM, NO_UV, TAKEN], ALGORITHM),
    ("tpm.ES256", [TAKEN, TAKEN, TAKEN], TAKEN),
    ("android-key.ES256", [TAKEN, TAKEN, TAKEN], NO_UV),
    ("apple.ES256", [TAKEN, NO_UV, TAKEN], NO_UV),
    ("fido-u2f.ES256", [TAKEN, NO_UV, TAKEN], NO_UV),
];

/// What `docs/spec/envelope.md` says of a registration: its key, its
/// authenticator data, its client data.
fn register(file: &File, vector: &Vector) -> [Result<(), Refused>; 3] {
    let registration = &vector.registration;
    let object = registration.attestation_object(&vector.format);
    let attested = attestation::parse(&object).unwrap();
    assert_eq!(attested.fmt, vector.format);
    assert_eq!(attested.credential_id, vector.credential_id.0);
    assert_eq!(attested.public_key, vector.public_key.0);

    let key = CoseKey::parse(&attested.public_key);
    let person = attestation::check(&object, &file.rp_id);
    let client_data = ClientData::parse(&registration.client_data_json.0).unwrap();
    client_data.expect_type("webauthn.create").unwrap();
    let challenge = Blob(registration.challenge.0.clone()).to_string();
    client_data.expect_challenge(&challenge).unwrap();
    let page = client_data.route(std::slice::from_ref(&file.origin), None);
    [
        key.map(drop).map_err(Refused::Key),
        person.map(drop).map_err(|error| match error {
            AttestationError::Authenticator(error) => Refused::Authenticator(error),
            other => panic!("{}: {other}", vector.name),
        }),
        page.map(drop).map_err(Refused::Client),
    ]
}

fn authenticate(file: &File, vector: &Vector, signature: &[u8]) -> Result<Route, AssertionError> {
    let authentication = &vector.authentication;
    let key = CoseKey::parse(&vector.public_key.0).unwrap();
    let mut challenge = Digest([0; 32]);
    challenge.0.copy_from_slice(&authentication.challenge.0);
    let assertion = Assertion {
        authenticator_data: Blob(authentication.authenticator_data.0.clone()),
        client_data_json: Blob(authentication.client_data_json.0.clone()),
        credential_id: Blob(vector.credential_id.0.clone()),
        signature: Blob(signature.to_vec()),
    };
    assertion::check(
        &assertion,
        &Expected {
            challenge: &challenge,
            rp_id: &file.rp_id,
            origins: std::slice::from_ref(&file.origin),
            software_origin: None,
            public_key: &key,
        },
    )
}

/// Whether the vector's signature holds by itself, whatever else is refused.
fn signed(vector: &Vector) -> bool {
    let authentication = &vector.authentication;
    let hash = vidimus_protocol::sha256(&[&authentication.client_data_json.0]);
    let message = [&authentication.authenticator_data.0[..], &hash.0].concat();
    let key = CoseKey::parse(&vector.public_key.0).unwrap();
    key.verify(&message, &authentication.signature.0).is_ok()
}

fn outcome(file: &File, vector: &Vector) -> Result<(), Refused> {
    CoseKey::parse(&vector.public_key.0).map_err(Refused::Key)?;
    assert!(signed(vector), "{}: its signature", vector.name);
    let signature = &vector.authentication.signature.0;
    match authenticate(file, vector, signature) {
        Ok(route) => {
            assert_eq!(route, Route::Browser);
            let mut broken = signature.clone();
            *broken.last_mut().unwrap() ^= 1;
            assert_eq!(
                authenticate(file, vector, &broken),
                Err(AssertionError::Signature)
            );
            Ok(())
        }
        Err(AssertionError::ClientData(error)) => Err(Refused::Client(error)),
        Err(AssertionError::Authenticator(error)) => Err(Refused::Authenticator(error)),
        Err(AssertionError::Signature) => panic!("{}: its signature", vector.name),
    }
}

#[test]
fn each_vector_of_level_3_is_taken_or_refused_by_name() {
    let text = std::env::var_os("VIDIMUS_LEVEL3_VECTORS").map_or_else(
        || VECTORS.to_owned(),
        |path| std::fs::read_to_string(path).unwrap(),
    );
    let file: File = serde_json::from_str(&text).unwrap();
    let found: Vec<Expectation> = file
        .vectors
        .iter()
        .map(|vector| {
            let name: &'static str = vector.name.clone().leak();
            (name, register(&file, vector), outcome(&file, vector))
        })
        .collect();
    assert_eq!(found.len(), EXPECTED.len());
    for (found, expected) in found.iter().zip(&EXPECTED) {
        assert_eq!(found, expected);
    }
}
