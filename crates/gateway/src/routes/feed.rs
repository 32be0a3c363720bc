//! What consoles read: the feed, parts, the log's name, permit keys.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use axum::Json;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vidimus_protocol::api::{Content, FeedMessage, LogView};
use vidimus_protocol::envelope::Decimal;
use vidimus_protocol::{Blob, Digest};

use super::actions::{id, size};
use super::auth::SessionAuth;
use crate::Gateway;
use crate::problem::Refusal;
use crate::shared::Shared;
use crate::store::Session;

/// Most leaves in one message.
const MOST_LEAVES: u64 = 1000;
/// A message is cut after the leaf that exceeds this.
const MOST_BYTES: usize = 1 << 20;
/// How often presence is looked at.
const PRESENCE: Duration = Duration::from_secs(1);

/// Runs SQLite work where it may block.
pub(crate) async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Refusal::unavailable(
            "gateway_closed",
            "the gateway is stopping",
        ))
    })
}

/// Which log this is
#[utoipa::path(
    get,
    path = "/v1/log",
    operation_id = "log",
    tag = "consoles",
    responses((status = 200, description = "the log and its newest checkpoint", body = LogView)),
)]
pub(super) async fn log(State(gateway): State<Gateway>) -> Json<LogView> {
    let committed = gateway.0.shared.read();
    Json(LogView {
        checkpoint: committed.checkpoint.clone(),
        log: committed.state.log().map(|log| log.id),
    })
}

/// Keys that sign permits
///
/// A JWK set (RFC 7517, RFC 8037).
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "jwks",
    tag = "consoles",
    responses((status = 200, description = "the key set", body = KeySet)),
)]
pub(super) async fn jwks(State(gateway): State<Gateway>) -> Json<KeySet> {
    let key = &gateway.0.premises.permit_key;
    Json(KeySet {
        keys: vec![Jwk {
            alg: "EdDSA",
            crv: "Ed25519",
            kid: key.kid.clone(),
            kty: "OKP",
            r#use: "sig",
            x: key.x.clone(),
        }],
    })
}

/// Keys that sign permits.
#[derive(Serialize, ToSchema)]
pub(super) struct KeySet {
    keys: Vec<Jwk>,
}

/// An Ed25519 key.
#[derive(Serialize, ToSchema)]
struct Jwk {
    /// `EdDSA`.
    alg: &'static str,
    /// `Ed25519`.
    crv: &'static str,
    /// The key's RFC 7638 thumbprint, as in a permit's header.
    kid: String,
    /// `OKP`.
    kty: &'static str,
    /// `sig`.
    r#use: &'static str,
    /// The public key.
    x: Blob,
}

/// Content of an entry
#[utoipa::path(
    get,
    path = "/v1/parts/{index}/{name}",
    operation_id = "part",
    tag = "consoles",
    security(("session" = [])),
    params(
        ("index" = u64, Path, description = "position of the entry"),
        ("name" = String, Path, description = "name of the part, e.g. `payload`"),
    ),
    responses((status = 200, description = "the content", body = Content)),
    extensions(("x-refusals" = json!(["not_found", "store", "gateway_closed"]))),
)]
pub(super) async fn part(
    State(gateway): State<Gateway>,
    _session: SessionAuth,
    Path((index, name)): Path<(String, String)>,
) -> Result<Json<Content>, Refusal> {
    let index = id::<Decimal>(&index)?.0;
    let found =
        off_the_async_threads(move || Ok(gateway.0.shared.store().part(index, &name)?)).await?;
    found.map(Json).ok_or_else(|| Refusal::not_found("part"))
}

/// `?from=SIZE`
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    /// Entries that the console has.
    #[serde(deserialize_with = "size")]
    from: u64,
}

/// Follow the log
///
/// A WebSocket: the gateway sends `FeedMessage`s, see `docs/spec/feed.md`.
#[utoipa::path(
    get,
    path = "/v1/feed",
    operation_id = "feed",
    tag = "consoles",
    security(("session" = [])),
    params(From),
    responses((status = 101, description = "a WebSocket of `FeedMessage`s")),
    extensions(("x-refusals" = json!(["upgrade_required"]))),
)]
pub(super) async fn feed(
    State(gateway): State<Gateway>,
    SessionAuth(session): SessionAuth,
    Query(From { from }): Query<From>,
    upgrade: WebSocketUpgrade,
) -> Response {
    // Consoles send nothing but pongs and a close. The buffer is cleared before
    // each read: its usual 128 KiB would cost more than sending does.
    upgrade
        .max_message_size(4096)
        .read_buffer_size(4096)
        .on_upgrade(move |socket| async move {
            let mut feed = Feed {
                gateway,
                session,
                socket,
                at: from,
                present: None,
            };
            if let Err(Hangup::Refused(refusal)) = feed.run().await {
                let frame = CloseFrame {
                    code: close_code::POLICY,
                    reason: refusal.code.into(),
                };
                // The client may be gone; there is nobody else to tell.
                let _ = feed.socket.send(Message::Close(Some(frame))).await;
            }
        })
}

struct Feed {
    gateway: Gateway,
    session: Session,
    socket: WebSocket,
    /// Size up to which the console was told.
    at: u64,
    present: Option<Vec<vidimus_protocol::ActionId>>,
}

enum Hangup {
    Gone,
    Refused(Refusal),
}

