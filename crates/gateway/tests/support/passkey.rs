//! A software passkey, honest or not.

use ::passkey::authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use ::passkey::client::{Client, DefaultClientData};
use ::passkey::crypto::aws_lc_rs::AwsLcRsBackend;
use ::passkey::types::ctap2::{Aaguid, Ctap2Error, get_assertion};
use ::passkey::types::{Passkey, webauthn};
use async_trait::async_trait;
use serde_json::{Value, json};
use vidimus_protocol::envelope::Assertion;
use vidimus_protocol::{Blob, Digest, sha256};

/// Does what its owner wants, with or without verifying him.
#[derive(Clone)]
pub struct Touch {
    pub verifies: bool,
}

#[async_trait]
impl UserValidationMethod for Touch {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _hint: UiHint<'a, Passkey>,
        presence: bool,
        _verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck {
            presence,
            verification: self.verifies,
        })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

fn authenticator(
    store: Option<Passkey>,
    verifies: bool,
) -> Authenticator<Option<Passkey>, Touch, AwsLcRsBackend> {
    Authenticator::new(
        Aaguid::new_empty(),
        store,
        Touch { verifies },
        AwsLcRsBackend,
    )
}

/// Changes one thing of an assertion before the key signs.
#[derive(Clone)]
pub struct Forgery {
    pub client_data: fn(&mut Value),
    pub verifies: bool,
}

impl Default for Forgery {
    fn default() -> Self {
        Self {
            client_data: |_| {},
            verifies: true,
        }
    }
}

/// A new key, and what the page sends of it.
pub async fn register_with(origin: &str, options: Value) -> (Passkey, Value) {
    let mut client = Client::new(authenticator(None, true)).allows_insecure_localhost(true);
    let request: webauthn::CredentialCreationOptions = serde_json::from_value(options).unwrap();
    let origin = reqwest::Url::parse(origin).unwrap();
    let made = client
        .register(&origin, request, DefaultClientData)
        .await
        .unwrap();
    let text = |bytes: &[u8]| Blob(bytes.to_vec()).to_string();
    let created = json!({
        "id": made.id, "rawId": text(&made.raw_id), "type": "public-key",
        "response": {
            "attestationObject": text(&made.response.attestation_object),
            "clientDataJSON": text(&made.response.client_data_json),
        },
    });
    (client.authenticator().store().clone().unwrap(), created)
}

/// Makes of a registration that nothing attests one of a key that cannot leave
/// its device: this authenticator says of every key that it is synced.
pub fn bind_to_device(created: &mut Value) {
    const SYNCED: u8 = 0x08 | 0x10;
    let object = &mut created["response"]["attestationObject"];
    let mut bytes = object.as_str().unwrap().parse::<Blob>().unwrap().0;
    let rp_id = sha256(&[b"localhost"]).0;
    let mut starts = bytes.windows(rp_id.len());
    let flags = starts.position(|at| at == rp_id).unwrap() + rp_id.len();
    bytes[flags] &= !SYNCED;
    *object = json!(Blob(bytes).to_string());
}

/// The key's answer to a challenge, with one thing forged.
pub async fn assert_with(
    key: &Passkey,
    origin: &str,
    challenge: Digest,
    forgery: &Forgery,
) -> Assertion {
    let mut data = json!({
        "type": "webauthn.get",
        "challenge": Blob(challenge.0.to_vec()).to_string(),
        "origin": origin,
        "crossOrigin": false,
    });
    (forgery.client_data)(&mut data);
    let client_data = serde_json::to_vec(&data).unwrap();
    let mut authenticator = authenticator(Some(key.clone()), forgery.verifies);
    let response = authenticator
        .get_assertion(get_assertion::Request {
            rp_id: "localhost".into(),
            client_data_hash: sha256(&[&client_data]).0.to_vec().into(),
            allow_list: None,
            extensions: None,
            options: get_assertion::Options {
                up: true,
                uv: forgery.verifies,
            },
            pin_auth: None,
            pin_protocol: None,
        })
        .await
        .unwrap();
    Assertion {
        authenticator_data: Blob(response.auth_data.to_vec()),
        client_data_json: Blob(client_data),
        credential_id: Blob(key.credential_id.to_vec()),
        signature: Blob(response.signature.to_vec()),
    }
}
