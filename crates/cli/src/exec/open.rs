//! Opens what will run, once, and hashes it by descriptor.
//!
//! Whatever is hashed here is later executed, or compared again, through the
//! same descriptor: a file that is put in its place by name changes nothing.
//! Spec: `docs/spec/action.md`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, CWD, Mode, OFlags};
use vidimus_protocol::Digest;
use vidimus_protocol::action;

/// Most bytes of a script, which is copied whole.
pub(crate) const MAX_SCRIPT: u64 = 64 << 20;

/// Why a file cannot be bound.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("cannot open `{}`: {why}", path.display())]
    Open { path: PathBuf, why: io::Error },
    #[error("cannot read `{}`: {why}", path.display())]
    Read { path: PathBuf, why: io::Error },
    #[error("`{}` is not a regular file", .0.display())]
    NotRegular(PathBuf),
    #[error("`{}` may not be executed: mark it with `chmod +x`, or look at the rights of its file system", .0.display())]
    NotExecutable(PathBuf),
    #[error("`{}` runs under its owner's rights (set-user-ID or set-group-ID): what it does with them cannot be bound. Run `vidimus exec` as the user who needs the command, without it", .0.display())]
    SetId(PathBuf),
    #[error("the path of `{}` is not UTF-8, so it cannot be shown", .0.display())]
    NotUtf8(PathBuf),
    #[error("`{}` was replaced while it was opened", .0.display())]
    Moved(PathBuf),
    #[error("`{}` is not a folder", .0.display())]
    NotFolder(PathBuf),
    #[error("`{}` is longer than {MAX_SCRIPT} bytes, the most that is copied of a file", .0.display())]
    TooLong(PathBuf),
}

/// A regular file that is held open, with what its content was when hashed.
#[derive(Debug)]
pub(crate) struct Held {
    file: std::fs::File,
    /// Path, digest and size.
    pub(crate) bound: action::File,
}

impl Held {
    /// Opens `path` as seen from the folder `from` and hashes it.
    pub(crate) fn open(from: BorrowedFd<'_>, path: &Path) -> Result<Self, OpenError> {
        let (file, absolute) = open_regular(from, path)?;
        let (sha256, size) = hash(&file).map_err(|why| OpenError::Read {
            path: path.into(),
            why,
        })?;
        let bound = action::File {
            path: absolute,
            sha256,
            size,
        };
        Ok(Self { file, bound })
    }

    /// The same for something that the kernel will execute.
    pub(crate) fn open_program(from: BorrowedFd<'_>, path: &Path) -> Result<Self, OpenError> {
        let (file, absolute) = open_regular(from, path)?;
        let metadata = file.metadata().map_err(|why| OpenError::Read {
            path: path.into(),
            why,
        })?;
        if metadata.mode() & 0o6000 != 0 {
            return Err(OpenError::SetId(path.into()));
        }
        // By descriptor, so that the answer is about this very file.
        if rustix::fs::access(fd_path(&file), Access::EXEC_OK).is_err() {
            return Err(OpenError::NotExecutable(path.into()));
        }
        let (sha256, size) = hash(&file).map_err(|why| OpenError::Read {
            path: path.into(),
            why,
        })?;
        let bound = action::File {
            path: absolute,
            sha256,
            size,
        };
        Ok(Self { file, bound })
    }

    /// What is behind the descriptor now.
    pub(crate) fn again(&self) -> io::Result<action::File> {
        let (sha256, size) = hash(&self.file)?;
        Ok(action::File {
            path: self.bound.path.clone(),
            sha256,
            size,
        })
    }

    /// Its permission bits.
    pub(crate) fn mode(&self) -> io::Result<u32> {
        Ok(self.file.metadata()?.mode() & 0o777)
    }

    /// Whether it has extended attributes beyond a label that its folder gives.
    pub(crate) fn has_attributes(&self) -> io::Result<bool> {
        let mut names = [0; 64 << 10];
        let length = match rustix::fs::flistxattr(&self.file, &mut names[..]) {
            Err(rustix::io::Errno::NOTSUP) => 0,
            other => other?,
        };
        let mut names = names[..length].split(|byte| *byte == 0);
        Ok(names.any(|name| !matches!(name, b"" | b"security.selinux")))
    }

