//! System packages: which, why, and how they get installed on Debian and its children.

use std::fs;
use std::io::{IsTerminal, stdin};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::shell::{self, call, in_path};

/// A Debian package and what it is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Package {
    name: &'static str,
    why: &'static str,
}

const fn package(name: &'static str, why: &'static str) -> Package {
    Package { name, why }
}

/// What compiling Rust with its C parts needs: enough for the command line and the gateway.
pub(crate) const COMPILE: &[Package] = &[
    package(
        "build-essential",
        "C compiler and linker: cryptography and SQLite are C underneath",
    ),
    package(
        "pkg-config",
        "finds the system libraries that the build links",
    ),
];

/// What the desktop window adds.
pub(crate) const DESKTOP: &[Package] = &[
    package(
        "libwebkit2gtk-4.1-dev",
        "the web view that draws the console, and GTK with it",
    ),
    package(
        "libdbus-1-dev",
        "D-Bus, by which the window talks to the desktop",
    ),
];

/// What opening the window adds to building it.
pub(crate) const SESSION: &[Package] = &[package(
    "xdg-utils",
    "`xdg-open`: opens the key ceremony in your browser",
)];

/// What packing needs. `dpkg-shlibdeps` and `dpkg-deb` come with `build-essential`.
pub(crate) const PACKAGE: &[Package] = &[package("rpm", "`rpmbuild`: packs the .rpm")];

/// What measuring needs.
pub(crate) const BENCH: &[Package] = &[package(
    "strace",
    "counts how often a program waits for the disk",
)];

/// What playing on a display of its own needs: a real window, browser, notification daemon and keyring, and
/// pictures of them. The tour does, and the tests.
pub(crate) const PLAY: &[Package] = &[
    package("xvfb", "a display for the window, without a screen"),
    package("webkit2gtk-driver", "WebDriver for the real window"),
    package(
        "chromium",
        "the browser of the key ceremony and of the UI tests",
    ),
    package("chromium-driver", "WebDriver for that browser"),
    package("dbus", "private session bus for notifications and keyring"),
    package(
        "xfce4-notifyd",
        "a real notification daemon, which draws the buttons",
    ),
    package(
        "gnome-keyring",
        "a real Secret Service for the session token",
    ),
    package(
        "openbox",
        "a window manager: without one no window gets the focus",
    ),
    package(
        "xdotool",
        "types and clicks outside the web view: notifications and prompts",
    ),
    package(
        "x11-xserver-utils",
        "`xsetroot`: a plain colour behind the windows",
    ),
    package("imagemagick", "screenshots of the virtual display"),
    package("xterm", "the terminal that an agent's command waits in"),
];

/// What showing that display in a window adds.
pub(crate) const WATCH: &[Package] = &[package(
    "xserver-xephyr",
    "the tour's own display, in a window on yours",
)];

/// What the tests add.
pub(crate) const TEST: &[Package] = &[
    package("notification-daemon", "another notification daemon"),
    package(
        "dunst",
        "a third one, whose buttons a test can choose by command",
    ),
    package("libnotify-bin", "`notify-send`, to see that a daemon is up"),
    package(
        "python3-venv",
        "runs the second verifier, second opinions and the interface's tests, which are Python",
    ),
    package(
        "libsecret-tools",
        "`secret-tool`, to look into that keyring from outside",
    ),
    package("x11-utils", "`xprop` and `xwininfo`, to find windows"),
    package("xfce4-panel", "a real tray for the window's icon"),
    package("xfconf", "keeps that panel's settings"),
    package(
        "python3-dbusmock",
        "logind by its published interface: the real one needs a machine of its own",
    ),
    package(
        "xdg-utils",
        "`xdg-open`, by which the console opens the browser",
    ),
    package("curl", "asks the gateway as docs/API.md does"),
    package("openssl", "checks a permit as docs/API.md does"),
    package("nginx-light", "a real proxy in front of a team's gateway"),
    package("git", "pushes that are held are real ones"),
    package("postgresql", "SQL that is held runs in a real database"),
    package("lintian", "judges the .deb"),
    package("rpmlint", "judges the .rpm"),
    package("desktop-file-utils", "judges the desktop file"),
    package("appstream", "judges the description for software centres"),
    package("man-db", "judges and shows the manual pages"),
    package("bash-completion", "loads the completions as a shell does"),
    package("zsh", "loads its own"),
    package("fish", "loads its own"),
    package("systemd", "judges the units"),
    package("mmdebstrap", "a clean root to install the packages in"),
];

/// Installs whatever of these is missing, after saying what and why.
///
/// On a system without apt the list is printed and the task goes on: the names differ there, the needs do not.
pub(crate) fn ensure(needed: &[&[Package]]) -> Result<()> {
    let needed: Vec<Package> = needed.concat();
    let os_release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !(is_debian_like(&os_release) && in_path("apt-get")) {
        println!(
            "This is not Debian, so nothing is installed. What is needed, by its Debian name:"
        );
        print!("{}", reasons(&needed));
        return Ok(());
    }
    let missing = missing(&needed)?;
    if missing.is_empty() {
        return Ok(());
    }
    println!("These system packages are missing:");
    print!("{}", reasons(&missing));
    install(&missing)
}

