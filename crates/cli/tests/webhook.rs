//! `vidimus webhook`, as the operator types it.
#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

fn vidimus(home: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vidimus"));
    command.arg("--home").arg(home).arg("webhook").args(words);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Answers one request and gives it back.
fn answering(reply: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/path-secret", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let (mut all, mut some) = (Vec::new(), [0; 4096]);
        while !all.ends_with(b"}}") {
            let read = socket.read(&mut some).unwrap();
            all.extend_from_slice(&some[..read]);
        }
        socket.write_all(reply.as_bytes()).unwrap();
        String::from_utf8(all).unwrap()
    });
    (url, served)
}

#[test]
fn an_endpoint_is_added_tried_listed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let url = "http://127.0.0.1:9/";
    let early = vidimus(home, &["add", "ops", "--url", url]);
    assert_eq!(early.status.code(), Some(117), "{}", text(&early.stderr));
    std::fs::create_dir_all(home.join("data/gateway")).unwrap();
    let empty = vidimus(home, &["list"]);
    assert!(text(&empty.stdout).starts_with("nobody is told"));

    let (url, served) =
        answering("HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nhi\x1b[2J\u{202e}");
    let added = vidimus(home, &["add", "ops", "--url", &url]);
    assert_eq!(added.status.code(), Some(0), "{}", text(&added.stderr));
    let secret = text(&added.stdout).trim().to_owned();
    assert!(
        secret.starts_with("whsec_") && !secret.contains('\n'),
        "{secret}"
    );
    assert!(!text(&added.stderr).contains(&secret) && !text(&added.stderr).contains("path-secret"));
    let file = home.join("data/gateway/webhooks.json");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let tried = vidimus(home, &["test", "ops"]);
    assert_eq!(tried.status.code(), Some(0), "{}", text(&tried.stderr));
    assert!(text(&tried.stdout).starts_with("ops answered 202: it arrived\n"));
    assert!(
        text(&tried.stdout).contains(r"hi\u{1b}[2J\u{202e}"),
        "{}",
        text(&tried.stdout)
    );
    let request = served.join().unwrap();
    assert!(request.starts_with("POST /path-secret HTTP/1.1\r\n"));
    assert!(request.contains("webhook-signature: v1,") && !request.contains(&secret[6..]));

    let other = [
        "add",
        "chat",
        "--url",
        "https://example.org/x",
        "--events",
        "action.proposed,action.resolved",
    ];
    assert_eq!(vidimus(home, &other).status.code(), Some(0));
    let listed = vidimus(home, &["list"]);
    let listed = text(&listed.stdout);
    assert_eq!(listed.lines().count(), 2);
    assert!(listed.lines().next().unwrap().ends_with("  all events"));
    assert!(listed.contains("chat  https://example.org"), "{listed}");
    assert!(!listed.contains("whsec_") && !listed.contains("path-secret"));

    // Nobody listens there any more.
    let refused = vidimus(home, &["test", "ops"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("its connection was refused"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(vidimus(home, &["remove", "ops"]).status.code(), Some(0));
    assert_eq!(text(&vidimus(home, &["list"]).stdout).lines().count(), 1);
}

#[test]
fn what_cannot_be_is_refused_with_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    std::fs::create_dir_all(home.join("data/gateway")).unwrap();
    for words in [
        &["add", "ops", "--url", "http://example.org"][..],
        &["add", "a.b", "--url", "https://example.org"],
        &[
            "add",
            "ops",
            "--url",
            "https://example.org",
            "--events",
            "action.eaten",
        ],
        &["add", "ops"],
        &["remove", "ops"],
        &["test", "ops"],
        &[],
    ] {
        assert_eq!(vidimus(home, words).status.code(), Some(2), "{words:?}");
    }
    let added = vidimus(home, &["add", "ops", "--url", "https://example.org"]);
    assert_eq!(added.status.code(), Some(0));
    let file = home.join("data/gateway/webhooks.json");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = vidimus(home, &["list"]);
    assert_eq!(exposed.status.code(), Some(70));
    assert!(text(&exposed.stderr).contains("chmod 600"));
}

#[test]
fn help_says_what_is_never_in_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let help = vidimus(folder.path(), &["--help"]);
    let help = text(&help.stdout);
    for word in [
        "add",
        "list",
        "remove",
        "test",
        "never what an agent",
        "Standard Webhooks",
    ] {
        assert!(help.contains(word), "{word} in {help}");
    }
}
