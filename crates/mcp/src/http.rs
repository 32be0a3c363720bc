//! A server that is reached over streamable HTTP: the transport of 2025-03-26
//! and later, and that of 2026-07-28.
//!
//! Each message is a request of its own, whose answer is one message or a
//! stream of them. Servers with sessions may also send by themselves, on a
//! stream that the client opens.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use sse_stream::SseStream;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use vidimus_executor::text::visible;
use vidimus_executor::{Stop, Why};

use crate::MAX_MESSAGE;
use crate::client::QUEUE;
use crate::json::one_line;
use crate::link::Gone;
use crate::message::{Id, Kind, Message};
use crate::server::{Incoming, Server};

const SESSION: &str = "mcp-session-id";
const VERSION: &str = "mcp-protocol-version";
const LAST_EVENT: &str = "last-event-id";
/// How long a connection may take.
const TO_CONNECT: Duration = Duration::from_secs(20);
/// How long is waited before a stream is opened again, unless the server says.
const PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// How often a broken stream is taken up again without an event in between.
const MAX_RESUMES: u32 = 5;

/// The connection.
#[derive(Debug)]
pub(crate) struct Remote {
    shared: Arc<Shared>,
    sending: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    http: Client,
    url: Url,
    headers: HeaderMap,
    to_proxy: mpsc::Sender<Incoming>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    session: Option<HeaderValue>,
    /// The version that `initialize` agreed on.
    version: Option<String>,
    /// Streams of requests that are not answered.
    open: HashMap<Id, AbortHandle>,
    listening: Option<AbortHandle>,
}

/// Reaches a server.
pub(crate) fn start(url: &str, headers: &[(String, String)]) -> Result<(Server, Remote), Stop> {
    let usage = |words: String| Stop::new(Why::Usage, words);
    let url = Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        // It may hold a password: it is not said again.
        .ok_or_else(|| usage("`--url` takes an http or https address".into()))?;
    let mut own = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = (name.parse())
            .map_err(|_| usage(format!("`{}` is no name of a header", visible(name))))?;
        let mut value: HeaderValue = (value.parse())
            .map_err(|_| usage(format!("the value of the header `{name}` cannot be sent")))?;
        value.set_sensitive(true);
        own.append(name, value);
    }
    let http = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(TO_CONNECT)
        .build()
        .map_err(Stop::internal)?;
    let (to_proxy, incoming) = mpsc::channel(QUEUE);
    let (outgoing, messages) = mpsc::channel(QUEUE);
    let shared = Arc::new(Shared {
        http,
        url,
        headers: own,
        to_proxy,
        state: Mutex::default(),
    });
    let sending = tokio::spawn(send_all(shared.clone(), messages)).abort_handle();
    Ok((Server { incoming, outgoing }, Remote { shared, sending }))
}

/// Notifications and answers go out one after another; a request does not wait
/// for the answer to the one before it, but is sent behind it.
async fn send_all(shared: Arc<Shared>, mut messages: mpsc::Receiver<String>) {
    let mut streams = JoinSet::new();
    while let Some(text) = messages.recv().await {
        while streams.try_join_next().is_some() {}
        let Some(message) = Sent::read(text) else {
            continue;
        };
        if shared.closed_instead(&message) {
            continue;
        }
        let id = message.id.clone();
        let first = message.method.as_deref() == Some("initialize");
        let same = shared.clone();
        if first {
            // What follows needs the session that this opens.
            same.exchange(message).await;
            continue;
        }
        match id {
            Some(id) if message.method.is_some() => {
                let handle = streams.spawn(async move { same.exchange(message).await });
                shared.state().open.insert(id, handle);
            }
            _ => same.exchange(message).await,
        }
    }
}

/// A message on its way.
struct Sent {
    text: String,
    id: Option<Id>,
    method: Option<String>,
    headers: Vec<(String, String)>,
    /// Whether it speaks for itself (2026-07-28).
    version: Option<String>,
    /// What a cancellation is about.
    cancels: Option<Id>,
}

impl Sent {
    fn read(text: String) -> Option<Self> {
        let message = Message::of_server(&text).ok()?;
        let (id, method) = match &message.kind {
            Kind::Request { id, method } => (Some(id.clone()), Some(method.clone())),
            Kind::Notification { method } => (None, Some(method.clone())),
            Kind::Answer { id } => (Some(id.clone()), None),
            Kind::Complaint => (None, None),
        };
        let params = message.members.object("params").unwrap_or_default();
        let meta = params.object("_meta").unwrap_or_default();
        let version = meta.string("io.modelcontextprotocol/protocolVersion");
        let cancels = (method.as_deref() == Some("notifications/cancelled"))
            .then(|| Id::read(params.get("requestId")?))
            .flatten();
        let mut headers = Vec::new();
        if let (Some(method), true) = (&method, version.is_some()) {
            headers.push(("mcp-method".to_owned(), method.clone()));
            let key = match method.as_str() {
                "tools/call" | "prompts/get" => "name",
                "resources/read" | "resources/subscribe" | "resources/unsubscribe" => "uri",
                "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
                _ => "",
            };
            if let Some(name) = params.string(key) {
                headers.push(("mcp-name".to_owned(), header_value(&name)));
            }
        }
        Some(Self {
            id,
            method,
            headers,
            version,
            cancels,
            text,
        })
    }

