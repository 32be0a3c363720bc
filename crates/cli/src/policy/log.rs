//! An export of a log, verified before anything is said about it.

use std::fs::{self, File};
use std::io::{BufReader, Seek as _};
use std::path::{Path, PathBuf};

use vidimus_policy::{PolicyText, Set, set_name};
use vidimus_protocol::entry::{Entry, Profile};
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{Digest, State, Time};
use vidimus_verify::export::{self, Conclusion, Given, Walked};

use super::WRONG;
use super::files::unreadable;
use crate::out::{self, visible};
use crate::stop::Stop;

/// Bytes that are read at once.
const BUFFER: usize = 1 << 20;

/// An export that was found right.
pub(super) struct Export {
    file: File,
    path: PathBuf,
    root: Digest,
    /// The time of its last entry.
    pub(super) last: Time,
}

/// Verifies an export, as `vidimus verify` does.
pub(super) fn open(path: &Path, trust: Option<&Path>, json: bool) -> Result<Export, Stop> {
    let trust = trust.map(read_trust).transpose()?;
    let file = File::open(path).map_err(|why| unreadable(path, &why))?;
    let watched = out::on_terminal() && !json;
    let progress = |progress: export::Progress| {
        if watched {
            out::status(&format!("entry {} of {}", progress.entries, progress.of));
        }
    };
    let given = Given::from(trust.as_ref());
    let report = export::verify(BufReader::with_capacity(BUFFER, &file), given, progress)
        .map_err(|why| unreadable(path, &why))?;
    if watched {
        out::status("");
    }
    let refused = |why: String| {
        let path = path.display();
        Stop::new(
            WRONG,
            format!("`{path}` {why}. `vidimus verify {path}` says more"),
        )
    };
    match (report.conclusion, report.wrong, report.upgrade) {
        (Conclusion::Verified | Conclusion::Unanchored, ..) => {}
        (Conclusion::UpgradeNeeded, _, upgrade) => {
            let why = upgrade.unwrap_or_default();
            return Err(refused(format!(
                "was made by a newer Vidimus: {}",
                visible(&why)
            )));
        }
        (Conclusion::Violated, wrong, _) => {
            let why = wrong.map(|wrong| wrong.to_string()).unwrap_or_default();
            return Err(refused(format!(
                "is not right, so nothing is told from it: {}",
                visible(&why)
            )));
        }
    }
    Ok(Export {
        file,
        path: path.to_owned(),
        root: report
            .root
            .ok_or_else(|| Stop::internal("a verified export has a root"))?,
        last: report.times.map(|times| times.last).unwrap_or_default(),
    })
}

impl Export {
    /// Goes through its entries. `each` names the parts that are wanted.
    pub(super) fn walk(
        &self,
        each: impl FnMut(&State, &Entry) -> &'static [&'static str],
    ) -> Result<Walked<BufReader<&File>>, Stop> {
        let mut file = &self.file;
        file.rewind().map_err(|why| self.unreadable(&why))?;
        let reader = BufReader::with_capacity(BUFFER, file);
        export::walk(reader, self.root, each).map_err(|why| self.unreadable(&why))
    }

    pub(super) fn unreadable(&self, why: &dyn std::fmt::Display) -> Stop {
        unreadable(&self.path, why)
    }
}

fn read_trust(path: &Path) -> Result<TrustFile, Stop> {
    let bytes = fs::read(path).map_err(|why| unreadable(path, &why))?;
    TrustFile::parse(&bytes).map_err(|why| unreadable(path, &why))
}

/// The profile of an opened log.
pub(super) fn profile_of(state: &State) -> Result<Profile, Stop> {
    let log = state.log();
    let log = log.ok_or_else(|| Stop::internal("a verified export opens a log"))?;
    Ok(log.opened.profile)
}

/// A policy of the log, which the gateway took in.
pub(super) fn set_of(
    entry: u64,
    bytes: &[u8],
    profile: Profile,
) -> Result<(PolicyText, Set), Stop> {
    let unfit = |why: &dyn std::fmt::Display| {
        Stop::new(
            WRONG,
            format!(
                "the policy of entry {entry} cannot be read: {}",
                visible(&why.to_string())
            ),
        )
    };
    let text = PolicyText::parse(bytes).map_err(|why| unfit(&why))?;
    let set = Set::in_log(&text, profile, &set_name(entry)).map_err(|problems| {
        let first = problems.first().map(ToString::to_string);
        unfit(&first.unwrap_or_default())
    })?;
    Ok((text, set))
}
