//! The gateway's HTTP interface, one method per route.
//!
//! Replies are read with a limit and parsed strictly. No redirect is followed,
//! nothing is tried again: the caller knows what may be. No proxy is used, not
//! even one that the environment names: the token is for the gateway alone.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, header};
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Semaphore;
use vidimus_protocol::api::{
    Ack, ActionView, AgentView, Bundle, CeremonyStarted, CeremonyView, Content, DeliveriesView,
    Enrol, Found, Invite, Invited, LogView, Models, NonceReply, PermitReply, Problem, Propose,
    Redeem, ReportOutcome, SessionView, Sessions, StartCeremony, SubmitAssertion, WaitFor,
    WaitNews, WriteAnswer, WriteNote,
};
use vidimus_protocol::id::CeremonyId;
use vidimus_protocol::{ActionId, Digest, strict};

use crate::base_url::{BaseUrl, BaseUrlError};
use crate::tls::{self, TlsError};
use crate::token::Token;

/// Most bytes of a reply.
pub const MAX_REPLY: usize = 8 << 20;
/// Time to reach the gateway.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);
/// Time to answer, beyond what a long-poll asks for.
const ANSWER: Duration = Duration::from_secs(20);
/// How long a connection is kept for the next request: less than the 30 s after
/// which gateways close it, so that no request meets the closing.
const KEPT: Duration = Duration::from_secs(15);
/// Most requests at a time, long-polls aside, each of which has a connection of
/// its own: more wait for their turn, so that a burst is no flood of connections.
const MOST: usize = 32;

/// One gateway, asked as nobody or by a token. Clones share connections.
#[derive(Clone, Debug)]
pub struct Gateway {
    base: BaseUrl,
    http: reqwest::Client,
    tls: Arc<ClientConfig>,
    authorization: Option<HeaderValue>,
    turns: Arc<Semaphore>,
}

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL is not one that this client goes to.
    #[error(transparent)]
    BaseUrl(#[from] BaseUrlError),
    /// TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No answer came.
    #[error("the gateway at {url} cannot be reached: {why}")]
    Unreachable {
        /// The gateway.
        url: String,
        /// What the system said.
        why: String,
        /// Whether the gateway may have got the request: then it may have been
        /// carried out all the same.
        sent: bool,
    },
    /// The gateway refused.
    #[error("{}", problem.detail)]
    Problem {
        /// Why, in the gateway's words.
        problem: Box<Problem>,
        /// HTTP status.
        status: u16,
    },
    /// The answer is not one of a gateway of this version.
    #[error("the answer of {url} is not a gateway's: {why}")]
    Malformed {
        /// The gateway.
        url: String,
        /// What is wrong.
        why: String,
    },
}

impl Gateway {
    /// A gateway, asked as nobody.
    ///
    /// # Errors
    /// [`ClientError::BaseUrl`], [`ClientError::Tls`]
    pub fn new(base_url: &str) -> Result<Self, ClientError> {
        Self::at(base_url.parse()?, None)
    }

    /// A gateway, asked as nobody. With `https` the platform's certificate
    /// authorities count, and those in the file `ca` (PEM).
    ///
    /// # Errors
    /// [`ClientError::Tls`]
    ///
    /// # Panics
    /// Never: the client needs no system resource but memory.
    pub fn at(base: BaseUrl, ca: Option<&Path>) -> Result<Self, ClientError> {
        let tls = if base.is_tls() {
            tls::authorities(ca)?
        } else {
            tls::nobody()
        };
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(KEPT)
            .resolve_to_addrs("localhost", &base.own_addresses())
            .tls_backend_preconfigured(tls.clone())
            .tcp_nodelay(true)
            .build()
            .expect("a client with its TLS set up needs nothing that can be missing");
        Ok(Self {
            base,
            http,
            tls: Arc::new(tls),
            authorization: None,
            turns: Arc::new(Semaphore::new(MOST)),
        })
    }

    /// The same gateway, asked by an agent's or a session's token.
    #[must_use]
    pub fn with_token(&self, token: &Token) -> Self {
        Self {
            authorization: Some(token.header()),
            ..self.clone()
        }
    }

    /// Where it is.
    #[must_use]
    pub fn base_url(&self) -> &BaseUrl {
        &self.base
    }