fn missing(needed: &[Package]) -> Result<Vec<Package>> {
    // dpkg-query fails as soon as one name is unknown to it, and still lists the others.
    let output = Command::new("dpkg-query")
        .args([
            "--show",
            "--showformat",
            "${db:Status-Abbrev} ${Package}\\n",
        ])
        .args(needed.iter().map(|package| package.name))
        .stderr(Stdio::null())
        .output()
        .context("starting `dpkg-query`")?;
    let listing = String::from_utf8_lossy(&output.stdout);
    Ok(not_installed(needed, &listing))
}

fn install(missing: &[Package]) -> Result<()> {
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    let by_hand = format!(
        "apt-get update && apt-get install --yes --no-install-recommends {}",
        names.join(" ")
    );
    let prefix: &[&str] = match way(is_root()?, in_path("sudo"), stdin().is_terminal()) {
        Way::Direct => &["env"],
        Way::Sudo => {
            println!("They are installed with sudo, which may ask for your password.");
            &["sudo", "env"]
        }
        Way::SudoWithoutPassword => {
            println!(
                "They are installed with sudo, if it asks for no password: nobody is at a terminal."
            );
            &["sudo", "--non-interactive", "env"]
        }
        Way::None => bail!(
            "installing them needs root, and there is no sudo here; as root, run:\n\n  {by_hand}\n\nthen start this task again"
        ),
    };
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(prefix[0]);
        command
            .args(&prefix[1..])
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"])
            .args(arguments);
        command
    };
    if let Err(error) = call(&mut apt(&["update"])) {
        // Package lists from an earlier update may be all that is needed; the install below decides.
        println!("{error:#}; trying with the package lists that are here");
    }
    let mut install = apt(&["install", "--yes", "--no-install-recommends"]);
    if let Err(error) = call(install.args(&names)) {
        bail!(
            "{error:#}\n\nthe packages are still missing; as root, run:\n\n  {by_hand}\n\nthen start this task again"
        );
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Way {
    Direct,
    Sudo,
    SudoWithoutPassword,
    None,
}

fn way(root: bool, sudo: bool, terminal: bool) -> Way {
    match (root, sudo, terminal) {
        (true, _, _) => Way::Direct,
        (false, true, true) => Way::Sudo,
        (false, true, false) => Way::SudoWithoutPassword,
        (false, false, _) => Way::None,
    }
}

fn is_root() -> Result<bool> {
    Ok(shell::output(Command::new("id").arg("-u"))?.trim() == "0")
}

fn is_debian_like(os_release: &str) -> bool {
    os_release.lines().any(|line| {
        let Some((key, value)) = line.split_once('=') else {
            return false;
        };
        matches!(key, "ID" | "ID_LIKE")
            && value
                .trim_matches('"')
                .split_whitespace()
                .any(|word| word == "debian")
    })
}

fn not_installed(needed: &[Package], dpkg_listing: &str) -> Vec<Package> {
    let installed: Vec<&str> = dpkg_listing
        .lines()
        .filter_map(|line| line.strip_prefix("ii "))
        .map(str::trim)
        .collect();
    needed
        .iter()
        .filter(|package| !installed.contains(&package.name))
        .copied()
        .collect()
}

fn reasons(packages: &[Package]) -> String {
    let widest = packages
        .iter()
        .map(|package| package.name.len())
        .max()
        .unwrap_or(0);
    packages
        .iter()
        .map(|package| format!("  {:widest$}  {}\n", package.name, package.why))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_and_its_children_are_recognised() {
        assert!(is_debian_like("NAME=\"Debian GNU/Linux\"\nID=debian\n"));
        assert!(is_debian_like("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_debian_like(
            "ID=fedora\nHOME_URL=\"https://debian.example\"\n"
        ));
        assert!(!is_debian_like(""));
    }

    #[test]
    fn only_fully_installed_packages_count() {
        let needed = [package("one", ""), package("two", ""), package("three", "")];
        // `rc`: removed, its configuration still there.
        let missing = not_installed(&needed, "ii  one\nrc  two\nii  threescore\n");
        assert_eq!(missing, [needed[1], needed[2]]);
    }

    #[test]
    fn nobody_is_asked_for_a_password_without_a_terminal() {
        assert_eq!(way(true, false, false), Way::Direct);
        assert_eq!(way(false, true, true), Way::Sudo);
        assert_eq!(way(false, true, false), Way::SudoWithoutPassword);
        assert_eq!(way(false, false, true), Way::None);
    }

    #[test]
    fn every_package_says_why() {
        let all = [COMPILE, DESKTOP, SESSION, PACKAGE, BENCH, PLAY, WATCH, TEST].concat();
        assert!(all.iter().all(|package| !package.why.is_empty()));
    }
}
