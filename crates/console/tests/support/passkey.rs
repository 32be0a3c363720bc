//! A person with a passkey, on the gateway's page.

use async_trait::async_trait;
use passkey::authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey::client::{Client, DefaultClientData};
use passkey::crypto::aws_lc_rs::AwsLcRsBackend;
use passkey::types::ctap2::{Aaguid, Ctap2Error, get_assertion};
use passkey::types::{Passkey, webauthn};
use serde_json::{Value, json};
use vidimus_protocol::envelope::Assertion;
use vidimus_protocol::{Blob, sha256};

/// Always there, always verified.
#[derive(Clone)]
struct Touch;

#[async_trait]
impl UserValidationMethod for Touch {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _hint: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck {
            presence,
            verification,
        })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

fn authenticator(store: Option<Passkey>) -> Authenticator<Option<Passkey>, Touch, AwsLcRsBackend> {
    Authenticator::new(Aaguid::new_empty(), store, Touch, AwsLcRsBackend)
}

/// The page at `url` (`ORIGIN/c/ID`).
pub struct Page {
    http: reqwest::Client,
    origin: String,
    routes: String,
}

impl Page {
    pub fn at(url: &str) -> Self {
        let (origin, id) = url.split_once("/c/").unwrap();
        Self {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            origin: origin.into(),
            routes: format!("{origin}/v1/ceremonies/{id}"),
        }
    }

    async fn post(&self, step: &str, body: &Value) -> Value {
        let url = format!("{}/{step}", self.routes);
        let response = self.http.post(url).json(body).send().await.unwrap();
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        assert!(status.is_success(), "{step}: {body}");
        body
    }

    /// What the page shows.
    pub async fn shown(&self) -> Value {
        let url = format!("{}/page", self.routes);
        let response = self.http.get(url).send().await.unwrap();
        response.json().await.unwrap()
    }

    /// Sets up the first key.
    pub async fn set_up(&self, code: &str) -> Passkey {
        let options = self.post("code", &json!({ "code": code })).await;
        let mut client = Client::new(authenticator(None)).allows_insecure_localhost(true);
        let request: webauthn::CredentialCreationOptions = serde_json::from_value(options).unwrap();
        let origin = reqwest::Url::parse(&self.origin).unwrap();
        let made = client
            .register(&origin, request, DefaultClientData)
            .await
            .unwrap();
        let text = |bytes: &[u8]| Blob(bytes.to_vec()).to_string();
        let made = json!({
            "id": made.id, "rawId": text(&made.raw_id), "type": "public-key",
            "response": {
                "attestationObject": text(&made.response.attestation_object),
                "clientDataJSON": text(&made.response.client_data_json),
            },
        });
        let request = self.post("registration", &made).await;
        let key = client.authenticator().store().clone().unwrap();
        self.answer(&key, &request["challenge"]).await;
        key
    }

    /// Touches the key.
    pub async fn sign(&self, key: &Passkey) {
        let page = self.shown().await;
        self.answer(key, &page["request"]["challenge"]).await;
    }

    async fn answer(&self, key: &Passkey, challenge: &Value) {
        let client_data = serde_json::to_vec(&json!({
            "type": "webauthn.get",
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": false,
        }))
        .unwrap();
        let response = authenticator(Some(key.clone()))
            .get_assertion(get_assertion::Request {
                rp_id: "localhost".into(),
                client_data_hash: sha256(&[&client_data]).0.to_vec().into(),
                allow_list: None,
                extensions: None,
                options: get_assertion::Options { up: true, uv: true },
                pin_auth: None,
                pin_protocol: None,
            })
            .await
            .unwrap();
        let assertion = Assertion {
            authenticator_data: Blob(response.auth_data.to_vec()),
            client_data_json: Blob(client_data),
            credential_id: Blob(key.credential_id.to_vec()),
            signature: Blob(response.signature.to_vec()),
        };
        let view = self
            .post("assertion", &json!({ "assertion": assertion }))
            .await;
        assert_eq!(view["state"], "done", "{view}");
    }
}
