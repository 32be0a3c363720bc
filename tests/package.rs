//! The packages, looked at from outside: contents, what they depend on, and what
//! the distributions' own judges say.
//!
//! `cargo xtask test` packs the programs of the release build and says where
//! the packages are. They are installed and started in `package_root.rs`.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::package::{as_in_an_rpm, deb, digests, packages, rpm, run};
use tempfile::TempDir;

/// Everything that the .deb installs.
const FILES: &[&str] = &[
    "usr/bin/vidimus",
    "usr/bin/vidimus-console",
    "usr/lib/systemd/system/vidimus-gateway@.service",
    "usr/lib/systemd/user/vidimus-gateway.service",
    "usr/share/applications/vidimus.desktop",
    "usr/share/bash-completion/completions/vidimus",
    "usr/share/doc/vidimus/PACKAGES.md",
    "usr/share/doc/vidimus/README.md",
    "usr/share/doc/vidimus/THREAT_MODEL.md",
    "usr/share/doc/vidimus/changelog.Debian.gz",
    "usr/share/doc/vidimus/changelog.gz",
    "usr/share/doc/vidimus/copyright",
    "usr/share/doc/vidimus/third-party.txt.gz",
    "usr/share/fish/vendor_completions.d/vidimus.fish",
    "usr/share/icons/hicolor/128x128/apps/vidimus.png",
    "usr/share/icons/hicolor/16x16/apps/vidimus.png",
    "usr/share/icons/hicolor/256x256/apps/vidimus.png",
    "usr/share/icons/hicolor/32x32/apps/vidimus.png",
    "usr/share/icons/hicolor/48x48/apps/vidimus.png",
    "usr/share/icons/hicolor/512x512/apps/vidimus.png",
    "usr/share/icons/hicolor/64x64/apps/vidimus.png",
    "usr/share/icons/hicolor/scalable/apps/vidimus.svg",
    "usr/share/lintian/overrides/vidimus",
    "usr/share/man/man1/vidimus-answer.1.gz",
    "usr/share/man/man1/vidimus-backup.1.gz",
    "usr/share/man/man1/vidimus-completions.1.gz",
    "usr/share/man/man1/vidimus-console.1.gz",
    "usr/share/man/man1/vidimus-doctor.1.gz",
    "usr/share/man/man1/vidimus-exec.1.gz",
    "usr/share/man/man1/vidimus-export.1.gz",
    "usr/share/man/man1/vidimus-gateway.1.gz",
    "usr/share/man/man1/vidimus-hook.1.gz",
    "usr/share/man/man1/vidimus-install.1.gz",
    "usr/share/man/man1/vidimus-mcp.1.gz",
    "usr/share/man/man1/vidimus-policy-check.1.gz",
    "usr/share/man/man1/vidimus-policy-diff.1.gz",
    "usr/share/man/man1/vidimus-policy-explain.1.gz",
    "usr/share/man/man1/vidimus-policy-replay.1.gz",
    "usr/share/man/man1/vidimus-policy-shadow.1.gz",
    "usr/share/man/man1/vidimus-policy-starter.1.gz",
    "usr/share/man/man1/vidimus-policy-test.1.gz",
    "usr/share/man/man1/vidimus-policy.1.gz",
    "usr/share/man/man1/vidimus-uninstall.1.gz",
    "usr/share/man/man1/vidimus-verify.1.gz",
    "usr/share/man/man1/vidimus-wait.1.gz",
    "usr/share/man/man1/vidimus-webhook-add.1.gz",
    "usr/share/man/man1/vidimus-webhook-list.1.gz",
    "usr/share/man/man1/vidimus-webhook-remove.1.gz",
    "usr/share/man/man1/vidimus-webhook-test.1.gz",
    "usr/share/man/man1/vidimus-webhook.1.gz",
    "usr/share/man/man1/vidimus.1.gz",
    "usr/share/metainfo/org.vidimus.console.metainfo.xml",
    "usr/share/zsh/vendor-completions/_vidimus",
];

/// The files of the .deb in a folder.
struct Unpacked(TempDir);

impl Unpacked {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        run(Command::new("dpkg-deb")
            .arg("--extract")
            .arg(deb())
            .arg(folder.path()));
        Self(folder)
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }
}

#[test]
fn the_sums_beside_the_packages_are_theirs() {
    let said = run(Command::new("sha256sum").current_dir(packages()).args([
        "--strict",
        "--check",
        "SHA256SUMS",
    ]));
    for package in [deb(), rpm()] {
        let name = package.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(said.contains(&format!("{name}: OK")), "{said}");
    }
}

