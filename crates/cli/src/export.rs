//! `vidimus export`: writes the console's copy of the ledger into one file.
//!
//! It needs no gateway and may run beside the console: what came in until now
//! is written. Format: `docs/spec/export.md`.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use vidimus_client::home::Home;
use vidimus_ledger::tree::leaf_hash;
use vidimus_mirror::{Mirror, OpenError};
use vidimus_protocol::entry::{MAX_LEAF, PartRef};
use vidimus_protocol::{Digest, strict};
use vidimus_verify::export::Writer;

use crate::args::ExportArgs;
use crate::out::{self, say};
use crate::stop::{Stop, code};

/// Leaves that are read at once.
const WINDOW: u64 = 4096;

/// Opens the console's copy of a log: of the gateway elsewhere that is named,
/// else that of this computer.
pub(crate) fn open_copy(gateway: Option<&str>, home: &Home) -> Result<Mirror, Stop> {
    let path = match gateway {
        None => home.mirror_file(),
        Some(gateway) => home.followed(gateway).join("mirror.db"),
    };
    Mirror::open_read_only(&path).map_err(|why| match why {
        OpenError::Missing(_) => Stop::new(
            code::NOT_SET_UP,
            format!(
                "there is no copy of a ledger here ({why}). Set one up: open `vidimus-console`{}",
                match gateway {
                    Some(gateway) => format!(" and follow {gateway} there"),
                    None => String::new(),
                }
            ),
        ),
        other => Stop::internal(other),
    })
}

/// Runs `vidimus export`. Returns the exit code.
pub(crate) fn run(args: &ExportArgs, home: &Home) -> Result<u8, Stop> {
    let trust_file = match &args.gateway {
        None => home.trust_file(),
        Some(gateway) => home.followed(gateway).join("trust.json"),
    };
    let mirror = open_copy(args.gateway.as_deref(), home)?;
    let written = match (&args.out, &args.checkpoint_out) {
        (None, _) if io::stdout().is_terminal() => {
            return Err(Stop::new(code::USAGE, "name a file to write: `--out FILE`"));
        }
        (None, None) => write(&mirror, BufWriter::new(io::stdout().lock()))?,
        (None, Some(kept)) => {
            let kept = NewFile::create(kept)?;
            let written = write(&mirror, BufWriter::new(io::stdout().lock()))?;
            kept.finish(written.note.as_bytes())?;
            written
        }
        (Some(out), kept) => {
            let kept = kept.as_deref().map(NewFile::create).transpose()?;
            let out = NewFile::create(out)?;
            let written = write(&mirror, BufWriter::new(&out.file))?;
            if let Some(kept) = kept {
                kept.finish(written.note.as_bytes())?;
            }
            out.finish(&[])?;
            written
        }
    };
    if args.json {
        out::document(&Document {
            checkpoint: written.note,
            checkpoint_out: args.checkpoint_out.as_deref().map(shown),
            exit_code: 0,
            log: written.log,
            out: args.out.as_deref().map(shown),
            parts: written.parts,
            root: written.root,
            size: written.entries,
            trust_file: shown(&trust_file),
            r#type: "vidimus-export-result",
            v: 1,
        });
        return Ok(0);
    }
    say(&format!(
        "{} entries with {} parts; check the file anywhere with `vidimus verify --trust TRUST_FILE EXPORT`. Your trust file is {}",
        written.entries,
        written.parts,
        trust_file.display()
    ));
    if let Some(kept) = &args.checkpoint_out {
        say(&format!(
            "keep `{}` where the gateway cannot write: `vidimus verify --at-least` finds with it whether a later export lost entries",
            kept.display()
        ));
    }
    Ok(0)
}

/// What `--json` says. Spec: `docs/spec/export.md`.
#[derive(Serialize)]
struct Document {
    checkpoint: String,
    checkpoint_out: Option<String>,
    exit_code: u8,
    log: Digest,
    out: Option<String>,
    parts: u64,
    root: Digest,
    size: u64,
    trust_file: String,
    r#type: &'static str,
    v: u64,
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A file that was not there before, and is not there after a failure: half an
/// export would only be refused later.
struct NewFile<'a> {
    file: File,
    path: &'a Path,
    done: bool,
}

impl<'a> NewFile<'a> {
    fn create(path: &'a Path) -> Result<Self, Stop> {
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(path).map_err(|why| cannot_write(path, &why))?;
        Ok(Self {
            file,
            path,
            done: false,
        })
    }

    fn finish(mut self, rest: &[u8]) -> Result<(), Stop> {
        let written = self
            .file
            .write_all(rest)
            .and_then(|()| self.file.sync_all());
        written.map_err(|why| cannot_write(self.path, &why))?;
        self.done = true;
        Ok(())
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        if !self.done
            && let Err(why) = fs::remove_file(self.path)
        {
            say(&format!("`{}` is incomplete: {why}", self.path.display()));
        }
    }
}

fn cannot_write(path: &Path, why: &io::Error) -> Stop {
    Stop::new(
        code::USAGE,
        format!("cannot write `{}`: {why}", path.display()),
    )
}

struct Written {
    entries: u64,
    parts: u64,
    log: Digest,
    root: Digest,
    note: String,
}

/// The parts that a leaf of any kind commits to.
#[derive(Deserialize)]
struct Parts {
    parts: Vec<PartRef>,
}

fn write(mirror: &Mirror, to: impl Write) -> Result<Written, Stop> {
    let (Some(log), Some(pin), Some(note)) = (mirror.log(), mirror.pin(), mirror.pin_note()) else {
        return Err(Stop::new(
            code::NOT_SET_UP,
            "the copy of the ledger is still empty. Open `vidimus-console` once",
        ));
    };
    let size = mirror.size();
    if pin.checkpoint.size != size {
        return Err(Stop::internal(format!(
            "{} of {} entries are here. Open `vidimus-console` until the rest has come",
            size, pin.checkpoint.size
        )));
    }
    let (mut named, mut hashes) = (Vec::new(), Vec::new());
    each_leaf(mirror, |index, leaf| {
        hashes.push(Digest(leaf_hash(leaf)));
        let found: Parts = strict::parse(leaf, MAX_LEAF).map_err(Stop::internal)?;
        named.extend(found.parts.into_iter().map(|part| (index, part.name)));
        Ok(())
    })?;
    named.sort_unstable();
    let parts = u64::try_from(named.len()).map_err(Stop::internal)?;
    let mut writer = Writer::new(to, log, note, &hashes, parts).map_err(Stop::internal)?;
    each_leaf(mirror, |_, leaf| writer.leaf(leaf).map_err(Stop::internal))?;
    for (index, name) in named {
        let content = mirror.part(index, &name).map_err(Stop::internal)?;
        let content = content.ok_or_else(|| {
            Stop::internal(format!(
                "the {name} of entry {index} is not here yet. Open `vidimus-console` until it has come"
            ))
        })?;
        writer
            .part(index, &name, &content)
            .map_err(Stop::internal)?;
    }
    writer.finish().map_err(Stop::internal)?;
    Ok(Written {
        entries: size,
        parts,
        log,
        root: Digest(pin.checkpoint.root),
        note: note.to_owned(),
    })
}

fn each_leaf(
    mirror: &Mirror,
    mut take: impl FnMut(u64, &[u8]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut index = 0;
    while index < mirror.size() {
        let end = (index + WINDOW).min(mirror.size());
        for leaf in mirror.leaves(index..end).map_err(Stop::internal)? {
            take(index, &leaf)?;
            index += 1;
        }
    }
    Ok(())
}
