//! Carries one message: HTTP/1.1, `https` by certificates that this computer
//! trusts, `http` to this computer only. No redirect is followed, no proxy is
//! used, no connection is kept.

use std::error::Error;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

use super::endpoints::Endpoint;

/// Time to reach an endpoint.
const CONNECT: Duration = Duration::from_secs(5);
/// Time until its answer's head is there.
const ANSWER: Duration = Duration::from_secs(20);
/// Most bytes of an answer that are read, where anybody asks for them.
const MAX_ANSWER: usize = 4096;

type Wire = Client<HttpsConnector<HttpConnector<Resolver>>, Full<axum::body::Bytes>>;

/// The way out.
pub(super) struct Courier {
    wire: OnceLock<Wire>,
    answer_in: Duration,
}

/// What an endpoint answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    /// How long it asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

/// Why there is no answer. The words stand on the screen: nothing of what the
/// other side said is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("its name leads to no address")]
    NoAddress,
    #[error("its connection was refused")]
    Refused,
    #[error("its certificate is not trusted on the gateway's computer")]
    Untrusted,
    #[error("no secure connection could be agreed on")]
    Tls,
    #[error("it cannot be connected to")]
    NoConnection,
    #[error("it did not answer in time")]
    Late,
    #[error("it answered with something else than HTTP, or hung up")]
    Garbled,
}

impl Courier {
    pub(super) fn new() -> Self {
        Self::answered_in(ANSWER)
    }

    pub(super) fn answered_in(answer_in: Duration) -> Self {
        Self {
            wire: OnceLock::new(),
            answer_in,
        }
    }

    /// Sends a message once. The answer's body is not read.
    pub(super) async fn carry(
        &self,
        endpoint: &Endpoint,
        id: &str,
        unix_s: u64,
        body: &str,
    ) -> Result<Answered, Failure> {
        let response = self.send(endpoint, id, unix_s, body).await?;
        Ok(Answered {
            status: response.status(),
            retry_after: retry_after(response.headers()),
        })
    }

    /// The same, with the beginning of the answer's body.
    pub(super) async fn carry_and_read(
        &self,
        endpoint: &Endpoint,
        id: &str,
        unix_s: u64,
        body: &str,
    ) -> Result<(StatusCode, Vec<u8>), Failure> {
        let response = self.send(endpoint, id, unix_s, body).await?;
        let status = response.status();
        let mut said = response.into_body();
        let mut read = Vec::new();
        let reading = async {
            while read.len() < MAX_ANSWER
                && let Some(Ok(frame)) = said.frame().await
            {
                read.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            }
        };
        // What is there in time is enough: the status is the answer.
        let _ = tokio::time::timeout(self.answer_in, reading).await;
        read.truncate(MAX_ANSWER);
        Ok((status, read))
    }

    async fn send(
        &self,
        endpoint: &Endpoint,
        id: &str,
        unix_s: u64,
        body: &str,
    ) -> Result<Response<Incoming>, Failure> {
        let request = Request::post(endpoint.uri())
            .header(header::CONTENT_TYPE, "application/json")
            .header(
                header::USER_AGENT,
                concat!("Vidimus/", env!("CARGO_PKG_VERSION")),
            )
            .header("webhook-id", id)
            .header("webhook-timestamp", unix_s)
            .header(
                "webhook-signature",
                endpoint.secret().sign(id, unix_s, body.as_bytes()),
            )
            .body(Full::from(body.to_owned()))
            .expect("every part of it was checked");
        let wire = self.wire.get_or_init(wire);
        match tokio::time::timeout(self.answer_in, wire.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failure(&error)),
            Err(_) => Err(Failure::Late),
        }
    }
}

/// Whether a host is one of the names of this computer.
pub(super) fn is_this_computer(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].contains(&host)
}

fn wire() -> Wire {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    if !found.errors.is_empty() {
        tracing::warn!(errors = ?found.errors, "some of this computer's certificates cannot be read");
    }
    // Without any, no certificate is trusted.
    roots.add_parsable_certificates(found.certs);
    wire_to(roots)
}

fn wire_to(roots: RootCertStore) -> Wire {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the usual versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        // `check_url` lets `http` to this computer only.
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(connector)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

fn failure(error: &hyper_util::client::legacy::Error) -> Failure {
    cause(error).unwrap_or(if error.is_connect() {
        Failure::NoConnection
    } else {
        Failure::Garbled
    })
}

/// The first cause that there are words for.
fn cause(error: &(dyn Error + 'static)) -> Option<Failure> {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return Some(*failure);
    }
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(of_tls(tls));
    }
    if let Some(io) = error.downcast_ref::<std::io::Error>() {
        // What an I/O error holds is not its source.
        let held = io.get_ref().and_then(|held| cause(held));
        return held.or(match io.kind() {
            std::io::ErrorKind::ConnectionRefused => Some(Failure::Refused),
            std::io::ErrorKind::TimedOut => Some(Failure::Late),
            _ => None,
        });
    }
    error.source().and_then(cause)
}

