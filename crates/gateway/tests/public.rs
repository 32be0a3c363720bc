//! A gateway that several people reach: its address, its TLS, its refusals.

#![allow(clippy::unwrap_used)]

#[path = "../../client/tests/support/authority.rs"]
mod authority;
mod support;

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use authority::{Authority, Issued};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use support::{World, now, reopened, serve, token};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use vidimus_client::{ClientError, Feed, FeedEvent};
use vidimus_gateway::{
    Config, DoorError, Entrance, Gateway, NewSession, OpenError, Public, TlsFiles,
};
use vidimus_protocol::envelope::token_hash;

const HOST: &str = "gate.example.com";

/// A port that nobody listens on.
fn free() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

fn public(dir: &Path, url: &str, entrance: Entrance) -> Config {
    Config {
        public: Some(Public {
            url: url.parse().unwrap(),
            listen: None,
            entrance,
        }),
        ..Config::personal(dir.join("gateway"))
    }
}

fn tls(dir: &Path, issued: &Issued) -> Entrance {
    let (certificate, key) = issued.write(dir);
    Entrance::Tls(TlsFiles { certificate, key })
}

/// TLS by hand, for any name at any port of this computer.
async fn connect(authority: &Path, name: &str, port: u16) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(authority).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.unwrap()
}

