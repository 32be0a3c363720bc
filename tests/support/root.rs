//! A clean root: the distribution's smallest system in a mount and process
//! namespace of its own, on a layer that is thrown away.
//!
//! The system below the layer is made once and kept in `target/clean-root/`,
//! and so are the packages that apt fetches. It has the tools that look at an
//! installed package, and none of what the package needs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::sync::{Mutex, MutexGuard};

use super::package::run;
use super::process::Process;
use super::until;

/// What looks at an installed package: the system's own tools.
const TOOLS: &str =
    "bash-completion,ca-certificates,dbus,desktop-file-utils,man-db,procps,systemd,util-linux";

/// apt's archives are shared, and apt locks them.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A running clean root.
pub struct Root {
    /// Keeps the namespaces. They end with it.
    holder: Process,
    /// The first process inside, by its number outside.
    inside: String,
    layer: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Root {
    /// Starts one. Each of `folders` is seen inside under its own path.
    pub async fn start(name: &str, folders: &[&Path]) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "a clean root is made by root: start this test with sudo"
        );
        let alone = ONE_AT_A_TIME.lock().await;
        let base = base();
        let layer = kept().join(name);
        remove(&layer);
        for below in ["upper", "work", "root"] {
            std::fs::create_dir_all(layer.join(below)).unwrap();
        }
        let mut script = format!(
            "set -e\n\
             cd '{layer}'\n\
             mount -t overlay -o lowerdir='{base}',upperdir=upper,workdir=work overlay root\n\
             mount -t proc proc root/proc\n\
             mount -t tmpfs tmpfs root/tmp\n\
             mount -t tmpfs tmpfs root/run\n\
             mount --rbind /sys root/sys\n\
             mount --rbind /dev root/dev\n\
             mount --bind '{archives}' root/var/cache/apt/archives\n\
             cp /etc/resolv.conf root/etc/\n",
            layer = layer.display(),
            base = base.display(),
            archives = archives().display(),
        );
        for folder in folders {
            let folder = folder.display();
            script += &format!("mkdir -p 'root{folder}'; mount --bind '{folder}' 'root{folder}'\n");
        }
        // Not only `chroot`: the kernel gives no user namespaces below one, and
        // units need them.
        script += "cd root\npivot_root . mnt\n\
                   exec chroot . sh -c 'umount -l /mnt && exec sleep infinity'\n";
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--mount", "--pid", "--fork", "--kill-child"])
            .args(["--propagation", "private", "sh", "-c", &script])
            .stdin(Stdio::null());
        let holder = Process::start(unshare, super::kept().join(format!("{name}.log")));
        let children = format!("/proc/{0}/task/{0}/children", holder.id());
        let inside = until("a clean root", async || {
            let child = std::fs::read_to_string(&children).unwrap_or_default();
            let child = child.trim().to_owned();
            let program = std::fs::read_to_string(format!("/proc/{child}/comm"));
            (program.ok()? == "sleep\n").then_some(child)
        })
        .await;
        Self {
            holder,
            inside,
            layer,
            _alone: alone,
        }
    }

    /// A command inside, with nothing of the environment outside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.inside, "--mount", "--pid"]);
        command.args(["--root", "--wd", "--"]).stdin(Stdio::null());
        command.args(["/usr/bin/env", "--ignore-environment"]);
        command.args(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"]);
        command.args(["HOME=/root", "DEBIAN_FRONTEND=noninteractive", program]);
        command
    }

    /// Runs a line of shell inside and gives what it printed.
    pub fn sh(&self, line: &str) -> String {
        run(self.command("sh").args(["-c", line]))
    }

    /// Where programs outside see the files inside.
    pub fn folder(&self) -> PathBuf {
        format!("/proc/{}/root", self.inside).into()
    }

    /// Every path that stays when the root is stopped.
    pub fn paths(&self) -> BTreeSet<String> {
        let found = self.sh("find / -xdev");
        found.lines().map(str::to_owned).collect()
    }

    /// Puts a file from outside in.
    pub fn take(&self, file: &Path, to: &str) {
        std::fs::copy(file, self.folder().join(to.trim_start_matches('/'))).unwrap();
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // With the first process its namespaces end, and with them every mount.
        let _gone = Command::new("kill").args(["-KILL", &self.inside]).status();
        while self.holder.ended().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        if !std::thread::panicking() {
            remove(&self.layer);
        }
    }
}

/// What is kept from run to run.
fn kept() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/clean-root");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What apt has fetched.
fn archives() -> PathBuf {
    let folder = kept().join("archives");
    std::fs::create_dir_all(folder.join("partial")).unwrap();
    folder
}

/// The smallest system of this machine's release, from this machine's sources.
fn base() -> PathBuf {
    let release = std::fs::read_to_string("/etc/os-release").unwrap();
    let codename = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .expect("a Debian release has a name");
    let base = kept().join(codename);
    if base.is_dir() {
        return base;
    }
    let sources = sources();
    assert!(!sources.is_empty(), "no package sources below /etc/apt");
    let making = kept().join("making");
    remove(&making);
    run(Command::new("mmdebstrap")
        .args(["--variant=minbase", "--skip=cleanup/apt"])
        .arg(format!("--include={TOOLS}"))
        .args([
            "--dpkgopt=force-unsafe-io",
            "--aptopt=APT::Keep-Downloaded-Packages \"true\"",
            "--aptopt=APT::Install-Recommends \"false\"",
            "--aptopt=Acquire::Retries \"3\"",
        ])
        .arg(codename)
        .arg(&making)
        .args(sources));
    std::fs::rename(&making, &base).unwrap();
    base
}

/// The machine's sources of the distribution itself: others (of a browser, of a
/// language) have keys that a clean root does not know.
fn sources() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(folder) = std::fs::read_dir("/etc/apt/sources.list.d") {
        found.extend(folder.map(|entry| entry.unwrap().path()));
    }
    found.retain(|path| {
        let named = path
            .extension()
            .is_some_and(|end| end == "list" || end == "sources");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        named && (text.contains("/debian") || text.contains("/ubuntu"))
    });
    found
}

fn remove(folder: &Path) {
    if folder.exists() {
        std::fs::remove_dir_all(folder).unwrap();
    }
}
