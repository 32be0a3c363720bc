//! A gateway behind a real nginx, by the very file that OPERATIONS.md names.

#![allow(clippy::unwrap_used)]

#[path = "../../client/tests/support/authority.rs"]
mod authority;
mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use authority::Authority;
use support::{now, serve};
use tokio::time::timeout;
use vidimus_client::{Feed, FeedEvent, Gateway};
use vidimus_gateway::{Config, Entrance, Public};
use vidimus_protocol::api::{ActionStatus, FeedMessage};

const EXAMPLE: &str = include_str!("../../../docs/examples/nginx.conf");
const SOON: Duration = Duration::from_secs(20);

struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        // One process: it has no workers to leave behind.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Nginx {
    /// Starts it with these servers and waits for a port.
    fn start(folder: &Path, servers: &str, port: u16) -> Self {
        let at = folder.display();
        let text = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;\n\
             events {{}}\n\
             http {{ access_log off;\n\
             client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;\n\
             fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
             {servers} }}\n"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        let nginx = Self(command.arg("-c").arg(file).spawn().unwrap());
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < SOON, "nginx does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        nginx
    }
}

fn free() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

fn gateway(dir: &Path, url: &str, inside: u16) -> Config {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Config {
        public: Some(Public {
            url: url.parse().unwrap(),
            listen: Some(SocketAddr::from((here, inside))),
            entrance: Entrance::BehindProxy(vec![here]),
        }),
        ..Config::personal(dir.join("gateway"))
    }
}

/// The example, with the names, ports and paths of this test.
fn example(folder: &Path, authority: &Authority, outside: u16, inside: u16) -> String {
    let (certificate, key) = authority.issue("localhost").write(folder);
    let mut text = EXAMPLE.to_owned();
    for (from, to) in [
        ("listen 443 ssl", format!("listen 127.0.0.1:{outside} ssl")),
        ("gateway.example.com;", "localhost;".to_owned()),
        ("127.0.0.1:8478", format!("127.0.0.1:{inside}")),
        (
            "/etc/ssl/gateway.example.com/fullchain.pem",
            certificate.display().to_string(),
        ),
        (
            "/etc/ssl/gateway.example.com/privkey.pem",
            key.display().to_string(),
        ),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, &to);
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_arrive_as_they_were_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (outside, inside) = (free(), free());
    let authority = Authority::new();
    let url = format!("https://localhost:{outside}");
    let fresh = serve(gateway(folder.path(), &url, inside));
    let servers = example(folder.path(), &authority, outside, inside);
    let _nginx = Nginx::start(folder.path(), &servers, outside);
    let ca = authority.file(folder.path());
    let pem = std::fs::read(&ca).unwrap();
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
        .build()
        .unwrap();
    let get = |path: &str| http.get(format!("{url}{path}"));
    assert_eq!(get("/healthz").send().await.unwrap().status(), 200);
    assert_eq!(get("/metrics").send().await.unwrap().status(), 404);
    let wrong = get("/healthz").header("host", "evil.example").send().await;
    assert_eq!(wrong.unwrap().status(), 421);
    let own = get("/healthz").header("origin", &url).send().await;
    assert_eq!(own.unwrap().status(), 200);
    let foreign = get("/healthz").header("origin", "https://evil.example");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    fresh.stop().await;
}

/// The gateway's log is opened in clear, which nginx passes on too; the agent
/// and the console come by TLS.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_and_a_console_work_through_it() {
    let folder = tempfile::tempdir().unwrap();
    let (clear, outside, inside) = (free(), free(), free());
    let authority = Authority::new();
    let fresh = serve(gateway(
        folder.path(),
        &format!("http://localhost:{clear}"),
        inside,
    ));
    let own = "proxy_set_header Host $http_host;";
    let servers = example(folder.path(), &authority, outside, inside)
        .replace(own, &format!("proxy_set_header Host localhost:{clear};"));
    let servers = format!(
        "{servers}\nserver {{ listen 127.0.0.1:{clear}; location / {{ {own} \
         proxy_pass http://127.0.0.1:{inside}; }} }}"
    );
    let _nginx = Nginx::start(folder.path(), &servers, clear);
    let world = fresh.found(now()).await;
    let held = world.connect().await;

    let ca = authority.file(folder.path());
    let url = format!("https://localhost:{outside}");
    let client = Gateway::at(url.parse().unwrap(), Some(&ca)).unwrap();
    let console = client.with_token(&world.session.parse().unwrap());
    let agent = client.with_token(&held.token.parse().unwrap());
    let mut feed = Feed::new(&console, || 0);
    let mut size = 0;
    let proposed = support::proposal(&["true"]);
    let mut grow = async |least: usize| {
        while size < least {
            match timeout(SOON, feed.next())
                .await
                .expect("it is not held back")
            {
                FeedEvent::Message(FeedMessage::Batch { leaves, .. }) => size += leaves.len(),
                FeedEvent::Disconnected { why, .. } => panic!("{why}"),
                _ => {}
            }
        }
    };
    grow(3).await;
    let ack = agent.propose(&proposed).await.unwrap();
    world.proven(&ack);
    grow(4).await;
    let began = Instant::now();
    let view = agent.action(proposed.action, 1, None).await.unwrap();
    assert_eq!(view.status, ActionStatus::Pending);
    assert!(began.elapsed() >= Duration::from_secs(1), "it did not wait");
    // Server-sent events come one by one.
    let pem = std::fs::read(&ca).unwrap();
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
        .build()
        .unwrap();
    let events = http
        .get(format!("{url}/v1/actions/{}/events", proposed.action))
        .bearer_auth(&held.token)
        .send();
    let mut events = timeout(SOON, events).await.expect("it begins").unwrap();
    let mut next = async |wanted: &str| {
        let mut heard = String::new();
        while !heard.contains(wanted) {
            let piece = timeout(SOON, events.chunk()).await.expect("it comes");
            heard.push_str(std::str::from_utf8(&piece.unwrap().unwrap()).unwrap());
        }
    };
    next("\"pending\"").await;
    // The longest body arrives; what is refused is refused by the gateway.
    let long = http
        .post(format!("{url}/v1/actions"))
        .bearer_auth(&held.token)
        .header("content-type", "application/json")
        .body(vec![b' '; 2 << 20]);
    let answer = long.send().await.unwrap().text().await.unwrap();
    assert!(answer.contains("\"malformed\""), "{answer}");
    agent.withdraw(proposed.action).await.unwrap();
    next("\"withdrawn\"").await;
    grow(5).await;
    world.stop().await;
}