/// What is answered to a request of these lines.
async fn ask(mut stream: TlsStream<TcpStream>, lines: &[&str]) -> String {
    let said = format!("{}\r\nconnection: close\r\n\r\n", lines.join("\r\n"));
    stream.write_all(said.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard).await;
    String::from_utf8(heard).unwrap().to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_client_comes_by_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let entrance = tls(folder.path(), &authority.issue("localhost"));
    let url = format!("https://localhost:{}", free());
    let fresh = serve(public(folder.path(), &url, entrance));
    assert_eq!(fresh.gateway.url(), url);
    let ca = authority.file(folder.path());
    let client = vidimus_client::Gateway::at(url.parse().unwrap(), Some(&ca)).unwrap();
    assert_eq!(client.log().await.unwrap().log, None);
    // The feed gets as far as somebody without a session can.
    let client = client.with_token(&token().parse().unwrap());
    match Feed::new(&client, || 0).next().await {
        FeedEvent::Disconnected {
            why: ClientError::Problem { problem, status },
            ..
        } => assert_eq!((problem.code.as_str(), status), ("unauthorised", 401)),
        other => panic!("{other:?}"),
    }
    fresh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_to_its_own_name_only() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let entrance = tls(folder.path(), &authority.issue(HOST));
    let port = free();
    let fresh = serve(public(
        folder.path(),
        &format!("https://{HOST}:{port}"),
        entrance,
    ));
    let ca = authority.file(folder.path());
    let say = async |lines: &[&str]| ask(connect(&ca, HOST, port).await, lines).await;
    let (get, own) = ("GET /v1/log HTTP/1.1", format!("host: {HOST}:{port}"));
    let answer = say(&[get, &own]).await;
    assert!(answer.starts_with("http/1.1 200 "), "{answer}");
    assert!(
        answer.contains("strict-transport-security: max-age=31536000\r\n"),
        "{answer}"
    );
    for wrong in [
        vec![get, "host: evil.example"],
        vec![get, "host: gate.example.com"],
        vec![get, &format!("host: localhost:{port}")],
        vec![get, &format!("host: 127.0.0.1:{port}")],
        vec![get, &own, "host: evil.example"],
        vec!["GET https://evil.example/v1/log HTTP/1.1", &own],
        // Nobody's word but the request's own counts.
        vec![get, "host: evil.example", &format!("x-forwarded-{own}")],
    ] {
        let answer = say(&wrong).await;
        assert!(answer.contains("\"wrong_host\""), "{wrong:?}: {answer}");
    }
    let own_origin = format!("origin: https://{HOST}:{port}");
    let answer = say(&[get, &own, &own_origin]).await;
    assert!(answer.starts_with("http/1.1 200 "), "{answer}");
    for origin in [
        format!("origin: http://{HOST}:{port}"),
        format!("origin: https://{HOST}"),
        "origin: https://evil.example".to_owned(),
        "origin: null".to_owned(),
    ] {
        let answer = say(&[get, &own, &origin]).await;
        assert!(answer.contains("\"cross_origin\""), "{origin}: {answer}");
    }
    fresh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_for_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let entrance = tls(folder.path(), &authority.issue(HOST));
    let port = free();
    let fresh = serve(public(
        folder.path(),
        &format!("https://{HOST}:{port}"),
        entrance,
    ));
    let opens = NewSession {
        token_hash: token_hash(&token()),
        expires_at: now().plus_seconds(3600),
    };
    let founding = fresh.gateway.found("Ada", opens).unwrap();
    assert!(
        founding
            .url
            .starts_with(&format!("https://{HOST}:{port}/c/"))
    );
    let body = format!("{{\"code\":\"{}\"}}", founding.code);
    let ca = authority.file(folder.path());
    let answer = ask(
        connect(&ca, HOST, port).await,
        &[
            &format!("POST /v1/ceremonies/{}/code HTTP/1.1", founding.ceremony),
            &format!("host: {HOST}:{port}"),
            "content-type: application/json",
            // The head's end comes after the last line, with `connection`.
            &format!(
                "content-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            ),
        ],
    )
    .await;
    assert!(
        answer.contains("\"rp\":{\"name\":\"vidimus\",\"id\":\"gate.example.com\"}"),
        "{answer}"
    );
    fresh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_served_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let entrance = tls(folder.path(), &authority.issue(HOST));
    let port = free();
    let fresh = serve(public(
        folder.path(),
        &format!("https://{HOST}:{port}"),
        entrance,
    ));
    let ca = authority.file(folder.path());
    let served = async || {
        let stream = connect(&ca, HOST, port).await;
        let (_, tls) = stream.get_ref();
        tls.peer_certificates().unwrap()[0].clone().into_owned()
    };
    let first = served().await;
    authority.issue(HOST).write(folder.path());
    for _ in 0..100 {
        if served().await != first {
            fresh.stop().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it was not read again within ten seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_stays_at_the_address_that_it_was_opened_at() {
    let folder = tempfile::tempdir().unwrap();
    let port = free();
    let here = format!("http://localhost:{port}");
    let at = |url: &str, entrance| public(folder.path(), url, entrance);
    let world = serve(at(&here, Entrance::Loopback)).found(now()).await;
    let agent = world.connect().await;
    world.propose(&agent, &["true"]).await;
    let authority = Authority::new();
    let own = tls(folder.path(), &authority.issue("localhost"));
    let other = tls(folder.path(), &authority.issue("localhost"));
    world.stop().await;
    for config in [
        at(&format!("http://localhost:{}", free()), Entrance::Loopback),
        at(&format!("https://localhost:{port}"), own),
        at(&format!("https://localhost:{}", free()), other),
    ] {
        let asked = config.public.as_ref().unwrap().url.to_string();
        let refused = reopened(&config).err().unwrap();
        assert!(matches!(refused, OpenError::Moved { .. }), "{refused}");
        let words = refused.to_string();
        assert!(words.contains(&here) && words.contains(&asked), "{words}");
    }
    // At its own address it goes on.
    let gateway = reopened(&at(&here, Entrance::Loopback)).unwrap();
    assert!(gateway.log().is_some());
    drop(gateway);
    // And a log of this computer does not go out.
    let personal = tempfile::tempdir().unwrap();
    let inside = personal.path().join("gateway");
    World::new(&inside).await.stop().await;
    let out = public(
        personal.path(),
        &format!("http://localhost:{}", free()),
        Entrance::Loopback,
    );
    let refused = reopened(&out).err().unwrap();
    assert!(matches!(refused, OpenError::OtherProfile(_)), "{refused}");
    // Nor a team's back in.
    let refused = reopened(&Config::personal(folder.path().join("gateway"))).err();
    assert!(matches!(refused, Some(OpenError::OtherProfile(_))));
}

#[test]
fn what_does_not_go_together_is_refused_with_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |url: &str, listen: Option<&str>, entrance| {
        let config = Config {
            public: Some(Public {
                url: url.parse().unwrap(),
                listen: listen.map(|listen| listen.parse().unwrap()),
                entrance,
            }),
            ..Config::personal(folder.path().join("gateway"))
        };
        match Gateway::open(config) {
            Err(OpenError::Door(why)) => why,
            other => panic!("{:?}", other.err()),
        }
    };
    let issued = || tls(folder.path(), &Authority::new().issue("localhost"));
    let why = refused("https://gate.example.com", None, Entrance::Loopback);
    assert!(matches!(why, DoorError::NeedsTls { .. }), "{why}");
    let why = refused("http://localhost:1", None, issued());
    assert!(matches!(why, DoorError::NoTls { .. }), "{why}");
    let why = refused("http://localhost:1", Some("0.0.0.0:0"), Entrance::Loopback);
    assert!(matches!(why, DoorError::NotLoopback { .. }), "{why}");
    let why = refused(
        "https://gate.example.com",
        None,
        Entrance::BehindProxy(Vec::new()),
    );
    assert!(matches!(why, DoorError::NoProxy), "{why}");
    let why = refused("https://gate.example.com", None, issued());
    assert!(matches!(why, DoorError::Certificate(_)), "{why}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let why = refused("https://localhost", Some(&listen), issued());
    let me = format!("process {}", std::process::id());
    assert!(why.to_string().contains(&me), "{why}");
}