#[test]
fn the_deb_has_its_files_owned_by_root_and_no_scripts() {
    let unpacked = Unpacked::new();
    let found = digests(unpacked.0.path());
    assert_eq!(found.keys().collect::<Vec<_>>(), FILES);
    let listing = run(Command::new("dpkg-deb").arg("--contents").arg(deb()));
    for line in listing.lines() {
        let mode = match line.split_whitespace().last().unwrap() {
            path if path.ends_with('/') => "drwxr-xr-x",
            path if path.starts_with("./usr/bin/") => "-rwxr-xr-x",
            _ => "-rw-r--r--",
        };
        assert!(line.starts_with(&format!("{mode} root/root ")), "{line}");
    }
    let control = tempfile::tempdir().unwrap();
    run(Command::new("dpkg-deb")
        .arg("--control")
        .arg(deb())
        .arg(control.path()));
    let parts = digests(control.path());
    assert_eq!(parts.keys().collect::<Vec<_>>(), ["control", "md5sums"]);
}

#[test]
fn the_deb_names_what_it_needs() {
    let field = |name: &str| run(Command::new("dpkg-deb").arg("--field").arg(deb()).arg(name));
    let depends = field("Depends");
    for needed in [
        "libc6 (>= ",
        "libwebkit2gtk-4.1-0 (>= ",
        "libgtk-3-0 (>= ",
        "xdg-utils",
    ] {
        assert!(depends.contains(needed), "{needed}: {depends}");
    }
    let recommends = field("Recommends");
    for wanted in [
        "notification-daemon",
        "gnome-keyring",
        "gnome-shell-extension-appindicator",
    ] {
        assert!(recommends.contains(wanted), "{wanted}: {recommends}");
    }
    let version = run(Command::new(support::vidimus()).arg("--version"));
    let version = version.trim().trim_start_matches("vidimus ");
    assert_eq!(field("Version").trim(), format!("{version}-1"));
}

#[test]
fn lintian_finds_nothing() {
    let said = run(Command::new("lintian")
        .env("LC_ALL", "C.UTF-8")
        .args(["--allow-root", "--fail-on", "error,warning"])
        .args(["--tag-display-limit", "0"])
        .arg(deb()));
    assert_eq!(said, "");
}

#[test]
fn rpmlint_finds_nothing() {
    let excused = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/rpmlint.toml");
    let said = run(Command::new("rpmlint")
        .args(["--config", excused])
        .arg(rpm()));
    assert!(said.contains(" 0 errors, 0 warnings"), "{said}");
}

#[test]
fn the_rpm_has_the_same_files() {
    let said = run(Command::new("rpm")
        .args(["--query", "--package", "--queryformat"])
        .arg("[%{FILEMODES:perms}|%{FILEUSERNAME}|%{FILEDIGESTS}|%{FILENAMES}\\n]")
        .arg(rpm()));
    let mut theirs = BTreeMap::new();
    for line in said.lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let [mode, owner, digest, path] = fields[..] else {
            panic!("four fields: {line}");
        };
        let expected = if digest.is_empty() {
            "drwxr-xr-x"
        } else if path.starts_with("/usr/bin/") {
            "-rwxr-xr-x"
        } else {
            "-rw-r--r--"
        };
        assert_eq!((mode, owner), (expected, "root"), "{line}");
        if !digest.is_empty() {
            theirs.insert(path.trim_start_matches('/').to_owned(), digest.to_owned());
        }
    }
    let ours = digests(Unpacked::new().0.path());
    assert_eq!(theirs, as_in_an_rpm(ours));
}

#[test]
fn the_rpm_is_whole_and_names_what_it_needs() {
    let said = run(Command::new("rpm").arg("--checksig").arg(rpm()));
    assert!(said.ends_with(": digests OK\n"), "{said}");
    let query = |what: &str| {
        run(Command::new("rpm")
            .args(["--query", "--package", what])
            .arg(rpm()))
    };
    let requires = query("--requires");
    for needed in [
        "libwebkit2gtk-4.1.so.0()(64bit)",
        "libgtk-3.so.0()(64bit)",
        "libc.so.6(GLIBC_",
        "xdg-utils",
    ] {
        assert!(requires.contains(needed), "{needed}: {requires}");
    }
    assert!(query("--recommends").contains("gnome-keyring"));
    assert_eq!(query("--scripts"), "");
}

#[test]
fn the_console_is_the_one_that_the_release_tests_drive() {
    let built = std::fs::read(support::program("VIDIMUS_RELEASE_CONSOLE_BIN")).unwrap();
    let packed = std::fs::read(Unpacked::new().path("usr/bin/vidimus-console")).unwrap();
    assert!(built == packed, "packed from another build");
}

#[test]
fn the_desktop_knows_the_console() {
    let unpacked = Unpacked::new();
    let entry = unpacked.path("usr/share/applications/vidimus.desktop");
    let said = run(Command::new("desktop-file-validate").arg(&entry));
    assert_eq!(said, "");
    let entry = std::fs::read_to_string(entry).unwrap();
    assert!(
        entry.contains("MimeType=x-scheme-handler/vidimus;\n"),
        "{entry}"
    );
    run(Command::new("appstreamcli")
        .args(["validate", "--no-net", "--pedantic"])
        .arg(unpacked.path("usr/share/metainfo/org.vidimus.console.metainfo.xml")));
}

