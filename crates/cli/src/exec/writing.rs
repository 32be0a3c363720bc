//! A file that Vidimus writes itself: `tee FILE` and `cp FROM FILE`.
//!
//! The new content is sealed before the proposal. At the release the file is
//! looked at again; unless it is as it was, nothing is written.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use vidimus_executor::{Report, random};
use vidimus_protocol::action::{Action, FileChange, FileState, Payload, Target};
use vidimus_protocol::entry::Outcome;

use super::input::Input;
use super::open::{Folder, Held, Sealed};
use super::plan::Wanted;
use super::who;
use crate::out::{quote, say, visible};

/// Mode of a file that `tee` makes, less the file mode mask.
const NEW: u32 = 0o666;

/// A file and what it will hold.
#[derive(Debug)]
pub(crate) struct Writing {
    /// Held open: what stands under its path later does not matter.
    folder: Folder,
    name: String,
    content: Sealed,
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
            let change = New {
                bytes,
                mode: NEW & !mask(),
                shown: true,
            };
            make(&wanted.cwd.join(name), change).map(Some)
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
            let shown = !is_private(mode);
            let change = New {
                bytes,
                mode: mode & !mask(),
                shown,
            };
            make(&path, change).map(Some)
        }
        _ => Ok(None),
    }
}

/// A writing that was approved, with its content from where it was kept.
pub(crate) fn restore(approved: &FileChange, kept: &Path) -> Result<Writing, String> {
    let bytes = std::fs::read(kept)
        .map_err(|why| format!("the content that was kept for it cannot be read: {why}"))?;
    let mode = u32::from_str_radix(&approved.after.mode, 8);
    let change = New {
        bytes,
        mode: mode.map_err(|_| "its mode is no octal number")?,
        shown: approved.after.text.is_some(),
    };
    make(Path::new(&approved.path), change)
}

/// What a file will hold.
struct New {
    bytes: Vec<u8>,
    /// Counts where the file is made.
    mode: u32,
    /// Whether its text may be shown.
    shown: bool,
}

fn make(path: &Path, new: New) -> Result<Writing, String> {
    let path = behind_links(path)?;
    let no_text = "the file's path is no UTF-8, so it cannot be shown";
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(format!("`{}` is a folder", path.display()));
    };
    let name = name.to_str().ok_or(no_text)?.to_owned();
    let folder = Folder::open(parent).map_err(|why| why.to_string())?;
    let path = Path::new(&folder.path).join(&name);
    let path = path.to_str().ok_or(no_text)?.to_owned();
    let content = Sealed::new(path.clone(), new.bytes)
        .map_err(|why| format!("the content cannot be held in memory: {why}"))?;
    let before = state_of(&folder, &name)?;
    let kept = before.as_ref().map(|(_, mode)| *mode);
    let uid = rustix::process::getuid().as_raw();
    let change = FileChange {
        after: FileState {
            // As with a write in place, set-ID bits do not stay.
            mode: octal(kept.unwrap_or(new.mode) & 0o777),
            sha256: content.bound.sha256,
            size: content.bound.size,
            text: content.text.clone().filter(|_| new.shown),
        },
        before: before.map(|(state, _)| state),
        path: path.clone(),
        uid,
        user: who::user_name(uid),
    };
    let target = Target {
        environment: "local".into(),
        resource: path,
        system: who::host_name(),
    };
    Ok(Writing {
        folder,
        name,
        content,
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
        if self.folder.path_now().as_ref() != Some(&self.folder.path) {
            return Err(vec![format!(
                "the folder `{}` was moved or removed",
                self.folder.path
            )]);
        }
        let before = state_of(&self.folder, &self.name).map_err(|why| vec![why])?;
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

    /// Writes it, and says how that went.
    pub(crate) fn run(&self) -> (Report, Result<(), String>) {
        let begun = Instant::now();
        match self.write() {
            Ok(()) => (Report::of(Outcome::Succeeded {}, begun.elapsed()), Ok(())),
            Err(why) => {
                let words = format!("the file could not be written: {why}");
                (Report::failed(&words, begun.elapsed()), Err(words))
            }
        }
    }

    /// Whole into a new file beside it, which then takes the name.
    fn write(&self) -> io::Result<()> {
        let folder = self.folder.as_fd();
        let random = random::digest().map_err(|stop| io::Error::other(stop.words))?;
        let beside = format!(".vidimus-{random}");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(folder, &beside, flags, Mode::RUSR | Mode::WUSR)?;
        if let Err(why) = self.fill(&beside, file.into()) {
            rustix::fs::unlinkat(folder, &beside, AtFlags::empty())?;
            return Err(why);
        }
        // It is written; a failure from here on does not undo that.
        if let Err(why) = rustix::fs::fsync(folder) {
            say(&format!(
                "the file is written, but would perhaps not outlive a power cut: {why}"
            ));
        }
        Ok(())
    }

    fn fill(&self, beside: &str, mut file: File) -> io::Result<()> {
        let folder = self.folder.as_fd();
        io::copy(&mut self.content.reader()?, &mut file)?;
        let mode = u32::from_str_radix(&self.change.after.mode, 8);
        let mode = mode.expect("octal digits, of our own making");
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
        file.sync_all()?;
        // Never over something that has come meanwhile.
        let flags = match self.change.before {
            Some(_) => RenameFlags::empty(),
            None => RenameFlags::NOREPLACE,
        };
        rustix::fs::renameat_with(folder, beside, folder, &self.name, flags)?;
        Ok(())
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

/// What is there now, with its mode; `None` for nothing. What a new file under
/// that name would lose (other names, another owner, attributes) is refused.
fn state_of(folder: &Folder, name: &str) -> Result<Option<(FileState, u32)>, String> {
    let path = format!("{}/{name}", folder.path.trim_end_matches('/'));
    let found = match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(None),
        other => other.map_err(|why| format!("`{path}`: {why}"))?,
    };
    let plain = |why: &str| {
        Err(format!(
            "`{path}` {why}: hold it as a plain command with `--plain`"
        ))
    };
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(format!("`{path}` is a folder")),
        FileType::Symlink => return Err(format!("`{path}` is a link now")),
        _ => return plain("is no regular file"),
    }
    if found.st_nlink > 1 {
        return plain("has other names (hard links), which would keep the old content");
    }
    let ours = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    if (found.st_uid, found.st_gid) != ours {
        return plain("belongs to another user or group, and would belong to yours");
    }
    let held = Held::open(folder.as_fd(), Path::new(name)).map_err(|why| why.to_string())?;
    if held.bound.path != path {
        return Err(format!("`{path}` was replaced while it was opened"));
    }
    if held
        .has_attributes()
        .map_err(|why| format!("`{path}`: {why}"))?
    {
        return plain("has extended attributes, such as an ACL, which would be lost");
    }
    let copy = Sealed::copy(&held).map_err(|why| why.to_string())?;
    let mode = found.st_mode & 0o7777;
    let state = FileState {
        mode: octal(mode),
        sha256: copy.bound.sha256,
        size: copy.bound.size,
        text: copy.text.filter(|_| !is_private(mode)),
    };
    Ok(Some((state, mode)))
}

/// Whether only its owner may do anything with a file: such as hold keys and
/// passwords, and their text is not stored.
fn is_private(mode: u32) -> bool {
    mode & 0o077 == 0
}

/// The file mode mask. It can only be read by setting it.
fn mask() -> u32 {
    let mask = rustix::process::umask(Mode::RWXG | Mode::RWXO);
    rustix::process::umask(mask);
    mask.bits()
}

#[cfg(test)]
mod tests;
