//! The .rpm, packed by `rpmbuild`, which finds the linked libraries by itself.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::stage::Stage;
use super::{Contents, Effort, MAINTAINER, filled, write};
use crate::shell::{Workspace, output};

/// Makes the package in `out` and returns its name.
pub(super) fn pack(workspace: &Workspace, contents: &Contents, out: &Path) -> Result<String> {
    let stage = Stage::fill(workspace, contents, "rpm", "usr/share/zsh/site-functions")?;
    let licence = workspace.root.join("LICENSE");
    let licence =
        std::fs::read(&licence).with_context(|| format!("reading {}", licence.display()))?;
    stage.put("usr/share/licenses/vidimus/LICENSE", licence)?;
    stage.settle(contents)?;

    let requires: Vec<String> = contents
        .opened_by_name()?
        .iter()
        .map(|(soname, _)| format!("Requires: {soname}()(64bit)"))
        .collect();
    let specification = filled(
        workspace,
        "vidimus.spec",
        &[
            ("VERSION", &contents.version),
            (
                "LEVEL",
                match contents.effort {
                    Effort::Much => "19",
                    Effort::Little => "3",
                },
            ),
            ("MAINTAINER", MAINTAINER),
            ("REQUIRES", &requires.join("\n")),
            (
                "STAGE",
                stage.root.to_str().context("the path is not UTF-8")?,
            ),
            ("FILES", &listing(&stage.files()?)),
            ("RPM_DATE", &contents.moment.format("+%a %b %d %Y")?),
        ],
    )?;
    let top = contents.work.join("rpmbuild");
    let file = top.join("vidimus.spec");
    write(&file, specification)?;

    let architecture = output(Command::new("rpm").args(["--eval", "%{_target_cpu}"]))?;
    let name = format!("vidimus-{}-1.{}.rpm", contents.version, architecture.trim());
    output(
        Command::new("rpmbuild")
            .env("SOURCE_DATE_EPOCH", contents.moment.unix_s.to_string())
            .arg("-bb")
            .arg(format!("--define=_topdir {}", top.display()))
            .arg(format!("--define=_rpmdir {}", out.display()))
            .arg(format!("--define=_rpmfilename {name}"))
            .arg(&file),
    )?;
    Ok(name)
}

/// The files as the specification lists them, with the folders that are ours alone.
fn listing(files: &[String]) -> String {
    let own = ["usr/share/doc/vidimus", "usr/share/licenses/vidimus"];
    let folders = own.iter().map(|folder| format!("%dir /{folder}"));
    let files = files.iter().map(|file| {
        let kind = if file.starts_with("usr/share/doc/") || file.starts_with("usr/share/man/") {
            "%doc "
        } else if file.starts_with("usr/share/licenses/") {
            "%license "
        } else {
            ""
        };
        format!("{kind}/{file}")
    });
    folders.chain(files).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_licences_are_marked() {
        let files = [
            "usr/bin/vidimus",
            "usr/share/doc/vidimus/README.md",
            "usr/share/licenses/vidimus/LICENSE",
        ];
        let listing = listing(&files.map(str::to_owned));
        let lines: Vec<&str> = listing.lines().collect();
        assert_eq!(
            lines[2..],
            [
                "/usr/bin/vidimus",
                "%doc /usr/share/doc/vidimus/README.md",
                "%license /usr/share/licenses/vidimus/LICENSE"
            ]
        );
    }
}
