//! Connections: who may come in, by TLS or in clear, how many, and how long
//! they may take to say what they want.
//!
//! Out of scope: what is asked (`routes.rs`).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

/// Most connections at a time that ask; feeds, which a session opens, are not
/// among them. More wait to be taken.
const MOST: usize = 4096;
/// Time until TLS is agreed on.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time until the head of a request is there, and until the next one begins.
const HEAD: Duration = Duration::from_secs(30);
/// Pause when the system takes no more connections.
const EXHAUSTED: Duration = Duration::from_secs(1);

/// Answer to HTTP where TLS is spoken. Without HTML or a redirect: what was
/// sent in clear is not repeated by itself.
const IN_CLEAR: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\
                        connection: close\r\n\r\nThis gateway speaks TLS: use https://\n";

/// Who is let in, and how.
#[derive(Clone, Debug)]
pub(crate) enum Gate {
    /// Whoever reaches it, in clear: loopback.
    Open,
    /// Whoever speaks TLS.
    Tls(Arc<ServerConfig>),
    /// These addresses, in clear. Nobody else gets an answer.
    Named(Arc<[IpAddr]>),
}

/// The limits that all listeners of a gateway share.
#[derive(Clone)]
pub(crate) struct Limits {
    connections: Arc<Semaphore>,
    handshake: Duration,
    head: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: Arc::new(Semaphore::new(MOST)),
            handshake: HANDSHAKE,
            head: HEAD,
        }
    }
}

/// Answers on one listener until `stopping`, then until what is asked already
/// is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    gate: Gate,
    limits: Limits,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let slot = limits.connections.clone().acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            next = next => next,
            Some(_ended) = connections.join_next() => continue,
            () = stopped(&mut stopping) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken");
                sleep(EXHAUSTED).await;
                continue;
            }
        };
        if !gate.lets_in(peer) {
            tracing::warn!(from = %peer.ip().to_canonical(), "not a named proxy: turned away");
            continue;
        }
        let (gate, limits) = (gate.clone(), limits.clone());
        let (router, stopping) = (router.clone(), stopping.clone());
        connections.spawn(async move {
            connection(stream, gate, &limits, router, stopping).await;
            drop(slot);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

impl Gate {
    fn lets_in(&self, peer: SocketAddr) -> bool {
        match self {
            Self::Open | Self::Tls(_) => true,
            // One socket may serve both kinds of addresses.
            Self::Named(proxies) => proxies.contains(&peer.ip().to_canonical()),
        }
    }
}

async fn connection(
    stream: TcpStream,
    gate: Gate,
    limits: &Limits,
    router: Router,
    stopping: watch::Receiver<bool>,
) {
    // Answers are small and wanted at once; it works without, too.
    let _ = stream.set_nodelay(true);
    match gate {
        Gate::Open | Gate::Named(_) => answer(stream, limits, router, stopping).await,
        Gate::Tls(config) => {
            let agreed = timeout(limits.handshake, agree(stream, config)).await;
            if let Ok(Some(stream)) = agreed {
                answer(stream, limits, router, stopping).await;
            }
        }
    }
}

/// TLS, or nothing when the other side does not speak it.
async fn agree(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await.ok()? == 0 {
        return None;
    }
    // No TLS record begins with a letter, and every request does.
    if first[0].is_ascii_uppercase() {
        // What was sent is read first: else the answer would be lost.
        let mut said = [0; 4096];
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut said).await;
        let _ = stream.write_all(IN_CLEAR.as_bytes()).await;
        let _ = stream.shutdown().await;
        return None;
    }
    match TlsAcceptor::from(config).accept(stream).await {
        Ok(agreed) => Some(agreed),
        Err(error) => {
            tracing::debug!(%error, "no TLS");
            None
        }
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    limits: &Limits,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let service = hyper::service::service_fn(move |request| router.clone().call(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the gateway is gone: stop as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

#[cfg(test)]
mod tests;