    fn is_answered_by(&self, text: &str) -> bool {
        let Ok(message) = Message::of_server(text) else {
            return false;
        };
        matches!(&message.kind, Kind::Answer { id } if Some(id) == self.id.as_ref())
            && self.method.is_some()
    }
}

/// A text as the value of a header (2026-07-28): encoded where it has to be.
fn header_value(text: &str) -> String {
    let plain = !text.is_empty()
        && text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
        && text.trim() == text
        && !text.starts_with("=?base64?");
    if plain {
        return text.to_owned();
    }
    format!("=?base64?{}?=", STANDARD.encode(text))
}

impl Shared {
    /// Sends a message and passes on whatever comes back for it.
    async fn exchange(self: Arc<Self>, message: Sent) {
        let done = self.post(&message).await;
        if let Some(id) = &message.id {
            self.state().open.remove(id);
            if let (Err(gone), true) = (done, message.method.is_some()) {
                let id = id.clone();
                self.to_proxy.send(Incoming::Lost { id, gone }).await.ok();
            }
        }
        if message.method.as_deref() == Some("notifications/initialized") {
            self.listen();
        }
    }

    async fn post(&self, message: &Sent) -> Result<(), Gone> {
        let mut request = self.request(reqwest::Method::POST, message.version.as_deref());
        for (name, value) in &message.headers {
            request = request.header(name, value);
        }
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .body(message.text.clone());
        let response = request.send().await.map_err(|error| gone(&error))?;
        if message.method.as_deref() == Some("initialize")
            && let Some(session) = response.headers().get(SESSION)
        {
            self.state().session = Some(session.clone());
        }
        let status = response.status();
        if is_stream(&response) {
            return self.stream(response, message).await;
        }
        let text = body(response).await.map_err(Gone::After)?;
        let is_request = message.id.is_some() && message.method.is_some();
        if message.is_answered_by(&text) {
            self.came(text, message).await;
            Ok(())
        } else if status.is_success() && !is_request {
            Ok(())
        } else if status == StatusCode::NOT_FOUND && self.state().session.is_some() {
            // The client has to begin anew, and cannot do so on these streams.
            Err(Gone::Before("it has ended the session; start anew".into()))
        } else if status.is_success() {
            Err(Gone::After("its answer is none to this".into()))
        } else {
            Err(Gone::After(format!("HTTP {}", status.as_u16())))
        }
    }

    /// Reads a stream until the request is answered. A stream that ends before
    /// is taken up again where it broke, which repeats nothing.
    async fn stream(&self, response: Response, message: &Sent) -> Result<(), Gone> {
        let mut place = Place::default();
        let mut resumes = 0;
        let mut response = Some(response);
        loop {
            if let Some(response) = response.take() {
                let events = self.events(response, &mut place, Some(message)).await;
                if events.answered || message.id.is_none() || message.method.is_none() {
                    return Ok(());
                }
                if events.count > 0 {
                    resumes = 0;
                }
            }
            resumes += 1;
            let lost = || Gone::After("the connection broke".into());
            let last = place
                .last
                .clone()
                .filter(|_| resumes <= MAX_RESUMES)
                .ok_or_else(lost)?;
            sleep(place.pause.min(MAX_PAUSE)).await;
            let request = self
                .request(reqwest::Method::GET, message.version.as_deref())
                .header(LAST_EVENT, last);
            response = request.send().await.ok().filter(is_stream);
        }
    }

    /// Passes on the messages of one stream.
    async fn events(&self, response: Response, place: &mut Place, of: Option<&Sent>) -> Events {
        let mut seen = Events::default();
        // Bytes since the last event: the stream's reader keeps them all.
        let pending = AtomicUsize::new(0);
        let bytes = response.bytes_stream().map(|chunk| {
            let chunk = chunk.map_err(std::io::Error::other)?;
            let before = pending.fetch_add(chunk.len(), Ordering::Relaxed);
            if before + chunk.len() > MAX_MESSAGE {
                return Err(std::io::Error::other("an event is too long"));
            }
            Ok(chunk)
        });
        let mut stream = SseStream::from_bytes_stream(bytes);
        while let Some(Ok(event)) = stream.next().await {
            pending.store(0, Ordering::Relaxed);
            seen.count += 1;
            place.last = event.id.or(place.last.take());
            if let Some(retry) = event.retry {
                place.pause = Duration::from_millis(retry);
            }
            let Some(data) = event.data.filter(|data| !data.is_empty()) else {
                continue;
            };
            match of {
                Some(message) => seen.answered |= self.came(data, message).await,
                None => {
                    self.to_proxy.send(Incoming::Text(data)).await.ok();
                }
            }
            if seen.answered {
                break;
            }
        }
        seen
    }

