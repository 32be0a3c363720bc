//! A home folder with a connected agent, and a working folder for the command.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use vidimus_client::{AgentProfile, Home};
use vidimus_protocol::trust::TrustFile;
use vidimus_verify::testkit::AGENT_TOKEN;

use crate::gateway::Gateway;

pub struct Place {
    folder: tempfile::TempDir,
    pub home: Home,
}

impl Place {
    /// With the agent of the gateway's story connected.
    pub fn connected(gateway: &Gateway) -> Self {
        let place = Self::empty();
        let trust = gateway.world().story.trust();
        place.connect("coder", gateway, &trust);
        place
    }

    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("work")).unwrap();
        let home = Home::at(&folder.path().canonicalize().unwrap().join("home"));
        Self { folder, home }
    }

    pub fn connect(&self, name: &str, gateway: &Gateway, trust: &TrustFile) {
        let world = gateway.world();
        let path = self
            .folder
            .path()
            .canonicalize()
            .unwrap()
            .join("trust.json");
        std::fs::write(&path, trust.to_bytes()).unwrap();
        let profile = AgentProfile {
            agent: world.story.agent,
            executor: world.story.executor,
            log: world.story.log.id,
            name: name.into(),
            tls_ca: None,
            token: AGENT_TOKEN.parse().unwrap(),
            trust: path,
            url: format!("http://127.0.0.1:{}", gateway.port)
                .parse()
                .unwrap(),
        };
        profile.save(&self.home.agent_profile(name)).unwrap();
    }

    pub fn work(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("work")
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.work().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn exists(&self, name: &str) -> bool {
        self.work().join(name).exists()
    }

    /// Waits until the command has written a file.
    pub fn wait_for(&self, name: &str) {
        let begun = Instant::now();
        while !self.exists(name) {
            assert!(begun.elapsed() < Duration::from_secs(60), "no `{name}`");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until something holds.
    pub fn wait_until(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// `vidimus exec` with these words, in the working folder.
    pub fn command(&self, words: &[&str]) -> Command {
        self.vidimus(&[&["exec"], words].concat())
    }

    /// `vidimus` with these words, in the working folder.
    pub fn vidimus(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vidimus"));
        command
            .arg("--home")
            .arg(self.home.root().unwrap())
            .args(words)
            .current_dir(self.work())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn exec(&self, words: &[&str]) -> Ended {
        self.command(words).output().unwrap().into()
    }

    pub fn start(&self, words: &[&str]) -> Child {
        self.command(words).spawn().unwrap()
    }
}

#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// Checks the exit code and a piece of the words.
    pub fn expect(&self, code: u8, words: &str) {
        assert_eq!(self.code, i32::from(code), "{}", self.stderr);
        assert!(self.stderr.contains(words), "`{words}` in {}", self.stderr);
    }
}
