//! A gateway before its log, and what founds one: keys, made on its pages.

use reqwest::Method;
use serde_json::{Value, json};
use vidimus_gateway::{Config, Gateway, NewSession, OpenError};
use vidimus_ledger::note::VerifierKey;
use vidimus_protocol::api::{Ack, CeremonyStarted};
use vidimus_protocol::entry::Data;
use vidimus_protocol::{Blob, Digest, Time};
use vidimus_verify::attestation;
use vidimus_verify::testkit::{FLAGS, Vendor, registration_data};

use ::passkey::types::Passkey;

use super::{Forgery, Reply, World, assert_with, call, leaf, register_with, token, token_hash};

/// A gateway that is served but has no log yet.
pub struct Fresh {
    pub gateway: Gateway,
    pub http: reqwest::Client,
    pub stop: tokio::sync::oneshot::Sender<()>,
    pub served: tokio::task::JoinHandle<()>,
}

/// Opens it, or says why not, once the gateway before it has let go of its
/// folder.
pub fn reopened(config: &Config) -> Result<Gateway, OpenError> {
    for _ in 0..250 {
        let again = Config {
            dir: config.dir.clone(),
            clock: config.clock.clone(),
            public: config.public.clone(),
            metadata: config.metadata.clone(),
        };
        match Gateway::open(again) {
            Err(OpenError::InUse { .. }) => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            opened => return opened,
        }
    }
    panic!("the folder is still in use after five seconds");
}

pub fn open(config: &Config) -> Gateway {
    reopened(config).unwrap()
}

pub fn serve(config: Config) -> Fresh {
    let gateway = open(&config);
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let serving = gateway.clone().serve(axum::Router::new(), async {
        let _ = stopped.await;
    });
    let served = tokio::spawn(async { serving.await.unwrap() });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    Fresh {
        gateway,
        http,
        stop,
        served,
    }
}

impl Fresh {
    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.served.await.unwrap();
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        call(&self.http, &self.gateway.url(), method, path, None, body).await
    }

    /// Registers a key on the page's routes, up to the second prompt.
    pub async fn register(&self, now: Time) -> (Passkey, String, String, Value) {
        let session = token();
        let opens = NewSession {
            token_hash: token_hash(&session),
            expires_at: now.plus_seconds(3600),
        };
        let founding = self.gateway.found("Ada", opens).unwrap();
        let base = format!("/v1/ceremonies/{}", founding.ceremony);
        let options: Value = self
            .call(
                Method::POST,
                &format!("{base}/code"),
                Some(&json!({ "code": founding.code })),
            )
            .await
            .json();
        let (key, created) = register_with(&self.gateway.url(), options).await;
        let request: Value = self
            .call(
                Method::POST,
                &format!("{base}/registration"),
                Some(&created),
            )
            .await
            .json();
        (key, session, base, request)
    }

    /// Begins the founding of a team's log and registers its first key, up to
    /// the second prompt.
    pub async fn register_team(
        &self,
        now: Time,
        vendor: Option<&Vendor>,
    ) -> (Passkey, String, String, Value) {
        let session = token();
        let found = json!({
            "code": self.gateway.founding_code().unwrap(), "name": "Ada",
            "session_expires_at": now.plus_seconds(3600), "token_hash": token_hash(&session),
        });
        let started = self.call(Method::POST, "/v1/founding", Some(&found)).await;
        let CeremonyStarted { ceremony, .. } = started.json();
        let base = format!("/v1/ceremonies/{ceremony}");
        let (key, request) = registered_by(&self.http, &self.gateway.url(), &base, vendor).await;
        (key, session, base, request)
    }

    pub async fn found(self, now: Time) -> World {
        let begun = self.register(now).await;
        self.found_with(begun).await
    }

    pub async fn found_team(self, now: Time) -> World {
        self.found_team_by(now, None).await
    }

    /// The first key is in an authenticator of that vendor.
    pub async fn found_team_by(self, now: Time, vendor: Option<&Vendor>) -> World {
        let begun = self.register_team(now, vendor).await;
        self.found_with(begun).await
    }

    async fn found_with(self, begun: (Passkey, String, String, Value)) -> World {
        let (key, session, base, request) = begun;
        let challenge: Blob = serde_json::from_value(request["challenge"].clone()).unwrap();
        let assertion = assert_with(
            &key,
            &self.gateway.url(),
            Digest(challenge.0.try_into().unwrap()),
            &Forgery::default(),
        )
        .await;
        let body = json!({ "assertion": assertion });
        let view: Value = self
            .call(Method::POST, &format!("{base}/assertion"), Some(&body))
            .await
            .json();
        assert_eq!(view["state"], "done");
        let ack: Ack = serde_json::from_value(view["ack"].clone()).unwrap();
        assert_eq!(ack.entries.len(), 2);
        let opened = match leaf(&ack, 0).data {
            Data::LogOpened(opened) => opened,
            other => panic!("{other:?}"),
        };
        let Fresh {
            gateway,
            http,
            stop,
            served,
        } = self;
        World {
            log: gateway.log().unwrap(),
            log_key: VerifierKey::parse(&opened.log_key).unwrap(),
            reviewer: opened.founders[0].reviewer,
            gateway,
            http,
            key,
            session,
            stop: Some(stop),
            served: Some(served),
        }
    }
}

/// Makes a key on the page of a prompt that is at that step.
pub async fn registered(http: &reqwest::Client, url: &str, base: &str) -> (Passkey, Value) {
    registered_by(http, url, base, None).await
}

/// The same in an authenticator of that vendor, which attests it.
pub async fn registered_by(
    http: &reqwest::Client,
    url: &str,
    base: &str,
    vendor: Option<&Vendor>,
) -> (Passkey, Value) {
    let page: Value = call(http, url, Method::GET, &format!("{base}/page"), None, None)
        .await
        .json();
    let (key, mut created) = register_with(url, page["registration"].clone()).await;
    if let Some(vendor) = vendor {
        attest(&mut created["response"], vendor);
    }
    let path = format!("{base}/registration");
    let request = call(http, url, Method::POST, &path, None, Some(&created)).await;
    (key, request.json())
}

/// Puts a vendor's attestation in the place of none.
fn attest(response: &mut Value, vendor: &Vendor) {
    let bytes = |value: &Value| value.as_str().unwrap().parse::<Blob>().unwrap().0;
    let made = attestation::parse(&bytes(&response["attestationObject"])).unwrap();
    let key = Blob(made.public_key);
    let mut data = registration_data("localhost", FLAGS, &made.credential_id, &key);
    vendor.mark(&mut data);
    let client_data = bytes(&response["clientDataJSON"]);
    response["attestationObject"] = json!(vendor.attest(&data, &client_data).to_string());
}
