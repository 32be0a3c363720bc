//! The feed: everything that is new in the log, over one connection that is
//! made again whenever it is lost.
//!
//! Trusted for timeliness, never for truth: the mirror proves what comes.
//!
//! Specification: `docs/spec/feed.md`.

use std::time::Duration;

use futures_util::StreamExt as _;
use http::header;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, error::CapacityError};
use vidimus_protocol::api::FeedMessage;
use vidimus_protocol::strict;

use crate::gateway::{CONNECT, ClientError, Gateway};
use crate::tls;

/// Most bytes of a message.
pub const MAX_MESSAGE: usize = 8 << 20;
/// A gateway that says nothing for so long is gone: it signs a checkpoint at
/// least every 30 seconds.
const IDLE: Duration = Duration::from_secs(60);
/// Bounds of the wait before the next attempt.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);
/// How long what was delivered may take to be applied before the feed resumes
/// without it, and how often that is looked at.
const APPLY: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

/// What happens on the feed.
#[derive(Debug)]
pub enum FeedEvent {
    /// The gateway took the connection. It has said nothing yet.
    Connected,
    /// The gateway said something.
    Message(FeedMessage),
    /// There is no connection. The feed goes on by itself.
    Disconnected {
        /// Why.
        why: ClientError,
        /// When it tries again.
        retry_in: Duration,
    },
}

/// A connection, in clear or by TLS.
trait Wire: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug> Wire for T {}
type Socket = WebSocketStream<Box<dyn Wire>>;

/// The feed of one gateway, asked by a session's token.
///
/// `from` says how many entries the caller has. It is asked before every
/// connection, after the caller had time to apply what was delivered.
#[derive(Debug)]
pub struct Feed<F> {
    gateway: Gateway,
    from: F,
    socket: Option<Socket>,
    /// When the gateway was heard last.
    heard: Instant,
    /// Attempts in a row that brought no message.
    failures: u32,
    retry_at: Option<Instant>,
    /// Size that the caller has once it applied everything.
    delivered: u64,
    idle: Duration,
}

impl<F: Fn() -> u64> Feed<F> {
    /// A feed that connects when it is asked for the first event.
    pub fn new(gateway: &Gateway, from: F) -> Self {
        Self {
            gateway: gateway.clone(),
            from,
            socket: None,
            heard: Instant::now(),
            failures: 0,
            retry_at: None,
            delivered: 0,
            idle: IDLE,
        }
    }

    /// Waits for the next event. There is always a next one. Nothing is lost
    /// when the wait is given up.
    pub async fn next(&mut self) -> FeedEvent {
        if self.socket.is_some() {
            return match self.receive().await {
                Ok(message) => {
                    self.failures = 0;
                    if let FeedMessage::Batch { from, leaves, .. } = &message {
                        let count = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
                        self.delivered = from.saturating_add(count);
                    }
                    FeedEvent::Message(message)
                }
                Err(why) => self.lost(why),
            };
        }
        if let Some(at) = self.retry_at {
            sleep_until(at).await;
        }
        self.let_apply().await;
        match self.connect().await {
            Ok(socket) => {
                self.socket = Some(socket);
                self.heard = Instant::now();
                FeedEvent::Connected
            }
            Err(why) => self.lost(why),
        }
    }

    /// Sends every event into `sink` until its other end is gone.
    pub async fn run(mut self, sink: mpsc::Sender<FeedEvent>) {
        loop {
            let event = tokio::select! {
                event = self.next() => event,
                () = sink.closed() => return,
            };
            if sink.send(event).await.is_err() {
                return;
            }
        }
    }

