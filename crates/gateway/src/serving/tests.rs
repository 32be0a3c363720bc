#![allow(clippy::unwrap_used)]

use std::time::Instant;

use axum::routing::get;
use tokio::io::AsyncReadExt as _;

use super::*;

struct Served {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

async fn served(gate: Gate, limits: Limits) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(|| async { "here" })).route(
        "/slow",
        get(|| async {
            sleep(Duration::from_millis(300)).await;
            "late"
        }),
    );
    let (stop, stopping) = watch::channel(false);
    let running = tokio::spawn(serve(listener, gate, limits, router, stopping));
    Served {
        address,
        stop,
        running,
    }
}

fn short(connections: usize) -> Limits {
    Limits {
        connections: Arc::new(Semaphore::new(connections)),
        handshake: Duration::from_millis(200),
        head: Duration::from_millis(200),
    }
}

/// Says something and hears until the other side hangs up.
async fn heard(stream: &mut TcpStream, said: &str) -> String {
    stream.write_all(said.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    // A reset is an end too.
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut heard))
        .await
        .expect("it hangs up");
    String::from_utf8(heard).unwrap()
}

async fn connect(served: &Served) -> TcpStream {
    TcpStream::connect(served.address).await.unwrap()
}

const ASK: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// TLS without a certificate: no handshake gets far enough to want one.
fn no_tls() -> Gate {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
    Gate::Tls(Arc::new(config))
}

#[tokio::test]
async fn only_named_addresses_get_an_answer() {
    let here: IpAddr = "127.0.0.1".parse().unwrap();
    let other: IpAddr = "192.0.2.7".parse().unwrap();
    let named = served(Gate::Named([other, here].into()), Limits::default()).await;
    assert!(
        heard(&mut connect(&named).await, ASK)
            .await
            .ends_with("here")
    );
    let strange = served(Gate::Named([other].into()), Limits::default()).await;
    let mut stream = connect(&strange).await;
    // It may be closed before anything is written.
    let _ = stream.write_all(ASK.as_bytes()).await;
    assert_eq!(heard(&mut stream, "").await, "");
}

#[test]
fn an_address_is_the_same_in_both_spellings() {
    let gate = Gate::Named(["192.0.2.7".parse().unwrap()].into());
    assert!(gate.lets_in("[::ffff:192.0.2.7]:5".parse().unwrap()));
    assert!(!gate.lets_in("[::ffff:192.0.2.8]:5".parse().unwrap()));
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let served = served(Gate::Open, short(8)).await;
    for said in ["", "GET / HTTP/1.1\r\nhost: x\r\nx-"] {
        let began = Instant::now();
        heard(&mut connect(&served).await, said).await;
        assert!(began.elapsed() >= Duration::from_millis(150), "{said}");
    }
    // And so does the wait for a next one.
    let heard = heard(
        &mut connect(&served).await,
        "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    )
    .await;
    assert!(heard.ends_with("here"), "{heard}");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_the_connection() {
    let served = served(no_tls(), short(8)).await;
    for said in ["", "\u{16}\u{3}\u{1}"] {
        assert_eq!(heard(&mut connect(&served).await, said).await, "");
    }
}

#[tokio::test]
async fn http_in_clear_is_told_to_speak_tls_and_gets_nothing_else() {
    let served = served(no_tls(), Limits::default()).await;
    let answer = heard(&mut connect(&served).await, ASK).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("https://"), "{answer}");
    assert!(!answer.contains("here"), "{answer}");
}

#[tokio::test]
async fn more_connections_than_the_limit_wait() {
    let limits = Limits {
        head: Duration::from_secs(30),
        ..short(2)
    };
    let served = served(Gate::Open, limits).await;
    let first = connect(&served).await;
    let _second = connect(&served).await;
    // Both are taken by now, or will be before the third.
    sleep(Duration::from_millis(50)).await;
    let mut third = connect(&served).await;
    third.write_all(ASK.as_bytes()).await.unwrap();
    let mut byte = [0];
    let waited = timeout(Duration::from_millis(300), third.read(&mut byte)).await;
    assert!(waited.is_err(), "it was answered beyond the limit");
    drop(first);
    assert!(heard(&mut third, "").await.ends_with("here"));
}

#[tokio::test]
async fn what_is_asked_already_is_answered_before_the_end() {
    let served = served(Gate::Open, Limits::default()).await;
    let mut stream = connect(&served).await;
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_millis(100)).await;
    served.stop.send_replace(true);
    assert!(heard(&mut stream, "").await.ends_with("late"));
    served.running.await.unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}
