//! A real PostgreSQL of a test's own, on a socket in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub struct Postgres {
    folder: tempfile::TempDir,
}

/// It refuses to run as root; Debian's package brings a user for it.
fn as_its_user(program: &Path) -> Command {
    if rustix::process::geteuid().is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("Debian's postgresql");
    let mut versions: Vec<_> = versions.map(|one| one.unwrap().path()).collect();
    versions.sort_unstable();
    versions.last().expect("a version").join("bin").join(name)
}

impl Postgres {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        if rustix::process::geteuid().is_root() {
            let owned = Command::new("chown")
                .arg("postgres")
                .arg(folder.path())
                .status();
            assert!(owned.unwrap().success());
        }
        let postgres = Self { folder };
        let data = postgres.data();
        let init = ["--auth=trust", "--no-sync", "--username=ada", "--pgdata"];
        postgres.run(as_its_user(&program("initdb")).args(init).arg(&data));
        postgres.go();
        postgres
    }

    pub fn go(&self) {
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c fsync=off",
            self.folder.path().display()
        );
        let mut start = as_its_user(&program("pg_ctl"));
        start.args([
            "--wait",
            "--silent",
            "--log=/dev/null",
            "--options",
            &options,
            "--pgdata",
        ]);
        self.run(start.arg(self.data()).arg("start"));
    }

    pub fn stop(&self) {
        let mut stop = as_its_user(&program("pg_ctl"));
        stop.args(["--silent", "--mode=immediate", "--pgdata"])
            .arg(self.data());
        self.run(stop.arg("stop"));
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, command: &mut Command) {
        let output = command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(output.success(), "{command:?}");
    }

    /// How `psql` reaches it.
    pub fn arguments(&self) -> Vec<String> {
        let folder = self.folder.path().display().to_string();
        ["-h", &folder, "-U", "ada", "-d", "postgres"]
            .map(str::to_owned)
            .into()
    }

    /// The answer to a statement.
    pub fn sql(&self, statement: &str) -> String {
        let output = Command::new("psql")
            .args(["-X", "-A", "-t", "-q", "-c", statement])
            .args(self.arguments())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.data().join("postmaster.pid").exists() {
            self.stop();
        }
    }
}