    async fn receive(&mut self) -> Result<FeedMessage, ClientError> {
        let gateway = &self.gateway;
        let socket = self.socket.as_mut().expect("it was just looked at");
        loop {
            // Answers to pings go out while the next message is waited for.
            let message = timeout_at(self.heard + self.idle, socket.next())
                .await
                .map_err(|_| gateway.unreachable("it has gone silent".to_owned(), true))?;
            self.heard = Instant::now();
            match message {
                Some(Ok(Message::Text(text))) => {
                    return strict::parse(text.as_bytes(), MAX_MESSAGE)
                        .map_err(|error| gateway.malformed(error.to_string()));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    let reason = frame.map(|frame| frame.reason.to_string());
                    let why = match reason.filter(|reason| !reason.is_empty()) {
                        Some(reason) => format!("it ended the feed: {reason}"),
                        None => "it ended the feed".to_owned(),
                    };
                    return Err(gateway.unreachable(why, true));
                }
                Some(Ok(Message::Binary(_) | Message::Frame(_))) => {
                    return Err(gateway.malformed("the feed is not text".to_owned()));
                }
                Some(Err(error)) => return Err(broken(gateway, &error)),
                None => {
                    return Err(gateway.unreachable("the connection ended".to_owned(), true));
                }
            }
        }
    }

    fn lost(&mut self, why: ClientError) -> FeedEvent {
        self.socket = None;
        let retry_in = pause(self.failures, fastrand::f64());
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(Instant::now() + retry_in);
        FeedEvent::Disconnected { why, retry_in }
    }

    /// Asking for entries that are delivered but not yet applied would bring
    /// them twice, with a checkpoint that is older than the newest.
    async fn let_apply(&self) {
        let end = Instant::now() + APPLY;
        while (self.from)() < self.delivered && Instant::now() < end {
            sleep(LOOK).await;
        }
    }

    async fn connect(&self) -> Result<Socket, ClientError> {
        let gateway = &self.gateway;
        let late = |_| gateway.unreachable("it does not answer in time".to_owned(), false);
        let base = gateway.base_url();
        let scheme = if base.is_tls() { "wss" } else { "ws" };
        let from = (self.from)();
        let url = format!("{scheme}://{}/v1/feed?from={from}", base.authority());
        let mut request = url.into_client_request().expect("our own URL");
        if let Some(value) = gateway.authorization() {
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, value.clone());
        }
        let stream = timeout(CONNECT, wire(gateway))
            .await
            .map_err(late)?
            .map_err(|error| {
                let why = tls::complaint(&error).unwrap_or_else(|| error.to_string());
                gateway.unreachable(why, false)
            })?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let shaken = timeout(
            CONNECT,
            tokio_tungstenite::client_async_with_config(request, stream, Some(config)),
        )
        .await
        .map_err(late)?;
        match shaken {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(response)) => Err(self.refused(response.status().as_u16()).await),
            Err(error) => Err(broken(gateway, &error)),
        }
    }

    /// A refused handshake comes without its body: the reason is asked for.
    async fn refused(&self, status: u16) -> ClientError {
        match self.gateway.session().await {
            Err(why) => why,
            Ok(_) => self
                .gateway
                .malformed(format!("it refuses the feed with status {status}")),
        }
    }
}

/// A connection to the gateway, by TLS where its address says so.
async fn wire(gateway: &Gateway) -> std::io::Result<Box<dyn Wire>> {
    let base = gateway.base_url();
    let stream = base.connect().await?;
    if !base.is_tls() {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(base.host().to_owned())
        .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))?;
    let tls = TlsConnector::from(gateway.tls())
        .connect(name, stream)
        .await?;
    Ok(Box::new(tls))
}

fn broken(gateway: &Gateway, error: &Error) -> ClientError {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            gateway.malformed(format!("a message has more than {MAX_MESSAGE} bytes"))
        }
        Error::Protocol(error) => gateway.unreachable(error.to_string(), true),
        Error::Io(error) => gateway.unreachable(error.to_string(), true),
        error => gateway.malformed(error.to_string()),
    }
}

/// The wait after so many failures: twice as long each time, and spread, so
/// that many consoles do not come back at once. `chance` is in 0..1.
fn pause(failures: u32, chance: f64) -> Duration {
    let doubled = SHORTEST.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
    doubled
        .min(LONGEST)
        .mul_f64(0.5 + chance / 2.0)
        .max(SHORTEST)
}

#[cfg(test)]
mod tests;