    /// Its first bytes, at most `most`.
    pub(crate) fn head(&self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; most];
        let mut filled = 0;
        while filled < most {
            let at = u64::try_from(filled).expect("a few bytes");
            match self.file.read_at(&mut bytes[filled..], at)? {
                0 => break,
                got => filled += got,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// The path by which this process and its children reach the descriptor.
    pub(crate) fn fd_path(&self) -> String {
        fd_path(&self.file)
    }
}

/// Content in memory that nobody can change any more.
#[derive(Debug)]
pub(crate) struct Sealed {
    memory: OwnedFd,
    /// Path, digest and size of what it was copied from.
    pub(crate) bound: action::File,
    /// Its text, when it can be shown.
    pub(crate) text: Option<String>,
}

/// Most bytes that are shown as text.
const MAX_TEXT: usize = 256 << 10;

impl Sealed {
    /// Copies a held file, once, and binds the copy.
    pub(crate) fn copy(held: &Held) -> Result<Self, OpenError> {
        let path = || PathBuf::from(&held.bound.path);
        let read = |why| OpenError::Read { path: path(), why };
        if held.bound.size > MAX_SCRIPT {
            return Err(OpenError::TooLong(path()));
        }
        let most = usize::try_from(MAX_SCRIPT).expect("64 MiB fit") + 1;
        let bytes = held.head(most).map_err(read)?;
        if bytes.len() == most {
            return Err(OpenError::TooLong(path()));
        }
        Self::new(held.bound.path.clone(), bytes).map_err(read)
    }

    /// Seals bytes that came from `path`.
    pub(crate) fn new(path: String, bytes: Vec<u8>) -> io::Result<Self> {
        let memory = seal(&bytes)?;
        let bound = action::File {
            path,
            sha256: vidimus_protocol::sha256(&[&bytes]),
            size: u64::try_from(bytes.len()).expect("at most 64 MiB"),
        };
        let text = (bytes.len() <= MAX_TEXT)
            .then(|| String::from_utf8(bytes).ok())
            .flatten();
        Ok(Self {
            memory,
            bound,
            text,
        })
    }

    /// A descriptor that a child inherits. Whoever holds it shares it with
    /// every child that is started meanwhile.
    pub(crate) fn inheritable(&self) -> io::Result<OwnedFd> {
        Ok(rustix::io::dup(&self.memory)?)
    }

    /// A reader of its own, at the beginning.
    pub(crate) fn reader(&self) -> io::Result<std::fs::File> {
        std::fs::File::open(fd_path(&self.memory))
    }
}

fn seal(bytes: &[u8]) -> io::Result<OwnedFd> {
    use rustix::fs::{MemfdFlags, SealFlags};
    use std::io::Write as _;
    let memory = rustix::fs::memfd_create(
        "vidimus-sealed",
        MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
    )?;
    let mut file = std::fs::File::from(memory);
    file.write_all(bytes)?;
    rustix::fs::fcntl_add_seals(
        &file,
        SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
    )?;
    Ok(file.into())
}

/// The working directory, held open.
#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
    /// Absolute path.
    pub(crate) path: String,
}

impl Folder {
    /// Opens a folder.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
        let fd = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|why| {
            if why == rustix::io::Errno::NOTDIR {
                OpenError::NotFolder(path.into())
            } else {
                OpenError::Open {
                    path: path.into(),
                    why: why.into(),
                }
            }
        })?;
        let path = path_of(&fd, path)?;
        Ok(Self { fd, path })
    }

    /// Where this folder is now; `None` when it was removed.
    pub(crate) fn path_now(&self) -> Option<String> {
        path_of(&self.fd, Path::new(&self.path)).ok()
    }

    /// The path by which a child reaches the descriptor.
    pub(crate) fn fd_path(&self) -> String {
        fd_path(&self.fd)
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Finds a program as the child's own shell would: by path when the name has
/// a slash, else along `search`. Relative paths count from `from`.
pub(crate) fn find(from: BorrowedFd<'_>, name: &str, search: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(name.into());
    }
    search.split(':').find_map(|folder| {
        let folder = if folder.is_empty() { "." } else { folder };
        let path = Path::new(folder).join(name);
        let found = rustix::fs::statat(from, &path, rustix::fs::AtFlags::empty()).ok()?;
        let regular = rustix::fs::FileType::from_raw_mode(found.st_mode).is_file();
        let allowed =
            rustix::fs::accessat(from, &path, Access::EXEC_OK, rustix::fs::AtFlags::empty())
                .is_ok();
        (regular && allowed).then_some(path)
    })
}

