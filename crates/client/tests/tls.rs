//! The real client against a real TLS server, with an authority of its own.

#![allow(clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use authority::{Authority, Issued};
use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::routing::get;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use vidimus_client::{ClientError, Feed, FeedEvent, Gateway, TlsError, Token};
use vidimus_protocol::Blob;
use vidimus_protocol::api::FeedMessage;

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Serves by that certificate; returns where.
async fn serve(issued: &Issued, app: Router) -> String {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move { axum::serve(Tls { listener, acceptor }, app).await.unwrap() });
    format!("https://localhost:{port}")
}

fn log() -> Router {
    Router::new().route("/v1/log", get(|| async { "{}" }))
}

fn gateway(url: &str, ca: Option<&Path>) -> Gateway {
    Gateway::at(url.parse().unwrap(), ca).unwrap()
}

/// What a client says that trusts `ca`, and what its feed says.
async fn refusal(url: &str, ca: Option<&Path>) -> String {
    let gateway = gateway(url, ca);
    let error = gateway.log().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable { sent: false, .. }),
        "{error:?}"
    );
    match Feed::new(&gateway, || 0).next().await {
        FeedEvent::Disconnected { why, .. } => assert_eq!(why.to_string(), error.to_string()),
        other => panic!("{other:?}"),
    }
    error.to_string()
}

#[tokio::test]
async fn an_authority_that_is_named_vouches_for_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let url = serve(&authority.issue("localhost"), log()).await;
    let ca = authority.file(folder.path());
    assert_eq!(gateway(&url, Some(&ca)).log().await.unwrap().log, None);
}

#[tokio::test]
async fn an_authority_that_nobody_named_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let url = serve(&Authority::new().issue("localhost"), log()).await;
    let other = Authority::new().file(folder.path());
    for ca in [None, Some(other.as_path())] {
        let words = refusal(&url, ca).await;
        assert!(words.contains("--tls-ca"), "{words}");
    }
}

#[tokio::test]
async fn a_certificate_out_of_time_or_for_another_name_is_refused_with_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let ca = authority.file(folder.path());
    for (issued, cure) in [
        (authority.issue_for("localhost", 2000, 2001), "renews it"),
        (authority.issue_for("localhost", 3000, 3001), "clock right"),
        (authority.issue("gate.example.com"), "another name"),
    ] {
        let url = serve(&issued, log()).await;
        let words = refusal(&url, Some(&ca)).await;
        assert!(words.contains(cure), "{cure}: {words}");
    }
}

#[tokio::test]
async fn what_does_not_speak_tls_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Authority::new().file(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    tokio::spawn(async move { axum::serve(listener, log()).await.unwrap() });
    let words = refusal(&url, Some(&ca)).await;
    assert!(words.contains("does not speak TLS"), "{words}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    static FOLLOWED: AtomicUsize = AtomicUsize::new(0);
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let app = Router::new()
        .route(
            "/v1/log",
            get(|| async { axum::response::Redirect::temporary("/elsewhere") }),
        )
        .route(
            "/elsewhere",
            get(|| async {
                FOLLOWED.fetch_add(1, Ordering::SeqCst);
                "{}"
            }),
        );
    let url = serve(&authority.issue("localhost"), app).await;
    let ca = authority.file(folder.path());
    let error = gateway(&url, Some(&ca)).log().await.unwrap_err();
    assert!(matches!(error, ClientError::Malformed { .. }), "{error}");
    assert_eq!(FOLLOWED.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_feed_comes_by_the_same_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let token: Token = Blob(vec![7; 32]).to_string().parse().unwrap();
    let bearer = format!("Bearer {}", token.expose());
    let message = FeedMessage::Present {
        actions: Vec::new(),
    };
    let said = serde_json::to_string(&message).unwrap();
    let app = Router::new().route(
        "/v1/feed",
        get(
            async move |headers: axum::http::HeaderMap, upgrade: WebSocketUpgrade| {
                assert_eq!(headers["authorization"].to_str().unwrap(), bearer);
                upgrade.on_upgrade(async move |mut socket| {
                    socket.send(Message::text(said)).await.unwrap();
                    std::future::pending::<()>().await;
                })
            },
        ),
    );
    let url = serve(&authority.issue("localhost"), app).await;
    let ca = authority.file(folder.path());
    let mut feed = Feed::new(&gateway(&url, Some(&ca)).with_token(&token), || 0);
    assert!(matches!(feed.next().await, FeedEvent::Connected));
    match feed.next().await {
        FeedEvent::Message(heard) => assert_eq!(heard, message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_without_authorities_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let base: vidimus_client::BaseUrl = "https://gate.example.com".parse().unwrap();
    let at = || Gateway::at(base.clone(), Some(&path)).unwrap_err();
    assert!(matches!(
        at(),
        ClientError::Tls(TlsError::Unreadable { .. })
    ));
    for text in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n", "hello"] {
        std::fs::write(&path, text).unwrap();
        assert!(
            matches!(at(), ClientError::Tls(TlsError::Empty { .. })),
            "{text}"
        );
    }
    // In clear nobody is trusted, and the file is not needed.
    let local = "http://localhost:1".parse().unwrap();
    assert!(Gateway::at(local, Some(&path)).is_ok());
}
