//! `vidimus export`: writes the console's copy of the ledger into one file.
//!
//! It needs no gateway and may run beside the console: what came in until now
//! is written. Format: `docs/spec/export.md`.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;

use serde::Deserialize;
use vidimus_client::home::Home;
use vidimus_mirror::{Mirror, OpenError};
use vidimus_protocol::entry::{MAX_LEAF, PartRef};
use vidimus_protocol::strict;
use vidimus_verify::export::Writer;

use crate::args::ExportArgs;
use crate::out::say;
use crate::stop::{Stop, code};

/// Leaves that are read at once.
const WINDOW: u64 = 4096;

/// Runs `vidimus export`. Returns the exit code.
pub(crate) fn run(args: &ExportArgs, home: &Home) -> Result<u8, Stop> {
    let path = home.mirror_file();
    let mirror = Mirror::open_read_only(&path).map_err(|why| match why {
        OpenError::Missing(_) => Stop::new(
            code::NOT_SET_UP,
            format!(
                "there is no copy of a ledger here ({why}). Set one up: open `vidimus-console`"
            ),
        ),
        other => Stop::internal(other),
    })?;
    let counted = match &args.out {
        Some(out) => {
            let cannot = |why: &dyn std::fmt::Display| {
                Stop::new(
                    code::USAGE,
                    format!("cannot write `{}`: {why}", out.display()),
                )
            };
            let mut options = File::options();
            options.write(true).create_new(true).mode(0o600);
            let file = options.open(out).map_err(|why| cannot(&why))?;
            let written = write(&mirror, BufWriter::new(&file)).and_then(|counted| {
                file.sync_all()
                    .map(|()| counted)
                    .map_err(|why| cannot(&why))
            });
            // Half an export would only be refused later.
            if written.is_err()
                && let Err(why) = fs::remove_file(out)
            {
                say(&format!("`{}` is incomplete: {why}", out.display()));
            }
            written?
        }
        None if io::stdout().is_terminal() => {
            return Err(Stop::new(code::USAGE, "name a file to write: `--out FILE`"));
        }
        None => write(&mirror, BufWriter::new(io::stdout().lock()))?,
    };
    say(&format!(
        "{} entries with {} parts; check the file anywhere with `vidimus verify --trust TRUST_FILE EXPORT`. Your trust file is {}",
        counted.entries,
        counted.parts,
        home.trust_file().display()
    ));
    Ok(0)
}

struct Counted {
    entries: u64,
    parts: u64,
}

/// The parts that a leaf of any kind commits to.
#[derive(Deserialize)]
struct Parts {
    parts: Vec<PartRef>,
}

fn write(mirror: &Mirror, to: impl Write) -> Result<Counted, Stop> {
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
    let mut named = Vec::new();
    each_leaf(mirror, |index, leaf| {
        let found: Parts = strict::parse(leaf, MAX_LEAF).map_err(Stop::internal)?;
        named.extend(found.parts.into_iter().map(|part| (index, part.name)));
        Ok(())
    })?;
    named.sort_unstable();
    let parts = u64::try_from(named.len()).map_err(Stop::internal)?;
    let mut writer = Writer::new(to, log, note, size, parts).map_err(Stop::internal)?;
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
    Ok(Counted {
        entries: size,
        parts,
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
