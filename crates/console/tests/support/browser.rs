//! A browser on the console's page.

use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use super::Front;

pub struct Browser {
    pub http: Client,
    pub url: String,
    pub cookie: String,
}

impl Browser {
    pub async fn open(front: &Front) -> Self {
        let url = front.view().gateway.url;
        let http = Client::builder().no_proxy().build().unwrap();
        let page = http.get(format!("{url}/console")).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'"));
        let set = page.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"));
        let cookie = set.split(';').next().unwrap().to_owned();
        Self { http, url, cookie }
    }

    pub fn post(&self, command: &Value) -> RequestBuilder {
        self.http
            .post(format!("{}/console/command", self.url))
            .header("x-vidimus-console", "1")
            .header(ORIGIN, &self.url)
            .header(COOKIE, &self.cookie)
            .header("content-type", "application/json")
            .body(command.to_string())
    }

    pub async fn ask(&self, command: Value) -> (StatusCode, Value) {
        read(self.post(&command).send().await.unwrap()).await
    }

    pub async fn view(&self) -> Value {
        let (status, view) = self.ask(serde_json::json!({"do": "view"})).await;
        assert_eq!(status, StatusCode::OK);
        view["value"].clone()
    }
}

async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = response.bytes().await.unwrap();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    )
}
