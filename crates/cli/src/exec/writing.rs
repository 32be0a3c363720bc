//! A file that Vidimus writes itself: `tee FILE` and `cp FROM FILE`.
//!
//! The new content is sealed before the proposal. At the release the file is
//! looked at again; unless it is as it was, nothing is written.

use std::fs::{File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use vidimus_protocol::action::{Action, FileChange, FileState, Payload, Target};

use super::input::Input;
use super::open::{Folder, Held, Sealed};
use super::plan::Wanted;
use super::who;
use crate::out::{quote, visible};

/// Mode of a file that `tee` makes.
const NEW: u32 = 0o644;

/// A file and what it will hold.
#[derive(Debug)]
pub(crate) struct Writing {
    path: PathBuf,
    content: Sealed,
    mode: u32,
    change: FileChange,
    target: Target,
}

/// The file is written by us where the whole of what would happen is known:
/// `None` for everything else.
pub(crate) fn adapt(wanted: &Wanted) -> Result<Option<Writing>, String> {
    let words: Vec<_> = wanted.argv.iter().map(String::as_str).collect();
    let program = words.first().and_then(|program| program.rsplit('/').next());
    match (program, words.get(1..).unwrap_or_default(), &wanted.stdin) {
        (Some("tee"), [name], Input::Bound(sealed)) if !name.starts_with('-') => {
            let mut bytes = Vec::new();
            let read = sealed
                .reader()
                .and_then(|mut reader| reader.read_to_end(&mut bytes));
            read.map_err(|why| format!("standard input cannot be read again: {why}"))?;
            make(&wanted.cwd.join(name), bytes, None).map(Some)
        }
        (Some("cp"), [from, to], Input::Null) if !from.starts_with('-') && !to.starts_with('-') => {
            let folder = Folder::open(&wanted.cwd).map_err(|why| why.to_string())?;
            let Ok(held) = Held::open(folder.as_fd(), Path::new(from)) else {
                return Ok(None);
            };
            let copy = Sealed::copy(&held).map_err(|why| why.to_string())?;
            let mut bytes = Vec::new();
            let read = copy
                .reader()
                .and_then(|mut reader| reader.read_to_end(&mut bytes));
            read.map_err(|why| format!("`{}` cannot be read: {why}", visible(from)))?;
            let mut path = wanted.cwd.join(to);
            if path.is_dir() {
                let name = Path::new(from).file_name();
                path.push(name.ok_or("`cp` needs the name of a file")?);
            }
            let mode = held.mode().map_err(|why| why.to_string())?;
            make(&path, bytes, Some(mode)).map(Some)
        }
        _ => Ok(None),
    }
}

/// A writing that was approved, with its content from where it was kept.
pub(crate) fn restore(approved: &FileChange, kept: &Path) -> Result<Writing, String> {
    let bytes = std::fs::read(kept)
        .map_err(|why| format!("the content that was kept for it cannot be read: {why}"))?;
    let mode = u32::from_str_radix(&approved.after.mode, 8).unwrap_or(NEW);
    make(Path::new(&approved.path), bytes, Some(mode))
}

/// `mode` counts where the file is made.
fn make(path: &Path, bytes: Vec<u8>, mode: Option<u32>) -> Result<Writing, String> {
    let path = behind_links(path)?;
    let text = path
        .to_str()
        .ok_or("the file's path is no UTF-8, so it cannot be shown")?;
    let content = Sealed::new(text.to_owned(), bytes)
        .map_err(|why| format!("the content cannot be held in memory: {why}"))?;
    let before = state_of(&path)?;
    let kept = before.as_ref().map(|(_, mode)| *mode);
    let mode = kept.or(mode).unwrap_or(NEW) & 0o7777;
    let uid = rustix::process::getuid().as_raw();
    let change = FileChange {
        after: FileState {
            mode: octal(mode),
            sha256: content.bound.sha256,
            size: content.bound.size,
            text: content.text.clone(),
        },
        before: before.map(|(state, _)| state),
        path: text.to_owned(),
        uid,
        user: who::user_name(uid),
    };
    let target = Target {
        environment: "local".into(),
        resource: text.to_owned(),
        system: who::host_name(),
    };
    Ok(Writing {
        path,
        content,
        mode,
        change,
        target,
    })
}

impl Writing {
    /// What is proposed.
    pub(crate) fn action(&self) -> Action {
        action(self.change.clone(), self.target.clone())
    }

    /// The action that writing would be at this moment.
    pub(crate) fn now(&self) -> Result<Action, Vec<String>> {
        let now = behind_links(&self.path).and_then(|path| {
            if path != self.path {
                return Err(format!("`{}` is a link now", self.change.path));
            }
            state_of(&path)
        });
        let before = now.map_err(|why| vec![why])?;
        let change = FileChange {
            before: before.map(|(state, _)| state),
            ..self.change.clone()
        };
        Ok(action(change, self.target.clone()))
    }

    /// What is asked for, in words.
    pub(crate) fn asked(&self) -> Vec<String> {
        let change = &self.change;
        let state = |state: &FileState| {
            format!(
                "{} bytes  mode {}  sha256:{}",
                state.size, state.mode, state.sha256
            )
        };
        let before = change.before.as_ref();
        vec![
            format!("  writes       {}", quote(&change.path)),
            format!(
                "  before       {}",
                before.map_or_else(|| "nothing".into(), state)
            ),
            format!("  after        {}", state(&change.after)),
            format!(
                "  as           {} on {}",
                visible(&change.user),
                visible(&self.target.system)
            ),
        ]
    }

    /// The content to keep for a resume.
    pub(crate) fn to_keep(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.content.reader()?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes it: whole into a new file, which then takes the name.
    pub(crate) fn write(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let mut file = tempfile::Builder::new()
            .prefix(".vidimus-")
            .tempfile_in(folder)?;
        io::copy(&mut self.content.reader()?, &mut file)?;
        file.flush()?;
        let permissions = Permissions::from_mode(self.mode);
        file.as_file().set_permissions(permissions)?;
        file.as_file().sync_all()?;
        if self.change.before.is_some() {
            file.persist(&self.path)?;
        } else {
            // Never over something that has come meanwhile.
            file.persist_noclobber(&self.path)?;
        }
        File::open(folder)?.sync_all()
    }
}

fn action(change: FileChange, target: Target) -> Action {
    Action {
        payload: Payload::FileChange(Box::new(change)),
        target,
    }
}

fn octal(mode: u32) -> String {
    format!("{:04o}", mode & 0o7777)
}

/// The file's own path. One that does not exist yet has an existing folder.
fn behind_links(path: &Path) -> Result<PathBuf, String> {
    let failed = |why: io::Error| format!("`{}` cannot be written: {why}", path.display());
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            if path.symlink_metadata().is_ok() {
                return Err(format!("`{}` is a link to nothing", path.display()));
            }
            let name = path
                .file_name()
                .ok_or_else(|| format!("`{}` names no file", path.display()))?;
            let folder = path.parent().unwrap_or(Path::new("/"));
            Ok(folder.canonicalize().map_err(failed)?.join(name))
        }
        Err(why) => Err(failed(why)),
    }
}

/// What is there now, with its mode; `None` for nothing. What a rename would
/// lose (other names, another owner) is refused.
fn state_of(path: &Path) -> Result<Option<(FileState, u32)>, String> {
    let metadata = match path.symlink_metadata() {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|why| format!("`{}`: {why}", path.display()))?,
    };
    if metadata.nlink() > 1 {
        return Err(format!(
            "`{}` has other names (hard links), which would keep the old content: hold it as a plain command with `--plain`",
            path.display()
        ));
    }
    let ours = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    if (metadata.uid(), metadata.gid()) != ours {
        return Err(format!(
            "`{}` belongs to another user or group, and would belong to yours: hold it as a plain command with `--plain`",
            path.display()
        ));
    }
    let folder = Folder::open(Path::new("/")).map_err(|why| why.to_string())?;
    let held = Held::open(folder.as_fd(), path).map_err(|why| why.to_string())?;
    let copy = Sealed::copy(&held).map_err(|why| why.to_string())?;
    let mode = metadata.mode();
    let state = FileState {
        mode: octal(mode),
        sha256: copy.bound.sha256,
        size: copy.bound.size,
        text: copy.text,
    };
    Ok(Some((state, mode)))
}

#[cfg(test)]
mod tests;
