//! A gateway for several people, tried out on this computer.

use super::process::Process;
use super::session::Session;
use super::until;

pub struct TeamGateway {
    pub url: String,
    /// What it printed for whoever founds its log.
    pub code: String,
    _process: Process,
}

impl TeamGateway {
    pub async fn start(session: &Session) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let url = format!("http://localhost:{port}");
        let mut command = session.command(super::vidimus());
        let folder = session.path("team");
        command
            .args(["gateway", "--public-url", &url, "--dir"])
            .arg(folder);
        let mut process = session.start("gateway", command);
        let code = until("the founding code", async || {
            assert!(process.ended().is_none(), "{}", process.printed());
            let printed = process.printed();
            let code = printed
                .lines()
                .find(|line| line.matches('-').count() == 7)?;
            Some(code.trim().to_owned())
        })
        .await;
        Self {
            url,
            code,
            _process: process,
        }
    }
}