    pub(crate) fn tls(&self) -> Arc<ClientConfig> {
        self.tls.clone()
    }

    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// `POST /v1/actions` (agent): the same proposal again gets the same answer.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn propose(&self, propose: &Propose) -> Result<Ack, ClientError> {
        self.post("/v1/actions", propose).await
    }

    /// `GET /v1/actions/{id}` (agent): waits up to `wait_s` seconds for another
    /// status, or for more than the `questions` that are known already.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn action(
        &self,
        action: ActionId,
        wait_s: u64,
        questions: Option<usize>,
    ) -> Result<ActionView, ClientError> {
        let mut path = format!("/v1/actions/{action}?wait={wait_s}");
        if let Some(questions) = questions {
            path = format!("{path}&questions={questions}");
        }
        self.wait(&path, wait_s).await
    }

    /// `POST /v1/actions/wait` (agent): waits until something is not as it is
    /// known, or the time is over.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn news(&self, asked: &WaitFor) -> Result<WaitNews, ClientError> {
        let body = Some(strict::canonical(asked));
        self.ask(Method::POST, "/v1/actions/wait", body, asked.wait_s)
            .await
    }

    /// `GET /v1/actions/{id}/payload` (agent).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn payload(&self, action: ActionId) -> Result<Content, ClientError> {
        self.get(&format!("/v1/actions/{action}/payload")).await
    }

    /// `POST /v1/actions/{id}/answers` (agent).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn answer(&self, action: ActionId, answer: &WriteAnswer) -> Result<Ack, ClientError> {
        self.post(&format!("/v1/actions/{action}/answers"), answer)
            .await
    }

    /// `POST /v1/actions/{id}/take` (session).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn take(&self, action: ActionId) -> Result<Ack, ClientError> {
        self.post_empty(&format!("/v1/actions/{action}/take")).await
    }

    /// `POST /v1/actions/{id}/questions` (session).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn ask_agent(&self, action: ActionId, note: &WriteNote) -> Result<Ack, ClientError> {
        self.post(&format!("/v1/actions/{action}/questions"), note)
            .await
    }

    /// `POST /v1/actions/{id}/flags` (session).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn flag(&self, action: ActionId, note: &WriteNote) -> Result<Ack, ClientError> {
        self.post(&format!("/v1/actions/{action}/flags"), note)
            .await
    }

    /// `POST /v1/actions/{id}/withdraw` (agent).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn withdraw(&self, action: ActionId) -> Result<Ack, ClientError> {
        self.post_empty(&format!("/v1/actions/{action}/withdraw"))
            .await
    }

    /// `POST /v1/actions/{id}/permit` (agent).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn permit(&self, action: ActionId) -> Result<PermitReply, ClientError> {
        self.post_empty(&format!("/v1/actions/{action}/permit"))
            .await
    }

    /// `POST /v1/actions/{id}/redeem` (agent).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn redeem(&self, action: ActionId, redeem: &Redeem) -> Result<Bundle, ClientError> {
        self.post(&format!("/v1/actions/{action}/redeem"), redeem)
            .await
    }

    /// `POST /v1/actions/{id}/outcome` (agent).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn report(
        &self,
        action: ActionId,
        outcome: &ReportOutcome,
    ) -> Result<Ack, ClientError> {
        self.post(&format!("/v1/actions/{action}/outcome"), outcome)
            .await
    }

    /// `GET /v1/agent` (agent): whose token it is.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn agent(&self) -> Result<AgentView, ClientError> {
        self.get("/v1/agent").await
    }

    /// `GET /v1/log` (anybody).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn log(&self) -> Result<LogView, ClientError> {
        self.get("/v1/log").await
    }

    /// `POST /v1/nonces` (anybody but an agent).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn nonce(&self) -> Result<NonceReply, ClientError> {
        self.post_empty("/v1/nonces").await
    }

    /// `POST /v1/ceremonies` (session, or anybody who opens one).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn start_ceremony(
        &self,
        start: &StartCeremony,
    ) -> Result<CeremonyStarted, ClientError> {
        self.post("/v1/ceremonies", start).await
    }

    /// `GET /v1/ceremonies/{id}`: waits up to `wait_s` seconds for its end.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn ceremony(
        &self,
        ceremony: CeremonyId,
        wait_s: u64,
    ) -> Result<CeremonyView, ClientError> {
        self.wait(&format!("/v1/ceremonies/{ceremony}?wait={wait_s}"), wait_s)
            .await
    }

    /// `DELETE /v1/ceremonies/{id}`
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn cancel_ceremony(&self, ceremony: CeremonyId) -> Result<(), ClientError> {
        self.delete(&format!("/v1/ceremonies/{ceremony}")).await
    }

    /// `POST /v1/ceremonies/{id}/assertion`
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn submit_assertion(
        &self,
        ceremony: CeremonyId,
        assertion: &SubmitAssertion,
    ) -> Result<CeremonyView, ClientError> {
        self.post(&format!("/v1/ceremonies/{ceremony}/assertion"), assertion)
            .await
    }

    /// `GET /v1/actions/{id}/deliveries` (session): who was told about it.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn deliveries(&self, action: ActionId) -> Result<DeliveriesView, ClientError> {
        self.get(&format!("/v1/actions/{action}/deliveries")).await
    }

    /// `GET /v1/session` (session).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn session(&self) -> Result<SessionView, ClientError> {
        self.get("/v1/session").await
    }

    /// `DELETE /v1/session` (session).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn end_session(&self) -> Result<(), ClientError> {
        self.delete("/v1/session").await
    }

    /// `GET /v1/sessions` (session): those of the same person.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn sessions(&self) -> Result<Sessions, ClientError> {
        self.get("/v1/sessions").await
    }

    /// `DELETE /v1/sessions/{id}` (session): one of those.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn end_session_of(&self, id: Digest) -> Result<(), ClientError> {
        self.delete(&format!("/v1/sessions/{id}")).await
    }

    /// `GET /v1/models` (session): the authenticators that the gateway knows.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn models(&self) -> Result<Models, ClientError> {
        self.get("/v1/models").await
    }

    /// `POST /v1/founding` (anybody with the code).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn found(&self, found: &Found) -> Result<CeremonyStarted, ClientError> {
        self.post("/v1/founding", found).await
    }

    /// `POST /v1/invitations` (session of an administrator).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn invite(&self, invite: &Invite) -> Result<Invited, ClientError> {
        self.post("/v1/invitations", invite).await
    }

    /// `POST /v1/enrolments` (session, or anybody with an invitation).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn enrol(&self, enrol: &Enrol) -> Result<CeremonyStarted, ClientError> {
        self.post("/v1/enrolments", enrol).await
    }

    /// `GET /v1/parts/{index}/{name}` (session).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn part(&self, index: u64, name: &str) -> Result<Content, ClientError> {
        let mut url = reqwest::Url::parse(&self.url("/v1/parts")).expect("our own URL");
        // The name comes from a leaf: it stays one segment whatever it holds.
        url.path_segments_mut()
            .expect("http has a path")
            .push(&index.to_string())
            .push(name);
        let path = url.path().to_owned();
        self.get(&path).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(Method::GET, path, None, 0).await
    }

    async fn wait<T: DeserializeOwned>(&self, path: &str, wait_s: u64) -> Result<T, ClientError> {
        self.ask(Method::GET, path, None, wait_s).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = strict::canonical(body);
        self.ask(Method::POST, path, Some(body), 0).await
    }

    async fn post_empty<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(Method::POST, path, None, 0).await
    }

    async fn delete(&self, path: &str) -> Result<(), ClientError> {
        self.send(Method::DELETE, path, None, 0).await?;
        Ok(())
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        wait_s: u64,
    ) -> Result<T, ClientError> {
        let reply = self.send(method, path, body, wait_s).await?;
        strict::parse(&reply, MAX_REPLY).map_err(|error| self.malformed(error.to_string()))
    }

    /// The body of a successful reply, which may take `wait_s` seconds to be made.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        wait_s: u64,
    ) -> Result<Vec<u8>, ClientError> {
        let _turn = match wait_s {
            0 => self.turns.acquire().await.ok(),
            _ => None,
        };
        let limit = ANSWER.saturating_add(Duration::from_secs(wait_s));
        let mut request = self.http.request(method, self.url(path)).timeout(limit);
        if let Some(value) = &self.authorization {
            request = request.header(header::AUTHORIZATION, value.clone());
        }
        if let Some(body) = body {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        let mut response = request.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status();
        let mut reply = Vec::new();
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| self.failed(&error))?
        {
            if reply.len() + piece.len() > MAX_REPLY {
                return Err(self.malformed(format!("it has more than {MAX_REPLY} bytes")));
            }
            reply.extend_from_slice(&piece);
        }
        if status.is_success() {
            return Ok(reply);
        }
        Err(self.refusal(status.as_u16(), &reply))
    }

    fn refusal(&self, status: u16, body: &[u8]) -> ClientError {
        match strict::parse::<Problem>(body, MAX_REPLY) {
            Ok(problem) => ClientError::Problem {
                problem: Box::new(problem),
                status,
            },
            Err(_) => self.malformed(format!("status {status} without a problem's description")),
        }
    }

    pub(crate) fn malformed(&self, why: String) -> ClientError {
        ClientError::Malformed {
            url: self.base.to_string(),
            why,
        }
    }

    fn failed(&self, error: &reqwest::Error) -> ClientError {
        let why = if error.is_timeout() {
            "it does not answer in time".to_owned()
        } else {
            tls::complaint(error).unwrap_or_else(|| innermost(error))
        };
        self.unreachable(why, !error.is_connect())
    }

    pub(crate) fn unreachable(&self, why: String, sent: bool) -> ClientError {
        ClientError::Unreachable {
            url: self.base.to_string(),
            why,
            sent,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// What the system said, without the layers around it.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = None;
    while let Some(inner) = cause {
        text = Some(inner.to_string());
        cause = inner.source();
    }
    text.unwrap_or_else(|| error.to_string())
}