/// The path of a program of the system's own: `path` with its folder behind
/// all links, where nobody but root can put another file, or change this one.
pub(crate) fn of_system(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?.canonicalize().ok()?;
    let path = folder.join(path.file_name()?);
    let file = path.canonicalize().ok()?;
    let guarded = |path: &Path| {
        let found = path.metadata();
        found.is_ok_and(|found| found.uid() == 0 && found.mode() & 0o022 == 0)
    };
    let both = folder.ancestors().chain(file.ancestors());
    both.into_iter().all(guarded).then_some(path)
}

/// Size of the regular file at `path`, if there is one.
pub(crate) fn regular_size(from: BorrowedFd<'_>, path: &Path) -> Option<u64> {
    let found = rustix::fs::statat(from, path, rustix::fs::AtFlags::empty()).ok()?;
    rustix::fs::FileType::from_raw_mode(found.st_mode)
        .is_file()
        .then(|| u64::try_from(found.st_size).unwrap_or(u64::MAX))
}

fn open_regular(from: BorrowedFd<'_>, path: &Path) -> Result<(std::fs::File, String), OpenError> {
    // NONBLOCK: a pipe under that name must not stop us before it is refused.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd =
        rustix::fs::openat(from, path, flags, Mode::empty()).map_err(|why| OpenError::Open {
            path: path.into(),
            why: why.into(),
        })?;
    let file = std::fs::File::from(fd);
    let regular = file
        .metadata()
        .map_err(|why| OpenError::Read {
            path: path.into(),
            why,
        })?
        .is_file();
    if !regular {
        return Err(OpenError::NotRegular(path.into()));
    }
    let absolute = path_of(&file, path)?;
    Ok((file, absolute))
}

/// The path under which a descriptor is known to the kernel, checked to lead
/// back to it.
fn path_of(fd: &impl AsFd, asked: &Path) -> Result<String, OpenError> {
    let moved = || OpenError::Moved(asked.into());
    let link = rustix::fs::readlink(fd_path(&fd.as_fd()), Vec::new()).map_err(|_| moved())?;
    let path = link
        .into_string()
        .map_err(|_| OpenError::NotUtf8(asked.into()))?;
    let here = rustix::fs::fstat(fd).map_err(|_| moved())?;
    let there = rustix::fs::stat(&path).map_err(|_| moved())?;
    let same = (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino);
    if same && path.starts_with('/') {
        Ok(path)
    } else {
        Err(moved())
    }
}