#[test]
fn the_manual_reads_without_a_complaint() {
    let unpacked = Unpacked::new();
    for page in FILES.iter().filter(|file| file.contains("/man1/")) {
        let mut man = Command::new("man");
        man.env("LC_ALL", "C.UTF-8").env("MANWIDTH", "80");
        let output = man
            .args(["--warnings", "--local-file"])
            .arg(unpacked.path(page))
            .output()
            .unwrap();
        assert!(output.status.success(), "{page}");
        let complaints = String::from_utf8(output.stderr).unwrap();
        assert_eq!(complaints, "", "{page}");
        let text = String::from_utf8(output.stdout).unwrap();
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "SEE ALSO"] {
            assert!(
                text.lines().any(|line| line == section),
                "{page}: {section}"
            );
        }
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{page}"
        );
    }
}

#[test]
fn bash_completes_the_command() {
    let unpacked = Unpacked::new();
    let script = unpacked.path("usr/share/bash-completion/completions/vidimus");
    let complete = |line: &str| {
        let program = format!(
            "source '{}'; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _vidimus vidimus \"${{COMP_WORDS[COMP_CWORD]}}\" x; echo \"${{COMPREPLY[@]}}\"; complete -p vidimus",
            script.display()
        );
        run(Command::new("bash").args(["--norc", "-c", &program]))
    };
    let completed = complete("vidimus ex");
    assert!(completed.starts_with("exec export\n"), "{completed}");
    assert!(completed.contains(" -F _vidimus vidimus"), "{completed}");
    assert!(complete("vidimus exec --sc").starts_with("--script-by-name\n"));
    assert!(complete("vidimus completions ''").contains("bash"));
    assert!(!complete("vidimus ''").contains("manual"), "it is hidden");
}

/// Types into a real zsh, in which the program only says what it was given.
#[test]
fn zsh_completes_the_command() {
    let unpacked = Unpacked::new();
    let folder = unpacked.path("usr/share/zsh/vendor-completions");
    let program = format!(
        r#"zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell "fpath=('{}' \$fpath); autoload -Uz compinit; compinit -u -D"
        zpty -w shell 'vidimus() {{ print -r -- "given: $* ." }}'
        zpty -n -w shell $'vidimus exp\t\n'
        zpty -n -w shell $'vidimus pol\tsh\t--f\t\n'
        zpty -w shell exit
        while zpty -r shell line; do print -r -- $line; done"#,
        folder.display()
    );
    let said = run(Command::new("timeout").args(["60", "zsh", "-f", "-c", &program]));
    assert!(said.contains("given: export ."), "{said}");
    assert!(said.contains("given: policy shadow --for ."), "{said}");
}

#[test]
fn fish_completes_the_command() {
    let unpacked = Unpacked::new();
    let script = unpacked.path("usr/share/fish/vendor_completions.d/vidimus.fish");
    let complete = |line: &str| {
        let program = format!("source '{}'; complete -C '{line}'", script.display());
        let said = run(Command::new("fish").args(["--no-config", "-c", &program]));
        let words = said.lines().filter_map(|line| line.split('\t').next());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete("vidimus ex"), ["exec", "export"]);
    assert_eq!(complete("vidimus policy sh"), ["shadow"]);
    assert_eq!(complete("vidimus exec --sc"), ["--script-by-name"]);
}

#[test]
fn the_units_are_sound_and_shut_in() {
    let unpacked = Unpacked::new();
    let run_in = tempfile::tempdir().unwrap();
    let analyze = |arguments: &[&str], last: &Path| {
        let mut command = Command::new("systemd-analyze");
        command.env("XDG_RUNTIME_DIR", run_in.path());
        command.args(arguments).arg(last).output().unwrap()
    };
    for (manager, name) in [
        ("--user", "user/vidimus-gateway.service"),
        ("--system", "system/vidimus-gateway@.service"),
    ] {
        let unit = unpacked.path("usr/lib/systemd").join(name);
        let verified = analyze(&["verify", manager, "--man=no"], &unit);
        let complaints = String::from_utf8(verified.stderr).unwrap();
        let complaints: Vec<&str> = complaints
            .lines()
            // The package is not installed here.
            .filter(|line| !line.contains("Command /usr/bin/vidimus is not executable"))
            .collect();
        assert_eq!(complaints, Vec::<&str>::new(), "{name}");
        // Tenths on systemd's scale from 0, shut in, to 10. A unit that says
        // nothing has 9.8.
        let judged = analyze(
            &["security", manager, "--offline=true", "--threshold=20"],
            &unit,
        );
        assert!(judged.status.success(), "{judged:?}");
    }
}
