//! The .deb, packed by `dpkg-deb`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::stage::{PROGRAMS, Stage};
use super::{Contents, Effort, MAINTAINER, filled, write};
use crate::shell::{Workspace, output};

/// Makes the package in `out` and returns its name.
pub(super) fn pack(workspace: &Workspace, contents: &Contents, out: &Path) -> Result<String> {
    let stage = Stage::fill(
        workspace,
        contents,
        "deb",
        "usr/share/zsh/vendor-completions",
    )?;
    let copyright = filled(workspace, "copyright", &[])?;
    stage.put("usr/share/doc/vidimus/copyright", copyright)?;
    let overrides = filled(workspace, "lintian-overrides", &[])?;
    stage.put("usr/share/lintian/overrides/vidimus", overrides)?;
    stage.put_compressed(
        "usr/share/doc/vidimus/changelog.Debian",
        changelog(contents)?,
    )?;

    let files = stage.files()?;
    let architecture = output(Command::new("dpkg").arg("--print-architecture"))?;
    let architecture = architecture.trim();
    let control = filled(
        workspace,
        "control",
        &[
            ("VERSION", &contents.version),
            ("ARCHITECTURE", architecture),
            ("MAINTAINER", MAINTAINER),
            ("KIBIBYTES", &kibibytes(&stage, &files)?.to_string()),
            ("DEPENDS", &dependencies(contents)?),
        ],
    )?;
    let sums = output(Command::new("md5sum").current_dir(&stage.root).args(&files))?;
    stage.put("DEBIAN/control", control)?;
    stage.put("DEBIAN/md5sums", sums)?;
    stage.settle(contents)?;

    let name = format!("vidimus_{}-1_{architecture}.deb", contents.version);
    let level = match contents.effort {
        Effort::Much => "-z6",
        Effort::Little => "-z0",
    };
    output(
        Command::new("dpkg-deb")
            .env("SOURCE_DATE_EPOCH", contents.moment.unix_s.to_string())
            // How xz cuts its blocks depends on the number of threads, and so on the machine.
            .env("DPKG_DEB_THREADS_MAX", "1")
            .args(["--root-owner-group", "-Zxz", level, "--build"])
            .arg(&stage.root)
            .arg(out.join(&name)),
    )?;
    Ok(name)
}

/// What the programs need at run time: linked libraries by `dpkg-shlibdeps`, with the versions that hold the symbols
/// in use, and what they open by name.
fn dependencies(contents: &Contents) -> Result<String> {
    let place = contents.work.join("dependencies");
    // It wants a source package around it.
    write(
        &place.join("debian/control"),
        "Source: vidimus\n\nPackage: vidimus\nArchitecture: any\n",
    )?;
    let found = output(
        Command::new("dpkg-shlibdeps")
            .current_dir(&place)
            .arg("-O")
            .args(
                PROGRAMS
                    .iter()
                    .map(|program| contents.programs.join(program)),
            ),
    )?;
    let linked = found
        .trim()
        .strip_prefix("shlibs:Depends=")
        .with_context(|| format!("`dpkg-shlibdeps` said `{}`", found.trim()))?;
    let mut all = vec![linked.to_owned()];
    let opened = contents.opened_by_name()?;
    all.extend(opened.iter().map(|(_, package)| (*package).to_owned()));
    Ok(all.join(", "))
}

/// As dpkg counts: each file rounded up.
fn kibibytes(stage: &Stage, files: &[String]) -> Result<u64> {
    files.iter().try_fold(0, |sum, file| {
        let bytes = fs::metadata(stage.root.join(file))
            .with_context(|| format!("looking at `{file}`"))?
            .len();
        Ok(sum + bytes.div_ceil(1024))
    })
}

fn changelog(contents: &Contents) -> Result<String> {
    Ok(format!(
        "vidimus ({}-1) unstable; urgency=medium\n\n  \
         * Version {}: see changelog.gz beside this file.\n\n \
         -- {MAINTAINER}  {}\n",
        contents.version,
        contents.version,
        contents.moment.format("+%a, %d %b %Y %H:%M:%S +0000")?,
    ))
}
