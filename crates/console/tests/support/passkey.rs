//! A person with a passkey, on the gateway's page.

use ::passkey::types::Passkey;
use serde_json::{Value, json};
use vidimus_protocol::{Blob, Digest};

use super::key::{Forgery, assert_with, bind_to_device, register_with};

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
        let (key, made) = register_with(&self.origin, options).await;
        let request = self.post("registration", &made).await;
        self.answer(&key, &request["challenge"]).await;
        key
    }

    /// Makes a key: the first of a team's log, or one after the first.
    pub async fn make(&self) -> Passkey {
        self.make_with(|_| {}).await
    }

    /// The same of a key that cannot leave its device.
    pub async fn make_bound(&self) -> Passkey {
        self.make_with(bind_to_device).await
    }

    async fn make_with(&self, change: impl FnOnce(&mut Value)) -> Passkey {
        let page = self.shown().await;
        let (key, mut made) = register_with(&self.origin, page["registration"].clone()).await;
        change(&mut made);
        let request = self.post("registration", &made).await;
        self.answer(&key, &request["challenge"]).await;
        key
    }

    /// Touches the key.
    pub async fn sign(&self, key: &Passkey) {
        let page = self.shown().await;
        self.answer(key, &page["request"]["challenge"]).await;
    }

    /// Touches the key, and is refused by this code.
    pub async fn refused(&self, key: &Passkey) -> String {
        let page = self.shown().await;
        let challenge: Blob = serde_json::from_value(page["request"]["challenge"].clone()).unwrap();
        let challenge = Digest(challenge.0.try_into().unwrap());
        let assertion = assert_with(key, &self.origin, challenge, &Forgery::default()).await;
        let url = format!("{}/assertion", self.routes);
        let body = json!({ "assertion": assertion });
        let response = self.http.post(url).json(&body).send().await.unwrap();
        assert!(!response.status().is_success());
        let problem: Value = response.json().await.unwrap();
        problem["code"].as_str().unwrap().to_owned()
    }

    async fn answer(&self, key: &Passkey, challenge: &Value) {
        let challenge: Blob = serde_json::from_value(challenge.clone()).unwrap();
        let challenge = Digest(challenge.0.try_into().unwrap());
        let assertion = assert_with(key, &self.origin, challenge, &Forgery::default()).await;
        let view = self
            .post("assertion", &json!({ "assertion": assertion }))
            .await;
        assert_eq!(view["state"], "done", "{view}");
    }
}
