//! `vidimus gateway --public-url` as a process, and an agent in front of it.
#![allow(clippy::unwrap_used)]

#[path = "../../client/tests/support/authority.rs"]
mod authority;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use authority::Authority;
use rustix::process::{Pid, Signal, kill_process};
use vidimus_client::{AgentProfile, Home};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::testkit::{AGENT_TOKEN, Story};

fn free() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

fn gateway(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vidimus"));
    command
        .arg("gateway")
        .args(words)
        .env_clear()
        .env("HOME", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it and waits until it says that it answers.
fn started(mut command: Command) -> (Running, String) {
    let mut running = Running(command.spawn().unwrap());
    let child = &mut running.0;
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let said = (lines.next(), lines.next());
    if let (Some(Ok(first)), Some(Ok(second))) = said {
        return (running, format!("{first}\n{second}"));
    }
    let mut words = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut words).unwrap();
    panic!("{words}");
}

#[test]
fn an_agent_reaches_it_by_whom_it_trusts() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let authority = Authority::new();
    let (certificate, key) = authority.issue("localhost").write(dir);
    let url = format!("https://localhost:{}", free());
    let store = dir.join("gateway");
    let (mut running, said) = started(gateway(
        dir,
        &[
            "--public-url",
            &url,
            "--dir",
            store.to_str().unwrap(),
            "--tls-certificate",
            certificate.to_str().unwrap(),
            "--tls-key",
            key.to_str().unwrap(),
        ],
    ));
    assert!(said.contains(&format!("answers at {url}\n")), "{said}");

    let ca = authority.file(dir);
    let story = Story::new(1, Algorithm::Es256);
    let home = Home::at(&dir.join("home"));
    let trust = dir.join("trust.json");
    std::fs::write(&trust, story.trust().to_bytes()).unwrap();
    let mut profile = AgentProfile {
        agent: story.agent,
        executor: story.executor,
        log: story.log.id,
        name: "coder".into(),
        tls_ca: None,
        token: AGENT_TOKEN.parse().unwrap(),
        trust,
        url: url.parse().unwrap(),
    };
    let path = home.agent_profile("coder");
    profile.save(&path).unwrap();
    let exec = |words: &[&str], variable: Option<&Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vidimus"));
        command.arg("--home").arg(home.root().unwrap()).arg("exec");
        command.args(words).args(["--", "true"]).env_clear();
        if let Some(file) = variable {
            command.env("VIDIMUS_TLS_CA", file);
        }
        let output = command
            .env("PATH", "/usr/bin:/bin")
            // It is not asked: the token is for the gateway alone.
            .env("HTTPS_PROXY", "http://127.0.0.1:1")
            .env("ALL_PROXY", "http://127.0.0.1:1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), words)
    };
    // Reached, which knows no such token.
    let reached = |(code, words): (i32, String)| {
        assert_eq!(code, 117, "{words}");
        assert!(words.contains("does not know the token"), "{words}");
    };
    let (code, words) = exec(&[], None);
    assert_eq!(code, 114, "{words}");
    assert!(words.contains("--tls-ca FILE"), "{words}");
    reached(exec(&["--tls-ca", ca.to_str().unwrap()], None));
    reached(exec(&[], Some(&ca)));
    profile.tls_ca = Some(ca.clone());
    profile.save(&path).unwrap();
    reached(exec(&[], None));
    // What is nearer counts: the command line, then the environment.
    let nobody = dir.join("nobody.pem");
    for (words, variable) in [
        (vec!["--tls-ca", nobody.to_str().unwrap()], Some(&ca)),
        (vec![], Some(&nobody)),
    ] {
        let (code, said) = exec(&words, variable.map(|path| path.as_path()));
        assert_eq!(code, 117, "{said}");
        assert!(said.contains("nobody.pem"), "{said}");
    }

    let child = &mut running.0;
    kill_process(Pid::from_child(child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    let mut logged = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut logged).unwrap();
    assert!(!logged.contains(AGENT_TOKEN), "{logged}");
    // What was made is its owner's, and there is no port to restore.
    assert!(store.join("gateway.db").exists());
    assert!(!store.join("port").exists());
}

#[test]
fn what_cannot_be_served_is_refused_with_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let at = dir.join("gateway");
    let at = at.to_str().unwrap();
    let (certificate, key) = Authority::new().issue("other.example.com").write(dir);
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let url = ["--public-url", "https://gate.example.com", "--dir", at];
    let with = |more: &[&'static str]| [&url, more].concat();
    let own_tls = [
        &url[..],
        &["--tls-certificate", certificate, "--tls-key", key],
    ]
    .concat();
    let half = [&url[..], &["--tls-certificate", certificate]].concat();
    let both = [&own_tls[..], &["--behind-proxy", "127.0.0.1"]].concat();
    let no_metadata = [&url[..], &["--mds", certificate]].concat();
    for (words, code, cure) in [
        (vec![], 2, "--personal"),
        (vec!["--public-url", "https://gate.example.com"], 2, "--dir"),
        (
            vec!["--public-url", "http://gate.example.com", "--dir", at],
            2,
            "https://",
        ),
        (
            vec!["--public-url", "https://192.0.2.1", "--dir", at],
            2,
            "use a name",
        ),
        (with(&["--personal"]), 2, "--personal"),
        (half, 2, "--tls-key"),
        (both, 2, "--behind-proxy"),
        (
            with(&["--behind-proxy", "proxy.example.com"]),
            2,
            "invalid IP",
        ),
        (vec!["--personal", "--dir", at], 2, "--dir"),
        (vec!["--personal", "--tls-key", key], 2, "--tls-key"),
        (
            with(&["--behind-proxy", "127.0.0.1", "--tls-key", "k"]),
            2,
            "--tls-key",
        ),
        (vec!["--personal", "--mds", key], 2, "--mds"),
        (with(&["--mds", "/nowhere/mds.jwt"]), 70, "cannot be read"),
        (no_metadata, 70, "https://mds3.fidoalliance.org/"),
        (with(&[]), 70, "--tls-certificate"),
        (own_tls, 70, "have one made for it"),
    ] {
        let Output { status, stderr, .. } = gateway(dir, &words).output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(cure), "{words:?}: {said}");
    }
}