fn of_tls(error: &rustls::Error) -> Failure {
    match error {
        rustls::Error::InvalidCertificate(_) => Failure::Untrusted,
        _ => Failure::Tls,
    }
}

/// Looks names up, except those of this computer: a resolver that answers
/// with another one would get messages in clear.
#[derive(Clone)]
struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.0.poll_ready(context).map_err(|_| Failure::NoAddress)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if is_this_computer(name.as_str()) {
            let here = [
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(Ipv6Addr::LOCALHOST),
            ];
            let here = here.map(|address| SocketAddr::new(address, 0)).to_vec();
            return Box::pin(async move { Ok(here.into_iter()) });
        }
        let found = self.0.call(name);
        Box::pin(async move {
            let found: Vec<_> = found.await.map_err(|_| Failure::NoAddress)?.collect();
            Ok(found.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::webhooks::Endpoints;
    use axum::Router;
    use axum::body::Body;
    use axum::routing::post;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::AsyncWriteExt as _;
    use vidimus_protocol::Time;

    fn endpoint(url: &str) -> Endpoint {
        let now = Time::from_unix_ms(1_795_000_000_000);
        let mut endpoints = Endpoints::default();
        endpoints.add("ops", url, &[], now).unwrap().clone()
    }

    async fn serve(app: Router) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        format!("http://localhost:{port}")
    }

    async fn carry(url: &str, answer_in: Duration) -> Result<Answered, Failure> {
        let courier = Courier::answered_in(answer_in);
        courier
            .carry(&endpoint(url), "msg_a", 1_795_000_000, "{}")
            .await
    }

    #[tokio::test]
    async fn an_answers_head_is_enough_and_its_body_is_not_waited_for() {
        let endless = post(async || {
            let drops = futures_util::stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Some((Ok::<_, std::io::Error>("x".repeat(1000)), ()))
            });
            Body::from_stream(drops)
        });
        let url = serve(Router::new().route("/", endless)).await;
        assert_eq!(carry(&url, ANSWER).await.unwrap().status, StatusCode::OK);
        // Even who wants to read it reads little of it.
        let courier = Courier::new();
        let read = courier
            .carry_and_read(&endpoint(&url), "msg_a", 1, "{}")
            .await;
        assert_eq!(read.unwrap().1.len(), MAX_ANSWER);
    }

    #[tokio::test]
    async fn who_does_not_answer_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let late = carry(&url, Duration::from_millis(200)).await;
        assert_eq!(late, Err(Failure::Late));
        drop(listener);
        assert_eq!(carry(&url, ANSWER).await, Err(Failure::Refused));
        let unknown = carry("https://nobody.invalid", ANSWER).await;
        assert_eq!(unknown, Err(Failure::NoAddress));
    }

    #[tokio::test]
    async fn what_is_not_http_has_words_of_ours() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let _ = socket.write_all(b"SSH-2.0-\x1b[2Jhello\r\n").await;
            }
        });
        let garbled = carry(&format!("http://{address}"), ANSWER).await;
        assert_eq!(garbled, Err(Failure::Garbled));
        let plain = carry(&format!("https://{address}"), ANSWER).await;
        assert_eq!(plain, Err(Failure::Tls));
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        static FOLLOWED: AtomicUsize = AtomicUsize::new(0);
        let app = Router::new()
            .route(
                "/",
                post(async || axum::response::Redirect::temporary("/other")),
            )
            .route(
                "/other",
                post(async || {
                    FOLLOWED.fetch_add(1, Ordering::SeqCst);
                }),
            );
        let answered = carry(&serve(app).await, ANSWER).await.unwrap();
        assert_eq!(answered.status, StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(FOLLOWED.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_certificate_that_this_computer_does_not_trust_is_refused() {
        use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::from(key))
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                if let Ok(mut tls) = acceptor.accept(socket).await {
                    let _ = tls.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
                }
            }
        });
        let url = format!("https://localhost:{port}");
        assert_eq!(carry(&url, ANSWER).await, Err(Failure::Untrusted));
        // The same server is fine once its certificate is trusted.
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let courier = Courier::new();
        assert!(courier.wire.set(wire_to(roots)).is_ok());
        let answered = courier.carry(&endpoint(&url), "msg_a", 1, "{}").await;
        assert_eq!(answered.unwrap().status, StatusCode::NO_CONTENT);
    }

    #[test]
    fn a_receiver_asks_in_seconds() {
        let asked = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, http::HeaderValue::from_static(text));
            retry_after(&headers)
        };
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        assert_eq!(asked("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(asked("-1"), None);
    }
}
