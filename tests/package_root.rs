//! The packages, installed, started and removed in a clean root.
//!
//! The display and the session bus stand outside, so that nothing of theirs is
//! inside to hide what the package fails to depend on. Takes minutes, most of
//! them apt's: `cargo xtask test --deep`.

#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;
use std::time::Duration;

use support::package::{as_in_an_rpm, deb, digests, rpm, run};
use support::process::Process;
use support::root::Root;
use support::session::{Daemon, Session, shot};
use support::within;

/// A user who signs in for the first time.
const USER: u32 = 12345;
const THEIR_HOME: &str = "/home/reviewer";
/// Where control groups may be, by the version and the system.
const GROUPS: &str = "/sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified";
const GROUP: &str = "vidimus-package-test";

/// Starting the first time, from a cold disk, on a busy machine.
const LONG: Duration = Duration::from_secs(120);

/// apt fetches from whatever mirror this machine has.
fn install(root: &Root) {
    root.take(&deb(), "/vidimus.deb");
    root.sh(
        "apt-get --quiet --yes --no-install-recommends install /vidimus.deb && rm /vidimus.deb",
    );
}

#[tokio::test]
#[ignore = "takes minutes: cargo xtask test --deep"]
async fn deep_the_deb_installs_starts_and_goes() {
    let session = Session::desktop("package-root", Daemon::Dunst).await;
    let folder = session.path("");
    let root = Root::start("package-deb", &[&folder, "/tmp/.X11-unix".as_ref()]).await;
    let before = root.paths();
    install(&root);
    let installed = root.sh("dpkg --listfiles vidimus");

    the_command_works(&root);
    the_system_knows_it(&root);
    the_console_opens(&session, &root).await;
    the_unit_runs(&root).await;

    root.sh("apt-get --quiet --yes purge vidimus");
    root.sh("apt-get --quiet --yes autoremove --purge");
    let after = root.paths();
    let left: Vec<&str> = installed
        .lines()
        .filter(|path| after.contains(*path) && !before.contains(*path))
        .collect();
    assert_eq!(left, Vec::<&str>::new());
    let named: Vec<&String> = after
        .iter()
        .filter(|path| path.contains("vidimus") && !path.starts_with(THEIR_HOME))
        // `man` keeps what it has shown.
        .filter(|path| !path.starts_with("/var/cache/man/"))
        .collect();
    assert_eq!(named, Vec::<&String>::new());
    // What belongs to the user stays.
    assert!(after.contains(&format!(
        "{THEIR_HOME}/.local/share/vidimus/gateway/gateway.db"
    )));
}

fn the_command_works(root: &Root) {
    let version = root.sh("vidimus --version");
    assert!(version.starts_with("vidimus "), "{version}");
    let output = root
        .command("vidimus")
        .args(["exec", "--", "true"])
        .output()
        .unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(117), "{words}");
    assert!(words.contains("vidimus-console"), "{words}");
    assert!(!words.contains("panicked"), "{words}");
}

fn the_system_knows_it(root: &Root) {
    for page in [
        "vidimus",
        "vidimus-exec",
        "vidimus-verify",
        "vidimus-export",
        "vidimus-gateway",
        "vidimus-console",
    ] {
        let place = root.sh(&format!("man --where {page}"));
        assert_eq!(place.trim(), format!("/usr/share/man/man1/{page}.1.gz"));
    }
    // As a shell does at the first Tab.
    let loaded = run(root.command("bash").args([
        "-c",
        "source /usr/share/bash-completion/bash_completion; _completion_loader vidimus; complete -p vidimus",
    ]));
    assert!(loaded.contains(" -F _vidimus vidimus"), "{loaded}");
    assert_eq!(
        root.sh("xdg-mime query default x-scheme-handler/vidimus")
            .trim(),
        "vidimus.desktop"
    );
    let judged = root
        .command("env")
        .args([
            "XDG_RUNTIME_DIR=/run",
            "systemd-analyze",
            "verify",
            "--user",
        ])
        .arg("/usr/lib/systemd/user/vidimus-gateway.service")
        .output()
        .unwrap();
    let complaints = String::from_utf8(judged.stderr).unwrap();
    assert!(judged.status.success(), "{complaints}");
    assert_eq!(complaints, "");
    // There, and not started by itself.
    assert_eq!(root.sh("find /etc/systemd -name '*vidimus*'"), "");
}

