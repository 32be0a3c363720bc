//! The files of a package, where each distribution expects them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};

use super::{Contents, filled, make_folder, notices, write};
use crate::shell::{Workspace, output};

/// The programs of the package.
pub(super) const PROGRAMS: &[&str] = &["vidimus", "vidimus-console"];

/// Where hicolor keeps each size of the icon.
const ICONS: &[(&str, &str)] = &[
    ("16x16.png", "16x16/apps/vidimus.png"),
    ("32x32.png", "32x32/apps/vidimus.png"),
    ("48x48.png", "48x48/apps/vidimus.png"),
    ("64x64.png", "64x64/apps/vidimus.png"),
    ("128x128.png", "128x128/apps/vidimus.png"),
    ("128x128@2x.png", "256x256/apps/vidimus.png"),
    ("icon.png", "512x512/apps/vidimus.png"),
    ("icon.svg", "scalable/apps/vidimus.svg"),
];

/// Documents that a user of the installed programs reads.
const DOCUMENTS: &[&str] = &["README.md", "docs/PACKAGES.md", "docs/THREAT_MODEL.md"];

/// A tree of files that a package is made of.
pub(super) struct Stage {
    pub(super) root: PathBuf,
}

impl Stage {
    /// Lays out everything that both packages have. Shells look for completions of zsh in `zsh_folder`.
    pub(super) fn fill(
        workspace: &Workspace,
        contents: &Contents,
        name: &str,
        zsh_folder: &str,
    ) -> Result<Self> {
        let stage = Self {
            root: contents.work.join(name),
        };
        for program in PROGRAMS {
            stage.copy(
                &contents.programs.join(program),
                &format!("usr/bin/{program}"),
            )?;
        }
        stage.put_desktop(workspace, contents)?;
        stage.put_manual(contents)?;
        stage.put_completions(contents, zsh_folder)?;
        stage.copy(
            &workspace.root.join("packaging/vidimus-gateway.service"),
            "usr/lib/systemd/user/vidimus-gateway.service",
        )?;
        stage.copy(
            &workspace.root.join("packaging/vidimus-gateway@.service"),
            "usr/lib/systemd/system/vidimus-gateway@.service",
        )?;
        for document in DOCUMENTS {
            let path = workspace.root.join(document);
            let name = path.file_name().context("a document has a name")?;
            stage.copy(&path, &format!("usr/share/doc/vidimus/{}", name.display()))?;
        }
        stage.put_compressed(
            "usr/share/doc/vidimus/changelog",
            read(&workspace.root.join("CHANGELOG.md"))?,
        )?;
        stage.put_compressed(
            "usr/share/doc/vidimus/third-party.txt",
            notices::collect(workspace)?,
        )?;
        Ok(stage)
    }

    /// Adds a file.
    pub(super) fn put(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        write(&self.root.join(path), content)
    }

    /// Adds a file as `PATH.gz`.
    pub(super) fn put_compressed(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        self.put(path, content)?;
        // Without name and time of the file, which would differ from run to run.
        output(
            Command::new("gzip")
                .args(["--best", "--no-name"])
                .arg(self.root.join(path)),
        )?;
        Ok(())
    }

    /// The files, sorted, as paths from the root of the system without the first slash.
    pub(super) fn files(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        walk(&self.root, &mut |path, is_folder| {
            if !is_folder {
                let below = path
                    .strip_prefix(&self.root)
                    .context("a walk stays below its start")?;
                found.push(below.to_str().context("our names are plain")?.to_owned());
            }
            Ok(())
        })?;
        found.sort();
        Ok(found)
    }

    /// Takes out what differs from one packager to the next: modes by the umask, times by the clock.
    pub(super) fn settle(&self, contents: &Contents) -> Result<()> {
        output(
            Command::new("chmod")
                .args(["--recursive", "u=rwX,go=rX"])
                .arg(&self.root),
        )?;
        let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(contents.moment.unix_s);
        walk(&self.root, &mut |path, _| {
            File::open(path)
                .and_then(|file| file.set_modified(moment))
                .with_context(|| format!("dating {}", path.display()))
        })
    }

    fn copy(&self, from: &Path, to: &str) -> Result<()> {
        let to = self.root.join(to);
        make_folder(to.parent().context("every file is in a folder")?)?;
        fs::copy(from, &to).with_context(|| format!("copying {}", from.display()))?;
        Ok(())
    }

    fn put_desktop(&self, workspace: &Workspace, contents: &Contents) -> Result<()> {
        let entry = workspace.root.join("src-tauri/vidimus.desktop");
        if !read(&entry)?
            .lines()
            .any(|line| line == "Exec=vidimus-console -- %u")
        {
            bail!(
                "{} does not start `vidimus-console -- %u`, which is what the package installs",
                entry.display()
            );
        }
        self.copy(&entry, "usr/share/applications/vidimus.desktop")?;
        for (file, place) in ICONS {
            self.copy(
                &workspace.root.join("icons").join(file),
                &format!("usr/share/icons/hicolor/{place}"),
            )?;
        }
        let about = filled(
            workspace,
            "org.vidimus.console.metainfo.xml",
            &[
                ("VERSION", &contents.version),
                ("DATE", &contents.moment.format("+%Y-%m-%d")?),
            ],
        )?;
        self.put("usr/share/metainfo/org.vidimus.console.metainfo.xml", about)
    }

    /// The programs know their own manual.
    fn put_manual(&self, contents: &Contents) -> Result<()> {
        let pages = contents.work.join("manual");
        output(
            Command::new(contents.programs.join("vidimus"))
                .arg("manual")
                .arg(&pages),
        )?;
        let console =
            output(Command::new(contents.programs.join("vidimus-console")).arg("--manual"))?;
        write(&pages.join("vidimus-console.1"), console)?;
        walk(&pages, &mut |path, is_folder| {
            if is_folder {
                return Ok(());
            }
            let name = path.file_name().context("a page has a name")?;
            self.put_compressed(
                &format!("usr/share/man/man1/{}", name.display()),
                read(path)?,
            )
        })
    }

    fn put_completions(&self, contents: &Contents, zsh_folder: &str) -> Result<()> {
        for (shell, place) in [
            (
                "bash",
                "usr/share/bash-completion/completions/vidimus".to_owned(),
            ),
            ("zsh", format!("{zsh_folder}/_vidimus")),
            (
                "fish",
                "usr/share/fish/vendor_completions.d/vidimus.fish".to_owned(),
            ),
        ] {
            let script = output(
                Command::new(contents.programs.join("vidimus")).args(["completions", shell]),
            )?;
            self.put(&place, script)?;
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// Visits a folder after everything in it: visiting what is inside may change its time.
fn walk(folder: &Path, visit: &mut impl FnMut(&Path, bool) -> Result<()>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("listing {}", folder.display()))?
            .path();
        if path.is_dir() {
            walk(&path, visit)?;
        } else {
            visit(&path, false)?;
        }
    }
    visit(folder, true)
}