/// The path by which a process that has the descriptor reaches what is behind
/// it.
pub(crate) fn fd_path(fd: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

fn hash(file: &std::fs::File) -> io::Result<(Digest, u64)> {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut buffer = vec![0; 256 << 10];
    let mut at = 0;
    loop {
        let got = file.read_at(&mut buffer, at)?;
        if got == 0 {
            break;
        }
        context.update(&buffer[..got]);
        at += u64::try_from(got).expect("a buffer's length");
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    Ok((Digest(digest), at))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_is_bound_under_the_path_behind_its_links() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::write(root.join("real"), b"abc").unwrap();
        symlink("real", root.join("link")).unwrap();
        let held = Held::open(CWD, &root.join("link")).unwrap();
        assert_eq!(held.bound.path, root.join("real").to_str().unwrap());
        assert_eq!(held.bound.sha256, vidimus_protocol::sha256(&[b"abc"]));
        assert_eq!(held.bound.size, 3);
        assert_eq!(held.again().unwrap(), held.bound);
        std::fs::write(root.join("real"), b"abd").unwrap();
        assert_ne!(held.again().unwrap(), held.bound, "written in place");
    }

    #[test]
    fn programs_are_refused_with_their_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, b"\x7fELF").unwrap();
        mode(&path, 0o644);
        assert!(matches!(
            Held::open_program(CWD, &path),
            Err(OpenError::NotExecutable(_))
        ));
        mode(&path, 0o4755);
        assert!(matches!(
            Held::open_program(CWD, &path),
            Err(OpenError::SetId(_))
        ));
        mode(&path, 0o2755);
        assert!(matches!(
            Held::open_program(CWD, &path),
            Err(OpenError::SetId(_))
        ));
        assert!(matches!(
            Held::open_program(CWD, folder.path()),
            Err(OpenError::NotRegular(_))
        ));
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(
            CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o755),
            0,
        )
        .unwrap();
        assert!(matches!(
            Held::open_program(CWD, &pipe),
            Err(OpenError::NotRegular(_))
        ));
        assert!(matches!(
            Held::open_program(CWD, &folder.path().join("none")),
            Err(OpenError::Open { .. })
        ));
    }

    #[test]
    fn a_sealed_copy_cannot_be_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sh");
        std::fs::write(&path, b"echo one\n").unwrap();
        let sealed = Sealed::copy(&Held::open(CWD, &path).unwrap()).unwrap();
        std::fs::write(&path, b"echo two\n").unwrap();
        assert_eq!(sealed.text.as_deref(), Some("echo one\n"));
        let fd = sealed.inheritable().unwrap();
        assert!(rustix::io::write(&fd, b"evil").is_err());
        assert!(rustix::fs::ftruncate(&fd, 0).is_err());
        assert_eq!(std::fs::read(fd_path(&fd)).unwrap(), b"echo one\n");
    }

    #[test]
    fn a_name_is_found_along_the_given_path_only() {
        let folder = tempfile::tempdir().unwrap();
        for sub in ["a", "b", "c"] {
            std::fs::create_dir(folder.path().join(sub)).unwrap();
        }
        std::fs::write(folder.path().join("a/tool"), b"").unwrap();
        std::fs::create_dir(folder.path().join("b/tool")).unwrap();
        std::fs::write(folder.path().join("c/tool"), b"").unwrap();
        mode(&folder.path().join("a/tool"), 0o644);
        mode(&folder.path().join("c/tool"), 0o755);
        let here = Folder::open(folder.path()).unwrap();
        assert_eq!(
            find(here.as_fd(), "tool", "a:b:c"),
            Some(PathBuf::from("c/tool"))
        );
        assert_eq!(find(here.as_fd(), "tool", "a:b"), None);
        assert_eq!(
            find(here.as_fd(), "a/tool", ""),
            Some(PathBuf::from("a/tool"))
        );
    }

    #[test]
    fn a_program_of_the_systems_own_is_in_nobody_elses_reach() {
        let sh = of_system(Path::new("/bin/sh")).unwrap();
        assert!(sh.ends_with("sh") && sh.canonicalize().unwrap().is_file());
        // Whoever may write to `/tmp` may put another folder there.
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        symlink("/bin/sh", folder.path().join("git")).unwrap();
        symlink("/bin", folder.path().join("bin")).unwrap();
        assert_eq!(of_system(&folder.path().join("git")), None, "a link");
        let behind = folder.path().join("bin/sh");
        assert_eq!(of_system(&behind), Some(sh), "a link to a folder");
        assert_eq!(of_system(Path::new("/bin/none")), None);
    }

    #[test]
    fn a_folder_knows_when_it_was_moved() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().canonicalize().unwrap().join("work");
        std::fs::create_dir(&path).unwrap();
        let folder = Folder::open(&path).unwrap();
        assert_eq!(folder.path_now(), Some(folder.path.clone()));
        std::fs::rename(&path, parent.path().join("elsewhere")).unwrap();
        assert_ne!(folder.path_now(), Some(folder.path.clone()));
        std::fs::remove_dir(parent.path().join("elsewhere")).unwrap();
        std::fs::create_dir(parent.path().join("elsewhere (deleted)")).unwrap();
        assert_eq!(folder.path_now(), None, "the kernel's words are no path");
        std::fs::write(&path, b"").unwrap();
        assert!(matches!(Folder::open(&path), Err(OpenError::NotFolder(_))));
    }
}