/// Opens the installed console, and looks that it draws and that its gateway
/// answers.
async fn the_console_opens(session: &Session, root: &Root) {
    let mut command = root.command("env");
    for (name, value) in session.environment() {
        if *name != "PATH" {
            command.arg(format!("{name}={value}"));
        }
    }
    command.arg("vidimus-console");
    let mut console = session.start("console", command);
    let window = within(LONG, "the window", async || {
        assert!(console.ended().is_none(), "{}", console.printed());
        let mut search = session.command("xdotool");
        search.args(["search", "--onlyvisible", "--name", "^Vidimus$"]);
        let found = String::from_utf8(search.output().unwrap().stdout).unwrap();
        found.lines().next().map(str::to_owned)
    })
    .await;
    let mut look = session.command("xwininfo");
    look.args(["-id", &window]);
    let seen = session.run(look);
    assert!(seen.contains("Map State: IsViewable"), "{seen}");
    // An empty page has one colour, or a handful with a frame.
    within(LONG, "a painted page", async || {
        session.picture_of(&window, "package-console");
        let mut colours = Command::new("identify");
        let counted = run(colours.args(["-format", "%k"]).arg(shot("package-console")));
        (counted.trim().parse::<u32>().unwrap() > 100).then_some(())
    })
    .await;
    let port = session.path("vidimus/data/gateway/port");
    let port = std::fs::read_to_string(port).unwrap();
    let keys = format!("http://localhost:{}/.well-known/jwks.json", port.trim());
    let answer = reqwest::get(keys).await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    // How it ends, the release tests say: this one sees only the door it went
    // in by.
    console.stop().await;
    within(LONG, "the end of the console", async || {
        let search = root
            .command("pgrep")
            .args(["-x", "vidimus-console"])
            .output();
        (!search.unwrap().status.success()).then_some(())
    })
    .await;
}

