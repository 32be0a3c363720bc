//! The packages that `cargo xtask test` makes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with the packages and their sums.
pub fn packages() -> PathBuf {
    let folder = std::env::var_os("VIDIMUS_PACKAGES")
        .map(PathBuf::from)
        .expect("VIDIMUS_PACKAGES is not set: run `cargo xtask test`");
    assert!(
        folder.join("SHA256SUMS").is_file(),
        "no packages in `{}`: run `cargo xtask test`",
        folder.display()
    );
    folder
}

/// The Debian package.
pub fn deb() -> PathBuf {
    package("deb")
}

/// The RPM package.
pub fn rpm() -> PathBuf {
    package("rpm")
}

fn package(suffix: &str) -> PathBuf {
    let sums = std::fs::read_to_string(packages().join("SHA256SUMS")).unwrap();
    let names: Vec<&str> = sums
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .filter(|name| name.ends_with(suffix))
        .collect();
    let [name] = names[..] else {
        panic!("one package named .{suffix}: {sums}");
    };
    packages().join(name)
}

/// Runs a program to its good end and gives what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{printed}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    printed
}

/// The SHA-256 of each file below a folder, by its path from there.
pub fn digests(folder: &Path) -> BTreeMap<String, String> {
    let said = run(Command::new("find").current_dir(folder).args([
        ".",
        "-type",
        "f",
        "-exec",
        "sha256sum",
        "{}",
        "+",
    ]));
    said.lines()
        .map(|line| {
            let (digest, path) = line.split_once("  ./").unwrap();
            (path.to_owned(), digest.to_owned())
        })
        .collect()
}

/// The files of the .deb as the .rpm should have them: zsh looks elsewhere,
/// each has its own way to state the licence, and what Debian's tools read is
/// left out.
pub fn as_in_an_rpm(deb: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let licence = Path::new(env!("CARGO_MANIFEST_DIR")).join("LICENSE");
    let said = run(Command::new("sha256sum").arg(licence));
    let licence = said.split_whitespace().next().unwrap().to_owned();
    let mut files: BTreeMap<String, String> = deb
        .into_iter()
        .filter(|(path, _)| {
            let debian = [
                "/copyright",
                "/changelog.Debian.gz",
                "/lintian/overrides/vidimus",
            ];
            !debian.iter().any(|end| path.ends_with(end))
        })
        .map(|(path, digest)| {
            (
                path.replace("/vendor-completions/", "/site-functions/"),
                digest,
            )
        })
        .collect();
    files.insert("usr/share/licenses/vidimus/LICENSE".to_owned(), licence);
    files
}