impl Feed {
    async fn run(&mut self) -> Result<(), Hangup> {
        let _counted = self.gateway.0.shared.metrics.feed_client();
        let mut changes = self.gateway.0.shared.follow();
        let stopped = self.gateway.stopped();
        tokio::pin!(stopped);
        let mut presence = tokio::time::interval(PRESENCE);
        self.catch_up().await?;
        loop {
            tokio::select! {
                _ = changes.changed() => self.catch_up().await?,
                _ = presence.tick() => self.tell_presence().await?,
                () = &mut stopped => return Err(Hangup::Gone),
                message = self.socket.recv() => match message {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    _ => return Err(Hangup::Gone),
                },
            }
        }
    }

    /// Sends everything up to the newest checkpoint, and that checkpoint even
    /// when nothing is new: it carries the time.
    async fn catch_up(&mut self) -> Result<(), Hangup> {
        loop {
            let (message, end) = next_message(&self.gateway, self.at).await?;
            let Some(message) = message else {
                return Ok(());
            };
            self.send(message).await?;
            let done = end == self.at || self.gateway.0.shared.read().tree.size() == end;
            self.at = self.at.max(end);
            if done {
                return Ok(());
            }
        }
    }

    async fn tell_presence(&mut self) -> Result<(), Hangup> {
        if self
            .gateway
            .0
            .shared
            .session(self.session.token_hash, self.gateway.0.clock.wall())
            .is_none()
        {
            return Err(Hangup::Refused(Refusal::unauthorised()));
        }
        let actions = self.gateway.0.shared.presence.list();
        if self.present.as_ref() != Some(&actions) {
            let message = FeedMessage::Present {
                actions: actions.clone(),
            };
            self.send(text(&message)?).await?;
            self.present = Some(actions);
        }
        Ok(())
    }

    async fn send(&mut self, text: Utf8Bytes) -> Result<(), Hangup> {
        self.socket
            .send(Message::Text(text))
            .await
            .map_err(|_| Hangup::Gone)
    }
}

/// The next message for a console at size `from`, and the size it ends at.
/// Consoles that follow are all at the same size: the first of them makes the
/// message, for all.
async fn next_message(gateway: &Gateway, from: u64) -> Result<(Option<Utf8Bytes>, u64), Hangup> {
    let shared = &gateway.0.shared;
    if let Some((text, end)) = shared.newest_message.get(shared, from) {
        return Ok((Some(text), end));
    }
    let _making = shared.newest_message.making.lock().await;
    // Somebody else may have made it meanwhile.
    if let Some((text, end)) = shared.newest_message.get(shared, from) {
        return Ok((Some(text), end));
    }
    let (message, end) = next_batch(gateway.clone(), from)
        .await
        .map_err(Hangup::Refused)?;
    let Some(FeedMessage::Batch { checkpoint, .. }) = &message else {
        return Ok((None, end));
    };
    let text = text(&message)?;
    shared.newest_message.put(Made {
        from,
        checkpoint: checkpoint.clone(),
        text: text.clone(),
        end,
    });
    Ok((Some(text), end))
}

fn text<T: Serialize>(message: &T) -> Result<Utf8Bytes, Hangup> {
    let text = serde_json::to_string(message).map_err(|_| Hangup::Gone)?;
    Ok(text.into())
}

/// The message that was made last. It holds as long as its checkpoint is the
/// newest.
#[derive(Default)]
pub(crate) struct NewestMessage {
    made: RwLock<Option<Made>>,
    /// Held by whoever makes the next one.
    making: tokio::sync::Mutex<()>,
}

struct Made {
    from: u64,
    checkpoint: String,
    text: Utf8Bytes,
    end: u64,
}

impl NewestMessage {
    fn get(&self, shared: &Shared, from: u64) -> Option<(Utf8Bytes, u64)> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        let made = made.as_ref().filter(|made| made.from == from)?;
        let newest = Some(&made.checkpoint) == shared.read().checkpoint.as_ref();
        newest.then(|| (made.text.clone(), made.end))
    }

    fn put(&self, next: Made) {
        *self.made.write().unwrap_or_else(PoisonError::into_inner) = Some(next);
    }
}

/// The next message for a console at size `from`, and the size it ends at.
pub(crate) async fn next_batch(
    gateway: Gateway,
    from: u64,
) -> Result<(Option<FeedMessage>, u64), Refusal> {
    let shared = &gateway.0.shared;
    let (size, newest, at_hand) = {
        let committed = shared.read();
        let most = usize::try_from(MOST_LEAVES).unwrap_or(usize::MAX);
        (
            committed.tree.size(),
            committed.checkpoint.clone(),
            committed.newest_from(from, most, MOST_BYTES),
        )
    };
    let Some(newest) = newest else {
        return Ok((None, from));
    };
    let leaves = match at_hand {
        Some(leaves) => leaves,
        None if from >= size => Vec::new(),
        None => {
            let gateway = gateway.clone();
            off_the_async_threads(move || {
                let most = MOST_LEAVES.min(size - from);
                Ok(gateway.0.shared.store().leaves(from, most, MOST_BYTES)?)
            })
            .await?
        }
    };
    let end = from + u64::try_from(leaves.len()).unwrap_or_default();
    // A console that claims more than there is sees the smaller checkpoint
    // and draws its conclusion.
    let checkpoint = if end >= size {
        Some(newest)
    } else {
        shared.checkpoint_at(end, gateway.0.clock.wall())
    };
    let consistency = match from {
        0 => Vec::new(),
        from if from > size => Vec::new(),
        from => shared
            .read()
            .tree
            .consistency_proof(from, end)
            .map_err(|_| crate::unexpected())?,
    };
    let batch = checkpoint.map(|checkpoint| FeedMessage::Batch {
        checkpoint,
        consistency: consistency.into_iter().map(Digest).collect(),
        from,
        leaves,
    });
    Ok((batch, end))
}