/// Starts the unit for a user who has never used Vidimus, by a service manager
/// of that user.
async fn the_unit_runs(root: &Root) {
    root.sh(&format!(
        "install -d -m 0700 -o {USER} -g {USER} {THEIR_HOME} {THEIR_HOME}/.ssh /run/user/{USER} && \
         mkdir -p /run/systemd/system /run/systemd/unit-root /run/systemd/mount-rootfs && \
         for top in {GROUPS}; do if test -f $top/cgroup.procs; then \
         mkdir -p $top/{GROUP} && chown -R {USER}:{USER} $top/{GROUP}; fi; done"
    ));
    // It runs only where systemd does, which it takes from folders that the
    // system's own manager makes, and wants a control group of its own.
    let mut manager = root.command("sh");
    manager.arg("-c").arg(format!(
        "for group in $(ls -d {GROUPS}); do if test -d $group/{GROUP}; then \
         echo $$ >$group/{GROUP}/cgroup.procs; fi; done; {} /usr/lib/systemd/systemd --user",
        as_user("exec", "SYSTEMD_LOG_TARGET=console")
    ));
    let log = support::kept().join("package-unit.log");
    let mut manager = Process::start(manager, log);
    let user = |words: &str| {
        let line = format!("{} systemctl --user {words}", as_user("", ""));
        root.command("sh").args(["-c", &line]).output().unwrap()
    };
    within(LONG, "the service manager", async || {
        assert!(manager.ended().is_none(), "{}", manager.printed());
        user("list-units").status.success().then_some(())
    })
    .await;
    let started = user("start vidimus-gateway");
    assert!(
        started.status.success(),
        "{started:?} {}",
        manager.printed()
    );
    let keys = within(LONG, "the gateway", async || {
        let state = user("is-active vidimus-gateway");
        assert!(state.status.success(), "{state:?} {}", manager.printed());
        let file = format!("{THEIR_HOME}/.local/share/vidimus/gateway/port");
        let port = root.command("cat").arg(file).output().unwrap();
        let port = String::from_utf8(port.stdout).unwrap();
        let url = format!("http://localhost:{}/.well-known/jwks.json", port.trim());
        reqwest::get(url).await.ok()?.text().await.ok()
    })
    .await;
    assert!(keys.contains("\"keys\""), "{keys}");

    // What it sees: its own folders, and nothing that it could change.
    let shown = user("show --property MainPID --value vidimus-gateway").stdout;
    let process = String::from_utf8(shown).unwrap().trim().to_owned();
    let inside = |line: &str| {
        let mut command = root.command("nsenter");
        command.args(["--target", &process, "--mount", "sh", "-c", line]);
        command.output().unwrap()
    };
    let seen = inside(&format!("ls -A {THEIR_HOME}"));
    assert_eq!(String::from_utf8(seen.stdout).unwrap(), ".config\n.local\n");
    assert_eq!(
        root.sh(&format!("ls -d {THEIR_HOME}/.ssh")),
        format!("{THEIR_HOME}/.ssh\n")
    );
    for folder in ["/usr", "/etc"] {
        let tried = inside(&format!("touch {folder}/vidimus-was-here"));
        let refused = String::from_utf8(tried.stderr).unwrap();
        assert!(
            refused.contains("Read-only file system"),
            "{folder}: {refused}"
        );
    }
    assert!(user("stop vidimus-gateway").status.success());
    let state = user("is-active vidimus-gateway").stdout;
    assert_eq!(
        String::from_utf8(state).unwrap(),
        "inactive\n",
        "{}",
        manager.printed()
    );
    manager.stop().await;
    root.sh(&format!(
        "for top in {GROUPS}; do find $top/{GROUP} -depth -type d -exec rmdir {{}} + 2>/dev/null; done; true"
    ));
}

/// A line of shell that goes on as the user.
fn as_user(verb: &str, variables: &str) -> String {
    format!(
        "{verb} setpriv --reuid {USER} --regid {USER} --clear-groups env --ignore-environment \
         PATH=/usr/bin:/bin HOME={THEIR_HOME} USER=reviewer LC_ALL=C.UTF-8 XDG_RUNTIME_DIR=/run/user/{USER} {variables}"
    )
}

#[tokio::test]
#[ignore = "takes minutes: cargo xtask test --deep"]
async fn deep_the_rpm_installs_the_same() {
    // The tool stands outside, and so does its root: a clean Debian has none.
    let folder = tempfile::tempdir().unwrap();
    let tool = |arguments: &[&str]| {
        let mut rpm = Command::new("rpm");
        rpm.arg("--root").arg(folder.path());
        rpm.args(["--dbpath", "/rpmdb"]).args(arguments);
        run(&mut rpm)
    };
    tool(&["--install", "--nodeps", rpm().to_str().unwrap()]);
    let unpacked = tempfile::tempdir().unwrap();
    run(Command::new("dpkg-deb")
        .arg("--extract")
        .arg(deb())
        .arg(unpacked.path()));
    let mut theirs = digests(folder.path());
    theirs.retain(|path, _| !path.starts_with("rpmdb/"));
    assert_eq!(theirs, as_in_an_rpm(digests(unpacked.path())));

    // Debian's libraries, by the dependencies of the .deb, which itself goes.
    let root = Root::start("package-rpm", &[]).await;
    install(&root);
    root.sh("dpkg --purge vidimus && ! test -e /usr/bin/vidimus");
    for program in ["vidimus", "vidimus-console"] {
        let place = format!("usr/bin/{program}");
        root.take(&folder.path().join(&place), &format!("/{place}"));
        let version = root.sh(&format!("{program} --version"));
        assert!(version.starts_with(&format!("{program} ")), "{version}");
    }
    tool(&["--erase", "vidimus"]);
    let mut left = digests(folder.path());
    left.retain(|path, _| !path.starts_with("rpmdb/"));
    assert!(left.is_empty(), "{left:?}");
}