    /// Passes a message on; whether it is the answer to this one.
    async fn came(&self, text: String, of: &Sent) -> bool {
        let text = one_line(text);
        let answers = of.is_answered_by(&text);
        if answers
            && of.method.as_deref() == Some("initialize")
            && let Ok(message) = Message::of_server(&text)
        {
            let result = message.members.object("result").unwrap_or_default();
            self.state().version = result.string("protocolVersion");
        }
        self.to_proxy.send(Incoming::Text(text)).await.ok();
        answers
    }

    /// Opens the stream on which a server with sessions sends by itself.
    fn listen(self: &Arc<Self>) {
        let same = self.clone();
        let listening = tokio::spawn(async move {
            let mut place = Place::default();
            loop {
                let mut request = same.request(reqwest::Method::GET, None);
                if let Some(last) = &place.last {
                    request = request.header(LAST_EVENT, last);
                }
                match request.send().await {
                    Ok(response) if is_stream(&response) => {
                        same.events(response, &mut place, None).await;
                    }
                    // It has no such stream, or no such session any more.
                    Ok(response) if response.status().is_client_error() => return,
                    _ => {}
                }
                sleep(place.pause.clamp(PAUSE, MAX_PAUSE)).await;
            }
        });
        let before = self.state().listening.replace(listening.abort_handle());
        if let Some(before) = before {
            before.abort();
        }
    }

    fn request(&self, method: reqwest::Method, version: Option<&str>) -> reqwest::RequestBuilder {
        let state = self.state();
        let accept = if method == reqwest::Method::GET {
            "text/event-stream"
        } else {
            "application/json, text/event-stream"
        };
        let mut request = (self.http.request(method, self.url.clone()))
            .headers(self.headers.clone())
            .header(ACCEPT, accept);
        if let Some(version) = version.or(state.version.as_deref()) {
            request = request.header(VERSION, version);
        }
        if let Some(session) = state.session.clone().filter(|_| version.is_none()) {
            request = request.header(SESSION, session);
        }
        request
    }

    /// Without a session a request is cancelled by closing its stream.
    fn closed_instead(&self, message: &Sent) -> bool {
        let mut state = self.state();
        if state.version.is_some() {
            return false;
        }
        let open = message
            .cancels
            .as_ref()
            .and_then(|id| state.open.remove(id));
        open.map(|stream| stream.abort()).is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far a stream was read.
#[derive(Debug)]
struct Place {
    last: Option<String>,
    pause: Duration,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            last: None,
            pause: PAUSE,
        }
    }
}

/// What came on a stream.
#[derive(Debug, Default)]
struct Events {
    count: u64,
    answered: bool,
}

fn gone(error: &reqwest::Error) -> Gone {
    let mut source: &dyn std::error::Error = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    let why = visible(&source.to_string());
    if error.is_connect() || error.is_builder() {
        Gone::Before(why)
    } else {
        Gone::After(why)
    }
}

impl Remote {
    /// Ends the session, if there is one.
    pub(crate) async fn end(self) {
        self.sending.abort();
        let (listening, session) = {
            let mut state = self.shared.state();
            (state.listening.take(), state.session.is_some())
        };
        if let Some(listening) = listening {
            listening.abort();
        }
        if session {
            let request = self.shared.request(reqwest::Method::DELETE, None);
            timeout(Duration::from_secs(2), request.send()).await.ok();
        }
    }
}

fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    response.status().is_success() && kind.starts_with("text/event-stream")
}

/// The text of an answer, as far as it is one.
async fn body(mut response: Response) -> Result<String, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
        if bytes.len() + chunk.len() > MAX_MESSAGE {
            return Err("its answer is too long".into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_message_that_speaks_for_itself_has_its_headers() {
        let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"näme","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
        let sent = Sent::read(text.into()).unwrap();
        assert_eq!(sent.version.as_deref(), Some("2026-07-28"));
        assert_eq!(
            sent.headers,
            [
                ("mcp-method".to_owned(), "tools/call".to_owned()),
                ("mcp-name".to_owned(), "=?base64?bsOkbWU=?=".to_owned())
            ]
        );
        let old = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#;
        assert!(Sent::read(old.into()).unwrap().headers.is_empty());
    }

    #[test]
    fn what_is_no_address_or_no_header_is_refused_without_its_value() {
        for url in ["ftp://u:s3cret@x", "s3cret", "http://"] {
            let words = start(url, &[]).unwrap_err().words;
            assert!(!words.contains("s3cret"), "{words}");
        }
        let header = ("authorization".to_owned(), "Bearer s3cret\n".to_owned());
        let stop = start("http://127.0.0.1:1/", &[header]);
        assert!(!stop.unwrap_err().words.contains("s3cret"));
    }
}
